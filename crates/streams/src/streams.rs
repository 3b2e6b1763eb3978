//! The reader's side of a database: finds streams and shards.

use std::sync::Arc;

use headwater_engine::{Database, ShardRecord, StreamRecord};
use headwater_model::{Sequence, limits};

use crate::arn::StreamArn;
use crate::error::StreamsError;
use crate::throttle::Throttle;

/// Settings of reading streams.
#[derive(Clone, Copy, Debug)]
pub struct StreamsOptions {
    /// How often a shard may be read per second before readers are throttled; AWS allows 5. `None`, the
    /// default, throttles nobody.
    pub reads_per_second_max: Option<u32>,
    /// How long a shard iterator holds; 15 minutes on AWS, and by default.
    pub iterator_age_ms_max: u64,
}

impl Default for StreamsOptions {
    fn default() -> Self {
        StreamsOptions {
            reads_per_second_max: None,
            iterator_age_ms_max: limits::ITERATOR_AGE_MS_MAX,
        }
    }
}

/// The streams of a database. Clones share it.
#[derive(Clone)]
pub struct Streams {
    pub(crate) database: Database,
    pub(crate) throttle: Option<Arc<Throttle>>,
    pub(crate) iterator_age_ms_max: u64,
}

impl Streams {
    /// Reads the streams of `database`.
    pub fn new(database: Database, options: StreamsOptions) -> Self {
        let throttle = options.reads_per_second_max.map(Throttle::new);
        Streams {
            database,
            throttle: throttle.map(Arc::new),
            iterator_age_ms_max: options.iterator_age_ms_max,
        }
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Finds a stream by its ARN. Within one namespace the table's name and the label identify it; region
    /// and account of the ARN are those of the request that created the table, and are not compared.
    ///
    /// # Errors
    /// [`StreamsError::InvalidArn`], [`StreamsError::StreamNotFound`].
    pub fn find(&self, namespace: &str, arn: &str) -> Result<Arc<StreamRecord>, StreamsError> {
        let parts = StreamArn::parse(arn)?;
        self.database
            .stream(namespace, parts.table_name, parts.label)
            .filter(|stream| self.is_readable(stream))
            .ok_or_else(|| StreamsError::StreamNotFound {
                arn: arn.to_owned(),
            })
    }

    /// Finds a shard of a stream by its id.
    ///
    /// # Errors
    /// [`StreamsError::ShardNotFound`].
    pub fn shard(&self, stream: &StreamRecord, id: &str) -> Result<Arc<ShardRecord>, StreamsError> {
        parse_shard_id(id)
            .and_then(|(_, number)| self.database.shard(stream.id, number))
            .filter(|shard| shard.id() == id)
            .ok_or(StreamsError::ShardNotFound)
    }

    /// Whether the stream is still there: it is enabled, or was when its retention began. Where the log begins does not
    /// count, as for its shards.
    pub(crate) fn is_readable(&self, stream: &StreamRecord) -> bool {
        let edge = self.database.retention_edge(stream);
        stream
            .disabled_ms
            .is_none_or(|disabled_ms| disabled_ms >= edge.ms())
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.database.clock().now_ms()
    }

    /// The first sequence number that nobody can have read yet.
    pub(crate) fn end(&self) -> Sequence {
        self.database.log().durable().next()
    }
}

/// Whether a text has the form of a ShardId.
pub fn is_shard_id(text: &str) -> bool {
    parse_shard_id(text).is_some()
}

/// Number of the shard of a ShardId, if the text is of its form.
pub fn shard_number(text: &str) -> Option<u32> {
    parse_shard_id(text).map(|(_, number)| number)
}

/// Opening time and number of a ShardId, if the text is of its form.
pub(crate) fn parse_shard_id(id: &str) -> Option<(u64, u32)> {
    let (opened_ms, number) = id.strip_prefix("shardId-")?.split_once('-')?;
    if opened_ms.len() != 20 || number.len() != 8 {
        return None;
    }
    Some((
        opened_ms.parse().ok()?,
        u32::from_str_radix(number, 16).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use headwater_engine::shard_id;

    use super::parse_shard_id;

    #[test]
    fn shard_ids_are_read_back() {
        let id = shard_id(1_414_576_573_621, 0xf55e_ea83);
        assert_eq!(id, "shardId-00000001414576573621-f55eea83");
        assert_eq!(parse_shard_id(&id), Some((1_414_576_573_621, 0xf55e_ea83)));
        assert_eq!(parse_shard_id("shardId-1414576573621-f55eea83"), None);
        assert_eq!(
            parse_shard_id("shardId-00000001414576573621-f55eeaxx"),
            None
        );
    }
}
