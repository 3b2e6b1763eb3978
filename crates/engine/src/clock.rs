//! The clocks that a server runs on: the real one, and one that tests move.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, UNIX_EPOCH};

use headwater_model::{Clock, Sleep};

/// Longest single timer; longer sleeps look at the clock again, so that steps of the wall clock are seen.
const TIMER_MS_MAX: u64 = 60_000;

/// Farthest that a test clock is moved, 278 years: half of the time that sequence numbers hold, so that they
/// don't run out, and far from where sums of times overflow.
const OFFSET_MS_MAX: u64 = 1 << 43;

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[allow(clippy::disallowed_methods)] // the one place that reads the wall clock
fn wall_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |duration| duration.as_millis() as u64)
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        wall_ms()
    }

    fn sleep_until(&self, deadline_ms: u64) -> Sleep {
        Box::pin(async move {
            loop {
                let now = wall_ms();
                if now >= deadline_ms {
                    return;
                }
                let timer_ms = (deadline_ms - now).min(TIMER_MS_MAX);
                tokio::time::sleep(Duration::from_millis(timer_ms)).await;
            }
        })
    }
}

/// The wall clock plus an offset that tests advance: time passes as usual, and jumps when told to.
#[derive(Default)]
pub struct TestClock {
    begins_off_ms: i64,
    offset_ms: tokio::sync::watch::Sender<u64>,
}

impl TestClock {
    /// A clock that begins so far from the wall clock, before it if negative: what a server sees that is started
    /// after the machine's clock was set.
    pub fn beginning_off_ms(begins_off_ms: i64) -> Self {
        let limit = OFFSET_MS_MAX as i64;
        TestClock {
            begins_off_ms: begins_off_ms.clamp(-limit, limit),
            ..TestClock::default()
        }
    }

    fn wall_ms(&self) -> u64 {
        wall_ms().saturating_add_signed(self.begins_off_ms)
    }

    /// Moves the clock forward and wakes everything that slept until a time that has come. It goes 278 years
    /// beyond the wall clock at most.
    pub fn advance_ms(&self, by_ms: u64) -> u64 {
        self.offset_ms.send_modify(|offset_ms| {
            *offset_ms = offset_ms.saturating_add(by_ms).min(OFFSET_MS_MAX);
        });
        self.now_ms()
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.wall_ms() + *self.offset_ms.borrow()
    }

    fn sleep_until(&self, deadline_ms: u64) -> Sleep {
        let mut moved = self.offset_ms.subscribe();
        let begins_off_ms = self.begins_off_ms;
        Box::pin(async move {
            loop {
                let wall_ms = wall_ms().saturating_add_signed(begins_off_ms);
                let now = wall_ms + *moved.borrow_and_update();
                if now >= deadline_ms {
                    return;
                }
                let timer_ms = (deadline_ms - now).min(TIMER_MS_MAX);
                let timer: Pin<Box<dyn Future<Output = ()> + Send>> =
                    Box::pin(tokio::time::sleep(Duration::from_millis(timer_ms)));
                tokio::select! {
                    () = timer => {}
                    changed = moved.changed() => if changed.is_err() { return },
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use headwater_model::Clock;

    use super::{OFFSET_MS_MAX, TestClock};

    #[test]
    fn a_test_clock_never_goes_back_and_leaves_room_for_sums() {
        let clock = TestClock::default();
        let mut before_ms = clock.now_ms();
        for by_ms in [1, u64::MAX, 1, u64::MAX] {
            let now_ms = clock.advance_ms(by_ms);
            assert!(now_ms >= before_ms, "{by_ms}");
            before_ms = now_ms;
        }
        assert!((OFFSET_MS_MAX..2 * OFFSET_MS_MAX).contains(&clock.now_ms()));
    }

    #[test]
    fn a_test_clock_begins_where_it_is_told_to() {
        let now_ms = TestClock::default().now_ms();
        let before_ms = TestClock::beginning_off_ms(-3_600_000).now_ms();
        let after_ms = TestClock::beginning_off_ms(3_600_000).now_ms();
        assert!((now_ms - 3_600_000..now_ms).contains(&before_ms));
        assert!(after_ms >= now_ms + 3_600_000);
        assert!(TestClock::beginning_off_ms(i64::MAX).now_ms() < 2 * OFFSET_MS_MAX);
        assert_eq!(TestClock::beginning_off_ms(i64::MIN).now_ms(), 0);
    }
}
