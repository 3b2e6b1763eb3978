//! Following shards without polling: a follower sleeps until the log becomes durable further on.
//!
//! One follower reads one shard; [`StreamFollower`] reads all shards of a stream, each only after the one
//! that it goes on from was read to its end, so that the records of an item come in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_changelog::LogError;
use headwater_engine::{ShardRecord, StreamRecord};
use headwater_model::Sequence;
use tokio::sync::watch;

use crate::error::StreamsError;
use crate::iterator::IteratorKind;
use crate::read::ShardRecords;
use crate::record_view::RecordView;
use crate::start::Start;
use crate::streams::Streams;

/// What a follower of one shard got.
#[derive(Clone, Debug, Default)]
pub struct FollowedPage {
    /// The records, in order; empty only when the shard has ended.
    pub records: Vec<RecordView>,
    /// The next sequence number to read: a follower that starts there goes on behind this page.
    pub next: Sequence,
    /// The shard is closed and this is the last of it.
    pub ended: bool,
    /// Records between the follower's position and this page were trimmed before they were read.
    pub lost: bool,
}

/// Reads one shard from a position on, for as long as it lasts.
pub struct ShardFollower {
    streams: Streams,
    stream: Arc<StreamRecord>,
    shard: u32,
    position: Sequence,
    kind: IteratorKind,
    durable: watch::Receiver<Sequence>,
}

impl Streams {
    /// Follows a shard from a start on.
    ///
    /// # Errors
    /// [`StreamsError::ShardNotFound`], [`StreamsError::TimestampInFuture`].
    pub fn follow(
        &self,
        stream: Arc<StreamRecord>,
        shard: u32,
        start: Start,
    ) -> Result<ShardFollower, StreamsError> {
        let record = self
            .shard_of(&stream, shard)
            .ok_or(StreamsError::ShardNotFound)?;
        let (position, kind) = self.start_position(&stream, &record, start)?;
        Ok(self.follower(stream, shard, position, kind))
    }

    /// Follows a shard from a checkpoint on: the `next` of an earlier page.
    pub fn follow_from(
        &self,
        stream: Arc<StreamRecord>,
        shard: u32,
        position: Sequence,
    ) -> ShardFollower {
        self.follower(stream, shard, position, IteratorKind::Exact)
    }

    fn follower(
        &self,
        stream: Arc<StreamRecord>,
        shard: u32,
        position: Sequence,
        kind: IteratorKind,
    ) -> ShardFollower {
        ShardFollower {
            streams: self.clone(),
            stream,
            shard,
            position,
            kind,
            durable: self.database.log().watch(),
        }
    }

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
            shards: BTreeMap::new(),
            turn: 0,
            stream,
        };
        follower.begin(start).await?;
        Ok(follower)
    }
}

impl ShardFollower {
    /// The shard's number.
    pub fn shard(&self) -> u32 {
        self.shard
    }

    /// The next sequence number to read.
    pub fn position(&self) -> Sequence {
        self.position
    }

    /// The first sequence number that is within the stream's retention and kept now.
    pub fn trim_point(&self) -> Sequence {
        self.streams.database.trim_point(&self.stream)
    }

