//! An API in memory, and short ways to ask it.

use std::path::Path;
use std::sync::Arc;

use headwater_changelog::testing::FaultyFiles;
use headwater_changelog::{Log, LogOptions};
use headwater_engine::{Database, Durability, EngineOptions, StorageOptions, open};
use headwater_model::{Clock, ManualClock, SeededRng};
use headwater_operations::{Api, ApiOptions, RequestContext};
use headwater_state::StateOptions;
use headwater_wire::{ApiError, Operation, Service};
use serde_json::{Value, json};

/// A whole second, so that times in tests are easy to read.
pub const START_MS: u64 = 1_760_000_000_000;

pub struct Server {
    pub api: Api,
    pub clock: ManualClock,
    pub context: RequestContext,
}

impl Server {
    pub fn start() -> Self {
        Self::with(
            EngineOptions {
                shards: Some(1),
                ..EngineOptions::default()
            },
            ApiOptions::default(),
        )
    }

    pub fn with(engine: EngineOptions, options: ApiOptions) -> Self {
        let storage = StorageOptions::default();
        Self::open(None, ManualClock::new(START_MS), storage, engine, options)
    }

    /// With segments that are full after a few items, and a retention of a minute.
    pub fn with_small_segments() -> Self {
        let engine = EngineOptions {
            shards: Some(1),
            retention_ms: 60_000,
            checkpoint_interval_ms: 1,
            ..EngineOptions::default()
        };
        let mut storage = StorageOptions::default();
        storage.log.segment_bytes = 64 << 10;
        let clock = ManualClock::new(START_MS);
        Self::open(None, clock, storage, engine, ApiOptions::default())
    }

    /// A server on a data folder, with one shard per stream.
    pub fn on_disk(folder: &Path, clock: ManualClock) -> Self {
        let engine = EngineOptions {
            shards: Some(1),
            ..EngineOptions::default()
        };
        let storage = StorageOptions::default();
        Self::open(Some(folder), clock, storage, engine, ApiOptions::default())
    }

    /// A server with its log in these files, and its state in memory.
    pub fn on_files(files: &FaultyFiles) -> Self {
        let clock = ManualClock::new(START_MS);
        let log_options = LogOptions {
            preallocate: false,
            ..LogOptions::default()
        };
        let time = Arc::new(clock.clone());
        let (log, _) = Log::open(Arc::new(files.clone()), log_options, time.clone()).unwrap();
        let state = headwater_state::in_memory(StateOptions::default()).unwrap();
        let rng = Arc::new(SeededRng::new(7));
        let (database, _) =
            Database::open(log, state, time, rng, EngineOptions::default()).unwrap();
        Server {
            api: Api::new(database, ApiOptions::default()),
            clock,
            context: RequestContext::local(),
        }
    }

    fn open(
        folder: Option<&Path>,
        clock: ManualClock,
        mut storage: StorageOptions,
        engine: EngineOptions,
        options: ApiOptions,
    ) -> Self {
        if folder.is_none() {
            storage.log.durability = Durability::Memory;
        }
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let rng = Arc::new(SeededRng::new(7));
        let (database, ..) = open(folder, storage, shared, rng, engine).unwrap();
        Server {
            api: Api::new(database, options),
            clock,
            context: RequestContext::local(),
        }
    }

    /// Carries out an operation; its reply, or `code: message`.
    pub async fn ask(&self, name: &str, body: Value) -> Result<Value, String> {
        let reply = self.try_ask(name, body).await;
        reply.map_err(|error| error.to_string())
    }

    pub async fn try_ask(&self, name: &str, body: Value) -> Result<Value, ApiError> {
        let operation = [Service::DynamoDb, Service::DynamoDbStreams]
            .into_iter()
            .find_map(|service| Operation::find(service, name))
            .unwrap();
        let body = serde_json::to_vec(&body).unwrap();
        let reply = self.api.dispatch(operation, &body, &self.context).await?;
        Ok(serde_json::from_slice(&reply).unwrap())
    }

