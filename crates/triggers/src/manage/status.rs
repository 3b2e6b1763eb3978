//! How mappings are doing: by shard the position, the lag in time and in records, and what goes wrong.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use headwater_model::Sequence;
use headwater_streams::{ShardFollower, ShardView};
use serde_json::{Value, json};

use crate::mappings::{Counts, FailedBatch};
use crate::registry::{MappingRecord, Origin, ShardKey};
use crate::triggers::Triggers;

use super::ManageAnswer;
use super::dead_letters::time;

/// The lag in records is counted up to here; more is said to be at least as many.
const LAG_RECORDS_MAX: usize = 10_000;
/// Records that are read at once to count.
const PAGE_RECORDS: usize = 1_000;
/// Pages that are read for one shard: enough for that many records unless they are large, or far apart.
const SHARD_PAGES_MAX: usize = 16;
/// How long is counted for one answer; pages between which much lies may take a while.
const COUNT_TIME_MAX: Duration = Duration::from_millis(500);

impl Triggers {
    pub(super) async fn all_statuses(&self, namespace: &str) -> ManageAnswer {
        let (mut shown, mut time_left) = (Vec::new(), COUNT_TIME_MAX);
        for mapping in self.mappings.all() {
            if mapping.namespace == namespace {
                shown.push(self.status(&mapping, &mut time_left).await);
            }
        }
        ManageAnswer::ok(json!({ "triggers": shown }))
    }

    pub(super) async fn one_status(&self, namespace: &str, uuid: &str) -> ManageAnswer {
        let mut time_left = COUNT_TIME_MAX;
        match self.mappings.get(namespace, uuid) {
            Some(mapping) => ManageAnswer::ok(self.status(&mapping, &mut time_left).await),
            None => ManageAnswer::refused(404, format!("there is no mapping {uuid}")),
        }
    }

    pub(super) fn one_count(&self, namespace: &str, uuid: &str) -> ManageAnswer {
        match self.mappings.get(namespace, uuid) {
            Some(mapping) => ManageAnswer::ok(counts(&self.board.counted(&mapping.uuid))),
            None => ManageAnswer::refused(404, format!("there is no mapping {uuid}")),
        }
    }

