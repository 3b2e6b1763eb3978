//! The answers that the specification sheets write down, as cases in text files: `tests/cases/*.txt` at the
//! root. `format` says how they are written; this file runs them over HTTP, each against a server of its own.

mod expected;
mod format;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headwater_engine::{Durability, EngineOptions, StorageOptions};
use headwater_model::{Clock, ManualClock, SeededRng};
use headwater_operations::{Api, ApiOptions};
use headwater_wire::{Operation, Service};
use serde_json::{Value, json};

use crate::support::{Running, serve, settings};
use expected::Names;
use format::{Answer, Case, Index, Step};

/// A whole second, so that times in cases are easy to read.
const START_MS: u64 = 1_760_000_000_000;

/// How long a step waits for what goes on in the background.
const PATIENCE: Duration = Duration::from_secs(60);

/// The page that says how many cases each operation has.
const PAGE: &str = "../../docs/compat.md";

/// Requests with an answer and with an error to compare, by operation.
type Counts = BTreeMap<String, (usize, usize)>;

#[tokio::test]
async fn the_specification_sheets() {
    let mut count = 0;
    let mut failures = Vec::new();
    let mut passed = Counts::new();
    for path in files() {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for case in format::read(&text).unwrap_or_else(|error| panic!("{file}:{error}")) {
            count += 1;
            match run(&case).await {
                Ok(()) => count_expected(&case, &mut passed),
                Err((line, failure)) => {
                    failures.push(format!("{file}:{line}: {}\n{failure}", case.title));
                }
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {count} cases failed\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
    assert!(count > 700, "only {count} cases were found");
    assert_eq!(
        counts_of_page(),
        passed,
        "docs/compat.md is not up to date, run `cargo xtask compat`"
    );
}

/// Counts the requests of a case that have an expectation.
fn count_expected(case: &Case, passed: &mut Counts) {
    for (_, step) in &case.steps {
        let Step::Ask {
            operation, answer, ..
        } = step
        else {
            continue;
        };
        let (answers, errors) = match answer {
            Answer::Fine => continue,
            Answer::Parts(_) | Answer::Whole(_) => (1, 0),
            Answer::Error { .. } => (0, 1),
        };
        let counts = passed.entry(operation.clone()).or_default();
        *counts = (counts.0 + answers, counts.1 + errors);
    }
}

/// What docs/compat.md says: rows of operation, whether it is served, answers, errors and clients.
fn counts_of_page() -> Counts {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(page).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, operation, _, answers, errors, _, _] = cells[..] else {
            return None;
        };
        let counts = (answers.parse().ok()?, errors.parse().ok()?);
        (counts != (0, 0)).then(|| (operation.to_owned(), counts))
    };
    page.lines().filter_map(row).collect()
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
}

/// A server whose clock moves by steps of the case alone.
struct Subject {
    running: Running,
    clock: ManualClock,
}

impl Subject {
    async fn start(case: &Case) -> Self {
        let defaults = EngineOptions::default();
        let collection_bytes_max = case.collection_bytes_max;
        let engine = EngineOptions {
            shards: Some(1),
            transition_ms: case.transition_ms,
            enforce_throughput: case.enforce_throughput,
            item_collection_bytes_max: collection_bytes_max
                .unwrap_or(defaults.item_collection_bytes_max),
            ..defaults
        };
        let options = ApiOptions {
            sends_to_kinesis: true,
            reaches_buckets: true,
            ..ApiOptions::default()
        };
        let mut storage = StorageOptions::default();
        storage.log.durability = Durability::Memory;
        let clock = ManualClock::new(START_MS);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let rng = Arc::new(SeededRng::new(7));
        let opened = headwater_engine::open(None, storage, shared.clone(), rng, engine);
        let api = Api::new(opened.unwrap().0, options);
        let running = serve(settings(), api, shared, None).await;
        Subject { running, clock }
    }

    async fn run_due(&self) {
        self.running.database.run_due().await.unwrap();
    }

    /// Status and body of the answer.
    async fn ask(&self, operation: &str, body: &str) -> (u16, Value) {
        let found = [Service::DynamoDb, Service::DynamoDbStreams]
            .into_iter()
            .find(|service| Operation::find(*service, operation).is_some());
        let prefix = found.and_then(Service::target_prefix);
        let prefix = prefix.unwrap_or_else(|| panic!("no operation {operation}"));
        let target = format!("{prefix}.{operation}");
        let (status, reply) = self.running.post(&target, body.as_bytes()).await;
        let reply = serde_json::from_str(&reply);
        (
            status,
            reply.unwrap_or_else(|error| panic!("{operation} {body}: {error}")),
        )
    }
}

/// Runs a case up to its first failure: the line, and what went wrong.
async fn run(case: &Case) -> Result<(), (usize, String)> {
    let subject = Subject::start(case).await;
    let mut names = Names::default();
    let mut outcome = Ok(());
    for (line, step) in &case.steps {
        if let Err(failure) = take(&subject, step, &mut names).await {
            outcome = Err((*line, failure));
            break;
        }
    }
    subject.running.stop().await;
    outcome
}

async fn take(subject: &Subject, step: &Step, names: &mut Names) -> Result<(), String> {
    match step {
        Step::Clock(ms) => {
            subject.clock.advance_ms(*ms);
            subject.run_due().await;
            Ok(())
        }
        Step::Expired(table, items) => expired(subject, table, *items).await,
        Step::Filled(table) => filled(subject, table).await,
        Step::Table {
            name,
            keys,
            stream,
            indexes,
        } => {
            let body = create_table(name, keys, stream.as_deref(), indexes);
            let (status, _) = subject.ask("CreateTable", &body.to_string()).await;
            if status == 200 {
                Ok(())
            } else {
                Err(format!("no table {name}"))
            }
        }
        Step::Ask {
            operation,
            body,
            answer,
        } => {
            let body = names.put_into(body);
            let (status, reply) = subject.ask(operation, &body).await;
            compare(answer, status, &reply, names).map_err(|failure| {
                let body = shortened(&body);
                format!(
                    "  {operation} {body}\n  {failure}\n  answer {status} {}",
                    shortened(&reply.to_string())
                )
            })
        }
    }
}

fn compare(answer: &Answer, status: u16, reply: &Value, names: &mut Names) -> Result<(), String> {
    match answer {
        Answer::Fine if status == 200 => Ok(()),
        Answer::Parts(parts) if status == 200 => expected::parts(parts, reply, names),
        Answer::Whole(whole) if status == 200 => expected::whole(whole, reply),
        Answer::Fine | Answer::Parts(_) | Answer::Whole(_) => Err("expected success".to_owned()),
        Answer::Error {
            status: wanted,
            code,
            message,
            parts,
        } => {
            let kind = reply["__type"].as_str().unwrap_or_default();
            if status != *wanted || kind.rsplit('#').next() != Some(code) {
                return Err(format!("expected {wanted} {code}"));
            }
            let member = reply.get("message").or_else(|| reply.get("Message"));
            let got = member.and_then(Value::as_str).unwrap_or_default();
            if !message.fits(got) {
                return Err(format!("expected {message:?}"));
            }
            parts
                .as_ref()
                .map_or(Ok(()), |parts| expected::parts(parts, reply, names))
        }
    }
}

/// Waits until a table has so few items.
async fn expired(subject: &Subject, table: &str, items: u64) -> Result<(), String> {
    let waited = async {
        loop {
            subject.run_due().await;
            let body = json!({ "TableName": table }).to_string();
            let (_, reply) = subject.ask("DescribeTable", &body).await;
            if reply["Table"]["ItemCount"] == items {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waited).await;
    waited.map_err(|_| format!("{table} does not come to {items} items"))
}

/// Waits until all indexes of a table are readable.
async fn filled(subject: &Subject, table: &str) -> Result<(), String> {
    let waited = async {
        loop {
            subject.run_due().await;
            let body = json!({ "TableName": table }).to_string();
            let (_, reply) = subject.ask("DescribeTable", &body).await;
            let kinds = ["GlobalSecondaryIndexes", "VectorIndexes"];
            let indexes = kinds.map(|kind| reply["Table"][kind].as_array().cloned());
            let mut indexes = indexes.into_iter().flatten().flatten();
            if indexes.all(|index| index["IndexStatus"] == "ACTIVE") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waited).await;
    waited.map_err(|_| format!("the indexes of {table} are not filled"))
}

fn create_table(
    name: &str,
    keys: &[(String, String)],
    stream: Option<&str>,
    indexes: &[Index],
) -> Value {
    let part =
        |(name, kind): &(String, String)| json!({"AttributeName": name, "AttributeType": kind});
    let roles = ["HASH", "RANGE"];
    let element = |((name, _), role): (&(String, String), &str)| json!({"AttributeName": name, "KeyType": role});
    let mut body = json!({
        "TableName": name, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": keys.iter().map(part).collect::<Vec<_>>(),
        "KeySchema": keys.iter().zip(roles).map(element).collect::<Vec<_>>(),
    });
    for index in indexes {
        add_index(&mut body, index);
    }
    if let Some(view) = stream {
        body["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": view});
    }
    body
}

fn add_index(body: &mut Value, index: &Index) {
    let list = match index.is_local {
        true => "LocalSecondaryIndexes",
        false => "GlobalSecondaryIndexes",
    };
    let element =
        |(name, _, role): &(String, String, &str)| json!({"AttributeName": name, "KeyType": role});
    let projection = match index.projection.as_deref() {
        None => json!({"ProjectionType": "ALL"}),
        Some("KEYS_ONLY") => json!({"ProjectionType": "KEYS_ONLY"}),
        Some(names) => {
            let names: Vec<&str> = names.split(',').collect();
            json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": names})
        }
    };
    let definition = json!({
        "IndexName": index.name,
        "KeySchema": index.keys.iter().map(element).collect::<Vec<_>>(),
        "Projection": projection,
    });
    match &mut body[list] {
        Value::Array(indexes) => indexes.push(definition),
        missing => *missing = json!([definition]),
    }
    let Value::Array(definitions) = &mut body["AttributeDefinitions"] else {
        return;
    };
    for (name, kind, _) in &index.keys {
        if !definitions
            .iter()
            .any(|known| known["AttributeName"] == *name)
        {
            definitions.push(json!({"AttributeName": name, "AttributeType": kind}));
        }
    }
}

fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 600;
    match text.char_indices().nth(CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
    }
}
