//! How long a failed batch waits before it is tried again (triggers.md section 5: the service's schedule
//! is not published; this is the usual one).

const FIRST_MS: u64 = 500;
const LONGEST_MS: u64 = 60_000;

/// The pause after this many failures in a row, at least one.
pub(crate) fn pause_ms(failures: u32) -> u64 {
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_MS << doublings).min(LONGEST_MS)
}

/// A pause by a clock that may be set back. Then it is over: nobody could say for how long it still is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    begun_ms: u64,
    until_ms: u64,
}

impl Pause {
    pub(super) const NONE: Self = Self {
        begun_ms: 0,
        until_ms: 0,
    };
    pub(super) const FOR_EVER: Self = Self {
        begun_ms: 0,
        until_ms: u64::MAX,
    };

    pub(super) fn of(begun_ms: u64, length_ms: u64) -> Self {
        Self {
            begun_ms,
            until_ms: begun_ms.saturating_add(length_ms),
        }
    }

    /// When it will be over, unless it is.
    pub(super) fn end_ms(self, now_ms: u64) -> Option<u64> {
        let is_within = (self.begun_ms..self.until_ms).contains(&now_ms);
        is_within.then_some(self.until_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::{Pause, pause_ms};

    #[test]
    fn a_pause_ends_with_its_time_or_when_the_clock_is_set_back() {
        let pause = Pause::of(1_000, 50);
        assert_eq!(pause.end_ms(1_000), Some(1_050));
        assert_eq!(pause.end_ms(1_049), Some(1_050));
        assert_eq!(pause.end_ms(1_050), None);
        assert_eq!(pause.end_ms(999), None);
        assert_eq!(Pause::NONE.end_ms(0), None);
        assert_eq!(Pause::FOR_EVER.end_ms(u64::MAX - 1), Some(u64::MAX));
    }

    #[test]
    fn doubles_up_to_a_minute() {
        let pauses: Vec<u64> = [1, 2, 3, 7, 8, 9, u32::MAX].map(pause_ms).to_vec();
        assert_eq!(pauses, [500, 1_000, 2_000, 32_000, 60_000, 60_000, 60_000]);
    }
}
