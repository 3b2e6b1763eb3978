//! The changes of a table as they come, for whoever watches: `GET /streams/TABLE/events`, an extension.

use std::collections::{HashMap, VecDeque};

use headwater_expression::filter::{Filters, Looked};
use headwater_model::Sequence;
use headwater_streams::{RecordView, Start, StreamFollower};
use headwater_wire::json::{ObjectWriter, write_string};
use headwater_wire::{ApiError, write_event_record};

use crate::api::{Api, RequestContext};
use crate::failure::{internal, of_streams, of_tables};
use crate::stream_record::stream_record;
use crate::table_name::table_name;

/// Most records that are looked at for one page.
const PAGE_RECORDS_MAX: usize = 1_000;
/// Bytes of records in a page after which it ends.
const PAGE_BYTES_MAX: usize = 256 << 10;
/// Filters look at further records when others have had this thread, once they took so many steps: some milliseconds.
const STEPS_AT_ONCE: u32 = 200_000;

/// Where a feed begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedStart {
    /// With the next change.
    Latest,
    /// With the oldest record that is kept.
    Horizon,
    /// Behind this record, in whatever shard it is.
    Behind(Sequence),
    /// With the first record of this millisecond or a later one.
    AtTimestamp(u64),
}

impl FeedStart {
    /// Reads `latest`, `horizon`, a sequence number, or `@` and milliseconds since 1970.
    pub fn parse(text: &str) -> Option<FeedStart> {
        Some(match text {
            "latest" => FeedStart::Latest,
            "horizon" => FeedStart::Horizon,
            _ => match text.strip_prefix('@') {
                Some(ms) => FeedStart::AtTimestamp(ms.parse().ok()?),
                None => FeedStart::Behind(Sequence::parse(text).ok()?),
            },
        })
    }
}

/// One record of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRecord {
    /// Its sequence number: a feed that begins behind it goes on with the next record.
    pub sequence: Sequence,
    /// `{"shardId": ..., "record": ...}`, the record as functions receive it.
    pub json: Vec<u8>,
}

/// What a feed gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedPage {
    /// The records that match, in the order of their sequence numbers.
    pub records: Vec<FeedRecord>,
    /// The last record that was looked at, matching or not.
    pub seen: Option<Sequence>,
    /// Records before these were trimmed before they were read.
    pub lost: bool,
}

/// Follows the last stream of a table.
pub struct ChangeFeed {
    follower: StreamFollower,
    begins_behind: Option<Sequence>,
    /// Records that were read and not looked at yet: a page at most.
    unseen: VecDeque<RecordView>,
    /// The record that was looked at last.
    looked_at: Option<Sequence>,
    filters: Filters,
    region: String,
    stream_arn: String,
    /// Ids of the shards that were met, by their numbers.
    shard_ids: HashMap<u32, String>,
    api: Api,
}

impl Api {
    /// Follows the last stream of a table, the one that is enabled or the one that was. `patterns` are filter patterns as
    /// those of event source mappings, of which one must match.
    ///
    /// # Errors
    /// ResourceNotFoundException if there is no such table; ValidationException if it never had a stream or a pattern is
    /// no pattern.
    pub async fn change_feed(
        &self,
        table: &str,
        start: FeedStart,
        patterns: &[String],
        context: &RequestContext,
    ) -> Result<ChangeFeed, ApiError> {
        let filters = Filters::parse(patterns);
        let filters = filters.map_err(|error| ApiError::validation(error.to_string()))?;
        let name = table_name(table, context)?;
        let view = self.database.describe(&context.namespace, name).await;
        let stream = view.map_err(of_tables)?.latest_stream.ok_or_else(|| {
            ApiError::validation(format!(
                "Table {name} has no stream. Enable one with UpdateTable and StreamSpecification."
            ))
        })?;
        let stream_arn = stream.arn();
        let (start, begins_behind) = match start {
            // One place for all shards.
            FeedStart::Latest => {
                let durable = self.database.log().durable();
                (Start::AfterSequence(durable), Some(durable))
            }
            FeedStart::Horizon => (Start::TrimHorizon, None),
            FeedStart::Behind(sequence) => (Start::AfterSequence(sequence), Some(sequence)),
            FeedStart::AtTimestamp(ms) => (Start::AtTimestamp(ms), None),
        };
        let follower = self.streams.follow_stream(stream, start).await;
        Ok(ChangeFeed {
            follower: follower.map_err(|error| of_streams(error, "from"))?,
            begins_behind,
            unseen: VecDeque::new(),
            looked_at: None,
            filters,
            region: context.region.clone(),
            stream_arn,
            shard_ids: HashMap::new(),
            api: self.clone(),
        })
    }
}

