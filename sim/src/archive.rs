//! The whole stream in a campaign in which the log is trimmed: what is read before it may go. The clock makes jumps only
//! when everything is in here, so that a record that is missing was trimmed too early, or skipped.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use headwater_engine::ShardRecord;
use headwater_model::{Clock, ManualClock, Sequence};
use parking_lot::Mutex;
use tokio::sync::RwLock;

use crate::check::Records;
use crate::history::StreamedChange;

/// What was read of the stream, and when.
pub(crate) struct Archive {
    retention_ms: u64,
    clock: ManualClock,
    read: Mutex<Read>,
    /// Held by all writes, so that none is on its way while the clock jumps.
    pub(crate) writes: RwLock<()>,
}

#[derive(Default)]
struct Read {
    shards: BTreeMap<u32, ShardRecord>,
    records: Records,
    /// The latest time that the clock ever showed.
    latest_ms: u64,
}

impl Archive {
    pub(crate) fn new(retention_ms: u64, clock: ManualClock) -> Self {
        Archive {
            retention_ms,
            clock,
            read: Mutex::default(),
            writes: RwLock::default(),
        }
    }

    /// Moves the clock on. By more than some milliseconds only if all that is written is in here.
    pub(crate) fn advance_ms(&self, by_ms: u64) {
        let mut read = self.read.lock();
        self.clock.advance_ms(by_ms);
        read.latest_ms = read.latest_ms.max(self.clock.now_ms());
    }

    /// The latest time that the clock ever showed, in milliseconds.
    pub(crate) fn latest_ms(&self) -> u64 {
        self.read.lock().latest_ms.max(self.clock.now_ms())
    }

    /// Whether a record, or the end of a shard, may be gone by a time.
    pub(crate) fn may_be_gone_by(&self, sequence: Sequence, ms: u64) -> bool {
        sequence.ms().saturating_add(self.retention_ms) < ms
    }

    /// Whether a record may be gone by now.
    pub(crate) fn may_be_gone(&self, sequence: Sequence) -> bool {
        self.may_be_gone_by(sequence, self.latest_ms())
    }

    /// Takes in what is there of the stream; gives all that ever was.
    ///
    /// # Errors
    /// If something is missing that may not be gone yet, or differs from what was read before.
    pub(crate) fn take_in(&self, shards: &[ShardRecord], records: Records) -> Result<Records> {
        for (id, records) in records {
            let known = self.read.lock().records.remove(&id).unwrap_or_default();
            let all = self.join(known, records).context(id.clone())?;
            self.read.lock().records.insert(id, all);
        }
        self.check_missing(shards)?;
        let mut read = self.read.lock();
        for shard in shards {
            read.shards.insert(shard.number, shard.clone());
        }
        Ok(read.records.clone())
    }

    /// The records of a shard that were known, and those that are there, which begin later and end later.
    fn join(
        &self,
        known: Vec<StreamedChange>,
        there: Vec<StreamedChange>,
    ) -> Result<Vec<StreamedChange>> {
        let first = there
            .first()
            .map_or(Sequence::MAX, |record| record.sequence);
        let gone = known.partition_point(|record| record.sequence < first);
        let early = known[..gone]
            .iter()
            .find(|record| !self.may_be_gone(record.sequence));
        ensure!(
            early.is_none(),
            "{:?} was trimmed before its time",
            early.map(|record| record.sequence)
        );
        ensure!(
            there.starts_with(&known[gone..]),
            "{} records are left of {}, and they differ",
            there.len(),
            known.len()
        );
        let mut all = known;
        all.truncate(gone);
        all.extend(there);
        Ok(all)
    }

    /// Shards that are not listed any more must be past their retention.
    fn check_missing(&self, shards: &[ShardRecord]) -> Result<()> {
        let known: Vec<ShardRecord> = self.read.lock().shards.values().cloned().collect();
        for shard in known {
            if shards.iter().any(|listed| listed.number == shard.number) {
                continue;
            }
            // It may have been closed and expired since.
            let last = self
                .read
                .lock()
                .records
                .get(&shard.id())
                .and_then(|records| Some(records.last()?.sequence));
            let last = last
                .unwrap_or(shard.start)
                .max(shard.end.unwrap_or(shard.start));
            ensure!(
                self.may_be_gone(last),
                "{} is gone before its time",
                shard.id()
            );
        }
        Ok(())
    }

    /// Whether a shard was listed once.
    pub(crate) fn knows(&self, number: u32) -> bool {
        self.read.lock().shards.contains_key(&number)
    }
}
