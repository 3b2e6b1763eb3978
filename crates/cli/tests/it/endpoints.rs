//! The services that the server itself asks: destinations by its settings, over TLS too, and functions elsewhere.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::process::{PATIENCE, Server, headwater};

const FUNCTIONS: &str = "/2015-03-31/functions";
const MAPPINGS: &str = "/2015-03-31/event-source-mappings";

/// A request as it came in.
#[derive(Clone, Debug)]
struct Seen {
    /// Method and path.
    line: String,
    /// Names in lower case, a line each.
    head: String,
    body: String,
}

/// A service that notes what it is asked, and always answers the same.
struct Service {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Service {
    /// One that speaks HTTP, or HTTPS if it has a certificate.
    fn start(answer: &'static str, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let notes = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (notes, tls) = (notes.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => serve(stream, answer, &notes),
                    Some(tls) => {
                        let connection = ServerConnection::new(tls).expect("TLS");
                        serve(StreamOwned::new(connection, stream), answer, &notes);
                    }
                });
            }
        });
        Self { port, seen }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}", self.port)
    }

    /// The first request, when it is there.
    fn first(&self) -> Seen {
        let begun = Instant::now();
        loop {
            if let Some(seen) = self.seen.lock().expect("no panic").first() {
                return seen.clone();
            }
            assert!(begun.elapsed() < PATIENCE, "nothing is asked");
            std::thread::yield_now();
        }
    }
}

