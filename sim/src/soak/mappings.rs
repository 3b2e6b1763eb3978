//! The eight mappings of the soak, and what must be true of each at the end.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use headwater_model::Sequence;
use serde_json::{Value, json};

use super::TABLE;
use super::notes::Notes;
use super::stream::{SoakRecord, sequence};
use crate::kill::Client;

const HANDLER: &str = include_str!("handler.py");

/// A mapping and its function.
pub(super) struct Spec {
    pub(super) name: &'static str,
    /// What the function does wrong.
    rules: &'static str,
    settings: &'static str,
    /// Seconds.
    timeout: u64,
    /// The records that its filter lets through.
    wants: fn(&SoakRecord) -> bool,
}

fn all(_: &SoakRecord) -> bool {
    true
}

pub(super) const SPECS: [Spec; 8] = [
    Spec {
        name: "plain",
        rules: r#"{"fail": 0.03}"#,
        settings: r#"{"BatchSize": 100}"#,
        timeout: 30,
        wants: all,
    },
    Spec {
        name: "lanes",
        rules: r#"{"fail": 0.01, "poison": true}"#,
        settings: r#"{"BatchSize": 50, "ParallelizationFactor": 4, "BisectBatchOnFunctionError": true,
            "MaximumRetryAttempts": 1}"#,
        timeout: 30,
        wants: all,
    },
    Spec {
        name: "reports",
        rules: r#"{"poison": true, "reports": true}"#,
        settings: r#"{"BatchSize": 100, "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "MaximumRetryAttempts": 1, "BisectBatchOnFunctionError": true}"#,
        timeout: 30,
        wants: all,
    },
    Spec {
        name: "filtered",
        rules: r#"{"fail": 0.05}"#,
        settings: r#"{"BatchSize": 100, "MaximumRetryAttempts": 2, "FilterCriteria": {"Filters":
            [{"Pattern": "{\"dynamodb\":{\"NewImage\":{\"color\":{\"S\":[{\"prefix\":\"gr\"}]}}}}"}]}}"#,
        timeout: 30,
        wants: |record| record.is_green,
    },
    Spec {
        name: "slow",
        rules: r#"{"slow": 0.1}"#,
        settings: r#"{"BatchSize": 1000, "MaximumBatchingWindowInSeconds": 1}"#,
        timeout: 30,
        wants: all,
    },
    Spec {
        name: "crashing",
        rules: r#"{"crash": 0.02}"#,
        settings: r#"{"BatchSize": 200}"#,
        timeout: 30,
        wants: all,
    },
    Spec {
        name: "hanging",
        rules: r#"{"hang": 0.003}"#,
        settings: r#"{"BatchSize": 200, "MaximumRetryAttempts": 3, "BisectBatchOnFunctionError": true}"#,
        timeout: 1,
        wants: all,
    },
    Spec {
        name: "tumbling",
        rules: r#"{"fail": 0.02}"#,
        settings: r#"{"BatchSize": 200, "TumblingWindowInSeconds": 3, "MaximumRetryAttempts": 1}"#,
        timeout: 30,
        wants: all,
    },
];

/// A mapping at work.
pub(super) struct Mapping {
    spec: &'static Spec,
    uuid: String,
    notes: PathBuf,
}

/// Makes the functions and mappings; the table is there.
pub(super) fn create(client: &mut Client, folder: &Path) -> Result<Vec<Mapping>> {
    let code = folder.join("function");
    fs::create_dir_all(&code)?;
    let bootstrap = code.join("bootstrap");
    fs::write(&bootstrap, HANDLER)?;
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755))?;
    let table = client.dynamodb("DescribeTable", &json!({"TableName": TABLE}))?;
    let stream = &table["Table"]["LatestStreamArn"];
    let made = SPECS.iter().map(|spec| {
        let notes = folder.join(format!("{}.notes", spec.name));
        let function = json!({
            "FunctionName": spec.name,
            "Runtime": "provided.al2023",
            "Role": "arn:aws:iam::000000000000:role/any",
            "Handler": "bootstrap",
            "Timeout": spec.timeout,
            "MemorySize": 512,
            "Code": {"S3Bucket": "headwater-local-directory", "S3Key": code},
            "Environment": {"Variables": {"NOTES": notes, "RULES": spec.rules}},
        });
        client.lambda("functions", &function)?;
        let mut mapping: Value = serde_json::from_str(spec.settings)?;
        mapping["FunctionName"] = json!(spec.name);
        mapping["EventSourceArn"] = stream.clone();
        mapping["StartingPosition"] = json!("TRIM_HORIZON");
        let made = client.lambda("event-source-mappings", &mapping)?;
        let uuid = made["UUID"].as_str().context("no UUID")?.to_owned();
        Ok(Mapping { spec, uuid, notes })
    });
    made.collect()
}

