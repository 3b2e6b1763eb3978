//! Time, handed in: the real clock is made where the program is put together, tests and
//! simulations move a [`ManualClock`] by hand. It needs no async runtime.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A wait for a moment in time.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A source of time that many threads may share.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970. May step in either direction, as computers' clocks do.
    fn now_ms(&self) -> u64;

    /// Waits until the clock shows `deadline_ms` or later, or until as much time has passed as lay before that at the
    /// call, so that no pause grows when a computer's clock is set back. Whoever needs the clock to show it looks again.
    fn sleep_until(&self, deadline_ms: u64) -> Sleep;
}

/// A clock that moves only when told to. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    now_ms: AtomicU64,
    sleepers: Mutex<Sleepers>,
}

/// Who waits, by deadline and then by the number given at the first poll.
#[derive(Debug, Default)]
struct Sleepers {
    waiting: BTreeMap<(u64, u64), Waker>,
    next_id: u64,
}

impl ManualClock {
    /// A clock that shows `now_ms`.
    pub fn new(now_ms: u64) -> Self {
        let clock = Self::default();
        clock.shared.now_ms.store(now_ms, Ordering::SeqCst);
        clock
    }

    /// Moves the clock by `by_ms` and wakes those whose deadline has come.
    pub fn advance_ms(&self, by_ms: u64) {
        self.change(|now_ms| now_ms.saturating_add(by_ms));
    }

    /// Sets the clock, backwards too, and wakes those whose deadline has come.
    pub fn set_ms(&self, now_ms: u64) {
        self.change(|_| now_ms);
    }

    /// The earliest deadline that somebody waits for.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let sleepers = self.shared.lock();
        sleepers
            .waiting
            .keys()
            .next()
            .map(|(deadline_ms, _)| *deadline_ms)
    }

    /// How many wait.
    pub fn sleepers(&self) -> usize {
        self.shared.lock().waiting.len()
    }

    fn change(&self, to: impl FnOnce(u64) -> u64) {
        let due = {
            let mut sleepers = self.shared.lock();
            let now_ms = to(self.now_ms());
            self.shared.now_ms.store(now_ms, Ordering::SeqCst);
            match now_ms.checked_add(1) {
                Some(later_ms) => {
                    let waiting = sleepers.waiting.split_off(&(later_ms, 0));
                    std::mem::replace(&mut sleepers.waiting, waiting)
                }
                None => std::mem::take(&mut sleepers.waiting),
            }
        };
        // Outside of the lock: a waker may poll at once.
        due.into_values().for_each(Waker::wake);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.shared.now_ms.load(Ordering::SeqCst)
    }

    fn sleep_until(&self, deadline_ms: u64) -> Sleep {
        Box::pin(ManualSleep {
            shared: Arc::clone(&self.shared),
            deadline_ms,
            id: None,
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct ManualSleep {
    shared: Arc<Shared>,
    deadline_ms: u64,
    id: Option<u64>,
}

impl Future for ManualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // The time is read under the lock under which it is moved, so no wake-up is missed.
        let mut sleepers = this.shared.lock();
        if this.shared.now_ms.load(Ordering::SeqCst) >= this.deadline_ms {
            return Poll::Ready(());
        }
        let id = *this.id.get_or_insert_with(|| {
            sleepers.next_id += 1;
            sleepers.next_id
        });
        let waker = context.waker().clone();
        sleepers.waiting.insert((this.deadline_ms, id), waker);
        Poll::Pending
    }
}

impl Drop for ManualSleep {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.shared.lock().waiting.remove(&(self.deadline_ms, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    use super::{Clock, ManualClock};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn wakes_when_the_deadline_comes() {
        let clock = ManualClock::new(100);
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        let mut sleep = clock.sleep_until(150);
        assert_eq!(sleep.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(clock.next_deadline_ms(), Some(150));
        clock.advance_ms(49);
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        clock.advance_ms(1);
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert_eq!(sleep.as_mut().poll(&mut context), Poll::Ready(()));
        assert_eq!(clock.sleepers(), 0);
    }

    #[test]
    fn a_dropped_sleep_waits_no_more() {
        let clock = ManualClock::new(0);
        let mut context = Context::from_waker(Waker::noop());
        let mut sleep = clock.sleep_until(u64::MAX);
        assert_eq!(sleep.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(sleep.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(clock.sleepers(), 1);
        drop(sleep);
        assert_eq!(clock.sleepers(), 0);
    }

    #[test]
    fn the_past_and_the_end_of_time() {
        let clock = ManualClock::new(10);
        let mut context = Context::from_waker(Waker::noop());
        assert!(clock.sleep_until(10).as_mut().poll(&mut context).is_ready());
        let mut sleep = clock.sleep_until(u64::MAX);
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        clock.set_ms(5);
        assert_eq!(clock.now_ms(), 5);
        clock.advance_ms(u64::MAX);
        assert!(sleep.as_mut().poll(&mut context).is_ready());
    }
}
