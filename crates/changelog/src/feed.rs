//! The feed of durable groups to whoever applies them, and what becomes of those who wait behind it while it is full.

use std::sync::Arc;
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

/// The writer's end of the feed.
#[derive(Clone)]
pub(crate) struct Feed {
    groups: SyncSender<Arc<Group>>,
    why_held: Arc<WhyHeld>,
}

impl Feed {
    /// A feed that holds `groups_max` groups, and its other end.
    pub(crate) fn new(groups_max: usize, why_held: Arc<WhyHeld>) -> (Self, Receiver<Arc<Group>>) {
        let (groups, receiver) = mpsc::sync_channel(groups_max);
        (Self { groups, why_held }, receiver)
    }

    /// Hands a group over, however long that takes; false if nobody takes it any more. While the reader waits for room on
    /// its disk, those whose writes wait behind the feed are told, as they are when the log itself is held.
    pub(crate) fn hand_over(&self, group: Group, shared: &Shared) -> bool {
        let mut group = Arc::new(group);
        let mut held_since = None;
        loop {
            group = match self.groups.try_send(group) {
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
