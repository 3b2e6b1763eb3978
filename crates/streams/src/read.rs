//! Reading a shard: a page of records, and where to go on.

use std::sync::Arc;

use headwater_changelog::{LogError, ReadLimit, ShardPage};
use headwater_engine::{ShardRecord, StreamRecord};
use headwater_model::{Sequence, limits};

use crate::error::StreamsError;
use crate::iterator::{IteratorKind, ShardIterator};
use crate::record_view::{RecordView, Viewer};
use crate::streams::Streams;

/// Most pages of the log that make up one page of records: views that show little of large items take
/// several, but not any number.
const LOG_PAGES_MAX: usize = 8;
/// Bytes of stored changes that are asked of the log at once.
const LOG_PAGE_BYTES: usize = limits::STREAM_PAGE_SIZE_BYTES_MAX;

/// How often a page is begun, at the horizon as it then is, while trimming goes on.
const HORIZON_TRIES_MAX: usize = 4;

/// A page of a shard for the holder of an iterator.
#[derive(Clone, Debug)]
pub struct RecordsPage {
    /// The stream.
    pub stream: Arc<StreamRecord>,
    /// The records, in order.
    pub records: Vec<RecordView>,
    /// Where to go on; `None` when the shard is closed and nothing is left to read.
    pub next: Option<ShardIterator>,
}

/// Records of a shard from a position on.
#[derive(Clone, Debug)]
pub struct ShardRecords {
    /// The records, in order.
    pub records: Vec<RecordView>,
    /// The next sequence number to read: everything visible below it has been returned.
    pub next: Sequence,
    /// Whether the shard is closed and nothing is left to read.
    pub ended: bool,
}

impl Streams {
    /// Reads from an iterator: at most `limit` records and 1 MB of them, at least one if there is any.
    ///
    /// # Errors
    /// [`StreamsError::InvalidIterator`], [`StreamsError::ExpiredIterator`],
    /// [`StreamsError::StreamNotFound`], [`StreamsError::Trimmed`], [`StreamsError::Throttled`]; damage in
    /// the log.
    pub fn read(
        &self,
        namespace: &str,
        iterator: &str,
        limit: usize,
    ) -> Result<RecordsPage, StreamsError> {
        let iterator = ShardIterator::parse(iterator)?;
        self.check_age(&iterator)?;
        let stream = self.find(namespace, &iterator.stream_arn)?;
        self.check_rate(iterator.shard)?;
        self.read_page(stream, iterator, limit)
    }

    /// As [`Streams::read`], for a call that waits for records and found none before: it is no other read of the shard, and
    /// its iterator was young enough when the call came.
    ///
    /// # Errors
    /// As [`Streams::read`], but for [`StreamsError::ExpiredIterator`] and [`StreamsError::Throttled`].
    pub fn read_again(
        &self,
        namespace: &str,
        iterator: &str,
        limit: usize,
    ) -> Result<RecordsPage, StreamsError> {
        let iterator = ShardIterator::parse(iterator)?;
        let stream = self.find(namespace, &iterator.stream_arn)?;
        self.read_page(stream, iterator, limit)
    }

    fn read_page(
        &self,
        stream: Arc<StreamRecord>,
        iterator: ShardIterator,
        limit: usize,
    ) -> Result<RecordsPage, StreamsError> {
        let Some(shard) = self.shard_of(&stream, iterator.shard) else {
            return gone(stream, &iterator);
        };
        let read = self.read_readable(&stream, &shard, &iterator, limit)?;
        let next = ShardIterator {
            position: read.next,
            kind: IteratorKind::Exact,
            issued_ms: self.now_ms(),
            ..iterator
        };
        Ok(RecordsPage {
            stream,
            records: read.records,
            next: (!read.ended).then_some(next),
        })
    }

    /// Reads from where an iterator stands. What is trimmed meanwhile is no loss to one that asked for whatever is there.
    fn read_readable(
        &self,
        stream: &Arc<StreamRecord>,
        shard: &ShardRecord,
        iterator: &ShardIterator,
        limit: usize,
    ) -> Result<ShardRecords, StreamsError> {
        let mut tries = 0;
        loop {
            let from = self.readable_position(stream, shard, iterator.position, iterator.kind)?;
            tries += 1;
            match self.read_shard(stream, shard, from, limit) {
                Err(StreamsError::Trimmed)
                    if iterator.kind == IteratorKind::Horizon && tries < HORIZON_TRIES_MAX => {}
                read => return read,
            }
        }
    }

