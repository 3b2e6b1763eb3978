//! A function that a mapping of the stream calls: it writes down which records it was given. The mapping goes on by
//! itself in each life of the server.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use headwater_model::Sequence;
use serde_json::json;

use super::client::Client;
use super::load::TABLE;
use super::pause;
use crate::history::StreamedChange;

/// Nothing is written any more: the function gets the rest sooner, unless it never does.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
const BOOTSTRAP: &str = include_str!("bootstrap.py");

/// What the function was given.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivered {
    /// Records, each time that they were given.
    pub(super) deliveries: usize,
    /// Of them, those that had been given before.
    pub(super) repeated: usize,
}

pub(super) struct Trigger {
    /// A line for each record.
    notes: PathBuf,
}

impl Trigger {
    /// Makes the function and its mapping; the table is there.
    pub(super) fn create(client: &mut Client, folder: &Path) -> Result<Self> {
        let (code, notes) = (folder.join("function"), folder.join("delivered"));
        fs::create_dir_all(&code)?;
        let bootstrap = code.join("bootstrap");
        fs::write(&bootstrap, BOOTSTRAP)?;
        fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755))?;
        let function = json!({
            "FunctionName": "note",
            "Runtime": "provided.al2023",
            "Role": "arn:aws:iam::000000000000:role/any",
            "Handler": "bootstrap",
            "Timeout": 30,
            "Code": {"S3Bucket": "headwater-local-directory", "S3Key": code},
            "Environment": {"Variables": {"NOTES": notes}},
        });
        client.lambda("functions", &function)?;
        let table = client.dynamodb("DescribeTable", &json!({"TableName": TABLE}))?;
        let mapping = json!({
            "FunctionName": "note",
            "EventSourceArn": table["Table"]["LatestStreamArn"],
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 50,
        });
        client.lambda("event-source-mappings", &mapping)?;
        Ok(Self { notes })
    }

    /// Waits until the function has had every record, and checks in which order it got them.
    ///
    /// # Errors
    /// A record that did not come, that is not in the stream, or that came before an earlier one of its shard.
    pub(super) fn check(&self, records: &[StreamedChange]) -> Result<Delivered> {
        let until = Instant::now() + PATIENCE;
        loop {
            let given = self.given()?;
            let first = first_times(&given);
            let missing = records
                .iter()
                .find(|record| !first.contains_key(&record.sequence));
            match missing {
                None => {
                    check_order(records, &first)?;
                    return Ok(Delivered {
                        deliveries: given.len(),
                        repeated: given.len() - first.len(),
                    });
                }
                Some(record) => ensure!(
                    Instant::now() < until,
                    "the function was not given the record {} of {}",
                    record.sequence,
                    record.shard
                ),
            }
            pause(LOOK_INTERVAL);
        }
    }

    /// The sequence numbers that the function has noted; a line that was cut by a kill is none.
    pub(super) fn given(&self) -> Result<Vec<Sequence>> {
        let notes = match fs::read_to_string(&self.notes) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            notes => notes?,
        };
        notes
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'))
            .map(|line| Sequence::parse(line).with_context(|| format!("the note {line:?}")))
            .collect()
    }
}

/// When each record was given for the first time.
fn first_times(given: &[Sequence]) -> HashMap<Sequence, usize> {
    let mut first = HashMap::new();
    for (time, sequence) in given.iter().enumerate() {
        first.entry(*sequence).or_insert(time);
    }
    first
}

/// Whether each shard's records, and each item's, came for the first time in their order, and nothing else came.
fn check_order(records: &[StreamedChange], first: &HashMap<Sequence, usize>) -> Result<()> {
    ensure!(
        first.len() == records.len(),
        "the function was given {} records, the stream has {}",
        first.len(),
        records.len()
    );
    let mut sorted: Vec<&StreamedChange> = records.iter().collect();
    sorted.sort_by_key(|record| record.sequence);
    let mut last: BTreeMap<&str, (usize, Sequence)> = BTreeMap::new();
    for record in sorted {
        let time = first[&record.sequence];
        for lane in [record.shard.as_str(), record.key.as_str()] {
            let before = last.insert(lane, (time, record.sequence));
            if let Some((before, sequence)) = before {
                ensure!(
                    before < time,
                    "the function was given {} of {lane} before {sequence}",
                    record.sequence
                );
            }
        }
    }
    Ok(())
}
