//! What the catalog keeps the log for: stream records within their retention, windows of point-in-time recovery, copies of
//! what tables were.
//!
//! The catalog in memory is ahead of the disk. What a change gives up is still needed should a crash take the change back,
//! so the log is trimmed by what was durable at the last look as well.

use std::collections::HashMap;
use std::sync::Arc;

use headwater_changelog::{SegmentSummary, ShardSummary};
use headwater_model::Sequence;

use crate::catalog::Maps;
use crate::copies::Copying;
use crate::pitr::PointInTimeRecovery;

/// What the catalog needs of the log, by one look at it.
pub(crate) struct LogNeeds {
    /// The catalog that was looked at is that of the log up to here.
    pub(crate) as_of: Sequence,
    /// Retention of each shard that is known, milliseconds.
    retention_ms: HashMap<u32, u64>,
    /// Number of the next shard.
    next_shard: u32,
    windows: Vec<PointInTimeRecovery>,
    /// Where copies need the log from.
    copies: Option<Sequence>,
}

impl LogNeeds {
    /// What the catalog needs now; `durable` was durable before, `retention_ms` is that of streams that have none of
    /// their own.
    pub(crate) fn of(maps: &Maps, durable: Sequence, retention_ms: u64) -> Self {
        let shards = maps.stream_of_shard.iter().filter_map(|(shard, stream)| {
            let stream = maps.streams.get(stream)?;
            Some((*shard, stream.retention_ms.unwrap_or(retention_ms)))
        });
        let records: Vec<_> = maps.all_tables().map(|table| table.record()).collect();
        let copyings = records.iter().filter_map(|record| record.copying());
        let before = copyings.filter_map(|copying: Copying| copying.before);
        LogNeeds {
            as_of: maps.changed_at.max(durable),
            retention_ms: shards.collect(),
            next_shard: maps.next.shard,
            windows: records.iter().filter_map(|record| record.pitr).collect(),
            copies: before.min().map(Sequence),
        }
    }

    /// Whether the records of a shard may still be wanted.
    pub(crate) fn knows_shard(&self, shard: u32) -> bool {
        // A later one was opened since.
        self.retention_ms.contains_key(&shard) || shard >= self.next_shard
    }

    /// Tells of a segment whether it is needed at a time.
    pub(crate) fn at(&self, now_ms: u64) -> impl Fn(&SegmentSummary) -> bool {
        let windows = self.windows.iter();
        let recovery_ms = windows.map(|window| window.earliest_ms(now_ms)).min();
        let is_kept = move |held: &ShardSummary| match self.retention_ms.get(&held.shard) {
            Some(keep_ms) => held.last.ms().saturating_add(*keep_ms) >= now_ms,
            None => self.knows_shard(held.shard),
        };
        move |segment| {
            recovery_ms.is_some_and(|since_ms| segment.last.ms() >= since_ms)
                || self.copies.is_some_and(|since| segment.last >= since)
                || segment.shards.iter().any(is_kept)
        }
    }
}

/// What is known of the needs of the catalog as it is on the disk.
pub(crate) struct DurableNeeds {
    last: Arc<LogNeeds>,
    /// A later look, at a catalog that was not durable then.
    next: Option<Arc<LogNeeds>>,
}

impl DurableNeeds {
    /// With a look at a catalog that is durable.
    pub(crate) fn new(needs: LogNeeds) -> Self {
        DurableNeeds {
            last: Arc::new(needs),
            next: None,
        }
    }

    /// Takes a new look in; gives the last one, this or an earlier one, whose catalog is durable now that the log is up to
    /// `durable`. What changes behind that one needs nothing below it that it does not need itself.
    pub(crate) fn follow(&mut self, present: &Arc<LogNeeds>, durable: Sequence) -> Arc<LogNeeds> {
        // While the catalog goes on changing, each of its states becomes durable after all.
        if let Some(next) = self.next.take_if(|next| next.as_of <= durable) {
            self.last = next;
        }
        match present.as_of <= durable {
            true => self.last = present.clone(),
            false => {
                self.next.get_or_insert_with(|| present.clone());
            }
        }
        self.last.clone()
    }
}