    /// As [`Server::ask`], of what must not fail.
    pub async fn must(&self, name: &str, body: Value) -> Value {
        match self.ask(name, body.clone()).await {
            Ok(reply) => reply,
            Err(error) => panic!("{name} {body}: {error}"),
        }
    }

    /// A table with the string key `pk`, and a stream if a view is given.
    pub async fn table(&self, name: &str, view: Option<&str>) -> Value {
        let mut body = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        });
        if let Some(view) = view {
            body["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": view});
        }
        self.must("CreateTable", body).await["TableDescription"].clone()
    }

    /// A table with the key `pk` and a sort key `sk` of a type.
    pub async fn sorted_table(&self, name: &str, sort_type: &str) {
        let body = json!({
            "TableName": name, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": sort_type},
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        });
        self.must("CreateTable", body).await;
    }

    /// A table of `pk` and `sk` with the local index `byX`, which holds nothing but keys.
    pub async fn table_with_local_index(&self, name: &str) {
        let key = |sort: &str| json!([{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]);
        let definition =
            |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
        let body = json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [definition("pk", "S"), definition("sk", "N"), definition("x", "N")],
            "KeySchema": key("sk"),
            "LocalSecondaryIndexes": [
                {"IndexName": "byX", "KeySchema": key("x"), "Projection": {"ProjectionType": "KEYS_ONLY"}},
            ],
        });
        self.must("CreateTable", body).await;
    }

    pub async fn put(&self, table: &str, item: Value) {
        self.must("PutItem", json!({"TableName": table, "Item": item}))
            .await;
    }

    pub async fn delete(&self, table: &str, key: Value) {
        self.must("DeleteItem", json!({"TableName": table, "Key": key}))
            .await;
    }

    pub async fn stream_arn(&self, table: &str) -> String {
        let table = self
            .must("DescribeTable", json!({"TableName": table}))
            .await;
        table["Table"]["LatestStreamArn"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub async fn shards(&self, arn: &str) -> Vec<Value> {
        let stream = self.must("DescribeStream", json!({"StreamArn": arn})).await;
        stream["StreamDescription"]["Shards"]
            .as_array()
            .unwrap()
            .clone()
    }

    pub async fn iterator(&self, arn: &str, shard: &str, more: Value) -> Result<String, String> {
        let mut body = json!({"StreamArn": arn, "ShardId": shard});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let reply = self.ask("GetShardIterator", body).await?;
        Ok(reply["ShardIterator"].as_str().unwrap().to_owned())
    }

    /// All records of a shard from its horizon on; and whether its end was reached.
    pub async fn drain(&self, arn: &str, shard: &str) -> (Vec<Value>, bool) {
        let start = json!({"ShardIteratorType": "TRIM_HORIZON"});
        let mut iterator = self.iterator(arn, shard, start).await.unwrap();
        let mut all = Vec::new();
        loop {
            let page = self
                .must("GetRecords", json!({"ShardIterator": iterator}))
                .await;
            let records = page["Records"].as_array().unwrap();
            all.extend(records.iter().cloned());
            match page["NextShardIterator"].as_str() {
                None => return (all, true),
                Some(_) if records.is_empty() => return (all, false),
                Some(next) => iterator = next.to_owned(),
            }
        }
    }

    /// All records of a table's only shard.
    pub async fn records(&self, table: &str) -> Vec<Value> {
        let arn = self.stream_arn(table).await;
        let shards = self.shards(&arn).await;
        assert_eq!(shards.len(), 1);
        self.drain(&arn, &id(&shards[0])).await.0
    }

    pub async fn run_due(&self) {
        self.api.database().run_due().await.unwrap();
    }
}

pub fn id(shard: &Value) -> String {
    shard["ShardId"].as_str().unwrap().to_owned()
}

pub fn s(text: &str) -> Value {
    json!({"S": text})
}

pub fn n(number: impl std::fmt::Display) -> Value {
    json!({"N": number.to_string()})
}
