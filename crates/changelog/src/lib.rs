//! The commit log: entries, blocks, segments, index, group commit, tailing and retention.
//!
//! The log is the database's only store of record. A write is appended here once, made durable once, and everything
//! else follows from it: the state store is a view of it, streams read it, recovery replays it. This room knows
//! entries, shards and sequences; it knows nothing of items, streams or tables beyond their numbers.
//!
//! - [`Log::append`] gives an entry its sequences and its place in the queue, without I/O.
//! - A writer thread makes whatever waits durable as one group: lz4 blocks, one write, one fsync.
//! - [`Log::wait_durable`] resolves; by then readers see the entry, from memory.
//! - [`Log::read_shard`] pages through one shard, [`Log::read_from`] through everything.
//! - [`Log::trim`] drops whole segments that are past retention and past the state's checkpoint.
//!
//! Promises, each with its test: an acknowledged entry survives a crash; order is the order of appends; nothing comes
//! twice; sequences never go back, over restarts and clock steps too; a torn tail is cut, and damage anywhere else
//! is an error that names file and offset; after a failed write or fsync nothing is acknowledged any more.
//!
//! A file per idea: `entry`, `block`, `segment`, `footer` are the format, `scan`, `search` and `open` read it back after a
//! crash, `queue`, `writer`, `keeper`, `position` are the way in, `tail`, `index`, `shard`, `replay` the way out, `verify` and
//! `rewrite` work on a log that nobody has open.

mod block;
mod cache;
mod change;
mod entry;
mod error;
mod feed;
mod files;
mod footer;
mod found;
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod interval;
mod keeper;
mod log;
mod open;
mod options;
mod position;
mod queue;
mod replay;
mod rewrite;
mod room;
mod scan;
mod seal;
mod search;
mod segment;
mod shard;
mod stats;
mod tail;
pub mod testing;
mod trim;
mod trim_point;
mod trimmed_ends;
mod varint;
mod verify;
mod writer;

pub use change::{Change, ChangeKind, Entry, Group, Identity, Record};
pub use entry::{ENTRY_BYTES_MAX, EntryDraft};
pub use error::LogError;
pub use files::{DiskFiles, Files, FilesLock, LogFile, MemoryFiles, Unlinked};
pub use found::{is_encrypted, is_opened_by};
pub use log::Log;
pub use open::OpenReport;
pub use options::{Durability, LogEncryption, LogOptions};
pub use queue::Appended;
pub use replay::EntryReader;
pub use rewrite::{Rewritten, rewrite};
pub use segment::{SegmentSummary, ShardSummary, is_segment};
pub use shard::{ReadLimit, ShardPage};
pub use stats::LogStats;
pub use trim::Removed;
pub use verify::{LogVisitor, Problem, StoppedLog, VerifyReport, is_of_a_file, verify};
