//! The answers that the specification sheets write down, as cases in text files: `tests/cases/*.txt` at the
//! root. `format` says how they are written; this file runs them, each on a server of its own.

mod expected;
mod format;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use headwater_engine::EngineOptions;
use headwater_operations::ApiOptions;
use headwater_wire::{Operation, Service};
use serde_json::{Value, json};

use crate::support::Server;
use expected::Names;
use format::{Answer, Case, Step};

#[tokio::test]
async fn the_specification_sheets() {
    let mut count = 0;
    let mut failures = Vec::new();
    for path in files() {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for case in format::read(&text).unwrap_or_else(|error| panic!("{file}:{error}")) {
            count += 1;
            if let Err((line, failure)) = run(&case).await {
                failures.push(format!("{file}:{line}: {}\n{failure}", case.title));
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

/// Runs a case up to its first failure: the line, and what went wrong.
async fn run(case: &Case) -> Result<(), (usize, String)> {
    let engine = EngineOptions {
        shards: Some(1),
        transition_ms: case.transition_ms,
        ..EngineOptions::default()
    };
    let server = Server::with(engine, ApiOptions::default());
    let mut names = Names::default();
    for (line, step) in &case.steps {
        let outcome = take(&server, step, &mut names).await;
        outcome.map_err(|failure| (*line, failure))?;
    }
    Ok(())
}

async fn take(server: &Server, step: &Step, names: &mut Names) -> Result<(), String> {
    match step {
        Step::Clock(ms) => {
            server.clock.advance_ms(*ms);
            server.run_due().await;
            Ok(())
        }
        Step::Table { name, keys, stream } => {
            let body = create_table(name, keys, stream.as_deref());
            let (status, _) = ask(server, "CreateTable", &body.to_string()).await;
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
            let (status, reply) = ask(server, operation, &body).await;
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

/// Status and body of the answer.
async fn ask(server: &Server, operation: &str, body: &str) -> (u16, Value) {
    let found = [Service::DynamoDb, Service::DynamoDbStreams]
        .into_iter()
        .find_map(|service| Operation::find(service, operation));
    let operation = found.unwrap_or_else(|| panic!("no operation {operation}"));
    let context = &server.context;
    match server
        .api
        .dispatch(operation, body.as_bytes(), context)
        .await
    {
        Ok(reply) => (200, serde_json::from_slice(&reply).unwrap()),
        Err(error) => {
            let mut reply = Vec::new();
            error.write_dynamodb(&mut reply).unwrap();
            (error.status(), serde_json::from_slice(&reply).unwrap())
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

fn create_table(name: &str, keys: &[(String, String)], stream: Option<&str>) -> Value {
    let part =
        |(name, kind): &(String, String)| json!({"AttributeName": name, "AttributeType": kind});
    let roles = ["HASH", "RANGE"];
    let element = |((name, _), role): (&(String, String), &str)| json!({"AttributeName": name, "KeyType": role});
    let mut body = json!({
        "TableName": name, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": keys.iter().map(part).collect::<Vec<_>>(),
        "KeySchema": keys.iter().zip(roles).map(element).collect::<Vec<_>>(),
    });
    if let Some(view) = stream {
        body["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": view});
    }
    body
}

fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 600;
    match text.char_indices().nth(CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
    }
}
