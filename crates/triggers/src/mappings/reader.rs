//! Reads a shard for delivery: records as functions see them, filtered, each with the lane that it belongs to.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use headwater_expression::filter::{Filters, Looked};
use headwater_model::{Clock, CorruptItem, Sequence};
use headwater_operations::stream_record;
use headwater_streams::{FollowedPage, RecordView, ShardFollower, StreamsError};
use headwater_wire::write_event_record;

use super::record::PendingRecord;

/// Room for a small record.
const JSON_BYTES: usize = 1_024;
/// Filters look at further records when others have had this thread, once they took so many steps: some milliseconds.
const STEPS_AT_ONCE: u32 = 200_000;

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The stream does not give its records.
    #[error(transparent)]
    Stream(#[from] StreamsError),
    /// An image does not decode.
    #[error("an image in the stream is damaged: {0}; run `headwater verify`")]
    Image(#[from] CorruptItem),
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Lane and record, in the order of the shard.
    pub(super) records: Vec<(usize, PendingRecord)>,
    /// Records that no filter lets through.
    pub(super) filtered: usize,
}

impl Read {
    /// Whether nothing was read.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.filtered == 0
    }
}

/// A reader of one shard.
pub(super) struct Reader {
    follower: ShardFollower,
    /// ARN and region that the records show.
    stream_arn: String,
    region: String,
    lanes: usize,
    filters: Filters,
    clock: Arc<dyn Clock>,
    /// Records that were read and not converted yet: a page of the stream at most.
    views: VecDeque<RecordView>,
    ended: bool,
    lost: bool,
}

impl Reader {
    pub(super) fn new(
        follower: ShardFollower,
        stream_arn: String,
        region: String,
        lanes: usize,
        filters: Filters,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            follower,
            stream_arn,
            region,
            lanes,
            filters,
            clock,
            views: VecDeque::new(),
            ended: false,
            lost: false,
        }
    }

    /// The next sequence number to read.
    pub(super) fn position(&self) -> Sequence {
        let view = self.views.front().map(RecordView::sequence);
        view.unwrap_or_else(|| self.follower.position())
    }

    /// Whether the shard is closed and everything of it was read.
    pub(super) fn has_ended(&self) -> bool {
        self.ended && self.views.is_empty()
    }

    /// Whether records were trimmed before they were read, since this was asked last.
    pub(super) fn take_lost(&mut self) -> bool {
        std::mem::take(&mut self.lost)
    }

    /// Waits for records, at most `limit`, or for the end of the shard. Dropping the future loses nothing.
    pub(super) async fn next(&mut self, limit: usize) -> Result<Read, ReadError> {
        if self.views.is_empty() && !self.ended {
            let page = self.follower.next(limit).await?;
            self.take(page);
        }
        self.convert()
    }

    /// Reads what is there now, at most `limit`.
    pub(super) fn poll(&mut self, limit: usize) -> Result<Read, ReadError> {
        if self.views.is_empty() && !self.ended {
            let page = self.follower.poll(limit)?;
            self.take(page);
        }
        self.convert()
    }

    fn take(&mut self, page: FollowedPage) {
        self.views.extend(page.records);
        self.ended |= page.ended;
        self.lost |= page.lost;
    }

    /// Converts what was read, or a part of it where its filters take long. A record that is damaged stays where it is:
    /// those before it are given first, and it is met again at the next call, until it is past its retention and lost as
    /// others are then.
    fn convert(&mut self) -> Result<Read, ReadError> {
        let mut read = Read::default();
        let mut steps: u32 = 0;
        let now_ms = self.clock.now_ms();
        while let Some(view) = self.views.front()
            && steps < STEPS_AT_ONCE
        {
            let json = match self.json(view) {
                Ok(json) => json,
                Err(_) if !read.records.is_empty() || read.filtered > 0 => break,
                Err(_) if view.sequence() < self.follower.trim_point() => {
                    self.lost = true;
                    self.views.pop_front();
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let looked = self.look(&json);
            steps = steps.saturating_add(looked.steps);
            if looked.matches {
                let record = PendingRecord {
                    sequence: view.sequence(),
                    created_ms: view.created_ms(),
                    read_ms: now_ms,
                    json,
                };
                read.records.push((self.lane_of(view), record));
            } else {
                read.filtered += 1;
            }
            self.views.pop_front();
        }
        Ok(read)
    }

    fn json(&self, view: &RecordView) -> Result<Bytes, CorruptItem> {
        let mut json = Vec::with_capacity(JSON_BYTES);
        write_event_record(
            &mut json,
            &stream_record(view, &self.region),
            &self.stream_arn,
        )?;
        // What a batch waits with is counted by its length.
        json.shrink_to_fit();
        Ok(json.into())
    }

    /// Whether a filter lets a record through. One that could not be looked at is rather delivered than lost.
    fn look(&self, json: &[u8]) -> Looked {
        let looked = self.filters.look(json);
        looked.unwrap_or(Looked {
            matches: true,
            steps: 0,
        })
    }

    /// Records of one partition key are in one lane, so that each item's stay in order.
    fn lane_of(&self, view: &RecordView) -> usize {
        usize::try_from(view.partition_hash()).unwrap_or(0) % self.lanes
    }
}

#[cfg(test)]
mod tests;
