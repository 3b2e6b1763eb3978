//! Describing a stream: its shards in the order of their ids, a page at a time.

use std::sync::Arc;

use headwater_engine::{ShardRecord, StreamRecord};

use crate::error::StreamsError;
use crate::streams::{Streams, parse_shard_id};

/// A shard as descriptions show it.
#[derive(Clone, Debug)]
pub struct ShardView {
    /// The shard.
    pub shard: Arc<ShardRecord>,
    /// Id of the shard that it goes on from, while that is still known.
    pub parent_id: Option<String>,
}

/// A stream and a page of its shards.
#[derive(Clone, Debug)]
pub struct StreamDescription {
    /// The stream.
    pub stream: Arc<StreamRecord>,
    /// The API's StreamStatus.
    pub status: &'static str,
    /// Shards, oldest first.
    pub shards: Vec<ShardView>,
    /// Whether there are more behind the last one.
    pub more: bool,
}

impl Streams {
    /// Describes a stream with the shards behind the one of id `after`; an id that never was one of the
    /// stream's shards gives none (streams.md section 6). With `children_of`, only the shards that go on
    /// from that shard.
    ///
    /// # Errors
    /// [`StreamsError::InvalidArn`], [`StreamsError::StreamNotFound`], [`StreamsError::Engine`].
    pub async fn describe(
        &self,
        namespace: &str,
        arn: &str,
        after: Option<&str>,
        children_of: Option<&str>,
        limit: usize,
    ) -> Result<StreamDescription, StreamsError> {
        let stream = self.find(namespace, arn)?;
        let mut shards = self.shards(&stream).await?;
        if let Some(after) = after {
            self.skip_through(&stream, &mut shards, after);
        }
        if let Some(parent) = children_of {
            shards.retain(|view| view.parent_id.as_deref() == Some(parent));
        }
        let more = shards.len() > limit;
        shards.truncate(limit);
        Ok(StreamDescription {
            status: stream.status(self.now_ms()),
            stream,
            shards,
            more,
        })
    }

    /// All shards of a stream that can still be read, in the order of their ids.
    ///
    /// # Errors
    /// [`StreamsError::Engine`].
    pub async fn shards(&self, stream: &StreamRecord) -> Result<Vec<ShardView>, StreamsError> {
        let shards = self.database.shards(stream.id).await?;
        let views = shards
            .iter()
            .filter(|shard| !self.database.is_past_retention(stream, shard));
        Ok(views
            .map(|shard| ShardView {
                parent_id: shard.parent_id(),
                shard: shard.clone(),
            })
            .collect())
    }

    /// Drops the shards up to the one of this id. A shard that was trimmed since it was listed is told from one that never
    /// was, or is another stream's, by its place in front of those that are left.
    fn skip_through(&self, stream: &StreamRecord, shards: &mut Vec<ShardView>, id: &str) {
        if let Some(index) = shards.iter().position(|view| view.shard.id() == id) {
            shards.drain(..=index);
            return;
        }
        let first = shards.first().map(|view| &view.shard);
        let was_trimmed =
            parse_shard_id(id)
                .zip(first)
                .is_some_and(|((opened_ms, number), first)| {
                    (1..first.number).contains(&number)
                        && (stream.created_ms..=first.opened_ms).contains(&opened_ms)
                        && self
                            .database
                            .stream_of_shard(number)
                            .is_none_or(|of| of == stream.id)
                });
        if !was_trimmed {
            shards.clear();
        }
    }
}