    /// `time_left` is what counting may still take.
    async fn status(&self, mapping: &MappingRecord, time_left: &mut Duration) -> Value {
        let configuration = self.settled(mapping);
        let (shards, problem) = match self.shard_statuses(mapping, time_left).await {
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

    async fn shard_statuses(
        &self,
        mapping: &MappingRecord,
        time_left: &mut Duration,
    ) -> Result<Vec<Value>, String> {
        let streams = self.streams();
        let stream = streams
            .find(&mapping.namespace, &mapping.stream_arn)
            .map_err(|error| error.to_string())?;
        let shards = streams.shards(&stream).await;
        let shards = shards.map_err(|error| error.to_string())?;
        let shards = shards.iter().filter_map(|view| self.place(mapping, view));
        let mut shards: Vec<ShardPlace> = shards.collect();
        let unread = shards.iter_mut().filter(|shard| !shard.has_ended);
        let (places, followers): (Vec<_>, Vec<_>) = unread
            .map(|shard| {
                let follower = streams.follow_from(stream.clone(), shard.number, shard.position);
                (shard, follower)
            })
            .unzip();
        let now_ms = self.clock.now_ms();
        let durable = streams.database().log().durable();
        let time_max = *time_left;
        let counted = self.counting.run(move || {
            let begun = Instant::now();
            let followers = followers.into_iter();
            let count = |mut follower| count(&mut follower, durable, now_ms, begun + time_max);
            let lags: Vec<Lag> = followers.map(count).collect();
            (lags, begun.elapsed())
        });
        let (lags, taken) = counted.await.map_err(|error| error.to_string())?;
        *time_left = time_left.saturating_sub(taken);
        for (place, lag) in places.into_iter().zip(lags) {
            place.lag = lag;
        }
        Ok(shards
            .iter()
            .map(|shard| self.shard_status(shard))
            .collect())
    }

    /// Where a mapping is in a shard; nothing of a shard that it began behind.
    fn place(&self, mapping: &MappingRecord, view: &ShardView) -> Option<ShardPlace> {
        let key = ShardKey {
            mapping: mapping.uuid.clone(),
            shard: view.shard.id(),
        };
        // What is stored may be behind.
        let checkpoint = match self.board.shard(&key) {
            Some(progress) => Some(progress.checkpoint()),
            None => self.checkpoints.get(&key),
        };
        if is_before(mapping, view) && checkpoint.is_none() {
            return None;
        }
        let begin = view.shard.start.max(mapping.start);
        Some(ShardPlace {
            key,
            number: view.shard.number,
            has_ended: checkpoint
                .as_ref()
                .is_some_and(|checkpoint| checkpoint.ended),
            position: checkpoint.map_or(begin, |checkpoint| checkpoint.position),
            lag: Lag::default(),
        })
    }

    fn shard_status(&self, place: &ShardPlace) -> Value {
        let shown = self
            .board
            .shard(&place.key)
            .map(|progress| progress.shown());
        let is_running = shown.is_some();
        let shown = shown.unwrap_or_default();
        json!({
            "shardId": place.key.shard,
            "state": match (place.has_ended, is_running) {
                (true, _) => "finished",
                (false, true) => "delivering",
                (false, false) => "waiting",
            },
            "position": place.position.to_string(),
            "lagRecords": place.lag.records,
            "lagRecordsAtLeast": place.lag.is_more,
            "lagMs": place.lag.ms,
            "inFlight": shown.in_flight,
            "readAhead": shown.waiting,
            "attempts": shown.attempts,
            "lastError": shown.trouble.as_ref().map(|trouble| &trouble.text),
            "lastErrorAt": shown.trouble.as_ref().map(|trouble| time(trouble.at_ms)),
            "lastErrorBatch": shown.trouble.and_then(|trouble| trouble.batch).map(failed_batch),
            "lastBatchRecords": shown.last_batch.map(|batch| batch.records),
            "lastBatchAt": shown.last_batch.map(|batch| time(batch.done_ms)),
            "lastBatchAgeMs": shown.last_batch.map(|batch| batch.age_ms),
        })
    }
}

/// The batch of an error: how many records, the sequence numbers of the first, and that of the one at fault if known.
fn failed_batch(batch: FailedBatch) -> Value {
    let first: Vec<String> = batch.first.iter().map(Sequence::to_string).collect();
    json!({
        "records": batch.records,
        "sequenceNumbers": first,
        "atFault": batch.at_fault.map(|sequence| sequence.to_string()),
    })
}

/// Where a mapping is in a shard.
struct ShardPlace {
    key: ShardKey,
    number: u32,
    has_ended: bool,
    position: Sequence,
    lag: Lag,
}

/// Records that are still to be delivered, filtered ones too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lag {
    records: usize,
    /// There are that many at least: not all was looked through.
    is_more: bool,
    /// Age of the oldest, in milliseconds; `None` if none was found in what was looked through.
    ms: Option<u64>,
}

impl Default for Lag {
    fn default() -> Self {
        Self {
            records: 0,
            is_more: false,
            ms: Some(0),
        }
    }
}

/// Counts what is behind a follower up to what was durable, by reading it, until a bound or a time is reached.
fn count(follower: &mut ShardFollower, durable: Sequence, now_ms: u64, until: Instant) -> Lag {
    let mut lag = Lag::default();
    let mut pages = 0;
    // A page may be empty though more comes: others' records lie between.
    while follower.position() <= durable {
        let is_enough = pages == SHARD_PAGES_MAX || lag.records >= LAG_RECORDS_MAX;
        if is_enough || Instant::now() >= until {
            lag.is_more = true;
            break;
        }
        pages += 1;
        // What is damaged is told by the delivery; how much lies behind it is not known.
        let Ok(page) = follower.poll(PAGE_RECORDS) else {
            lag.is_more = true;
            break;
        };
        if let (0, Some(oldest)) = (lag.records, page.records.first()) {
            lag.ms = Some(now_ms.saturating_sub(oldest.created_ms()));
        }
        lag.records += page.records.len();
        if page.ended {
            break;
        }
    }
    if lag.is_more && lag.records == 0 {
        lag.ms = None;
    }
    lag
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
        "lostStretches": read(&counts.lost),
        "destinationBatches": read(&counts.sent),
        "destinationFailures": read(&counts.unsent),
    })
}
