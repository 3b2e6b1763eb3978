//! The database, closed so that a damaged page cannot make it panic: closing commits what was applied.

use super::unwind::or_damaged;
use crate::StateError;
use redb::Database;

pub(super) struct Closing(Option<Database>);

impl Closing {
    pub(super) fn new(database: Database) -> Self {
        Self(Some(database))
    }

    pub(super) fn get(&self) -> Result<&Database, StateError> {
        self.0.as_ref().ok_or_else(|| StateError::Stopped {
            reason: "the store was closed".to_owned(),
        })
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let database = self.0.take();
        let closed = or_damaged("closing", || {
            drop(database);
            Ok(())
        });
        if let Err(error) = closed {
            tracing::error!(%error, "the state opens at its last checkpoint; the log has what came after");
        }
    }
}
