//! Following a whole stream: the records of all its shards in the order of their sequence numbers, so that one number
//! says how far a reader got.
//!
//! A sequence number is a place in one log, whatever the shard. A record may be given once every shard was read up to
//! it; a shard only counts once the one that it goes on from was read to its end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use headwater_engine::{ShardRecord, StreamRecord};
use headwater_model::Sequence;
use tokio::sync::watch;

use crate::describe::ShardView;
use crate::error::StreamsError;
use crate::follow::{ShardFollower, wait};
use crate::record_view::RecordView;
use crate::start::Start;
use crate::streams::Streams;

/// Most records that are read and wait for those of other shards, over all shards; each has one at least.
const READY_RECORDS_MAX: usize = 1_000;
/// Most bytes of such records, unless those of one shard are more; the last of them are read again when it is their turn.
const READY_BYTES_MAX: usize = 4 << 20;

/// What a follower of a whole stream got.
#[derive(Clone, Debug, Default)]
pub struct StreamPage {
    /// The records, in the order of their sequence numbers.
    pub records: Vec<RecordView>,
    /// Records before these were trimmed before they were read.
    pub lost: bool,
}

/// Reads all shards of a stream, those that are opened later too.
pub struct StreamFollower {
    streams: Streams,
    stream: Arc<StreamRecord>,
    durable: watch::Receiver<Sequence>,
    /// The shards that were met, by number; `None` is done with.
    lanes: BTreeMap<u32, Option<Lane>>,
    lost: bool,
    /// Records that were read, also those that were read before and not kept.
    records_read: u64,
    /// See [`StreamFollower::seen`].
    seen: Option<Sequence>,
}

/// What each of the shards may have ready, so that hardly anything is read that can't be kept.
#[derive(Clone, Copy)]
struct Share {
    records: usize,
    bytes: usize,
}

/// What came of reading on.
struct Read {
    records: u64,
    /// Whether records were trimmed before they were read.
    lost: bool,
}

/// A shard on its way.
struct Lane {
    follower: ShardFollower,
    /// Read, and not given yet.
    ready: VecDeque<RecordView>,
    /// Bytes of them.
    ready_bytes: usize,
    /// Bytes of a record of the last page that had any, on average.
    record_bytes: usize,
    /// Where the first record is that was read and not kept.
    ahead: Option<Sequence>,
    ended: bool,
}

impl Lane {
    /// Where its next record is, if that is known.
    fn front(&self) -> Option<Sequence> {
        self.ready.front().map(RecordView::sequence).or(self.ahead)
    }

    /// Reads on, about as much as its share is.
    fn read(&mut self, share: Share) -> Result<Read, StreamsError> {
        let fitting = share.bytes.checked_div(self.record_bytes);
        let limit = fitting.map_or(share.records, |fitting| fitting.min(share.records));
        let page = self.follower.poll(limit.max(1))?;
        self.ahead = None;
        self.ended = page.ended;
        let bytes: usize = page.records.iter().map(RecordView::held_bytes).sum();
        if let Some(record_bytes) = bytes.checked_div(page.records.len()) {
            self.record_bytes = record_bytes;
        }
        self.ready_bytes += bytes;
        let records = page.records.len() as u64;
        self.ready.extend(page.records);
        Ok(Read {
            records,
            lost: page.lost,
        })
    }

    /// Gives the first record that is ready.
    fn pop(&mut self) -> Option<RecordView> {
        let record = self.ready.pop_front()?;
        self.ready_bytes -= record.held_bytes();
        Some(record)
    }

    /// Drops what is ready, to be read again.
    fn put_back(&mut self) {
        let Some(first) = self.ready.front() else {
            return;
        };
        self.ahead = Some(first.sequence());
        self.follower.go_back(first.sequence());
        self.ready.clear();
        self.ready_bytes = 0;
        self.ended = false;
    }
}

impl Streams {
    /// Follows all shards of a stream, those that are opened later too.
    ///
    /// # Errors
    /// [`StreamsError::TimestampInFuture`]; [`StreamsError::Engine`].
    pub async fn follow_stream(
        &self,
        stream: Arc<StreamRecord>,
        start: Start,
    ) -> Result<StreamFollower, StreamsError> {
        let mut follower = StreamFollower {
            streams: self.clone(),
            durable: self.database.log().watch(),
            lanes: BTreeMap::new(),
            records_read: 0,
            lost: false,
            seen: None,
            stream,
        };
        follower.begin(start).await?;
        Ok(follower)
    }
}

