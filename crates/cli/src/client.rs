//! A small client, for the commands that talk to a server: DynamoDB and DynamoDB Streams by `X-Amz-Target`, the
//! Lambda interface by its paths, over plain HTTP/1.1 with connections that are kept open.
//!
//! Requests carry a signature of the right form and no worth: a server looks at the region and the access key
//! in it, nothing more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use clap::{Arg, ArgMatches, Command};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use thiserror::Error;
use tokio::net::TcpStream;

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take, beside what the request itself asks to wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a request got no good answer.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    #[error("{0} is no endpoint; expected http://HOST:PORT")]
    Endpoint(String),
    #[error("no server answers at {endpoint}")]
    Unreachable {
        endpoint: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the connection to {endpoint} broke")]
    Broken {
        endpoint: String,
        #[source]
        source: hyper::Error,
    },
    #[error("{endpoint} did not answer in time")]
    TimedOut { endpoint: String },
    #[error("{code}: {message}")]
    Refused {
        status: StatusCode,
        code: String,
        message: String,
    },
    #[error("{endpoint} answered with status {status} and no JSON; is a Headwater server there?")]
    NotJson {
        endpoint: String,
        status: StatusCode,
    },
    #[error("the request can't be written")]
    Request(#[from] hyper::http::Error),
}

impl ClientError {
    /// The server's error code, such as `ResourceNotFoundException`.
    pub(crate) fn code(&self) -> &str {
        match self {
            ClientError::Refused { code, .. } => code,
            _ => "",
        }
    }

    /// Whether the same request may well succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        const THROTTLED: [&str; 3] = [
            "LimitExceededException",
            "ProvisionedThroughputExceededException",
            "ThrottlingException",
        ];
        match self {
            ClientError::Unreachable { .. }
            | ClientError::Broken { .. }
            | ClientError::TimedOut { .. } => true,
            ClientError::Refused { status, code, .. } => {
                status.is_server_error() || THROTTLED.contains(&code.as_str())
            }
            _ => false,
        }
    }
}

/// As whom and where requests are signed.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) access_key: String,
    pub(crate) region: String,
}

/// Adds the arguments that say which server a command talks to, and as whom.
pub(crate) fn with_arguments(command: Command) -> Command {
    let option =
        |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    command
        .arg(
            option("endpoint", "URL")
                .default_value("http://127.0.0.1:8000")
                .help("Where the server is"),
        )
        .arg(
            option("region", "NAME")
                .env("AWS_REGION")
                .default_value("us-east-1")
                .hide_env_values(true)
                .help("Region to ask for; part of the ARNs of what is created, and of the namespace with --separate-namespaces"),
        )
        .arg(
            option("access-key", "KEY")
                .env("AWS_ACCESS_KEY_ID")
                .default_value("local")
                .hide_env_values(true)
                .help("Access key to ask as; matters to a server with --separate-namespaces"),
        )
}

/// The client that the arguments of [`with_arguments`] ask for.
pub(crate) fn of(matches: &ArgMatches) -> Result<Client, ClientError> {
    let identity = Identity {
        access_key: text(matches, "access-key").to_owned(),
        region: text(matches, "region").to_owned(),
    };
    Client::new(text(matches, "endpoint"), identity)
}

/// An argument's text; empty if it was not given.
pub(crate) fn text<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    matches.get_one::<String>(name).map_or("", String::as_str)
}

/// One server; clones share the connections.
#[derive(Clone)]
pub(crate) struct Client(Arc<Shared>);

struct Shared {
    authority: String,
    identity: Identity,
    idle: Mutex<Vec<Connection>>,
}

type Connection = SendRequest<Full<Bytes>>;