/// Takes one request. A connection that ends before, as one does that trusts nobody, is none.
fn serve(stream: impl Read + Write, answer: &str, notes: &Mutex<Vec<Seen>>) {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        match stream.read_line(&mut line) {
            Ok(length) if length > 0 => {}
            _ => return,
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let length = lines.iter().find_map(|line| {
        let value = line.strip_prefix("content-length: ")?;
        value.parse().ok()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).expect("a body");
    notes.lock().expect("no panic").push(Seen {
        line: lines.remove(0),
        head: lines.join("\n"),
        body: String::from_utf8(body).expect("text"),
    });
    let stream = stream.get_mut();
    stream.write_all(answer.as_bytes()).expect("answered");
    stream.flush().expect("answered");
}

/// A certificate for `localhost` of an authority that is written to a file.
fn certificate(authority_file: &Path) -> Arc<ServerConfig> {
    let mut params = CertificateParams::new(Vec::new()).expect("names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = params.self_signed(&key).expect("a certificate");
    fs::write(authority_file, authority.pem()).expect("written");
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key");
    let own = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let own = own.signed_by(&key, &issuer).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], key);
    Arc::new(config.expect("a certificate"))
}

fn lambda(server: &Server, path: &str, body: &Value, status: u16) -> Value {
    let answer = server.request("POST", path, "", &body.to_string());
    assert_eq!(answer.0, status, "{path}: {}", answer.1);
    answer.1
}

/// A table with one item, mapped to `elsewhere`, whose batches go to a destination when they fail.
fn map(server: &Server, table: &str, destination: &str) {
    server.create_table(table, true);
    server.put(table, "one", 1);
    let described = server.dynamodb("DescribeTable", &json!({"TableName": table}));
    let mapping = json!({
        "FunctionName": "elsewhere",
        "EventSourceArn": described["Table"]["LatestStreamArn"],
        "StartingPosition": "TRIM_HORIZON",
        "MaximumRetryAttempts": 0,
        "DestinationConfig": {"OnFailure": {"Destination": destination}},
    });
    lambda(server, MAPPINGS, &mapping, 202);
}

/// A function of another server, which fails.
fn create_elsewhere(server: &Server, service: &Service) {
    let definition = json!({
        "FunctionName": "elsewhere",
        "Role": "arn:aws:iam::000000000000:role/any",
        "Timeout": 30,
        "Code": {"S3Bucket": "headwater-lambda", "S3Key": format!("{}/theirs", service.url("http"))},
        "Environment": {"Variables": {"AWS_ACCESS_KEY_ID": "THEIRS", "AWS_SECRET_ACCESS_KEY": "secret"}},
    });
    lambda(server, FUNCTIONS, &definition, 201);
}

const FAILED: &str = "HTTP/1.1 200 OK\r\nx-amz-function-error: Unhandled\r\ncontent-length: 25\r\n\
                      connection: close\r\n\r\n{\"errorMessage\":\"no good\"}";
const DONE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";

#[test]
fn what_a_function_elsewhere_fails_with_goes_to_each_kind_of_destination() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = folder.path().join("authority.pem");
    let function = Service::start(FAILED, None);
    let queues = Service::start(DONE, Some(certificate(&authority)));
    let topics = Service::start(DONE, None);
    let buckets = Service::start(DONE, None);
    let data = folder.path().join("data");
    let mut command = headwater(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    command
        .arg(data)
        .args(["--sqs-endpoint", &queues.url("https")])
        .args(["--sns-endpoint", &topics.url("http")])
        .env("HEADWATER_S3_ENDPOINT", buckets.url("http"))
        .env("SSL_CERT_FILE", &authority)
        .env("AWS_ACCESS_KEY_ID", "OURS")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_SESSION_TOKEN", "token");
    let server = Server::of(command);
    create_elsewhere(&server, &function);

    map(
        &server,
        "queued",
        "arn:aws:sqs:eu-west-1:123456789012:failed",
    );
    let asked = function.first();
    let line = "POST /2015-03-31/functions/theirs/invocations HTTP/1.1";
    assert_eq!(asked.line, line);
    assert!(asked.head.contains("Credential=THEIRS/"), "{asked:?}");
    let event: Value = serde_json::from_str(&asked.body).expect("JSON");
    assert_eq!(event["Records"][0]["dynamodb"]["Keys"]["id"]["S"], "one");

    let sent = queues.first();
    assert_eq!(sent.line, "POST / HTTP/1.1");
    assert!(
        sent.head.contains("x-amz-target: AmazonSQS.SendMessage"),
        "{sent:?}"
    );
    assert!(sent.head.contains("/eu-west-1/sqs/"), "{sent:?}");
    assert!(sent.head.contains("Credential=OURS/"), "{sent:?}");
    assert!(
        sent.head.contains("x-amz-security-token: token"),
        "{sent:?}"
    );
    let body: Value = serde_json::from_str(&sent.body).expect("JSON");
    let queue = format!("{}/123456789012/failed", queues.url("https"));
    assert_eq!(body["QueueUrl"], queue.as_str());

    map(&server, "told", "arn:aws:sns:eu-west-1:123456789012:failed");
    let sent = topics.first();
    assert!(sent.body.starts_with("Action=Publish&"), "{sent:?}");

    map(&server, "stored", "arn:aws:s3:::failed");
    let sent = buckets.first();
    assert!(sent.line.starts_with("PUT /failed/aws/lambda/"), "{sent:?}");
    assert!(sent.body.contains(r#""payload":{"Records":["#), "{sent:?}");
    let (_, letters) = server.request("GET", "/_headwater/dead-letters", "", "");
    assert_eq!(letters["deadLetters"], json!([]));
    server.stop();
}

/// A certificate of somebody whom the system does not trust is none.
#[test]
fn a_destination_that_is_not_trusted_gets_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trusted, other) = (folder.path().join("a.pem"), folder.path().join("b.pem"));
    certificate(&trusted);
    let function = Service::start(FAILED, None);
    let queues = Service::start(DONE, Some(certificate(&other)));
    let data = folder.path().join("data");
    let mut command = headwater(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    command
        .arg(data)
        .args(["--sqs-endpoint", &queues.url("https")])
        .args(["--destination-timeout", "100ms"])
        .env("SSL_CERT_FILE", &trusted);
    let server = Server::of(command);
    create_elsewhere(&server, &function);
    map(
        &server,
        "queued",
        "arn:aws:sqs:eu-west-1:123456789012:failed",
    );
    let begun = Instant::now();
    let letter = loop {
        let (_, letters) = server.request("GET", "/_headwater/dead-letters", "", "");
        if let Some(letter) = letters["deadLetters"].get(0) {
            break letter.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "nothing is given up");
    };
    let error = letter["destinationError"].as_str().expect("a reason");
    assert!(error.starts_with("SQS was not reached: "), "{error}");
    assert!(error.contains("certificate"), "{error}");
    assert!(queues.seen.lock().expect("no panic").is_empty());
    server.stop();
}
