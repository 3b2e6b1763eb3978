//! From the records of a shard to batches: as many as there are, within the bounds.

use std::collections::VecDeque;

use bytes::Bytes;
use headwater_model::{CorruptItem, Sequence};
use headwater_streams::{FollowedPage, RecordView, ShardFollower, StreamsError};

use super::event::Event;

/// Records of one invocation.
pub(super) struct Batch {
    pub(super) event: Bytes,
    pub(super) records: usize,
    pub(super) first: Sequence,
    pub(super) last: Sequence,
}

/// What reading on gave.
pub(super) enum Next {
    Batch(Batch),
    /// The shard is closed and everything of it was given.
    Ended,
}

/// Why no batch could be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The stream does not give its records.
    #[error(transparent)]
    Stream(#[from] StreamsError),
    /// An image does not decode.
    #[error("an image in the stream is damaged: {0}; run `headwater verify`")]
    Image(#[from] CorruptItem),
}

/// Makes batches of one shard.
pub(super) struct Batches {
    follower: ShardFollower,
    /// ARN and region that the records show.
    stream_arn: String,
    region: String,
    /// Records that were read and are not in a batch yet: a page of the stream at most.
    read: VecDeque<RecordView>,
    ended: bool,
    lost: bool,
}

impl Batches {
    pub(super) fn new(follower: ShardFollower, stream_arn: String, region: String) -> Self {
        Self {
            follower,
            stream_arn,
            region,
            read: VecDeque::new(),
            ended: false,
            lost: false,
        }
    }

    /// The next sequence number that is in no batch yet.
    pub(super) fn position(&self) -> Sequence {
        let read = self.read.front().map(RecordView::sequence);
        read.unwrap_or_else(|| self.follower.position())
    }

    /// Whether records were trimmed before they were read, since this was asked last.
    pub(super) fn lost(&mut self) -> bool {
        std::mem::take(&mut self.lost)
    }

    /// Waits for records and makes a batch of those that are there, at most `records_max`, none of them
    /// behind `last` if that is given. Dropping the future loses nothing.
    pub(super) async fn next(
        &mut self,
        records_max: usize,
        last: Option<Sequence>,
    ) -> Result<Next, ReadError> {
        while self.read.is_empty() {
            if self.ended {
                return Ok(Next::Ended);
            }
            let page = self.follower.next(records_max).await?;
            self.take(page);
        }
        self.gather(records_max, last).map(Next::Batch)
    }

    fn take(&mut self, page: FollowedPage) {
        self.read.extend(page.records);
        self.ended |= page.ended;
        self.lost |= page.lost;
    }

    /// Records that are in the event are not read again: what goes wrong behind them ends the batch, and is
    /// met again at the start of the next one.
    fn gather(&mut self, records_max: usize, last: Option<Sequence>) -> Result<Batch, ReadError> {
        let first = self.position();
        let mut batch_last = first;
        let mut event = Event::new();
        while event.records() < records_max {
            if self.read.is_empty() && !self.ended {
                match self.follower.poll(records_max - event.records()) {
                    Ok(page) => self.take(page),
                    Err(_) if event.records() > 0 => break,
                    Err(error) => return Err(error.into()),
                }
            }
            let Some(record) = self.read.front() else {
                break;
            };
            let sequence = record.sequence();
            if event.records() > 0 && last.is_some_and(|last| sequence > last) {
                break;
            }
            match event.add(record, &self.region, &self.stream_arn) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) if event.records() > 0 => break,
                Err(error) => return Err(error.into()),
            }
            batch_last = sequence;
            self.read.pop_front();
        }
        Ok(Batch {
            records: event.records(),
            event: event.finish(),
            first,
            last: batch_last,
        })
    }
}

#[cfg(test)]
mod tests;
