//! Which blocks of a segment hold records of a shard: a sparse list, kept while writing, stored in the footer.
//!
//! A block is listed for a shard if it is the first one that holds it, or starts at least
//! [`STRIDE_BYTES`] behind the last one listed. So the records between two listed blocks lie within one stride
//! of the first, and a reader may jump from there to the second.

use std::collections::BTreeMap;

use headwater_model::Sequence;

use crate::block::DecodedBlock;

/// Least distance between two blocks listed for one shard.
pub(crate) const STRIDE_BYTES: u64 = 64 << 10;

/// What a segment holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentIndex {
    /// Sequence of the first change; without entries the segment's base.
    pub(crate) first: Sequence,
    /// Sequence of the last change; without entries the segment's base.
    pub(crate) last: Sequence,
    /// Where the next block goes.
    pub(crate) end: u64,
    pub(crate) blocks: u64,
    pub(crate) entries: u64,
    pub(crate) changes: u64,
    pub(crate) raw_bytes: u64,
    pub(crate) shards: BTreeMap<u32, ShardSpan>,
}

/// Where a shard's records lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShardSpan {
    pub(crate) first: Sequence,
    pub(crate) last: Sequence,
    pub(crate) listed: Vec<Listed>,
}

/// A listed block: its first record of the shard, and where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) sequence: Sequence,
    pub(crate) offset: u32,
}

impl SegmentIndex {
    pub(crate) fn new(base: Sequence, end: u64) -> Self {
        Self {
            first: base,
            last: base,
            end,
            blocks: 0,
            entries: 0,
            changes: 0,
            raw_bytes: 0,
            shards: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, offset: u64, block: &DecodedBlock) {
        debug_assert!(offset == self.end && block.first > self.last);
        if self.entries == 0 {
            self.first = block.first;
        }
        self.last = block.last;
        self.end = block.end;
        self.blocks += 1;
        self.entries += u64::from(block.entries);
        self.changes += u64::from(block.changes);
        self.raw_bytes += block.raw.len() as u64;
        for (shard, first, last) in block.shards() {
            let span = self.shards.entry(shard).or_insert(ShardSpan {
                first,
                last,
                listed: Vec::new(),
            });
            span.last = last;
            let far = |listed: &Listed| offset >= u64::from(listed.offset) + STRIDE_BYTES;
            if span.listed.last().is_none_or(far) {
                span.listed.push(Listed {
                    sequence: first,
                    offset: offset as u32,
                });
            }
        }
    }

    /// The block from which to look for the shard's records at `from` and later; `None` if there are none.
    pub(crate) fn seek(&self, shard: u32, from: Sequence) -> Option<u64> {
        let span = self.shards.get(&shard).filter(|span| from <= span.last)?;
        let behind = span
            .listed
            .partition_point(|listed| listed.sequence <= from);
        span.listed
            .get(behind.saturating_sub(1))
            .map(|listed| u64::from(listed.offset))
    }

    /// The next block at `end` or later that may hold the shard, for a reader who has read all before.
    pub(crate) fn advance(&self, shard: u32, end: u64) -> Option<u64> {
        if end >= self.end {
            return None;
        }
        let listed = &self.shards.get(&shard)?.listed;
        let behind = listed.partition_point(|listed| u64::from(listed.offset) < end);
        let near = |listed: &Listed| end < u64::from(listed.offset) + STRIDE_BYTES;
        if behind > 0 && near(&listed[behind - 1]) {
            return Some(end);
        }
        listed.get(behind).map(|listed| u64::from(listed.offset))
    }

    /// Memory it takes, roughly.
    pub(crate) fn weight_bytes(&self) -> usize {
        let listed: usize = self.shards.values().map(|span| span.listed.len()).sum();
        size_of::<Self>() + self.shards.len() * 64 + listed * size_of::<Listed>()
    }
}