impl ChangeFeed {
    /// ARN of the stream.
    pub fn stream_arn(&self) -> &str {
        &self.stream_arn
    }

    /// The API's StreamViewType.
    pub fn view(&self) -> &'static str {
        self.follower.stream().view.as_str()
    }

    /// The sequence number behind which it begins, if it begins behind one.
    pub fn begins_behind(&self) -> Option<Sequence> {
        self.begins_behind
    }

    /// The sequence number up to which all that matches was given.
    pub fn seen(&self) -> Option<Sequence> {
        match self.unseen.is_empty() {
            true => self.follower.seen(),
            false => self.looked_at,
        }
    }

    /// Waits for records, at most `limit`; `None` when the stream is disabled and read to its end. A page may hold no
    /// record that matches. Dropping the future loses nothing.
    ///
    /// # Errors
    /// InternalServerError: the log is damaged, or takes no more.
    pub async fn next(&mut self, limit: usize) -> Result<Option<FeedPage>, ApiError> {
        let mut out = FeedPage::default();
        if self.unseen.is_empty() {
            let limit = limit.clamp(1, PAGE_RECORDS_MAX);
            let page = self.follower.next(limit, PAGE_BYTES_MAX).await;
            let Some(page) = page.map_err(|error| of_streams(error, "from"))? else {
                return Ok(None);
            };
            self.unseen.extend(page.records);
            out.lost = page.lost;
        } else {
            tokio::task::yield_now().await;
        }
        let mut steps: u32 = 0;
        while steps < STEPS_AT_ONCE
            && let Some(view) = self.unseen.pop_front()
        {
            let record = self.record(&view).map_err(internal)?;
            // One that could not be looked at is rather shown than lost.
            let looked = self.filters.look(&record).unwrap_or(Looked {
                matches: true,
                steps: 0,
            });
            steps = steps.saturating_add(looked.steps);
            self.looked_at = Some(view.sequence());
            out.seen = self.looked_at;
            if looked.matches {
                out.records.push(FeedRecord {
                    sequence: view.sequence(),
                    json: self.enveloped(&view, &record),
                });
            }
        }
        Ok(Some(out))
    }

    fn record(&self, view: &RecordView) -> Result<Vec<u8>, headwater_model::CorruptItem> {
        let mut json = Vec::with_capacity(view.size_bytes() + 640);
        write_event_record(
            &mut json,
            &stream_record(view, &self.region),
            &self.stream_arn,
        )?;
        Ok(json)
    }

    fn enveloped(&mut self, view: &RecordView, record: &[u8]) -> Vec<u8> {
        let (number, stream) = (view.shard(), view.stream().id);
        if !self.shard_ids.contains_key(&number) {
            let known = self.api.database.shards_now(stream);
            self.shard_ids = known.iter().map(|one| (one.number, one.id())).collect();
        }
        let mut json = Vec::with_capacity(record.len() + 80);
        let mut object = ObjectWriter::new(&mut json);
        if let Some(id) = self.shard_ids.get(&number) {
            write_string(object.name("shardId"), id);
        }
        object.name("record").extend_from_slice(record);
        object.finish();
        json
    }
}
