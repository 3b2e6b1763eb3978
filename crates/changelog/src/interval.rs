//! Interval durability: a thread that syncs what was written, every so many milliseconds.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::error::LogError;
use crate::log::Shared;
use crate::writer::{ActiveFile, spawn};

/// The writer's end of the syncer; the thread ends when it is dropped.
pub(crate) struct Syncer {
    board: Arc<Board>,
}

struct Board {
    /// `None` once there is nothing more to sync.
    active: Mutex<Option<Arc<ActiveFile>>>,
    ended: Condvar,
}

impl Syncer {
    /// From now on this file is synced. The writer has synced the one before.
    pub(crate) fn follow(&self, active: Arc<ActiveFile>) {
        *self.board.active.lock() = Some(active);
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.board.active.lock().take();
        self.board.ended.notify_all();
    }
}

pub(crate) fn start(
    shared: Arc<Shared>,
    active: Arc<ActiveFile>,
    interval_ms: u64,
) -> Result<(Syncer, JoinHandle<()>), LogError> {
    let board = Arc::new(Board {
        active: Mutex::new(Some(active)),
        ended: Condvar::new(),
    });
    let syncer = Syncer {
        board: board.clone(),
    };
    let thread = spawn(&shared.clone(), "log-syncer", move || {
        while let Some(active) = next(&board, Duration::from_millis(interval_ms)) {
            if let Err(error) = active.sync(&shared) {
                return shared.poison(&error);
            }
        }
    })?;
    Ok((syncer, thread))
}

/// Waits out the interval; `None` when the log ends.
fn next(board: &Board, interval: Duration) -> Option<Arc<ActiveFile>> {
    let mut active = board.active.lock();
    if active.is_some() {
        board.ended.wait_for(&mut active, interval);
    }
    active.clone()
}
