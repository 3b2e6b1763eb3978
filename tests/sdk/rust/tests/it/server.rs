//! Starts the server binary for a test, makes clients for it, and stops it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use aws_sdk_dynamodb::config::{Credentials, Region, retry::RetryConfig};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server on a folder of its own, and its clients.
pub struct Server {
    child: Child,
    /// The folder, for what functions write down.
    pub folder: TempDir,
    test_clock: bool,
    address: String,
    /// Tables and items.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Streams.
    pub streams: aws_sdk_dynamodbstreams::Client,
    /// Functions and mappings.
    pub functions: aws_sdk_lambda::Client,
}

macro_rules! client {
    ($service:ident, $address:expr) => {
        $service::Client::from_conf(
            $service::Config::builder()
                .behavior_version_latest()
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .endpoint_url(format!("http://{}", $address))
                .region(Region::new("us-east-1"))
                .credentials_provider(Credentials::new("test", "test", None, None, "test"))
                .retry_config(RetryConfig::disabled())
                .build(),
        )
    };
}

impl Server {
    /// A server with the real clock.
    pub async fn start() -> Self {
        Self::launch(TempDir::new().expect("a folder"), false).await
    }

    /// A server whose clock tests move.
    pub async fn clocked() -> Self {
        Self::launch(TempDir::new().expect("a folder"), true).await
    }

    async fn launch(folder: TempDir, test_clock: bool) -> Self {
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(folder.path().join("data"));
        if test_clock {
            command.arg("--test-clock");
        }
        let mut child = command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary that HEADWATER_BIN names");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let first = timeout(START, lines.next_line())
            .await
            .expect("a line in time");
        let first = first.expect("text").expect("a line");
        let address = first
            .strip_prefix("headwater listening on http://")
            .unwrap_or_else(|| panic!("not ready: {first}"))
            .trim()
            .to_string();
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            dynamodb: client!(aws_sdk_dynamodb, address),
            streams: client!(aws_sdk_dynamodbstreams, address),
            functions: client!(aws_sdk_lambda, address),
            child,
            folder,
            test_clock,
            address,
        }
    }

    /// Stops it with SIGTERM, which must end it cleanly.
    pub async fn stop(self) -> TempDir {
        let Self {
            mut child, folder, ..
        } = self;
        let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
        kill_process(pid.expect("a running child"), Signal::TERM).expect("SIGTERM");
        let status = timeout(STOP, child.wait()).await.expect("to stop in time");
        assert!(status.expect("a status").success());
        folder
    }

    /// Stops it and starts it again on the same folder.
    pub async fn restart(self) -> Self {
        let test_clock = self.test_clock;
        Self::launch(self.stop().await, test_clock).await
    }

    /// Moves the test clock.
    pub async fn advance(&self, ms: u64) {
        let body = format!("{{\"advance_ms\": {ms}}}");
        let request = format!(
            "POST /_headwater/clock HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address).await.expect("connect");
        stream.write_all(request.as_bytes()).await.expect("write");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.expect("read");
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    }

    /// Asks `attempt` again and again until it gives something.
    pub async fn until<T>(&self, what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = attempt().await {
                return found;
            }
            assert!(Instant::now() < deadline, "waited too long for {what}");
            if self.test_clock {
                self.advance(20).await;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

fn binary() -> PathBuf {
    std::env::var_os("HEADWATER_BIN").map_or_else(|| built("headwater"), PathBuf::from)
}

/// A binary of the debug build, beside this test's own.
pub fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("an own path");
    let profile = own.ancestors().nth(2).expect("target/debug/deps/it");
    profile.join(name)
}
