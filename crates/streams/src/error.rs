//! What a reader of streams can be refused for.

use headwater_changelog::LogError;
use headwater_engine::EngineError;
use headwater_model::CorruptKey;

use crate::arn::InvalidArn;
use crate::iterator::InvalidIterator;

/// Why a stream or shard was not read.
#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    /// The ARN is none of a stream.
    #[error(transparent)]
    InvalidArn(#[from] InvalidArn),
    /// No stream has this ARN, or nothing of it is left.
    #[error("stream {arn} not found")]
    StreamNotFound {
        /// As asked for.
        arn: String,
    },
    /// The stream has no such shard, or nothing of it is left.
    #[error("the shard does not exist")]
    ShardNotFound,
    /// A text that is not one of our iterators.
    #[error(transparent)]
    InvalidIterator(#[from] InvalidIterator),
    /// The iterator is too old; get a new one.
    #[error("the iterator is {age_ms} ms old, of {age_ms_max} ms at most")]
    ExpiredIterator {
        /// How old it is.
        age_ms: u64,
        /// How old it may be.
        age_ms_max: u64,
    },
    /// Records at and after the position are past their retention; go on from the horizon.
    #[error("records after the position were trimmed")]
    Trimmed,
    /// The timestamp to start at lies in the future.
    #[error("the timestamp lies in the future")]
    TimestampInFuture,
    /// The shard was read too often within a second.
    #[error("the shard is read too often")]
    Throttled,
    /// A stored key does not decode.
    #[error("a stored key is damaged: {0}; run `headwater verify`")]
    Key(#[from] CorruptKey),
    /// The engine does not give what it should.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The log does not give what it should.
    #[error(transparent)]
    Log(#[from] LogError),
}
