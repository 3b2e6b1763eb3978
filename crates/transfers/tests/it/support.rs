//! A database with transfers and a bucket that is a folder, asked as a client would ask it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use headwater_changelog::testing::{Fault, FaultyFiles};
use headwater_changelog::{Log, LogOptions};
use headwater_engine::{Database, EngineOptions};
use headwater_model::{ManualClock, SeededRng};
use headwater_operations::{Api, ApiOptions, RequestContext};
use headwater_state::StateOptions;
use headwater_state::testing::FaultyDisk;
use headwater_transfers::{BucketSettings, Transfers};
use headwater_wire::{Operation, Service};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const START_MS: u64 = 1_760_000_000_000;
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at what others do.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// Writes of the log that find no room, one each 200 ms: for longer than a request waits for room, which is a second.
const HELD_WRITES: u64 = 10;
pub const BUCKET: &str = "bucket";

pub struct Server {
    pub api: Arc<Api>,
    pub clock: ManualClock,
    pub files: FaultyFiles,
    transfers: Option<Transfers>,
    state: FaultyDisk,
    folder: TempDir,
}

impl Server {
    pub async fn start() -> Self {
        let mut server = Self::start_idle();
        server.carry_out().await;
        server
    }

    /// A server that takes jobs, and carries none out yet.
    pub fn start_idle() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let clock = ManualClock::new(START_MS);
        Self::open(FaultyFiles::new(1), FaultyDisk::new(), clock, folder)
    }

    fn open(files: FaultyFiles, state: FaultyDisk, clock: ManualClock, folder: TempDir) -> Self {
        let shared = Arc::new(clock.clone());
        let log = Log::open(
            Arc::new(files.clone()),
            LogOptions::default(),
            shared.clone(),
        );
        let store = headwater_state::open(state.backend(), None, StateOptions::default()).unwrap();
        let rng = Arc::new(SeededRng::new(7));
        let engine = EngineOptions {
            shards: Some(1),
            ..EngineOptions::default()
        };
        let (database, _) = Database::open(log.unwrap().0, store, shared, rng, engine).unwrap();
        let options = ApiOptions {
            reaches_buckets: true,
            ..ApiOptions::default()
        };
        let api = Arc::new(Api::new(database, options));
        Server {
            api,
            clock,
            files,
            transfers: None,
            state,
            folder,
        }
    }

    /// Carries jobs out from now on.
    pub async fn carry_out(&mut self) {
        let buckets = BucketSettings {
            folder: Some(self.folder.path().to_owned()),
            account: "000000000000".to_owned(),
            s3: None,
        };
        let transfers = Transfers::open(self.api.clone(), buckets).await;
        self.transfers = Some(transfers.unwrap());
    }

    pub async fn close(self) {
        self.end().await;
    }

    pub async fn restart(self) -> Self {
        let (files, state, clock, folder) = self.end().await;
        let mut server = Self::open(files, state, clock, folder);
        server.carry_out().await;
        server
    }

    async fn end(self) -> (FaultyFiles, FaultyDisk, ManualClock, TempDir) {
        if let Some(transfers) = self.transfers {
            transfers.stop().await;
        }
        let database = self.api.database().clone();
        let closed = tokio::task::spawn_blocking(move || database.close());
        closed.await.unwrap();
        (self.files, self.state, self.clock, self.folder)
    }

    /// Carries out an operation; its reply, or `code: message`.
    pub async fn ask(&self, name: &str, body: Value) -> Result<Value, String> {
        let operation = Operation::find(Service::DynamoDb, name).unwrap();
        let body = body.to_string();
        let context = RequestContext::local();
        let reply = self
            .api
            .dispatch(operation, body.as_bytes(), &context)
            .await;
        let reply = reply.map_err(|error| error.to_string())?;
        Ok(serde_json::from_slice(&reply).unwrap())
    }

    pub async fn must(&self, name: &str, body: Value) -> Value {
        match self.ask(name, body.clone()).await {
            Ok(reply) => reply,
            Err(error) => panic!("{name} {body}: {error}"),
        }
    }

    /// A table with the string key `pk` that can be exported; gives its ARN.
    pub async fn table(&self, name: &str) -> String {
        let created = self.must("CreateTable", definition(name)).await;
        let recovery = json!({"PointInTimeRecoveryEnabled": true});
        let body = json!({"TableName": name, "PointInTimeRecoverySpecification": recovery});
        self.must("UpdateContinuousBackups", body).await;
        text(&created["TableDescription"]["TableArn"])
    }

    /// Begins an export; gives its ARN.
    pub async fn export(&self, table: &str) -> String {
        let body = json!({"TableArn": table, "S3Bucket": BUCKET});
        let begun = self.must("ExportTableToPointInTime", body).await;
        text(&begun["ExportDescription"]["ExportArn"])
    }

    pub async fn export_status(&self, arn: &str) -> Result<String, String> {
        let told = self
            .ask("DescribeExport", json!({"ExportArn": arn}))
            .await?;
        Ok(text(&told["ExportDescription"]["ExportStatus"]))
    }

    /// Begins an import of no objects into a new table; gives its ARN.
    pub async fn import(&self, bucket: &str, table: &str) -> String {
        let body = self.import_request(bucket, table);
        let begun = self.must("ImportTable", body).await;
        text(&begun["ImportTableDescription"]["ImportArn"])
    }

    pub fn import_request(&self, bucket: &str, table: &str) -> Value {
        json!({
            "S3BucketSource": {"S3Bucket": bucket, "S3KeyPrefix": "none/"},
            "InputFormat": "DYNAMODB_JSON",
            "TableCreationParameters": definition(table),
        })
    }

    pub async fn import_status(&self, arn: &str) -> String {
        let told = self.must("DescribeImport", json!({"ImportArn": arn})).await;
        text(&told["ImportTableDescription"]["ImportStatus"])
    }

    /// Begins a bulk put of the objects below a prefix; gives its ARN.
    pub async fn bulk_put(&self, table: &str, prefix: &str) -> String {
        let input = json!({
            "S3Bucket": BUCKET, "S3KeyPrefix": prefix, "InputFormat": "DYNAMODB_JSON",
        });
        let output = json!({"S3Bucket": BUCKET, "OutputType": ["ERROR"]});
        let body = json!({
            "TableName": table, "InputS3Configuration": input, "OutputS3Configuration": output,
        });
        let begun = self.must("StartBulkPutItems", body).await;
        text(&begun["BulkOperationDescription"]["BulkOperationArn"])
    }

    /// What is told of a bulk put.
    pub async fn bulk_put_told(&self, arn: &str) -> Value {
        let body = json!({"BulkOperationArn": arn});
        let mut told = self.must("DescribeBulkOperation", body).await;
        told["BulkOperationDescription"].take()
    }

    /// Lets the next write of the log wait for room, until long after it was refused.
    pub async fn fill_up(&self) {
        self.fill_up_after(0).await;
    }

    /// As [`Server::fill_up`], but so many writes have room.
    pub async fn fill_up_after(&self, writes: u64) {
        let log = self.api.database().log();
        until("a quiet log", async || log.durable() == log.appended()).await;
        for after in writes..writes + HELD_WRITES {
            self.files.inject(after, Fault::NoRoom);
        }
    }

    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }
}

fn definition(table: &str) -> Value {
    json!({
        "TableName": table, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Lets others run until it holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let reached = async {
        while !holds().await {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.expect(what);
}
