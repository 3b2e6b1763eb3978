//! A database with triggers, asked as a client would ask them, and functions that note what they get.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headwater_changelog::testing::FaultyFiles;
use headwater_changelog::{Log, LogOptions};
use headwater_engine::{
    Database, Durability, EngineError, EngineOptions, OpenError, StateError, StorageOptions,
    TestClock, open,
};
use headwater_model::{Clock, SeededRng};
use headwater_operations::{Api, ApiOptions, RequestContext};
use headwater_state::testing::FaultyDisk;
use headwater_triggers::functions::{CodeStore, Runtimes};
use headwater_triggers::{
    DestinationSettings, HttpAnswer, LOCAL_DIRECTORY, Triggers, TriggersSettings,
};
use headwater_wire::{ApiError, Operation};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::bench::{clock, settings};

pub(super) const WAIT_MAX: Duration = Duration::from_secs(30);
pub(super) const FUNCTIONS: &str = "/2015-03-31/functions";
pub(super) const MAPPINGS: &str = "/2015-03-31/event-source-mappings";
pub(super) const ROLE: &str = "arn:aws:iam::000000000000:role/any";

pub(super) struct World {
    pub(super) folder: Arc<TempDir>,
    pub(super) clock: Arc<TestClock>,
    pub(super) context: RequestContext,
    pub(super) triggers: Arc<Triggers>,
    pub(super) runtimes: Arc<Runtimes>,
    api: Arc<Api>,
    keeper: JoinHandle<()>,
}

/// Disks that fail when they are told to, and keep what is on them.
pub(super) struct Disks {
    pub(super) files: FaultyFiles,
    state: FaultyDisk,
}

impl Disks {
    pub(super) fn new() -> Self {
        Self {
            files: FaultyFiles::new(1),
            state: FaultyDisk::new(),
        }
    }
}

/// What came back of a request.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) bytes: Bytes,
    pub(super) body: Value,
}

impl Reply {
    fn of(answer: HttpAnswer) -> Self {
        Self {
            status: answer.status,
            body: serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
            bytes: answer.body,
            headers: answer.headers,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let same = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        let mut found = self.headers.iter().filter(same);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        value
    }
}

impl World {
    /// Everything in memory, one shard for each stream.
    pub(super) async fn new() -> Self {
        Self::with(Arc::new(tempfile::tempdir().unwrap()), false, 1).await
    }

    /// Everything in memory, four shards for each stream.
    pub(super) async fn wide() -> Self {
        Self::with(Arc::new(tempfile::tempdir().unwrap()), false, 4).await
    }

    /// On disk, in a folder that may hold an earlier world.
    pub(super) async fn on_disk(folder: Arc<TempDir>) -> Self {
        Self::with(folder, true, 1).await
    }

    /// Everything in memory, with a clock of the deliveries that the test makes.
    pub(super) async fn with_clock(wrap: impl FnOnce(Arc<TestClock>) -> Arc<dyn Clock>) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::with_all(folder, false, 1, TriggersSettings::default(), wrap).await
    }

