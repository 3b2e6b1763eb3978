//! Whether there is room on the disk. Without it the log waits instead of failing: a write that found none is tried
//! again with the same bytes at the same place, and meanwhile [`crate::Log::no_room`] says why nothing goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::error::LogError;
use crate::log::Shared;

/// Time between two looks for room.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// Time after which those who wait for a held group are told that there is no room.
pub(crate) const REFUSAL_AFTER: Duration = LOOK_INTERVAL.saturating_mul(LOOKS_BEFORE_REFUSAL);
const LOOKS_BEFORE_REFUSAL: u32 = 5;
/// A reserve that was broken into counts as whole again when it is exceeded by this part of it, so that the
/// answers do not flutter.
const RESERVE_SLACK_DIVISOR: u64 = 8;

/// What is known about the room on the disk.
#[derive(Default)]
pub(crate) struct Room {
    /// Whether `state` has a reason; a look at it costs nothing.
    none: AtomicBool,
    state: Mutex<State>,
    given_up: Condvar,
}

#[derive(Default)]
struct State {
    /// Writes that found no room and are being tried again.
    held: usize,
    /// Why the last one of them was held.
    held_for: Option<Arc<str>>,
    /// The free space is below the reserve.
    low: Option<Arc<str>>,
    giving_up: bool,
}

impl State {
    fn reason(&self) -> Option<Arc<str>> {
        let held = self.held_for.as_ref().filter(|_| self.held > 0);
        held.or(self.low.as_ref()).cloned()
    }
}

impl Room {
    /// Why there is no room, if there is none.
    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        if !self.none.load(Ordering::Acquire) {
            return None;
        }
        self.state.lock().reason()
    }

    /// Nobody waits for room any more, from now on.
    pub(crate) fn give_up(&self) {
        self.state.lock().giving_up = true;
        self.given_up.notify_all();
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        let before = state.reason();
        change(&mut state);
        let reason = state.reason();
        self.none.store(reason.is_some(), Ordering::Release);
        match (before, reason) {
            (None, Some(reason)) => {
                tracing::error!(%reason, "disk full: writes are refused until there is room");
            }
            (Some(_), None) => tracing::warn!("there is room on the disk again: writes go on"),
            _ => {}
        }
    }

    /// Waits until it is time for another look; false when waiting has no more sense.
    fn pause(&self) -> bool {
        let mut state = self.state.lock();
        if !state.giving_up {
            self.given_up.wait_for(&mut state, LOOK_INTERVAL);
        }
        !state.giving_up
    }
}

impl Shared {
    /// Does something that needs room on the disk, again and again while there is none. The error of the last try
    /// comes back when the log is shut down.
    pub(crate) fn with_room<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let mut looks = 0;
        let done = loop {
            let error = match attempt() {
                Err(error) if error.is_no_room() => error,
                done => break done,
            };
            let reason: Arc<str> = error.to_string().into();
            self.room.change(|state| {
                state.held += usize::from(looks == 0);
                state.held_for = Some(reason.clone());
            });
            looks += 1;
            if looks >= LOOKS_BEFORE_REFUSAL {
                self.position.refuse(self.queue.last(), reason);
            }
            if !self.room.pause() {
                break Err(error);
            }
        };
        if looks > 0 {
            self.room.change(|state| state.held -= 1);
        }
        done
    }

    /// Looks whether the reserve of free space is whole.
    pub(crate) fn look_for_room(&self) {
        let reserve_bytes = self.options.reserve_bytes;
        if reserve_bytes == 0 {
            return;
        }
        // A disk that does not tell, or tells no more, is taken to have room; it refuses when it has none.
        let told_bytes = self.files.free_bytes().ok().flatten();
        let free_bytes = told_bytes.unwrap_or(u64::MAX);
        let was_low =
            self.room.none.load(Ordering::Acquire) && self.room.state.lock().low.is_some();
        let wanted_bytes = match was_low {
            true => reserve_bytes.saturating_add(reserve_bytes / RESERVE_SLACK_DIVISOR),
            false => reserve_bytes,
        };
        let low = free_bytes < wanted_bytes;
        if low || was_low {
            let reason = || {
                format!(
                    "{} has {} MB free, less than the reserve of {} MB",
                    self.files.location(),
                    free_bytes >> 20,
                    reserve_bytes >> 20
                )
            };
            self.room
                .change(|state| state.low = low.then(|| reason().into()));
        }
    }
}