impl StreamFollower {
    /// The stream.
    pub fn stream(&self) -> &Arc<StreamRecord> {
        &self.stream
    }

    /// The sequence number up to which it has given all there is.
    pub fn seen(&self) -> Option<Sequence> {
        self.seen
    }

    /// Bytes of the records that were read and wait for those of other shards.
    pub fn held_bytes(&self) -> usize {
        let lanes = self.lanes.values().flatten();
        lanes.map(|lane| lane.ready_bytes).sum()
    }

    /// Records that were read, those that were read again included.
    pub fn records_read(&self) -> u64 {
        self.records_read
    }

    async fn begin(&mut self, start: Start) -> Result<(), StreamsError> {
        let views = self.streams.shards(&self.stream).await?;
        let from = match start {
            Start::AtSequence(at) => Some(at),
            Start::AfterSequence(after) => Some(after.next()),
            Start::TrimHorizon | Start::Latest | Start::AtTimestamp(_) => None,
        };
        self.lost = from.is_some_and(|from| misses_shards(&views, from));
        for view in views {
            let shard = &view.shard;
            let lane = match self.lane(shard.number, start) {
                Ok(lane) => lane,
                // It has expired since it was listed.
                Err(StreamsError::ShardNotFound) => continue,
                Err(error) => return Err(error),
            };
            let over = is_behind(shard, lane.follower.position());
            self.lanes.insert(shard.number, (!over).then_some(lane));
        }
        Ok(())
    }

    fn lane(&self, shard: u32, start: Start) -> Result<Lane, StreamsError> {
        Ok(Lane {
            follower: self.streams.follow(self.stream.clone(), shard, start)?,
            ready: VecDeque::new(),
            ready_bytes: 0,
            record_bytes: 0,
            ahead: None,
            ended: false,
        })
    }

