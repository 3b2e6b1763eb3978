//! A server over an engine in memory, and a client that writes its bytes by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headwater_engine::{
    Database, Durability, EngineOptions, StorageOptions, SystemClock, TestClock,
};
use headwater_model::{Clock, SeededRng};
use headwater_operations::{Api, ApiOptions};
use headwater_server::{AdvanceClock, Server, ServerSettings};
use headwater_triggers::functions::{CodeStore, Launcher, RuntimeSettings, Runtimes};
use headwater_triggers::{Triggers, TriggersSettings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Nothing here takes that long unless it hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Running {
    pub address: SocketAddr,
    pub database: Database,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

pub fn settings() -> ServerSettings {
    ServerSettings {
        connections_max: 64,
        request_timeout: Duration::from_secs(10),
        wait_max: Duration::from_secs(5),
        writes_max: 64,
        large_bodies_bytes_max: headwater_server::LARGE_BODIES_BYTES_MAX,
        replies_bytes_max: headwater_server::REPLIES_BYTES_MAX,
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        separate_namespaces: false,
        console: headwater_server::ConsoleSettings::default(),
    }
}

pub async fn start(settings: ServerSettings) -> Running {
    let mut storage = StorageOptions::default();
    storage.log.durability = Durability::Memory;
    let clock = Arc::new(TestClock::default());
    let rng = Arc::new(SeededRng::new(7));
    let (database, ..) =
        headwater_engine::open(None, storage, clock.clone(), rng, EngineOptions::default())
            .unwrap();
    start_on(settings, database, clock).await
}

/// Over a database that runs on a clock.
pub async fn start_on(
    settings: ServerSettings,
    database: Database,
    clock: Arc<TestClock>,
) -> Running {
    let moved = clock.clone();
    let advance: AdvanceClock = Box::new(move |by_ms| {
        moved.advance_ms(by_ms);
    });
    let api = Api::new(database, ApiOptions::default());
    serve(settings, api, clock, Some(advance)).await
}

/// Over an API whose database runs on a clock that clients may or may not advance.
pub async fn serve(
    settings: ServerSettings,
    api: Api,
    clock: Arc<dyn Clock>,
    advance: Option<AdvanceClock>,
) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let rng = Arc::new(SeededRng::new(8));
    let database = api.database().clone();
    let api = Arc::new(api);
    let launcher = Launcher::command_of("/nonexistent".into());
    let runtime_settings = RuntimeSettings::new(folder.path().join("runtime"), launcher);
    let wall = Arc::new(|| SystemClock.now_ms());
    let runtimes = Arc::new(Runtimes::new(runtime_settings, wall).unwrap());
    let code = Arc::new(CodeStore::open(folder.path().join("code")).unwrap());
    let triggers = Triggers::open(
        api.clone(),
        runtimes,
        code,
        clock,
        TriggersSettings::default(),
    );
    let triggers = triggers.await.unwrap();
    let server = Server::new(settings, api, triggers, advance, rng.as_ref());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    let drain = Duration::from_secs(5);
    let serving = tokio::spawn(headwater_server::serve(
        listener,
        Arc::new(server),
        stopping,
        drain,
    ));
    Running {
        address,
        database,
        stop,
        serving,
        _folder: folder,
    }
}

impl Running {
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a connection of their own and reads until the server closes it.
    pub async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(request).await.is_ok();
        read_to_end(&mut stream).await
    }

    /// A JSON 1.0 request; status and body of the answer.
    pub async fn post(&self, target: &str, body: &[u8]) -> (u16, String) {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/x-amz-json-1.0\r\nx-amz-target: {target}\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let answer = self.exchange(&[head.as_bytes(), body].concat()).await;
        (status(&answer), body_of(&answer).to_owned())
    }

    pub async fn create_table(&self) {
        let body = br#"{"TableName":"table","BillingMode":"PAY_PER_REQUEST",
            "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}],
            "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}]}"#;
        let (status, body) = self.post("DynamoDB_20120810.CreateTable", body).await;
        assert_eq!(status, 200, "{body}");
    }

    pub async fn stop(self) {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.serving)
            .await
            .unwrap()
            .unwrap();
        self.database.close();
    }
}

pub async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut out = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut out)).await;
    // A reset instead of an orderly end still leaves what was read before.
    let _ = read
        .expect("the server neither answered nor closed")
        .is_ok();
    String::from_utf8_lossy(&out).into_owned()
}

pub fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0)
}

pub fn body_of(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
