//! How mappings are doing: by shard the position, the lag in time and in records, and what goes wrong.

use std::sync::atomic::{AtomicU64, Ordering};

use headwater_model::Sequence;
use headwater_streams::ShardView;
use serde_json::{Value, json};

use crate::mappings::Counts;
use crate::registry::{Checkpoint, MappingRecord, Origin, ShardKey};
use crate::triggers::Triggers;

use super::ManageAnswer;
use super::dead_letters::time;

/// The lag in records is counted up to here; more is said to be at least as many.
const LAG_RECORDS_MAX: usize = 10_000;
/// Records that are read at once to count.
const COUNT_PAGE: usize = 1_000;

impl Triggers {
    pub(super) async fn all_statuses(&self, namespace: &str) -> ManageAnswer {
        let mut shown = Vec::new();
        for mapping in self.mappings.all() {
            if mapping.namespace == namespace {
                shown.push(self.status(&mapping).await);
            }
        }
        ManageAnswer::ok(json!({ "triggers": shown }))
    }

    pub(super) async fn one_status(&self, namespace: &str, uuid: &str) -> ManageAnswer {
        match self.mappings.get(namespace, uuid) {
            Some(mapping) => ManageAnswer::ok(self.status(&mapping).await),
            None => ManageAnswer::refused(404, format!("there is no mapping {uuid}")),
        }
    }

    pub(super) fn one_count(&self, namespace: &str, uuid: &str) -> ManageAnswer {
        match self.mappings.get(namespace, uuid) {
            Some(mapping) => ManageAnswer::ok(counts(&self.board.counted(&mapping.uuid))),
            None => ManageAnswer::refused(404, format!("there is no mapping {uuid}")),
        }
    }

    async fn status(&self, mapping: &MappingRecord) -> Value {
        let configuration = self.settled(mapping);
        let (shards, problem) = match self.shard_statuses(mapping).await {
            Ok(shards) => (shards, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        let lags = shards.iter().filter_map(|shard| shard["lagMs"].as_u64());
        json!({
            "uuid": mapping.uuid,
            "functionArn": mapping.function_arn,
            "streamArn": mapping.stream_arn,
            "state": configuration.state,
            "lastProcessingResult": configuration.last_processing_result,
            "lagMs": lags.max().unwrap_or(0),
            "shards": shards,
            "problem": problem,
            "sinceStart": counts(&self.board.counted(&mapping.uuid)),
        })
    }

    async fn shard_statuses(&self, mapping: &MappingRecord) -> Result<Vec<Value>, String> {
        let streams = self.streams();
        let stream = streams
            .find(&mapping.namespace, &mapping.stream_arn)
            .map_err(|error| error.to_string())?;
        let shards = streams.shards(&stream).await;
        let shards = shards.map_err(|error| error.to_string())?;
        let mut shown = Vec::new();
        for view in &shards {
            let key = ShardKey {
                mapping: mapping.uuid.clone(),
                shard: view.shard.id(),
            };
            let checkpoint = self.checkpoints.get(&key);
            if is_before(mapping, view) && checkpoint.is_none() {
                continue;
            }
            shown.push(self.shard_status(mapping, view, &key, checkpoint));
        }
        Ok(shown)
    }

    fn shard_status(
        &self,
        mapping: &MappingRecord,
        view: &ShardView,
        key: &ShardKey,
        checkpoint: Option<Checkpoint>,
    ) -> Value {
        let progress = self.board.shard(key);
        // What is stored may be behind.
        let checkpoint = match &progress {
            Some(progress) => Some(progress.checkpoint()),
            None => checkpoint,
        };
        let has_ended = checkpoint
            .as_ref()
            .is_some_and(|checkpoint| checkpoint.ended);
        let begin = view.shard.start.max(mapping.start);
        let position = checkpoint.map_or(begin, |checkpoint| checkpoint.position);
        let lag = match has_ended {
            true => Lag::default(),
            false => self.lag(mapping, view, position),
        };
        let shown = progress.map(|progress| progress.shown());
        let is_running = shown.is_some();
        let shown = shown.unwrap_or_default();
        json!({
            "shardId": key.shard,
            "state": match (has_ended, is_running) {
                (true, _) => "finished",
                (false, true) => "delivering",
                (false, false) => "waiting",
            },
            "position": position.to_string(),
            "lagRecords": lag.records,
            "lagRecordsAtLeast": lag.is_more,
            "lagMs": lag.ms,
            "inFlight": shown.in_flight,
            "readAhead": shown.waiting,
            "attempts": shown.attempts,
            "lastError": shown.error.as_ref().map(|(text, _)| text),
            "lastErrorAt": shown.error.as_ref().map(|(_, ms)| time(*ms)),
            "lastBatchRecords": shown.last_batch.map(|batch| batch.records),
            "lastBatchAt": shown.last_batch.map(|batch| time(batch.done_ms)),
            "lastBatchAgeMs": shown.last_batch.map(|batch| batch.age_ms),
        })
    }

    /// What is behind a position, by reading it, up to a bound.
    fn lag(&self, mapping: &MappingRecord, view: &ShardView, position: Sequence) -> Lag {
        let streams = self.streams();
        let Ok(stream) = streams.find(&mapping.namespace, &mapping.stream_arn) else {
            return Lag::default();
        };
        let mut follower = streams.follow_from(stream, view.shard.number, position);
        let mut lag = Lag::default();
        while let Ok(page) = follower.poll(COUNT_PAGE) {
            if let (0, Some(oldest)) = (lag.records, page.records.first()) {
                lag.ms = self.clock.now_ms().saturating_sub(oldest.created_ms());
            }
            lag.records += page.records.len();
            lag.is_more = lag.records >= LAG_RECORDS_MAX;
            if page.records.is_empty() || page.ended || lag.is_more {
                break;
            }
        }
        lag
    }
}

/// Records that are still to be delivered, filtered ones too.
#[derive(Clone, Copy, Debug, Default)]
struct Lag {
    records: usize,
    /// There are that many at least.
    is_more: bool,
    /// Age of the oldest, in milliseconds.
    ms: u64,
}

/// Whether a mapping began behind a shard.
fn is_before(mapping: &MappingRecord, view: &ShardView) -> bool {
    mapping.origin != Origin::TrimHorizon && view.shard.end.is_some_and(|end| end < mapping.start)
}

fn counts(counts: &Counts) -> Value {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    json!({
        "calls": read(&counts.calls),
        "failedCalls": read(&counts.failed_calls),
        "unreached": read(&counts.unreached),
        "records": read(&counts.records),
        "filteredRecords": read(&counts.filtered),
        "droppedRecords": read(&counts.dropped),
        "destinationBatches": read(&counts.sent),
        "destinationFailures": read(&counts.unsent),
    })
}
