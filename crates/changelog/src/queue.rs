//! The commit queue: entries take their sequences and their place under one lock, so that their order in the log
//! is the order in which they were decided.

use std::collections::VecDeque;
use std::time::Duration;

use headwater_model::Sequence;
use parking_lot::{Condvar, Mutex};

use crate::entry::{ENTRY_OVERHEAD_BYTES_MAX, EntryDraft};
use crate::error::LogError;
use crate::position::Ended;

/// The sequences an entry got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Of the first change.
    pub first: Sequence,
    /// Of the last change: the one to wait for.
    pub last: Sequence,
}

/// An entry on its way to the writer.
pub(crate) struct Pending {
    pub(crate) first: Sequence,
    pub(crate) draft: EntryDraft,
}

impl Pending {
    /// The sequence of its last change.
    pub(crate) fn last(&self) -> Sequence {
        let changes = self.draft.changes_len() as u64;
        self.first.offset(changes.saturating_sub(1))
    }

    /// The most it takes in a block.
    pub(crate) fn raw_bytes_max(&self) -> usize {
        self.draft.size_bytes() + ENTRY_OVERHEAD_BYTES_MAX
    }
}

pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    /// Sequences up to here were perhaps given out by processes before, for entries that a power loss took.
    floor: Sequence,
    bytes_max: usize,
}

struct State {
    pending: VecDeque<Pending>,
    /// Of entries that are not durable yet, those in the writer's hands too.
    bytes: usize,
    /// The last sequence given out.
    last: Sequence,
    ended: Option<Ended>,
    writer_waits: bool,
}

impl Queue {
    pub(crate) fn new(last: Sequence, floor: Sequence, bytes_max: usize) -> Self {
        let state = State {
            pending: VecDeque::new(),
            bytes: 0,
            last,
            ended: None,
            writer_waits: false,
        };
        Self {
            state: Mutex::new(state),
            filled: Condvar::new(),
            floor,
            bytes_max,
        }
    }

    /// Gives the next `changes` sequences to the entry that `build` makes. If `build` fails, none is taken.
    pub(crate) fn push(
        &self,
        now_ms: u64,
        changes: usize,
        build: impl FnOnce(Sequence) -> Result<EntryDraft, LogError>,
    ) -> Result<Appended, LogError> {
        let mut state = self.state.lock();
        if let Some(ended) = &state.ended {
            return Err(ended.clone().into());
        }
        if state.bytes >= self.bytes_max {
            return Err(LogError::Overloaded {
                queued_bytes: state.bytes,
                limit_bytes: self.bytes_max,
            });
        }
        let after = state.last.max(self.floor);
        let first = after.next().max(Sequence::first_at_ms(now_ms));
        let last = first.offset((changes as u64).saturating_sub(1));
        // Before `build`, which may make the sequences known to others.
        if last == Sequence::MAX {
            return Err(LogError::InvalidEntry {
                detail: "the clock is beyond the sequences that a log can give out",
            });
        }
        let draft = build(first)?;
        if draft.changes_len() != changes {
            return Err(LogError::InvalidEntry {
                detail: "the entry has another number of changes than announced",
            });
        }
        state.last = last;
        state.bytes += draft.size_bytes();
        state.pending.push_back(Pending { first, draft });
        if std::mem::take(&mut state.writer_waits) {
            drop(state);
            self.filled.notify_one();
        }
        Ok(Appended { first, last })
    }

    /// For the writer: moves everything into `backlog`, waiting if both are empty, for `patience` at most if there is
    /// one. `done_bytes` leave the bound. False when the queue has ended and nothing is left.
    pub(crate) fn drain(
        &self,
        backlog: &mut VecDeque<Pending>,
        done_bytes: usize,
        patience: Option<Duration>,
    ) -> bool {
        let mut state = self.state.lock();
        state.bytes -= done_bytes;
        while backlog.is_empty() && state.pending.is_empty() && state.ended.is_none() {
            state.writer_waits = true;
            match patience {
                None => self.filled.wait(&mut state),
                Some(patience) => {
                    if self.filled.wait_for(&mut state, patience).timed_out() {
                        break;
                    }
                }
            }
        }
        if matches!(state.ended, Some(Ended::Poisoned(_))) {
            return false;
        }
        if backlog.is_empty() {
            std::mem::swap(backlog, &mut state.pending);
        } else {
            backlog.append(&mut state.pending);
        }
        state.ended.is_none() || !backlog.is_empty()
    }

    /// Takes no more entries. A poisoned queue drops what waits.
    pub(crate) fn end(&self, reason: Ended) {
        let mut state = self.state.lock();
        if matches!(reason, Ended::Poisoned(_)) {
            state.pending.clear();
        }
        reason.note(&mut state.ended);
        drop(state);
        self.filled.notify_all();
    }

    /// Why it takes no more entries.
    pub(crate) fn why(&self) -> Ended {
        self.state.lock().ended.clone().unwrap_or(Ended::Closed)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    pub(crate) fn floor(&self) -> Sequence {
        self.floor
    }

    pub(crate) fn last(&self) -> Sequence {
        self.state.lock().last
    }
}
