//! A server that notes what it is sent and answers as it is told.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use headwater_triggers::Url;
use headwater_wire::sigv4::{Credentials, SigningScope, Unsigned, credential_scope, sign};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request as it came in.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    query: String,
    headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: String,
    /// Nothing is answered until [`Fake::release`].
    pub(super) hangs: bool,
}

type Rule = Box<dyn Fn(usize, &Seen) -> Answer + Send + Sync>;

pub(super) struct Fake {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    release: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Answer {
    pub(super) fn of(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
            hangs: false,
        }
    }
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.header_if_sent(name)
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    pub(super) fn header_if_sent(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(own, _)| own == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        value
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Checks the signature over what came in, and gives the region and the service that it is for.
    pub(super) fn check_signature(&self, credentials: &Credentials) -> (String, String) {
        let authorization = self.header("authorization");
        let scope = credential_scope(authorization).unwrap();
        assert_eq!(scope.access_key, credentials.access_key_id);
        let signed = authorization.split_once("SignedHeaders=").unwrap().1;
        let signed: Vec<&str> = signed.split_once(',').unwrap().0.split(';').collect();
        let added = ["x-amz-date", "x-amz-content-sha256", "x-amz-security-token"];
        let headers: Vec<(&str, &str)> = signed
            .into_iter()
            .filter(|name| !added.contains(name))
            .map(|name| (name, self.header(name)))
            .collect();
        assert!(headers.iter().any(|(name, _)| *name == "host"));
        let unsigned = Unsigned {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: &self.body,
        };
        let signing = SigningScope {
            region: scope.region,
            service: scope.service,
            now_ms: time_ms(self.header("x-amz-date")),
        };
        for (name, value) in sign(&unsigned, &signing, credentials) {
            assert_eq!(self.header(name), value);
        }
        (scope.region.to_owned(), scope.service.to_owned())
    }
}

/// Milliseconds of `20150830T123600Z`, which is near enough to now that a search finds it.
fn time_ms(text: &str) -> u64 {
    let now_s = crate::bench::clock()() / 1_000;
    let wanted = |second: u64| {
        let time = headwater_model::UtcTime::of_ms(second * 1_000).to_string();
        let plain: String = time[..19].chars().filter(|c| !"-:".contains(*c)).collect();
        format!("{plain}Z") == text
    };
    let second = (now_s - 120..=now_s + 1)
        .rev()
        .find(|second| wanted(*second));
    second.expect("signed with the real time") * 1_000
}

impl Fake {
    /// Answers by a rule, which is told how many came before.
    pub(super) async fn start(
        rule: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (notes, rule): (_, Arc<Rule>) = (seen.clone(), Arc::new(Box::new(rule)));
        let (release, released) = watch::channel(false);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (notes, rule, released) = (notes.clone(), rule.clone(), released.clone());
                let service = service_fn(move |request| {
                    answer(request, notes.clone(), rule.clone(), released.clone())
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        Self {
            address,
            seen,
            release,
            serving,
        }
    }

    /// Answers what hangs.
    pub(super) fn release(&self) {
        self.release.send_replace(true);
    }

    pub(super) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn url(&self) -> Url {
        Url::parse(&self.address()).unwrap()
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) async fn wait_for(&self, count: usize) -> Vec<Seen> {
        crate::bench::until("requests", || self.seen().len() >= count).await;
        self.seen()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    notes: Arc<Mutex<Vec<Seen>>>,
    rule: Arc<Rule>,
    mut released: watch::Receiver<bool>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = head.headers.iter();
    let seen = Seen {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: body.collect().await.unwrap().to_bytes(),
    };
    let before = {
        let mut notes = notes.lock().unwrap();
        notes.push(seen.clone());
        notes.len() - 1
    };
    let answer = rule(before, &seen);
    if answer.hangs {
        // Whoever would release it is gone: nobody will.
        if released.wait_for(|released| *released).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        builder = builder.header(name, value);
    }
    Ok(builder.body(Full::from(answer.body)).unwrap())
}
