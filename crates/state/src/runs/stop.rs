//! What stopped the store, if anything did. Its parts share it.

use crate::{Remedy, StateError};
use std::sync::OnceLock;

/// The first failure that only opening the store again heals.
#[derive(Default)]
pub(super) struct Stop {
    failed: OnceLock<String>,
}

impl Stop {
    /// Why nothing is written any more.
    pub(super) fn reason(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }

    /// Refuses what comes after a failure.
    pub(super) fn check(&self) -> Result<(), StateError> {
        match self.failed.get() {
            None => Ok(()),
            Some(reason) => Err(StateError::Stopped {
                reason: reason.clone(),
            }),
        }
    }

    /// Notes a failure to read the file, if that is one: a disk that doesn't give back what it has is not written to.
    pub(super) fn note_read<T>(&self, result: Result<T, StateError>) -> Result<T, StateError> {
        result.inspect_err(|error| {
            if error.remedy() == Remedy::Reopen {
                self.set(error);
            }
        })
    }

    /// Notes any failure to write.
    pub(super) fn note_write<T>(&self, result: Result<T, StateError>) -> Result<T, StateError> {
        result.inspect_err(|error| {
            if error.remedy() != Remedy::FixTheCall {
                self.set(error);
            }
        })
    }

    fn set(&self, error: &StateError) {
        if self.failed.set(error.to_string()).is_ok() {
            tracing::error!(%error, "the state takes no more batches, until it is opened again");
        }
    }
}
