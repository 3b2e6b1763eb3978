//! Keeps the log from being trimmed under whoever reads a table's history.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_model::Sequence;
use parking_lot::Mutex;

use crate::database::Database;

/// From where on the log is read, by the number of the reader.
#[derive(Default)]
pub(crate) struct HistoryHolds {
    next: u64,
    from: BTreeMap<u64, Sequence>,
}

/// While this is there, the log is kept from a position on.
pub(crate) struct HistoryHold {
    holds: Arc<Mutex<HistoryHolds>>,
    number: u64,
}

impl Database {
    /// Keeps what the log has from `from` on.
    pub(crate) fn hold_history(&self, from: Sequence) -> HistoryHold {
        let holds = self.inner.history_holds.clone();
        let number = {
            let mut held = holds.lock();
            held.next += 1;
            let number = held.next;
            held.from.insert(number, from);
            number
        };
        HistoryHold { holds, number }
    }

    /// Where the log is still needed from by those who read it, if by any.
    pub(crate) fn readers_need(&self) -> Option<Sequence> {
        self.inner.history_holds.lock().from.values().min().copied()
    }
}

impl Drop for HistoryHold {
    fn drop(&mut self) {
        self.holds.lock().from.remove(&self.number);
    }
}