impl Mapping {
    pub(super) fn name(&self) -> &str {
        self.spec.name
    }

    /// What is still to be delivered, if anything is.
    pub(super) fn behind(&self, client: &mut Client) -> Result<Option<String>> {
        let status = client.get(&format!("/_headwater/triggers/{}", self.uuid))?;
        let shards = status["shards"].as_array().context("no shards")?;
        let behind = shards
            .iter()
            .find(|shard| shard["lagRecords"] != 0 || shard["inFlight"] != 0);
        Ok(behind.map(Value::to_string))
    }

    /// Checks what the function noted against the stream; gives a line about it.
    pub(super) fn check(&self, client: &mut Client, records: &[SoakRecord]) -> Result<String> {
        let notes = Notes::read(&self.notes)?;
        let (dead, letters) = self.dead(client)?;
        let wanted: Vec<&SoakRecord> = records
            .iter()
            .filter(|record| (self.spec.wants)(record))
            .collect();
        for record in &wanted {
            ensure!(
                notes.is_done(record.sequence) || dead.contains(&record.sequence),
                "the record {} of {} is neither done nor given up",
                record.sequence,
                record.key
            );
        }
        // A record whose function did not start in time may be given up without having been seen.
        let given = wanted
            .iter()
            .filter(|record| notes.first_time(record.sequence).is_some());
        ensure!(
            given.count() == notes.given(),
            "records were given that nobody wants"
        );
        self.check_order(&wanted, &notes)?;
        Ok(format!(
            "{:<9} {} wanted, {} given {} times, {} done, {} given up in {letters} letters",
            self.spec.name,
            wanted.len(),
            notes.given(),
            notes.deliveries(),
            notes.done(),
            dead.len()
        ))
    }

    /// Whether the records of each item came for the first time in their order.
    fn check_order(&self, wanted: &[&SoakRecord], notes: &Notes) -> Result<()> {
        let mut last: BTreeMap<u32, (usize, Sequence)> = BTreeMap::new();
        for record in wanted {
            let Some(time) = notes.first_time(record.sequence) else {
                continue;
            };
            if let Some((before, sequence)) = last.insert(record.key, (time, record.sequence)) {
                ensure!(
                    before < time,
                    "the record {} of {} was given before {sequence}",
                    record.sequence,
                    record.key
                );
            }
        }
        Ok(())
    }

    /// The records in the mapping's dead letters, and how many letters there are.
    fn dead(&self, client: &mut Client) -> Result<(HashSet<Sequence>, usize)> {
        let (mut dead, mut letters, mut after) = (HashSet::new(), 0, String::new());
        loop {
            let query = format!("mapping={}&after={after}", self.uuid);
            let page = client.get(&format!("/_headwater/dead-letters?{query}"))?;
            ensure!(page["pushedOut"] == 0, "the store was too small");
            for letter in page["deadLetters"].as_array().context("no letters")? {
                let id = letter["id"].as_str().context("no id")?;
                let letter = client.get(&format!("/_headwater/dead-letters/{id}"))?;
                let payload = letter["payload"]["Records"].as_array();
                for record in payload.context("no payload")? {
                    dead.insert(sequence(record)?);
                }
                letters += 1;
            }
            match page["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => return Ok((dead, letters)),
            }
        }
    }
}