    /// Reads a shard from a position on, which must not lie before the trim point. At most `limit` records
    /// and 1 MB of them, at least one if there is any.
    ///
    /// # Errors
    /// [`StreamsError::Trimmed`] if the position was trimmed; damage in the log.
    pub fn read_shard(
        &self,
        stream: &Arc<StreamRecord>,
        shard: &ShardRecord,
        from: Sequence,
        limit: usize,
    ) -> Result<ShardRecords, StreamsError> {
        let mut page = Page {
            viewer: Viewer::new(stream.clone()),
            records: Vec::new(),
            size_bytes: 0,
            next: from,
        };
        // What is durable now is read; what comes meanwhile is for the next page.
        let durable = self.database.log().durable();
        for _ in 0..LOG_PAGES_MAX {
            let left = limit.saturating_sub(page.records.len());
            if left == 0 || page.next > durable || ended(shard, page.next) {
                break;
            }
            match self.log_page(shard, page.next, left) {
                Ok(read) => {
                    if page.take(read)? {
                        break;
                    }
                }
                // Of what was trimmed since the first page, the next call tells.
                Err(StreamsError::Trimmed) if !page.records.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        let ended = ended(shard, page.next) || self.nothing_left(shard, page.next)?;
        Ok(ShardRecords {
            records: page.records,
            next: page.next,
            ended,
        })
    }

    fn log_page(
        &self,
        shard: &ShardRecord,
        from: Sequence,
        records: usize,
    ) -> Result<ShardPage, StreamsError> {
        let limit = ReadLimit {
            records,
            bytes: LOG_PAGE_BYTES,
        };
        match self.database.log().read_shard(shard.number, from, limit) {
            Ok(page) => Ok(page),
            Err(LogError::Trimmed { .. }) => Err(StreamsError::Trimmed),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a closed shard has nothing more from a position on. What it finds instead is read again.
    fn nothing_left(&self, shard: &ShardRecord, from: Sequence) -> Result<bool, StreamsError> {
        if shard.end.is_none() || from > self.database.log().durable() {
            return Ok(false);
        }
        match self.log_page(shard, from, 1) {
            Ok(page) => Ok(page.records.is_empty() && ended(shard, page.next)),
            Err(StreamsError::Trimmed) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn check_age(&self, iterator: &ShardIterator) -> Result<(), StreamsError> {
        let age_ms_max = self.iterator_age_ms_max;
        let age_ms = self.now_ms().saturating_sub(iterator.issued_ms);
        if age_ms > age_ms_max {
            return Err(StreamsError::ExpiredIterator { age_ms, age_ms_max });
        }
        Ok(())
    }

    fn check_rate(&self, shard: u32) -> Result<(), StreamsError> {
        match &self.throttle {
            Some(throttle) if !throttle.admit(shard, self.now_ms()) => Err(StreamsError::Throttled),
            _ => Ok(()),
        }
    }
}

/// A page that is being filled.
struct Page {
    viewer: Viewer,
    records: Vec<RecordView>,
    size_bytes: usize,
    next: Sequence,
}

impl Page {
    /// Takes what fits of what was read; whether the page is full.
    fn take(&mut self, read: ShardPage) -> Result<bool, StreamsError> {
        for record in read.records {
            let sequence = record.sequence;
            let view = self.viewer.view(record)?;
            let size_bytes = self.size_bytes + view.size_bytes();
            if size_bytes > limits::STREAM_PAGE_SIZE_BYTES_MAX && !self.records.is_empty() {
                self.next = sequence;
                return Ok(true);
            }
            self.size_bytes = size_bytes;
            self.records.push(view);
        }
        self.next = read.next;
        Ok(false)
    }
}

/// Whether a position is behind the end of a closed shard.
fn ended(shard: &ShardRecord, position: Sequence) -> bool {
    shard.end.is_some_and(|end| position > end)
}

/// The answer for a shard of which nothing is left. Whoever wanted what there is has it all; whoever
/// wanted exact records may have lost some.
fn gone(stream: Arc<StreamRecord>, iterator: &ShardIterator) -> Result<RecordsPage, StreamsError> {
    match iterator.kind {
        IteratorKind::Exact => Err(StreamsError::Trimmed),
        IteratorKind::Horizon => Ok(RecordsPage {
            stream,
            records: Vec::new(),
            next: None,
        }),
    }
}
