//! Reading one shard: from the newest blocks in memory, else by index, block by block.
//!
//! Whoever is caught up touches one map; whoever is near the end touches no file. A reader gets `next` with every
//! page, also an empty one, and misses nothing by going on from there.

use std::sync::Arc;

use headwater_model::Sequence;

use crate::block::{BlockFault, DecodedBlock, HEADER_BYTES, Header, Place};
use crate::change::Record;
use crate::entry::decode_change;
use crate::error::LogError;
use crate::files::LogFile;
use crate::footer;
use crate::found;
use crate::index::SegmentIndex;
use crate::log::{Shared, missing_segment};
use crate::segment::{self, Segment, SegmentState};
use crate::tail::TailAnswer;

/// Blocks at the position or behind it that one call looks at, so that its effort is bounded; then the page ends,
/// perhaps empty. Those before it, from the listed block on, are bounded by the index's stride, and don't count:
/// a page that ends among them would lead nowhere.
const BLOCKS_PER_PAGE_MAX: usize = 256;
/// First read of a block whose length is not known yet.
const BLOCK_READ_BYTES: usize = 16 << 10;

/// Bounds of a page. A page holds at least one record if there is one, and ends with the record that reaches
/// a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimit {
    /// Most records.
    pub records: usize,
    /// Bytes of keys and images ([`crate::Change::size_bytes`]) after which the page ends.
    pub bytes: usize,
}

/// A page of a shard's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardPage {
    /// In order; their bytes share the blocks' buffers.
    pub records: Vec<Record>,
    /// Where to go on: everything of this shard below it, and visible, has been returned.
    pub next: Sequence,
}

/// The next block for a reader.
enum NextBlock {
    Found(Arc<DecodedBlock>, Option<ReadTo>),
    /// None holds a record.
    Nothing,
    /// Enough looked at; none up to here holds a record.
    Later(Sequence),
}

/// How far a segment's file was read: the next block is looked for from there, not from the index again.
#[derive(Clone, Copy)]
struct ReadTo {
    segment: u64,
    end: u64,
}

/// A page being filled.
struct Filling {
    records: Vec<Record>,
    bytes: usize,
    limit: ReadLimit,
}

impl Filling {
    fn is_full(&self) -> bool {
        !self.records.is_empty()
            && (self.records.len() >= self.limit.records || self.bytes >= self.limit.bytes)
    }

    /// Adds the shard's records of a block; gives where to go on if the page is over.
    fn add(
        &mut self,
        block: &DecodedBlock,
        shard: u32,
        from: Sequence,
        durable: Sequence,
    ) -> Result<Option<Sequence>, LogError> {
        for record in block.shard_records(shard, from) {
            if record.sequence > durable {
                return Ok(Some(durable.next()));
            }
            if self.is_full() {
                return Ok(Some(record.sequence));
            }
            // The block was checked when it was decoded or encoded.
            let change = decode_change(&block.raw, record.offset).map_err(|corrupt| {
                LogError::damaged("a block in memory", u64::from(record.offset), corrupt)
            })?;
            self.bytes += change.size_bytes();
            self.records.push(Record {
                sequence: record.sequence,
                change,
            });
        }
        Ok(self.is_full().then(|| block.last.next()))
    }
}

impl Shared {
    pub(crate) fn read_shard(
        &self,
        shard: u32,
        from: Sequence,
        limit: ReadLimit,
    ) -> Result<ShardPage, LogError> {
        // Looked at first: what is durable now was shown to readers before.
        let durable = self.position.get();
        // Trimming takes segments out of the list before it forgets the ends of shards: who finds none here finds that the
        // list begins later.
        let end = self.shard_ends.read().get(&shard).copied();
        let list = self.segments.list();
        let oldest = segment::oldest(&list);
        if from < oldest {
            return Err(LogError::Trimmed { oldest });
        }
        let page = |records, next| Ok(ShardPage { records, next });
        if from > durable {
            return page(Vec::new(), from);
        }
        if end.is_none_or(|end| end < from) {
            return page(Vec::new(), durable.next());
        }
        let mut filling = Filling {
            records: Vec::new(),
            bytes: 0,
            limit,
        };
        let (mut at, mut read_to, mut budget) = (from, None, BLOCKS_PER_PAGE_MAX);
        loop {
            match self.next_block(&list, shard, at, read_to, &mut budget)? {
                NextBlock::Nothing => return page(filling.records, durable.next()),
                NextBlock::Later(next) => return page(filling.records, next.min(durable.next())),
                NextBlock::Found(block, found_at) => {
                    if let Some(next) = filling.add(&block, shard, at, durable)? {
                        return page(filling.records, next);
                    }
                    (at, read_to) = (block.last.next(), found_at);
                }
            }
        }
    }

