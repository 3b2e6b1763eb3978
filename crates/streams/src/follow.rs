//! Following shards without polling: a follower sleeps until the log becomes durable further on.
//!
//! One follower reads one shard; [`StreamFollower`](crate::StreamFollower) reads all shards of a stream.

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

    /// Goes back to a record that it has read, to read it again.
    pub(crate) fn go_back(&mut self, to: Sequence) {
        self.position = to;
        self.kind = IteratorKind::Exact;
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
            // They wait for functions and slow readers.
            records: read.records.into_iter().map(RecordView::detached).collect(),
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

pub(crate) async fn wait(durable: &mut watch::Receiver<Sequence>) -> Result<(), StreamsError> {
    let moved = durable.changed().await;
    moved.map_err(|_| StreamsError::Log(LogError::Closed))
}
