//! What triggers remember: functions, mappings and checkpoints, as documents in system tables of the
//! engine itself, with the copies in memory that requests and deliveries read.
//!
//! Invariant: a change is durable before it is seen in memory, so nothing is answered that a crash could
//! take back. One that was refused is undone in the table, should it come to be later.

mod blobs;
mod certain;
mod checkpoints;
mod dead_letters;
mod documents;
mod function_record;
mod functions;
mod mappings;
mod sequence;
mod uuid;

pub(crate) use blobs::Blobs;
pub(crate) use checkpoints::{
    Checkpoint, Checkpoints, LaneCheckpoint, LastCall, OpenWindow, ShardKey, Trial,
};
pub(crate) use dead_letters::{
    Condition, DeadLetter, DeadLetterBounds, DeadLetters, NewDeadLetter, Response,
};
pub(crate) use documents::{Documents, StoreError};
pub(crate) use function_record::{Alias, FunctionRecord, LATEST, Logging, Whole};
pub(crate) use functions::{Functions, Target, qualifier_of};
pub(crate) use mappings::{MappingRecord, MappingSettings, Mappings, NewMapping, Origin};
pub(crate) use uuid::uuid;