    /// Waits for records, at most `limit`, or for the end of the shard. Dropping the future loses nothing.
    /// It waits for ever when the log has stopped: whoever follows also listens for the shutdown.
    ///
    /// # Errors
    /// Damage in the log.
    pub async fn next(&mut self, limit: usize) -> Result<FollowedPage, StreamsError> {
        let mut lost = false;
        loop {
            let durable = *self.durable.borrow_and_update();
            let mut page = self.poll(limit)?;
            lost |= page.lost;
            if !page.records.is_empty() || page.ended {
                page.lost = lost;
                return Ok(page);
            }
            if page.next > durable {
                wait(&mut self.durable).await?;
            } else {
                // A long way without records of this shard.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Reads what is there now, without waiting; the page may be empty.
    ///
    /// # Errors
    /// As [`ShardFollower::next`].
    pub fn poll(&mut self, limit: usize) -> Result<FollowedPage, StreamsError> {
        let Some(shard) = self.streams.shard_of(&self.stream, self.shard) else {
            return Ok(FollowedPage {
                next: self.position,
                ended: true,
                lost: self.kind == IteratorKind::Exact,
                ..FollowedPage::default()
            });
        };
        let (read, lost) = self.read(&shard, limit)?;
        self.position = read.next;
        self.kind = IteratorKind::Exact;
        Ok(FollowedPage {
            records: read.records,
            next: read.next,
            ended: read.ended,
            lost,
        })
    }

    /// Reads from the position, or from the trim point if that has passed it.
    fn read(
        &self,
        shard: &ShardRecord,
        limit: usize,
    ) -> Result<(ShardRecords, bool), StreamsError> {
        let (streams, stream) = (&self.streams, &self.stream);
        let exact = streams
            .readable_position(stream, shard, self.position, self.kind)
            .and_then(|from| streams.read_shard(stream, shard, from, limit));
        match exact {
            Err(StreamsError::Trimmed) => {
                let from = streams.readable_position(
                    stream,
                    shard,
                    self.position,
                    IteratorKind::Horizon,
                )?;
                let lost = self.kind == IteratorKind::Exact;
                Ok((streams.read_shard(stream, shard, from, limit)?, lost))
            }
            read => Ok((read?, false)),
        }
    }
}

/// What a follower of a whole stream got: a page of one of its shards.
#[derive(Clone, Debug)]
pub struct ShardPage {
    /// The shard.
    pub shard: Arc<ShardRecord>,
    /// The page.
    pub page: FollowedPage,
}

/// Reads all shards of a stream.
pub struct StreamFollower {
    streams: Streams,
    stream: Arc<StreamRecord>,
    durable: watch::Receiver<Sequence>,
    /// The shards that were met, by number; `None` is done with.
    shards: BTreeMap<u32, Option<ShardFollower>>,
    /// Number of the shard that was read last, for fairness.
    turn: u32,
}

impl StreamFollower {
    async fn begin(&mut self, start: Start) -> Result<(), StreamsError> {
        for view in self.streams.shards(&self.stream).await? {
            let number = view.shard.number;
            let follower = match self.streams.follow(self.stream.clone(), number, start) {
                Ok(follower) => follower,
                // It has expired since it was listed.
                Err(StreamsError::ShardNotFound) => continue,
                Err(error) => return Err(error),
            };
            let over = view.shard.end.is_some_and(|end| follower.position > end);
            self.shards.insert(number, (!over).then_some(follower));
        }
        Ok(())
    }

    /// Waits for the next page of any shard; `None` when the stream is disabled and read to its end.
    ///
    /// # Errors
    /// As [`ShardFollower::next`].
    pub async fn next(&mut self, limit: usize) -> Result<Option<ShardPage>, StreamsError> {
        loop {
            let durable = *self.durable.borrow_and_update();
            self.meet_new_shards()?;
            if let Some(page) = self.poll(limit)? {
                return Ok(Some(page));
            }
            if self.is_over() {
                return Ok(None);
            }
            if self.is_caught_up(durable) {
                wait(&mut self.durable).await?;
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    fn meet_new_shards(&mut self) -> Result<(), StreamsError> {
        for shard in self.streams.database.shards_now(self.stream.id) {
            if !self.shards.contains_key(&shard.number) {
                let stream = self.stream.clone();
                let follower = self
                    .streams
                    .follow(stream, shard.number, Start::TrimHorizon);
                match follower {
                    Ok(follower) => self.shards.insert(shard.number, Some(follower)),
                    // It has expired since it was listed.
                    Err(StreamsError::ShardNotFound) => self.shards.insert(shard.number, None),
                    Err(error) => return Err(error),
                };
            }
        }
        Ok(())
    }

    /// Looks once at every shard whose parent is done with, beginning behind the one of the last page.
    fn poll(&mut self, limit: usize) -> Result<Option<ShardPage>, StreamsError> {
        let all = self.streams.database.shards_now(self.stream.id);
        let behind = all.partition_point(|shard| shard.number <= self.turn);
        let in_turn = all[behind..].iter().chain(&all[..behind]);
        for shard in in_turn {
            if shard.parent.is_some_and(|parent| self.is_open(parent)) {
                continue;
            }
            let Some(Some(follower)) = self.shards.get_mut(&shard.number) else {
                continue;
            };
            let page = follower.poll(limit)?;
            if page.ended {
                self.shards.insert(shard.number, None);
            }
            if !page.records.is_empty() || page.ended || page.lost {
                self.turn = shard.number;
                return Ok(Some(ShardPage {
                    shard: shard.clone(),
                    page,
                }));
            }
        }
        Ok(None)
    }

    /// Whether nothing that was durable then is left to read, but for shards whose parent is open.
    fn is_caught_up(&self, durable: Sequence) -> bool {
        let all = self.streams.database.shards_now(self.stream.id);
        all.iter().all(|shard| {
            shard.parent.is_some_and(|parent| self.is_open(parent))
                || match self.shards.get(&shard.number) {
                    Some(Some(follower)) => follower.position > durable,
                    Some(None) => true,
                    None => false,
                }
        })
    }

    fn is_open(&self, shard: u32) -> bool {
        matches!(self.shards.get(&shard), Some(Some(_)))
    }

    fn is_over(&self) -> bool {
        let all = self.streams.database.shards_now(self.stream.id);
        all.iter()
            .all(|shard| matches!(self.shards.get(&shard.number), Some(None)))
    }
}

async fn wait(durable: &mut watch::Receiver<Sequence>) -> Result<(), StreamsError> {
    let moved = durable.changed().await;
    moved.map_err(|_| StreamsError::Log(LogError::Closed))
}