    /// Waits for records, at most `limit`, and no more once they have `bytes_max` bytes; `None` when the stream is disabled
    /// and read to its end. Dropping the future loses nothing. It waits for ever when the log has stopped: whoever follows
    /// also listens for the shutdown.
    ///
    /// # Errors
    /// Damage in the log.
    pub async fn next(
        &mut self,
        limit: usize,
        bytes_max: usize,
    ) -> Result<Option<StreamPage>, StreamsError> {
        loop {
            // Before the shards: one that is opened up to here is listed then.
            let durable = *self.durable.borrow_and_update();
            let shards = self.streams.database.shards_now(self.stream.id);
            self.meet(&shards)?;
            let caught_up = self.read_on(&shards, durable)?;
            let records = self.take(&shards, durable, limit, bytes_max);
            if let Some(last) = records.last() {
                self.seen = Some(last.sequence());
            }
            if !records.is_empty() || self.lost {
                let lost = std::mem::take(&mut self.lost);
                return Ok(Some(StreamPage { records, lost }));
            }
            if self.is_over(&shards) {
                return Ok(None);
            }
            if caught_up {
                self.seen = Some(durable);
                wait(&mut self.durable).await?;
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Takes up the shards that are new, and lets go of those that have expired, read or not.
    fn meet(&mut self, shards: &[Arc<ShardRecord>]) -> Result<(), StreamsError> {
        let lost = &mut self.lost;
        self.lanes.retain(|number, lane| {
            let listed = shards.binary_search_by_key(number, |shard| shard.number);
            *lost |= listed.is_err() && lane.is_some();
            listed.is_ok()
        });
        for shard in shards {
            if self.lanes.contains_key(&shard.number) {
                continue;
            }
            let lane = match self.lane(shard.number, Start::TrimHorizon) {
                Ok(lane) => Some(lane),
                // It has expired since it was listed.
                Err(StreamsError::ShardNotFound) => None,
                Err(error) => return Err(error),
            };
            self.lanes.insert(shard.number, lane);
        }
        Ok(())
    }

    /// Reads once from each shard of which nothing is known, and again from the one whose turn it is, if what was read of it
    /// was not kept; whether nothing that was durable then is left to read.
    fn read_on(
        &mut self,
        shards: &[Arc<ShardRecord>],
        durable: Sequence,
    ) -> Result<bool, StreamsError> {
        let open = self.turns(shards);
        let share = Share {
            records: READY_RECORDS_MAX / open.len().max(1),
            bytes: READY_BYTES_MAX / open.len().max(1),
        };
        let mut caught_up = true;
        for shard in &open {
            let Some(Some(lane)) = self.lanes.get_mut(&shard.number) else {
                continue;
            };
            let behind =
                lane.follower.position() <= durable || is_behind(shard, lane.follower.position());
            let mut brought = false;
            if lane.front().is_none() && !lane.ended && behind {
                let read = lane.read(share)?;
                self.lost |= read.lost;
                self.records_read += read.records;
                brought = !lane.ready.is_empty();
            }
            if lane.front().is_none() && lane.ended {
                self.lanes.insert(shard.number, None);
                caught_up = false;
            } else {
                caught_up &= lane.follower.position() > durable;
            }
            if brought && self.keep_the_first() {
                caught_up = false;
            }
        }
        let fronts = open.iter().filter_map(|shard| {
            let lane = self.lanes.get(&shard.number)?.as_ref()?;
            Some((lane.front()?, shard.number))
        });
        if let Some((_, first)) = fronts.min()
            && let Some(Some(lane)) = self.lanes.get_mut(&first)
            && lane.ahead.is_some()
        {
            let read = lane.read(share)?;
            self.lost |= read.lost;
            self.records_read += read.records;
            self.keep_the_first();
        }
        Ok(caught_up)
    }

    /// Holds what is ready to its bound: what is given last is not kept. Whether there was such.
    fn keep_the_first(&mut self) -> bool {
        let mut put_back = false;
        while self.held_bytes() > READY_BYTES_MAX {
            let lanes = self.lanes.values().flatten();
            if lanes.filter(|lane| !lane.ready.is_empty()).count() < 2 {
                break;
            }
            let lanes = self.lanes.values_mut().flatten();
            let last = lanes.max_by_key(|lane| lane.ready.front().map(RecordView::sequence));
            if let Some(lane) = last {
                lane.put_back();
                put_back = true;
            }
        }
        put_back
    }

    /// Takes what is before everything that may still come.
    fn take(
        &mut self,
        shards: &[Arc<ShardRecord>],
        durable: Sequence,
        limit: usize,
        bytes_max: usize,
    ) -> Vec<RecordView> {
        let turns = self.turns(shards);
        let mut records: Vec<RecordView> = Vec::new();
        let mut bytes = 0;
        while records.len() < limit && bytes < bytes_max {
            let mut first: Option<(Sequence, u32)> = None;
            let mut bound = durable.next();
            for shard in &turns {
                let Some(Some(lane)) = self.lanes.get(&shard.number) else {
                    continue;
                };
                match lane.front() {
                    Some(sequence) => {
                        let own = (sequence, shard.number);
                        first = Some(first.map_or(own, |first| first.min(own)));
                    }
                    // Its children are next, and were not read yet.
                    None if lane.ended => return records,
                    None => bound = bound.min(lane.follower.position()),
                }
            }
            let Some((_, shard)) = first.filter(|(sequence, _)| *sequence < bound) else {
                break;
            };
            let lane = self.lanes.get_mut(&shard).and_then(Option::as_mut);
            let Some(record) = lane.and_then(Lane::pop) else {
                // It was not kept, and is read again first.
                break;
            };
            bytes += record.size_bytes();
            records.push(record);
        }
        records
    }

    /// The shards whose turn it is: not done with, while their parents are.
    fn turns<'s>(&self, shards: &'s [Arc<ShardRecord>]) -> Vec<&'s Arc<ShardRecord>> {
        let is_open = |number: u32| matches!(self.lanes.get(&number), Some(Some(_)));
        let shards = shards.iter();
        shards
            .filter(|shard| is_open(shard.number) && !shard.parent.is_some_and(is_open))
            .collect()
    }

    fn is_over(&self, shards: &[Arc<ShardRecord>]) -> bool {
        let mut shards = shards.iter();
        shards.all(|shard| matches!(self.lanes.get(&shard.number), Some(None)))
    }
}

/// Whether a shard is past its retention that was open at a position: what it had from there on is not known any more, and
/// taken to be something.
fn misses_shards(views: &[ShardView], from: Sequence) -> bool {
    let numbers: BTreeSet<u32> = views.iter().map(|view| view.shard.number).collect();
    let mut shards = views.iter().map(|view| &view.shard);
    shards.any(|shard| {
        let is_gone = |parent: &u32| !numbers.contains(parent);
        shard.start > from && shard.parent.as_ref().is_some_and(is_gone)
    })
}

/// Whether a position is behind the end of a closed shard.
fn is_behind(shard: &ShardRecord, position: Sequence) -> bool {
    shard.end.is_some_and(|end| position > end)
}
