//! Whether the file has failed. redb refuses everything that is not in its memory after one failed read or write, for as
//! long as the store is open.

use std::sync::{Arc, OnceLock};

use crate::{Remedy, StateError};

/// The first failure that only opening the store again heals. Store and snapshots share it.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<OnceLock<String>>);

impl Failure {
    /// Notes a failure, if the result is one.
    pub(super) fn note<T>(&self, result: Result<T, StateError>) -> Result<T, StateError> {
        if let Err(error) = &result
            && error.remedy() == Remedy::Reopen
            && self.0.set(error.to_string()).is_ok()
        {
            tracing::error!(%error, "the state can be read from memory only, until it is opened again");
        }
        result
    }

    pub(super) fn reason(&self) -> Option<String> {
        self.0.get().cloned()
    }
}