/// An answer of any status.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    /// A client of `http://HOST:PORT`; connects with the first request.
    pub(crate) fn new(endpoint: &str, identity: Identity) -> Result<Self, ClientError> {
        let invalid = || ClientError::Endpoint(endpoint.to_owned());
        let authority = endpoint.strip_prefix("http://").ok_or_else(invalid)?;
        let authority = authority.trim_end_matches('/');
        let parsed: hyper::http::uri::Authority = authority.parse().map_err(|_| invalid())?;
        let port = parsed.port_u16().unwrap_or(80);
        Ok(Client(Arc::new(Shared {
            authority: format!("{}:{port}", parsed.host()),
            identity,
            idle: Mutex::default(),
        })))
    }

    /// Where the server is.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.0.authority)
    }

    /// One operation of DynamoDB.
    pub(crate) async fn dynamodb(
        &self,
        operation: &str,
        input: &Value,
    ) -> Result<Value, ClientError> {
        let target = format!("DynamoDB_20120810.{operation}");
        self.json_1_0(&target, input, Duration::ZERO).await
    }

    /// One operation of DynamoDB Streams. GetRecords may ask the server to `wait` for a first record (an
    /// extension).
    pub(crate) async fn streams(
        &self,
        operation: &str,
        input: &Value,
        wait: Duration,
    ) -> Result<Value, ClientError> {
        let target = format!("DynamoDBStreams_20120810.{operation}");
        self.json_1_0(&target, input, wait).await
    }

    /// One operation of the Lambda interface.
    pub(crate) async fn lambda(
        &self,
        method: Method,
        path: &str,
        input: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let body = input.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, "application/json")
            .header(AUTHORIZATION, self.authorization("lambda"));
        self.json(request, body, Duration::ZERO).await
    }

    /// One call of a function, which may take its time. An answer of any status that says what went wrong with the
    /// function is an answer; one that says that it was not called is an error.
    pub(crate) async fn invoke(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        payload: Bytes,
    ) -> Result<Answer, ClientError> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(AUTHORIZATION, self.authorization("lambda"));
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let answer = self.send(request, payload, None).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(body) => Err(refused(&answer, &body)),
            Err(_) => Err(ClientError::NotJson {
                endpoint: self.endpoint(),
                status: answer.status,
            }),
        }
    }

    /// What Headwater has beside the AWS interfaces.
    pub(crate) async fn own(&self, path: &str) -> Result<Value, ClientError> {
        self.own_call(Method::GET, path, None).await
    }

    /// As [`Client::own`], to start something.
    pub(crate) async fn own_post(&self, path: &str) -> Result<Value, ClientError> {
        self.own_call(Method::POST, path, None).await
    }

    /// As [`Client::own`], with any method, for what takes up to `wait`.
    pub(crate) async fn own_call(
        &self,
        method: Method,
        path: &str,
        wait: Option<Duration>,
    ) -> Result<Value, ClientError> {
        // The signature tells whose tables are meant.
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(AUTHORIZATION, self.authorization("lambda"));
        let wait = wait.unwrap_or_default();
        self.json(request, String::new(), wait).await
    }

    async fn json_1_0(
        &self,
        target: &str,
        input: &Value,
        wait: Duration,
    ) -> Result<Value, ClientError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri("/")
            .header(CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .header(AUTHORIZATION, self.authorization("dynamodb"));
        if !wait.is_zero() {
            request = request.header("x-headwater-wait-ms", wait.as_millis().to_string());
        }
        self.json(request, input.to_string(), wait).await
    }

    fn authorization(&self, service: &str) -> String {
        let Identity { access_key, region } = &self.0.identity;
        format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/20260101/{region}/{service}/aws4_request, \
             SignedHeaders=host, Signature={:064}",
            0
        )
    }

    async fn json(
        &self,
        request: hyper::http::request::Builder,
        body: String,
        wait: Duration,
    ) -> Result<Value, ClientError> {
        let answer = self
            .send(request, Bytes::from(body), Some(ANSWER_TIMEOUT + wait))
            .await?;
        let parsed = match answer.body.is_empty() {
            true => Some(Value::Null),
            false => serde_json::from_slice::<Value>(&answer.body).ok(),
        };
        match parsed {
            Some(value) if answer.status.is_success() => Ok(value),
            Some(value) if value.is_object() => Err(refused(&answer, &value)),
            _ => Err(ClientError::NotJson {
                endpoint: self.endpoint(),
                status: answer.status,
            }),
        }
    }

    /// Sends one request and reads the whole answer; no `timeout` waits for ever.
    pub(crate) async fn send(
        &self,
        request: hyper::http::request::Builder,
        body: Bytes,
        timeout: Option<Duration>,
    ) -> Result<Answer, ClientError> {
        let request = request
            .header(HOST, &self.0.authority)
            .body(Full::new(body))?;
        let exchange = self.exchange(request);
        match timeout {
            None => exchange.await,
            Some(timeout) => tokio::time::timeout(timeout, exchange)
                .await
                .unwrap_or_else(|_| {
                    Err(ClientError::TimedOut {
                        endpoint: self.endpoint(),
                    })
                }),
        }
    }

    async fn exchange(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, ClientError> {
        let broken = |source| ClientError::Broken {
            endpoint: self.endpoint(),
            source,
        };
        loop {
            let kept = self.idle().pop();
            let fresh = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            let sent = match connection.ready().await {
                Ok(()) => connection.try_send_request(request).await,
                Err(error) if fresh => return Err(broken(error)),
                Err(_) => continue,
            };
            let response = match sent {
                Ok(response) => response,
                // The server had closed the connection before this request: the next one.
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !fresh => {
                        request = unsent;
                        continue;
                    }
                    _ => return Err(broken(error.into_error())),
                },
            };
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(broken)?.to_bytes();
            if !connection.is_closed() {
                self.idle().push(connection);
            }
            return Ok(Answer {
                status: head.status,
                headers: head.headers,
                body,
            });
        }
    }

    /// Connections that wait for a request: never more than requests were in flight at once.
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Connection, ClientError> {
        let unreachable = |source| ClientError::Unreachable {
            endpoint: self.endpoint(),
            source,
        };
        let connecting = TcpStream::connect(&self.0.authority);
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| unreachable(std::io::ErrorKind::TimedOut.into()))?
            .map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let (connection, driver) =
            http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|source| ClientError::Broken {
                    endpoint: self.endpoint(),
                    source,
                })?;
        // Its errors come out at the request they break.
        tokio::spawn(driver);
        Ok(connection)
    }
}

