//! DynamoDB Streams over the change log: streams and their shards, iterators, record views, following.
//!
//! The log already is the stream: this room only finds the place to read from, hides what is past its
//! retention, and shows changes as the records that clients know. It writes nothing. It knows nothing of
//! HTTP, JSON or the sentences of errors.
//!
//! A position is always a sequence number, never an offset, so that trimming and restarts move nothing.

mod arn;
mod describe;
mod error;
mod follow;
mod follow_stream;
mod iterator;
mod list;
mod read;
mod record_view;
mod start;
mod streams;
mod throttle;

pub use arn::{InvalidArn, StreamArn};
pub use describe::{ShardView, StreamDescription};
pub use error::StreamsError;
pub use follow::{FollowedPage, ShardFollower};
pub use follow_stream::{StreamFollower, StreamPage};
pub use headwater_changelog::{ChangeKind, Identity};
pub use iterator::{InvalidIterator, IteratorKind, ShardIterator};
pub use list::StreamList;
pub use read::{RecordsPage, ShardRecords};
pub use record_view::RecordView;
pub use start::Start;
pub use streams::{Streams, StreamsOptions, is_shard_id, shard_number};