    /// The first block with a record of the shard at `from` or later.
    fn next_block(
        &self,
        list: &[Arc<Segment>],
        shard: u32,
        from: Sequence,
        read_to: Option<ReadTo>,
        budget: &mut usize,
    ) -> Result<NextBlock, LogError> {
        match self.tail.find(shard, from) {
            TailAnswer::Block(block) => return Ok(NextBlock::Found(block, None)),
            TailAnswer::Nothing => return Ok(NextBlock::Nothing),
            TailAnswer::TooOld => {}
        }
        for segment in &list[segment::position(list, from)..] {
            match self.next_block_in(segment, shard, from, read_to, budget)? {
                NextBlock::Nothing => {}
                found => return Ok(found),
            }
        }
        Ok(NextBlock::Nothing)
    }

    fn next_block_in(
        &self,
        segment: &Segment,
        shard: u32,
        from: Sequence,
        read_to: Option<ReadTo>,
        budget: &mut usize,
    ) -> Result<NextBlock, LogError> {
        if !segment.may_hold(shard, from) {
            return Ok(NextBlock::Nothing);
        }
        let mut at = match read_to.filter(|read_to| read_to.segment == segment.id) {
            Some(read_to) => self.ask_index(segment, |index| index.advance(shard, read_to.end))?,
            None => self.ask_index(segment, |index| index.seek(shard, from))?,
        };
        let mut looked_to = from;
        while let Some(offset) = at {
            if *budget == 0 {
                return Ok(NextBlock::Later(looked_to));
            }
            let block = self.read_block(segment, offset)?;
            let end = block.end;
            if block.last >= from {
                *budget -= 1;
                looked_to = block.last.next();
            }
            if !block.shard_records(shard, from).is_empty() {
                let read_to = ReadTo {
                    segment: segment.id,
                    end,
                };
                return Ok(NextBlock::Found(block, Some(read_to)));
            }
            at = self.ask_index(segment, |index| index.advance(shard, end))?;
        }
        Ok(NextBlock::Nothing)
    }

    /// Asks the segment's index, wherever it is by now.
    fn ask_index<T>(
        &self,
        segment: &Segment,
        ask: impl FnOnce(&SegmentIndex) -> T,
    ) -> Result<T, LogError> {
        if let SegmentState::Open(index) = &*segment.state.read() {
            return Ok(ask(index));
        }
        self.sealed_index(segment).map(|index| ask(&index))
    }

    /// A sealed segment's index, from memory or from its footer.
    fn sealed_index(&self, segment: &Segment) -> Result<Arc<SegmentIndex>, LogError> {
        if let Some(index) = self.footers.get(&segment.id) {
            return Ok(index);
        }
        let file = self.open_segment(segment)?;
        let size_bytes = file
            .size_bytes()
            .map_err(|error| LogError::io("look at", &segment.name, error))?;
        let index =
            found::read_footer(&segment.name, &*file, segment.cipher.as_deref(), size_bytes)?;
        let at = size_bytes.saturating_sub(footer::TRAILER_BYTES as u64);
        let index = index.ok_or_else(|| {
            LogError::damaged(&segment.name, at, "the footer is not valid any more")
        })?;
        let index = Arc::new(index);
        self.footers
            .insert(segment.id, index.clone(), index.weight_bytes());
        Ok(index)
    }

    pub(crate) fn open_segment(&self, segment: &Segment) -> Result<Arc<dyn LogFile>, LogError> {
        if let Some(file) = self.open_files.get(&segment.id) {
            return Ok(file);
        }
        let file = self
            .files
            .open(&segment.name)
            .map_err(|error| missing_segment(self, segment, error))?;
        self.open_files.insert(segment.id, file.clone(), 1);
        Ok(file)
    }

    fn read_block(&self, segment: &Segment, offset: u64) -> Result<Arc<DecodedBlock>, LogError> {
        let place = segment.place(offset);
        if let Some(block) = self.blocks.get(&place) {
            return Ok(block);
        }
        let file = self.open_segment(segment)?;
        let block = Arc::new(read_block(&*file, segment, place)?);
        self.blocks
            .insert(place, block.clone(), block.weight_bytes());
        Ok(block)
    }
}

/// Reads, checks and decodes one block.
fn read_block(
    file: &dyn LogFile,
    segment: &Segment,
    place: Place,
) -> Result<DecodedBlock, LogError> {
    let name = segment.name.as_str();
    let failed = |error| LogError::io("read", name, error);
    let mut bytes = vec![0; BLOCK_READ_BYTES];
    let read = file
        .read_full_at(&mut bytes, place.offset)
        .map_err(failed)?;
    bytes.truncate(read);
    let damaged = |fault| LogError::damaged(name, place.offset, fault);
    let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(BlockFault::Cut);
    let header = header.and_then(Header::parse).map_err(damaged)?;
    let length = header.unpadded_len();
    if length > bytes.len() && read == BLOCK_READ_BYTES {
        bytes.resize(length, 0);
        let more = file
            .read_full_at(&mut bytes[read..], place.offset + read as u64)
            .map_err(failed)?;
        bytes.truncate(read + more);
    }
    DecodedBlock::decode(place, &header, segment.cipher.as_deref(), &bytes).map_err(damaged)
}