    /// Everything in memory, with a bound of what mappings read ahead together.
    pub(super) async fn with_read_ahead(read_ahead_bytes_max: usize) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let settings = TriggersSettings {
            read_ahead_bytes_max,
            ..TriggersSettings::default()
        };
        Self::with_all(folder, false, 1, settings, |clock| clock).await
    }

    /// Everything in memory, with endpoints of destinations.
    pub(super) async fn with_destinations(destinations: DestinationSettings) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let settings = TriggersSettings {
            destinations,
            ..TriggersSettings::default()
        };
        Self::with_all(folder, false, 1, settings, |clock| clock).await
    }

    /// On disk, in a folder that may hold an earlier world, with endpoints of destinations.
    pub(super) async fn on_disk_with_destinations(
        folder: Arc<TempDir>,
        destinations: DestinationSettings,
    ) -> Self {
        let settings = TriggersSettings {
            destinations,
            ..TriggersSettings::default()
        };
        Self::with_all(folder, true, 1, settings, |clock| clock).await
    }

    async fn with(folder: Arc<TempDir>, is_on_disk: bool, shards: u32) -> Self {
        let settings = TriggersSettings::default();
        Self::with_all(folder, is_on_disk, shards, settings, |clock| clock).await
    }

    async fn with_all(
        folder: Arc<TempDir>,
        is_on_disk: bool,
        shards: u32,
        triggers_settings: TriggersSettings,
        wrap: impl FnOnce(Arc<TestClock>) -> Arc<dyn Clock>,
    ) -> Self {
        let test_clock = Arc::new(TestClock::default());
        let mut storage = StorageOptions::default();
        if !is_on_disk {
            storage.log.durability = Durability::Memory;
        }
        let options = EngineOptions {
            shards: Some(shards),
            ..EngineOptions::default()
        };
        let data = folder.path().join("data");
        let rng = Arc::new(SeededRng::new(clock()()));
        let place = is_on_disk.then_some(data.as_path());
        // Upkeep that was ended holds the database before for a moment longer than its world.
        let begun = Instant::now();
        let database = loop {
            let (storage, options) = (storage.clone(), options.clone());
            match open(place, storage, test_clock.clone(), rng.clone(), options) {
                Ok((database, ..)) => break database,
                Err(OpenError::Engine(EngineError::State(StateError::Locked { .. })))
                    if begun.elapsed() < WAIT_MAX =>
                {
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("{error}"),
            }
        };
        Self::of(
            database,
            test_clock,
            folder,
            is_on_disk,
            triggers_settings,
            wrap,
        )
        .await
    }

    /// On disks that fail when they are told to, and may hold an earlier world.
    pub(super) async fn on(disks: &Disks, folder: Arc<TempDir>) -> Self {
        let test_clock = Arc::new(TestClock::default());
        let files = Arc::new(disks.files.clone());
        let log_options = LogOptions::default();
        let (log, _) = Log::open(files, log_options, test_clock.clone()).unwrap();
        let state_options = headwater_state::StateOptions::default();
        let state = headwater_state::open(disks.state.backend(), None, state_options).unwrap();
        let rng = Arc::new(SeededRng::new(clock()()));
        let options = EngineOptions::default();
        let opened = Database::open(log, state, test_clock.clone(), rng, options);
        let (database, _) = opened.unwrap();
        let settings = TriggersSettings::default();
        Self::of(database, test_clock, folder, false, settings, |clock| clock).await
    }

    /// Triggers over a database.
    async fn of(
        database: Database,
        test_clock: Arc<TestClock>,
        folder: Arc<TempDir>,
        keeps_logs: bool,
        triggers_settings: TriggersSettings,
        wrap: impl FnOnce(Arc<TestClock>) -> Arc<dyn Clock>,
    ) -> Self {
        let keeper = database.clone();
        let keeper = tokio::spawn(async move { keeper.keep().await });
        let api_options = ApiOptions {
            sends_to_kinesis: triggers_settings.destinations.kinesis.is_some(),
            ..ApiOptions::default()
        };
        let api = Arc::new(Api::new(database, api_options));
        let mut runtime_settings = settings(folder.path().join("runtimes"));
        runtime_settings.log_dir = keeps_logs.then(|| folder.path().join("logs"));
        let runtimes = Runtimes::new(runtime_settings, clock()).unwrap();
        let runtimes = Arc::new(runtimes);
        let code = Arc::new(CodeStore::open(folder.path().join("code")).unwrap());
        let triggers = Triggers::open(
            api.clone(),
            runtimes.clone(),
            code,
            wrap(test_clock.clone()),
            triggers_settings,
        );
        Self {
            triggers: triggers.await.unwrap(),
            folder,
            clock: test_clock,
            context: RequestContext::local(),
            runtimes,
            api,
            keeper,
        }
    }

    pub(super) fn database(&self) -> &Database {
        self.api.database()
    }

    /// How many packages are unpacked.
    pub(super) fn packages(&self) -> usize {
        fs::read_dir(self.folder.path().join("code"))
            .unwrap()
            .count()
    }

    /// Stops everything, as a server does at its end.
    pub(super) async fn close(self) {
        self.triggers.stop().await;
        assert_eq!(self.runtimes.processes(), []);
        self.keeper.abort();
        let database = self.database().clone();
        tokio::task::spawn_blocking(move || database.close())
            .await
            .unwrap();
    }

    pub(super) async fn request(
        &self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let header = |name: &str| {
            let found = headers.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let answer = self
            .triggers
            .handle(method, uri, &header, (body.into(), ()), &self.context)
            .await;
        let reply = Reply::of(answer);
        assert!(reply.header("x-amzn-RequestId").is_some());
        reply
    }

    pub(super) async fn get(&self, uri: &str) -> Reply {
        self.request("GET", uri, &[], "").await
    }

    pub(super) async fn post(&self, uri: &str, body: Value) -> Reply {
        self.request("POST", uri, &[], body.to_string()).await
    }

    pub(super) async fn put(&self, uri: &str, body: Value) -> Reply {
        self.request("PUT", uri, &[], body.to_string()).await
    }

    pub(super) async fn delete(&self, uri: &str) -> Reply {
        self.request("DELETE", uri, &[], "").await
    }

    /// A request to DynamoDB.
    pub(super) async fn dynamo(&self, operation: Operation, body: Value) -> Value {
        let reply = self.try_dynamo(operation, body).await.unwrap();
        serde_json::from_slice(&reply).unwrap()
    }

    /// As [`World::dynamo`], with the answer as it is.
    pub(super) async fn try_dynamo(
        &self,
        operation: Operation,
        body: Value,
    ) -> Result<Vec<u8>, ApiError> {
        let body = body.to_string();
        let asked = self.api.dispatch(operation, body.as_bytes(), &self.context);
        asked.await
    }

    /// A table with a stream of both images; gives the stream's ARN.
    pub(super) async fn table(&self, name: &str) -> String {
        let table = json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        });
        let reply = self.dynamo(Operation::CreateTable, table).await;
        let arn = &reply["TableDescription"]["LatestStreamArn"];
        arn.as_str().unwrap().to_owned()
    }

    pub(super) async fn put_item(&self, table: &str, id: &str) {
        let item = json!({"TableName": table, "Item": {"id": {"S": id}, "at": {"N": "1"}}});
        self.dynamo(Operation::PutItem, item).await;
    }

    pub(super) async fn put_items(&self, table: &str, ids: std::ops::Range<usize>) {
        for id in ids {
            self.put_item(table, &item_id(id)).await;
        }
    }

    /// Creates a function that notes its events.
    pub(super) async fn recorder(&self, name: &str) -> Recorder {
        let recorder = self.recorder_files(name);
        let created = self.post(FUNCTIONS, recorder.definition(name)).await;
        assert_eq!(created.status, 201, "{created:?}");
        recorder
    }

    /// The files of a function that notes its events, which may have been created before.
    pub(super) fn recorder_files(&self, name: &str) -> Recorder {
        let code = self.folder.path().join(format!("{name}-code"));
        let bootstrap = code.join("bootstrap");
        if !bootstrap.exists() {
            fs::create_dir_all(&code).unwrap();
            fs::write(&bootstrap, include_str!("recorder.py")).unwrap();
            fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Recorder {
            notes: self.folder.path().join(format!("{name}-notes")),
            control: self.folder.path().join(format!("{name}-control")),
            code,
        }
    }

    /// Creates a mapping and gives its UUID.
    pub(super) async fn map(&self, stream: &str, function: &str, settings: Value) -> String {
        let mut body = json!({
            "EventSourceArn": stream,
            "FunctionName": function,
            "StartingPosition": "TRIM_HORIZON",
        });
        for (name, value) in settings.as_object().unwrap() {
            body[name] = value.clone();
        }
        let created = self.post(MAPPINGS, body).await;
        assert_eq!(created.status, 202, "{created:?}");
        created.body["UUID"].as_str().unwrap().to_owned()
    }

    pub(super) async fn mapping(&self, uuid: &str) -> Value {
        self.get(&format!("{MAPPINGS}/{uuid}")).await.body
    }

    pub(super) async fn wait_for_state(&self, uuid: &str, state: &str) {
        let reached = async {
            while self.mapping(uuid).await["State"] != state {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(WAIT_MAX, reached).await;
        assert!(reached.is_ok(), "never {state}");
    }

    pub(super) async fn wait_for_result(&self, uuid: &str, result: &str) {
        let reached = async {
            while self.mapping(uuid).await["LastProcessingResult"] != result {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(WAIT_MAX, reached).await;
        assert!(reached.is_ok(), "{:?}", self.mapping(uuid).await);
    }

    /// What is told of a trigger, once it is as wanted.
    pub(super) async fn status_until(&self, uuid: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("triggers/{uuid}");
        let reached = async {
            loop {
                let status = self.manage("GET", &path).await;
                if wanted(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(WAIT_MAX, reached).await {
            Ok(status) => status,
            Err(_) => panic!("it stays at {}", self.manage("GET", &path).await),
        }
    }

    /// Turns a mapping on or off, and waits until it is.
    pub(super) async fn set_enabled(&self, uuid: &str, is_enabled: bool) {
        let body = json!({"Enabled": is_enabled});
        let updated = self.put(&format!("{MAPPINGS}/{uuid}"), body).await;
        assert_eq!(updated.status, 202, "{updated:?}");
        let state = if is_enabled { "Enabled" } else { "Disabled" };
        self.wait_for_state(uuid, state).await;
    }

    /// Ids of the shards of the only stream, as they are known now.
    pub(super) async fn shards(&self) -> Vec<String> {
        let streams = self.database().streams().await.unwrap();
        let shards = self.database().shards_now(streams[0].id);
        shards.iter().map(|shard| shard.id()).collect()
    }

    pub(super) async fn shards_until(&self, are_there: impl Fn(&[String]) -> bool) {
        let reached = async {
            while !are_there(&self.shards().await) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(WAIT_MAX, reached).await;
        assert!(reached.is_ok(), "{:?}", self.shards().await);
    }

    /// Puts items of so many bytes.
    pub(super) async fn put_large_items(
        &self,
        table: &str,
        ids: std::ops::Range<usize>,
        bytes: usize,
    ) {
        for id in ids {
            let pad = "x".repeat(bytes);
            let item = json!({"id": {"S": item_id(id)}, "at": {"N": "1"}, "pad": {"S": pad}});
            let body = json!({"TableName": table, "Item": item});
            self.dynamo(Operation::PutItem, body).await;
        }
    }

    /// Puts an item that expires within seconds, by an attribute that the table expires by from now on.
    pub(super) async fn put_expiring(&self, table: &str, id: &str) {
        let specification = json!({"AttributeName": "expires", "Enabled": true});
        let body = json!({"TableName": table, "TimeToLiveSpecification": specification});
        self.dynamo(Operation::UpdateTimeToLive, body).await;
        let expires = (self.now_ms() / 1_000 + 5).to_string();
        let item = json!({"id": {"S": id}, "expires": {"N": expires}});
        let body = json!({"TableName": table, "Item": item});
        self.dynamo(Operation::PutItem, body).await;
    }

    /// Puts an item with a version.
    pub(super) async fn put_version(&self, table: &str, id: &str, version: i64) {
        let at = json!({"N": version.to_string()});
        let item = json!({"TableName": table, "Item": {"id": {"S": id}, "at": at}});
        self.dynamo(Operation::PutItem, item).await;
    }

    /// The batches that were given up, the oldest first.
    pub(super) async fn dead_letters(&self) -> Vec<Value> {
        let answer = self.manage("GET", "dead-letters").await;
        answer["deadLetters"].as_array().unwrap().clone()
    }

    /// An answer of one of the server's own calls, which is to succeed.
    pub(super) async fn manage(&self, method: &str, path: &str) -> Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let answer = self.triggers.manage(method, path, query, &self.context);
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    pub(super) async fn wait_for_letters(&self, count: usize) {
        let reached = async {
            while self.dead_letters().await.len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(WAIT_MAX, reached).await;
        assert!(reached.is_ok(), "{:?}", self.dead_letters().await);
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }
}

pub(super) fn item_id(number: usize) -> String {
    format!("item-{number:04}")
}

/// A function that notes its events in a file.
pub(super) struct Recorder {
    code: PathBuf,
    notes: PathBuf,
    control: PathBuf,
}

impl Recorder {
    pub(super) fn definition(&self, name: &str) -> Value {
        json!({
            "FunctionName": name,
            "Role": ROLE,
            "Runtime": "provided.al2023",
            "Handler": "any",
            "Timeout": 30,
            "MemorySize": 512,
            "Code": local(&self.code),
            "Environment": {"Variables": {"NOTES": self.notes, "CONTROL": self.control}},
        })
    }

    /// What the function is to do from its next call on.
    pub(super) fn control(&self, rules: Value) {
        let partial = self.control.with_extension("new");
        fs::write(&partial, rules.to_string()).unwrap();
        fs::rename(&partial, &self.control).unwrap();
    }

    /// The events so far.
    pub(super) fn events(&self) -> Vec<Value> {
        self.noted().into_iter().map(|(_, event)| event).collect()
    }

    /// The events so far, each with its time in seconds.
    pub(super) fn noted(&self) -> Vec<(f64, Value)> {
        let text = fs::read_to_string(&self.notes).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| {
                let mut note: Value = serde_json::from_str(line).unwrap();
                (note["at"].as_f64().unwrap(), note["event"].take())
            })
            .collect()
    }

    /// The ids in each event so far.
    pub(super) fn batches(&self) -> Vec<Vec<String>> {
        self.events().iter().map(ids).collect()
    }

    /// The ids in all events so far.
    pub(super) fn ids(&self) -> Vec<String> {
        self.batches().concat()
    }

    /// How many ids were seen.
    pub(super) fn distinct(&self) -> usize {
        let ids: std::collections::BTreeSet<String> = self.ids().into_iter().collect();
        ids.len()
    }

    /// Ids and versions in all events so far.
    pub(super) fn versions(&self) -> Vec<(String, i64)> {
        let events = self.events();
        let records = events
            .iter()
            .flat_map(|event| event["Records"].as_array().unwrap());
        records
            .map(|record| {
                let image = &record["dynamodb"]["NewImage"];
                let id = image["id"]["S"].as_str().unwrap().to_owned();
                (id, image["at"]["N"].as_str().unwrap().parse().unwrap())
            })
            .collect()
    }

    pub(super) async fn wait_for_calls(&self, count: usize) -> Vec<Value> {
        crate::bench::until("calls", || self.events().len() >= count).await;
        self.events()
    }

    pub(super) async fn wait_for_ids(&self, count: usize) -> Vec<String> {
        crate::bench::until("records", || self.ids().len() >= count).await;
        self.ids()
    }

    /// Waits for calls while the clock runs fast.
    pub(super) async fn calls_in_time(&self, world: &World, count: usize, step_ms: u64) {
        crate::bench::until("calls in fast time", || {
            let calls = self.events().len();
            if calls < count {
                world.clock.advance_ms(step_ms);
            }
            calls >= count
        })
        .await;
    }
}

pub(super) fn ids(event: &Value) -> Vec<String> {
    let records = event["Records"].as_array().unwrap();
    records
        .iter()
        .map(|record| {
            record["dynamodb"]["Keys"]["id"]["S"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

pub(super) fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(item_id).collect()
}

/// The code of a function in a folder.
pub(super) fn local(folder: &Path) -> Value {
    json!({"S3Bucket": LOCAL_DIRECTORY, "S3Key": folder})
}