/// The server's error out of an answer: DynamoDB names it in the body, Lambda in a header, Headwater's own calls by
/// the status alone.
fn refused(answer: &Answer, body: &Value) -> ClientError {
    let header = answer
        .headers
        .get("x-amzn-errortype")
        .and_then(|value| value.to_str().ok());
    let status = answer.status.to_string();
    let code = body["__type"].as_str().or(header).unwrap_or(&status);
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    let message = body["message"].as_str().or(body["Message"].as_str());
    ClientError::Refused {
        status: answer.status,
        code: code.to_owned(),
        message: message.unwrap_or("(no message)").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Client, Identity, refused};
    use hyper::{HeaderMap, StatusCode};

    fn client(endpoint: &str) -> Result<Client, super::ClientError> {
        let identity = Identity {
            access_key: "local".to_owned(),
            region: "us-east-1".to_owned(),
        };
        Client::new(endpoint, identity)
    }

    #[test]
    fn endpoints() {
        for (given, expected) in [
            ("http://127.0.0.1:8000", Some("http://127.0.0.1:8000")),
            ("http://localhost:8000/", Some("http://localhost:8000")),
            ("http://db", Some("http://db:80")),
            ("http://[::1]:8000", Some("http://[::1]:8000")),
            ("https://127.0.0.1:8000", None),
            ("127.0.0.1:8000", None),
            ("http://", None),
        ] {
            let made = client(given).ok().map(|client| client.endpoint());
            assert_eq!(made.as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn errors_of_both_interfaces() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-amzn-errortype",
            "ResourceConflictException:http".parse().expect("a value"),
        );
        for (headers, body, expected) in [
            (
                HeaderMap::new(),
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no table"}"#,
                "ResourceNotFoundException: no table",
            ),
            (
                headers,
                r#"{"Type":"User","Message":"exists"}"#,
                "ResourceConflictException: exists",
            ),
        ] {
            let answer = Answer {
                status: StatusCode::BAD_REQUEST,
                headers,
                body: bytes::Bytes::new(),
            };
            let body = serde_json::from_str(body).expect("JSON");
            let error = refused(&answer, &body);
            assert_eq!(error.to_string(), expected);
            assert!(!error.is_passing());
        }
    }
}
