//! The clocks that a server runs on: the real one, and one that tests move.

use std::time::{Duration, UNIX_EPOCH};

use headwater_model::{Clock, Sleep};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Longest single timer; longer sleeps look at the clock again, so that steps of the wall clock are seen.
const TIMER_MS_MAX: u64 = 60_000;

/// Farthest that a test clock is moved, 278 years: half of the time that sequence numbers hold, so that they
/// don't run out, and far from where sums of times overflow.
const OFFSET_MS_MAX: i64 = 1 << 43;

/// The wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[allow(clippy::disallowed_methods)] // the one place that reads the wall clock
fn wall_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |duration| duration.as_millis() as u64)
}

/// When a sleep is over: at a time of the wall clock, or after what lay before it at the beginning. So one whose clock
/// is set back ends as if it had not been.
#[derive(Clone, Copy)]
struct Deadline {
    wall_ms: u64,
    /// None if no timer reaches so far.
    passed: Option<Instant>,
}

impl Deadline {
    fn new(now_ms: u64, wall_ms: u64) -> Self {
        let left = Duration::from_millis(wall_ms.saturating_sub(now_ms));
        let passed = Instant::now().checked_add(left);
        Self { wall_ms, passed }
    }

    /// How long to sleep before the next look; `None` when it is over.
    fn timer(&self, now_ms: u64) -> Option<Duration> {
        let wall_ms = self.wall_ms.saturating_sub(now_ms).min(TIMER_MS_MAX);
        let wall = Duration::from_millis(wall_ms);
        let timer = match self.passed {
            Some(passed) => wall.min(passed.saturating_duration_since(Instant::now())),
            None => wall,
        };
        (!timer.is_zero()).then_some(timer)
    }
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        wall_ms()
    }

    fn sleep_until(&self, deadline_ms: u64) -> Sleep {
        let deadline = Deadline::new(wall_ms(), deadline_ms);
        Box::pin(async move {
            while let Some(timer) = deadline.timer(wall_ms()) {
                sleep(timer).await;
            }
        })
    }
}

/// The wall clock plus an offset that tests change: time passes as usual, and jumps when told to.
#[derive(Default)]
pub struct TestClock {
    offset_ms: watch::Sender<i64>,
}

impl TestClock {
    /// A clock that begins so far from the wall clock, before it if negative: what a server sees that is started
    /// after the machine's clock was set.
    pub fn beginning_off_ms(offset_ms: i64) -> Self {
        let offset_ms = offset_ms.clamp(-OFFSET_MS_MAX, OFFSET_MS_MAX);
        TestClock {
            offset_ms: watch::Sender::new(offset_ms),
        }
    }

    /// Moves the clock forward and wakes everything that slept until a time that has come. It goes 278 years
    /// beyond the wall clock at most.
    pub fn advance_ms(&self, by_ms: u64) -> u64 {
        self.offset_ms.send_modify(|offset_ms| {
            *offset_ms = offset_ms.saturating_add_unsigned(by_ms).min(OFFSET_MS_MAX);
        });
        self.now_ms()
    }

    /// Moves the clock back, which nobody who sleeps is told of: as if the machine's clock was set.
    pub fn set_back_ms(&self, by_ms: u64) {
        self.offset_ms.send_if_modified(|offset_ms| {
            *offset_ms = offset_ms.saturating_sub_unsigned(by_ms).max(-OFFSET_MS_MAX);
            false
        });
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        wall_ms().saturating_add_signed(*self.offset_ms.borrow())
    }

    fn sleep_until(&self, deadline_ms: u64) -> Sleep {
        let mut moved = self.offset_ms.subscribe();
        let deadline = Deadline::new(self.now_ms(), deadline_ms);
        Box::pin(async move {
            loop {
                let now_ms = wall_ms().saturating_add_signed(*moved.borrow_and_update());
                let Some(timer) = deadline.timer(now_ms) else {
                    return;
                };
                tokio::select! {
                    () = sleep(timer) => {}
                    changed = moved.changed() => if changed.is_err() { return },
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use headwater_model::Clock;
    use tokio::time::timeout;

    use super::{OFFSET_MS_MAX, TestClock};

    const LIMIT: u64 = OFFSET_MS_MAX as u64;
    const HOUR_MS: u64 = 3_600_000;

    #[test]
    fn advancing_never_goes_back_and_leaves_room_for_sums() {
        let clock = TestClock::default();
        let mut before_ms = clock.now_ms();
        for by_ms in [1, u64::MAX, 1, u64::MAX] {
            let now_ms = clock.advance_ms(by_ms);
            assert!(now_ms >= before_ms, "{by_ms}");
            before_ms = now_ms;
        }
        assert!((LIMIT..2 * LIMIT).contains(&clock.now_ms()));
    }

    #[test]
    fn a_test_clock_begins_where_it_is_told_to() {
        let now_ms = TestClock::default().now_ms();
        let before_ms = TestClock::beginning_off_ms(-3_600_000).now_ms();
        let after_ms = TestClock::beginning_off_ms(3_600_000).now_ms();
        assert!((now_ms - 3_600_000..now_ms).contains(&before_ms));
        assert!(after_ms >= now_ms + 3_600_000);
        assert!(TestClock::beginning_off_ms(i64::MAX).now_ms() < 2 * LIMIT);
        assert_eq!(TestClock::beginning_off_ms(i64::MIN).now_ms(), 0);
    }

    #[tokio::test]
    async fn a_sleep_ends_in_time_though_the_clock_is_set_back() {
        let clock = TestClock::default();
        let begun_ms = clock.now_ms();
        let sleep = clock.sleep_until(begun_ms + 20);
        clock.set_back_ms(HOUR_MS);
        assert!(clock.now_ms() < begun_ms);
        let slept = timeout(Duration::from_secs(30), sleep).await;
        assert!(slept.is_ok(), "it sleeps until the clock has caught up");
    }

    #[tokio::test]
    async fn a_sleep_ends_at_once_when_the_clock_is_advanced() {
        let clock = TestClock::default();
        let mut sleep = clock.sleep_until(clock.now_ms() + HOUR_MS);
        tokio::select! {
            biased;
            () = &mut sleep => panic!("an hour is not over"),
            () = std::future::ready(()) => {}
        }
        clock.advance_ms(HOUR_MS);
        let slept = timeout(Duration::from_secs(30), sleep).await;
        assert!(slept.is_ok(), "it was not told");
        // No timer reaches so far.
        let for_ever = timeout(Duration::ZERO, clock.sleep_until(u64::MAX)).await;
        assert!(for_ever.is_err());
    }
}
