//! Where reading starts: the five iterator types (streams.md section 8).

use std::sync::Arc;

use headwater_changelog::{LogError, ReadLimit};
use headwater_engine::{ShardRecord, StreamRecord};
use headwater_model::Sequence;

use crate::error::StreamsError;
use crate::iterator::{IteratorKind, ShardIterator};
use crate::streams::Streams;

/// Where to start reading a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record that is left.
    TrimHorizon,
    /// Behind the newest record.
    Latest,
    /// With this record.
    AtSequence(Sequence),
    /// With the one behind this record.
    AfterSequence(Sequence),
    /// With the first record of this millisecond or a later one.
    AtTimestamp(u64),
}

impl Streams {
    /// An iterator for a shard.
    ///
    /// # Errors
    /// [`StreamsError::InvalidArn`], [`StreamsError::StreamNotFound`], [`StreamsError::ShardNotFound`];
    /// [`StreamsError::Trimmed`] if a sequence number is given and records from it on are gone;
    /// [`StreamsError::TimestampInFuture`].
    pub fn iterator(
        &self,
        namespace: &str,
        arn: &str,
        shard_id: &str,
        start: Start,
    ) -> Result<ShardIterator, StreamsError> {
        let stream = self.find(namespace, arn)?;
        let shard = self.shard(&stream, shard_id)?;
        let (position, kind) = self.start_position(&stream, &shard, start)?;
        if kind == IteratorKind::Exact {
            self.readable_position(&stream, &shard, position, kind)?;
        }
        Ok(ShardIterator {
            stream_arn: stream.arn(),
            shard: shard.number,
            position,
            kind,
            issued_ms: self.now_ms(),
        })
    }

    /// The position of a start in a shard, and what it means once it is trimmed.
    pub(crate) fn start_position(
        &self,
        stream: &StreamRecord,
        shard: &ShardRecord,
        start: Start,
    ) -> Result<(Sequence, IteratorKind), StreamsError> {
        let exact = |position: Sequence| match shard.end {
            // Behind the end of a closed shard nothing can be lost.
            Some(end) if position > end => (position, IteratorKind::Horizon),
            _ => (position.max(shard.start), IteratorKind::Exact),
        };
        Ok(match start {
            Start::TrimHorizon => (shard.start, IteratorKind::Horizon),
            Start::Latest => exact(self.end()),
            // What is still in the shard, all of it (streams.md section 5).
            Start::AtSequence(at) if at == shard.start => (shard.start, IteratorKind::Horizon),
            Start::AtSequence(at) => exact(at),
            Start::AfterSequence(after) => exact(after.next()),
            // Records may be ahead of the clock: if it was set back, and for some seconds after a crash.
            Start::AtTimestamp(ms) if ms > self.database.latest_ms() => {
                return Err(StreamsError::TimestampInFuture);
            }
            Start::AtTimestamp(ms) => {
                let position = Sequence::first_at_ms(ms);
                if position < self.database.trim_point(stream) {
                    (shard.start, IteratorKind::Horizon)
                } else {
                    exact(position)
                }
            }
        })
    }

    /// Moves a position behind the trim point to it, unless an exact position would lose records by that.
    pub(crate) fn readable_position(
        &self,
        stream: &StreamRecord,
        shard: &ShardRecord,
        position: Sequence,
        kind: IteratorKind,
    ) -> Result<Sequence, StreamsError> {
        let position = position.max(shard.start);
        let trim_point = self.database.trim_point(stream);
        if position >= trim_point {
            return Ok(position);
        }
        if kind == IteratorKind::Exact && self.has_records(shard, position, trim_point)? {
            return Err(StreamsError::Trimmed);
        }
        // Not beyond what is written: if the clock is set back, the next record may come before the trim point.
        Ok(trim_point.min(self.end()).max(position))
    }

    /// Whether the shard has, or may have had, records from one position up to before another.
    fn has_records(
        &self,
        shard: &ShardRecord,
        from: Sequence,
        before: Sequence,
    ) -> Result<bool, StreamsError> {
        let log = self.database.log();
        let end = shard.end.map_or(before, |end| before.min(end.next()));
        let limit = ReadLimit {
            records: 1,
            bytes: 1,
        };
        let durable = log.durable();
        let mut from = from;
        while from < end && from <= durable {
            // What is kept comes first to be looked at: what was trimmed by then is known.
            let oldest = log.oldest();
            if from < oldest && log.has_trimmed(shard.number, from) {
                return Ok(true);
            }
            let page = match log.read_shard(shard.number, from.max(oldest), limit) {
                // Trimmed meanwhile.
                Err(LogError::Trimmed { .. }) => continue,
                page => page?,
            };
            if let Some(record) = page.records.first() {
                return Ok(record.sequence < end);
            }
            from = page.next;
        }
        Ok(false)
    }

    /// The shard of an iterator; `None` if nothing of it is left.
    pub(crate) fn shard_of(&self, stream: &StreamRecord, number: u32) -> Option<Arc<ShardRecord>> {
        self.database.shard(stream.id, number)
    }
}
