//! The state store: an ordered map of bytes with snapshots, atomic batches and checkpoints.
//!
//! It is a *view* of the change log, not the store of record: batches are applied without being made
//! durable, and now and then a checkpoint makes everything applied so far durable at once, together
//! with the log position it stands for. After a crash the store opens at its last checkpoint with
//! exactly that content, and the log above that position is applied again.
//!
//! **Invariants.** Content and position change in one step: no reader and no reopening ever sees a
//! batch in part, or a content that does not belong to its position. A value that is not the one that was
//! written is an error for whoever reads it, never an answer. Memory and file size between
//! two checkpoints are bounded by what changed since the last one.
//!
//! **What this room does not know**: items, tables, keys, the log. It orders bytes as bytes.

mod batch;
mod cold;
mod copy;
mod encrypted;
mod error;
mod file;
mod meter;
mod open;
mod options;
mod read_only;
mod redb_store;
mod runs;
mod space;
mod store;
pub mod testing;

pub use batch::{Batch, Operation};
pub use cold::{ColdRead, ColdReads};
pub use copy::copy_file;
pub use encrypted::EncryptedBackend;
pub use error::{Remedy, StateError};
pub use file::FileBackend;
pub use meter::StateStats;
pub use open::{in_memory, open, open_file, open_read_only};
pub use options::StateOptions;
pub use redb_store::RedbStore;
pub use runs::RunStore;
pub use space::{Room, Space};
pub use store::{Direction, Snapshot, Sought, StateStore, Visit, VisitChecked};
