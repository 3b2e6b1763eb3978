//! What is verified: a stopped folder, or the database of a running server.

use std::sync::Arc;

use headwater_changelog::{Entry, LogVisitor, VerifyReport};
use headwater_model::Sequence;
use headwater_state::Snapshot;

use super::{Progress, Verified};
use crate::error::EngineError;

/// Log and state of one store.
pub(super) trait Source {
    fn is_live(&self) -> bool;

    /// Most bytes of keys, with what they cost, whose last values are held at once.
    fn pass_bytes_max(&self) -> usize;

    /// Items that are read from one snapshot.
    fn items_per_batch_max(&self) -> usize;

    /// The state as it is now. Hold it for a batch.
    fn snapshot(&self) -> Arc<dyn Snapshot>;

    /// Reads and checks all of the log's files.
    fn check_log(&self, visitor: &mut dyn LogVisitor) -> Result<VerifyReport, EngineError>;

    /// Whether log and state go on from each other.
    fn check_reach(&self, report: &VerifyReport, applied: Sequence, verified: &mut Verified);

    /// The entries behind `after` up to `until`, which the state holds; false if some were trimmed. Ends when `progress` is told
    /// to.
    fn changes_between(
        &self,
        after: Sequence,
        until: Sequence,
        progress: &Progress,
        visit: &mut dyn FnMut(&Entry),
    ) -> Result<bool, EngineError>;
}
