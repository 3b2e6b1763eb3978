//! Event source mappings at work: records of a stream, delivered to a function.
//!
//! A mapping has one [`Delivery`] while it is enabled. It follows each shard of the stream in a task of
//! its own, a child only after its parent is finished, in batches, one at a time, each until it succeeds or
//! is given up. Records are read as any customer's reader sees them; commits wake the readers, nothing polls.
//!
//! Invariant: a checkpoint moves only behind records that were delivered or given up, so every record is
//! delivered at least once, and first deliveries of one shard are in order.

mod answer;
mod backoff;
mod batch;
mod board;
mod deliveries;
mod delivery;
mod event;
mod gone;
mod job;
mod lane;
mod last_call;
mod progress;
mod read_ahead;
mod reader;
mod record;
mod shard;
mod supervision;
mod turns;
mod verdict;
mod window;

pub(crate) use answer::{AnswerRules, reason_of_failure};
pub(crate) use backoff::pause_ms;
pub(crate) use board::{Board, Counts};
pub(crate) use deliveries::{Deliveries, Phase};
pub(crate) use delivery::Shared;
pub(crate) use event::in_a_window;
pub(crate) use progress::{FailedBatch, shortened};
pub(crate) use read_ahead::ReadAhead;
pub(crate) use turns::Turns;
