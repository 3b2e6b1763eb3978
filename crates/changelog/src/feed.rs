//! The feed of durable groups to whoever applies them, and what becomes of those who wait behind it while it is full.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

use crate::change::Group;
use crate::log::Shared;
use crate::room::{LOOK_INTERVAL, REFUSAL_AFTER};

/// Time between two tries while the feed is full because its reader is slow.
const TRY_INTERVAL: Duration = Duration::from_millis(1);

/// Says why the reader of a feed waits for room on its own disk, if it does.
pub(crate) type WhyHeld = dyn Fn() -> Option<String> + Send + Sync;

/// The part of the feed's room that a group has until it is let go.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// The writer's end of the feed.
#[derive(Clone)]
pub(crate) struct Feed {
    groups: SyncSender<Arc<Group>>,
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
    why_held: Arc<WhyHeld>,
}

impl Feed {
    /// A feed that holds `groups_max` groups with `bytes_max` bytes, or one that has more, and its other end. What is in a
    /// group, old images too, is in no other bound: those who asked for it have their answer.
    pub(crate) fn new(
        groups_max: usize,
        bytes_max: usize,
        why_held: Arc<WhyHeld>,
    ) -> (Self, Receiver<Arc<Group>>) {
        let (groups, receiver) = mpsc::sync_channel(groups_max);
        let feed = Self {
            groups,
            bytes: Arc::default(),
            bytes_max,
            why_held,
        };
        (feed, receiver)
    }

    /// Takes room for a group of so many bytes, which [`Feed::hand_over`] waits for.
    pub(crate) fn hold(&self, bytes: usize) -> Held {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        Held {
            bytes,
            all: self.bytes.clone(),
        }
    }

    fn has_room_for(&self, group: &Group) -> bool {
        let held = self.bytes.load(Ordering::Acquire);
        held <= self.bytes_max || held == group.held.bytes
    }

    fn try_send(&self, group: Arc<Group>) -> Result<(), TrySendError<Arc<Group>>> {
        match self.has_room_for(&group) {
            true => self.groups.try_send(group),
            false => Err(TrySendError::Full(group)),
        }
    }

    /// Hands a group over, however long that takes; false if nobody takes it any more. While the reader waits for room on
    /// its disk, those whose writes wait behind the feed are told, as they are when the log itself is held.
    pub(crate) fn hand_over(&self, group: Group, shared: &Shared) -> bool {
        let mut group = Arc::new(group);
        let mut held_since = None;
        loop {
            group = match self.try_send(group) {
                Ok(()) => return true,
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(group)) => group,
            };
            let Some(reason) = (self.why_held)() else {
                held_since = None;
                thread::park_timeout(TRY_INTERVAL);
                continue;
            };
            let since = *held_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= REFUSAL_AFTER {
                shared.position.refuse(shared.queue.last(), reason.into());
            }
            thread::park_timeout(LOOK_INTERVAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use headwater_model::Sequence;

    use super::*;

    fn send(feed: &Feed, bytes: usize) -> bool {
        let group = Group {
            entries: Vec::new(),
            last: Sequence(1),
            held: feed.hold(bytes),
        };
        feed.try_send(Arc::new(group)).is_ok()
    }

    #[test]
    fn its_bytes_are_bounded_until_groups_are_let_go() {
        let (feed, groups) = Feed::new(100, 1_000, Arc::new(|| None));
        assert!(send(&feed, 600) && send(&feed, 400));
        assert!(!send(&feed, 1));
        let first = groups.try_recv().expect("a group");
        assert!(!send(&feed, 1), "it is not let go yet");
        drop(first);
        assert!(send(&feed, 600));
        drop((groups.try_recv(), groups.try_recv()));
        assert!(send(&feed, 5_000), "one alone has room, whatever its size");
        assert!(!send(&feed, 1));
    }
}
