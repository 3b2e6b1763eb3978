//! The memory of records that were read and are not done, over all mappings: those that wait in lanes, and those of
//! batches at their functions.
//!
//! A shard may hold less than what is left for others, so however many mappings wait for functions that hang, something
//! is left for the next one. Whoever has no room delivers what it has. So that this always goes on, each lane may hold
//! one record all the same, and a few of those that are at work; what is held can exceed the bound by so much.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// What all mappings hold together.
pub(crate) struct ReadAhead {
    bytes_max: usize,
    /// Told when it becomes less.
    bytes: watch::Sender<usize>,
}

/// What one shard holds.
struct Shard {
    all: Arc<ReadAhead>,
    bytes: AtomicUsize,
}

/// A part of it; given back when it is dropped.
pub(super) struct Held {
    shard: Arc<Shard>,
    bytes: usize,
}

impl ReadAhead {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            bytes: watch::Sender::new(0),
        })
    }

    /// A shard that holds nothing yet.
    pub(super) fn shard(self: &Arc<Self>) -> Held {
        let shard = Shard {
            all: self.clone(),
            bytes: AtomicUsize::new(0),
        };
        Held {
            shard: Arc::new(shard),
            bytes: 0,
        }
    }
}

impl Shard {
    fn room(&self, all: usize) -> usize {
        let left = self.all.bytes_max.saturating_sub(all);
        left.saturating_sub(self.bytes.load(Ordering::Relaxed))
    }
}

impl Held {
    /// How many bytes more the shard may hold, as it is now. Exceeding it is not refused.
    pub(super) fn room(&self) -> usize {
        let all = *self.shard.all.bytes.borrow();
        self.shard.room(all)
    }

    /// Returns when there is room.
    pub(super) async fn has_room(&self) {
        let mut bytes = self.shard.all.bytes.subscribe();
        // The sender lives in `self`, so this cannot fail.
        drop(bytes.wait_for(|all| self.shard.room(*all) > 0).await);
    }

    /// This part is so much more now.
    pub(super) fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.shard.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.shard.all.bytes.send_if_modified(|all| {
            *all += bytes;
            false
        });
    }

    /// Makes so much of it a part of its own.
    pub(super) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            shard: self.shard.clone(),
            bytes,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let shard = &self.shard;
        shard.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        shard.all.bytes.send_if_modified(|all| {
            *all -= self.bytes;
            self.bytes > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(all: &Arc<ReadAhead>, bytes: usize) -> Held {
        let mut held = all.shard();
        held.grow(bytes);
        held
    }

    #[test]
    fn a_shard_leaves_as_much_as_it_holds() {
        let all = ReadAhead::new(100);
        let first = held(&all, 50);
        assert_eq!(first.room(), 0);
        let second = held(&all, 25);
        assert_eq!(second.room(), 0);
        let mut third = all.shard();
        assert_eq!(third.room(), 25);
        drop(first);
        assert_eq!((second.room(), third.room()), (50, 75));
        // A record that is larger than what is left.
        third.grow(90);
        assert_eq!((second.room(), third.room()), (0, 0));
    }

    #[test]
    fn parts_are_given_back_one_by_one() {
        let all = ReadAhead::new(100);
        let mut waiting = held(&all, 40);
        let at_work = waiting.split(30);
        assert_eq!(waiting.room(), 20);
        waiting.grow(10);
        assert_eq!(waiting.room(), 0);
        drop(at_work);
        assert_eq!(waiting.room(), 60);
        // Those of a shard that ends, or breaks off.
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = waiting;
            panic!("injected");
        }));
        assert!(panicked.is_err());
        assert_eq!(all.shard().room(), 100);
    }

    #[tokio::test]
    async fn whoever_has_no_room_waits_until_others_hold_less() {
        let all = ReadAhead::new(100);
        let (mut others, shard) = (held(&all, 60), held(&all, 25));
        let part = others.split(5);
        let waiting = tokio::spawn(async move {
            shard.has_room().await;
            shard.room()
        });
        tokio::task::yield_now().await;
        // Not enough.
        drop(part);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(others);
        assert_eq!(waiting.await.unwrap(), 50);
        assert_eq!(all.shard().room(), 100);
    }
}
