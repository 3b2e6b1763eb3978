//! A record on its way to a function.

use bytes::Bytes;
use headwater_model::Sequence;

/// A record in the form in which functions see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PendingRecord {
    pub(super) sequence: Sequence,
    /// When the change was made, in milliseconds since the epoch.
    pub(super) created_ms: u64,
    /// When it was read, in milliseconds since the epoch; batching windows begin there.
    pub(super) read_ms: u64,
    /// One element of an event's `Records`.
    pub(super) json: Bytes,
}
