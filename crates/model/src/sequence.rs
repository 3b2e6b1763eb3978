//! Positions in a change log, which are also the sequence numbers that stream readers see.
//!
//! A position is a hybrid time: milliseconds since 1970 in the upper 44 bits and a counter in the
//! lower 20, so that seeking by time is seeking by number. Its text is a decimal of 25 digits: a
//! `1`, 15 digits of milliseconds and 9 of the counter. The leading `1` keeps the length fixed
//! without leading zeros; clients compare these texts as big integers (streams.md section 5).

use std::fmt;

use crate::limits::{SEQUENCE_DIGITS_MAX, SEQUENCE_DIGITS_MIN};

/// A position in a change log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Sequence(pub u64);

/// A text that is not 21 to 40 decimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a sequence number")]
pub struct InvalidSequence;

const COUNTER_BITS: u32 = 20;
const COUNTER_MAX: u64 = (1 << COUNTER_BITS) - 1;
const MS_MAX: u64 = u64::MAX >> COUNTER_BITS;

/// The text of zero, as a number: a `1` before 24 digits.
const TEXT_BASE: u128 = 1_000_000_000_000_000_000_000_000;
/// The counter has nine digits of the text.
const TEXT_COUNTER: u128 = 1_000_000_000;
const TEXT_DIGITS: usize = 25;

impl Sequence {
    /// Before every position that a log hands out.
    pub const ZERO: Self = Self(0);
    /// After every position that a log hands out.
    pub const MAX: Self = Self(u64::MAX);

    /// The first position of a millisecond.
    pub fn first_at_ms(ms: u64) -> Self {
        Self(ms.min(MS_MAX) << COUNTER_BITS)
    }

    /// The milliseconds since 1970.
    pub fn ms(&self) -> u64 {
        self.0 >> COUNTER_BITS
    }

    /// The counter within the millisecond.
    pub fn counter(&self) -> u64 {
        self.0 & COUNTER_MAX
    }

    /// The position after this one; the counter runs over into the milliseconds.
    #[must_use]
    pub fn next(self) -> Self {
        self.offset(1)
    }

    /// The position `n` after this one, by plain addition; stops at [`Sequence::MAX`].
    #[must_use]
    pub fn offset(self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }

    /// Reads a text of 21 to 40 digits. A number that is not the text of any position gives the
    /// nearest position below it, or [`Sequence::ZERO`]: larger texts never give smaller positions.
    ///
    /// # Errors
    /// [`InvalidSequence`] if the text is anything but 21 to 40 decimal digits.
    pub fn parse(text: &str) -> Result<Self, InvalidSequence> {
        let digits = (SEQUENCE_DIGITS_MIN..=SEQUENCE_DIGITS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits {
            return Err(InvalidSequence);
        }
        let number = text.trim_start_matches('0');
        if number.len() > TEXT_DIGITS {
            return Ok(Self::MAX);
        }
        let number: u128 = number.parse().unwrap_or(0);
        Ok(Self::at_or_below(number))
    }

    fn at_or_below(number: u128) -> Self {
        let Some(inner) = number.checked_sub(TEXT_BASE) else {
            return Self::ZERO;
        };
        let (ms, counter) = (inner / TEXT_COUNTER, inner % TEXT_COUNTER);
        match u64::try_from(ms) {
            Ok(ms) if ms <= MS_MAX => {
                // Below 10^9, so it fits.
                Self(ms << COUNTER_BITS | (counter as u64).min(COUNTER_MAX))
            }
            _ => Self::MAX,
        }
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1{:015}{:09}", self.ms(), self.counter())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{InvalidSequence, Sequence};

    #[test]
    fn text_has_25_digits() {
        let sequence = Sequence::first_at_ms(1_760_000_000_123).offset(7);
        assert_eq!(sequence.to_string(), "1001760000000123000000007");
        assert_eq!(sequence.ms(), 1_760_000_000_123);
        assert_eq!(sequence.counter(), 7);
        assert_eq!(Sequence::MAX.to_string().len(), 25);
        assert_eq!(Sequence::ZERO.to_string().len(), 25);
    }

    #[test]
    fn refuses_what_is_no_number_of_21_to_40_digits() {
        for text in [
            "",
            "1",
            "12345678901234567890",
            "12345678901234567890123456789012345678901",
            "-01760000000123000000007",
            "+01760000000123000000007",
            "100176000000012300000000x",
            " 01760000000123000000007",
        ] {
            assert_eq!(Sequence::parse(text), Err(InvalidSequence), "{text}");
        }
    }

    #[test]
    fn numbers_of_no_position_saturate() {
        assert_eq!(Sequence::parse(&"0".repeat(21)), Ok(Sequence::ZERO));
        assert_eq!(Sequence::parse(&"9".repeat(24)), Ok(Sequence::ZERO));
        assert_eq!(Sequence::parse(&"9".repeat(40)), Ok(Sequence::MAX));
        assert_eq!(Sequence::parse(&"9".repeat(25)), Ok(Sequence::MAX));
        assert_eq!(
            Sequence::parse("1000000000000005999999999"),
            Ok(Sequence((5 << 20) | 0xF_FFFF))
        );
    }

    #[test]
    fn the_counter_runs_over_into_the_milliseconds() {
        let last = Sequence((5 << 20) | 0xF_FFFF);
        assert_eq!(last.next(), Sequence::first_at_ms(6));
        assert_eq!(Sequence::MAX.next(), Sequence::MAX);
    }

    proptest! {
        #[test]
        fn texts_round_trip(value in any::<u64>()) {
            let sequence = Sequence(value);
            prop_assert_eq!(Sequence::parse(&sequence.to_string()), Ok(sequence));
        }

        #[test]
        fn texts_are_in_order(left in any::<u64>(), right in any::<u64>()) {
            let (left, right) = (Sequence(left), Sequence(right));
            prop_assert_eq!(left.cmp(&right), left.to_string().cmp(&right.to_string()));
        }

        #[test]
        fn parsing_is_monotone(left in "[0-9]{21,40}", right in "[0-9]{21,40}") {
            let pad = |text: &str| format!("{text:0>40}");
            let (low, high) = if pad(&left) <= pad(&right) { (left, right) } else { (right, left) };
            prop_assert!(Sequence::parse(&low).unwrap() <= Sequence::parse(&high).unwrap());
        }

        #[test]
        fn parsing_is_monotone_near_positions(ms in 0u64..1 << 44, counter in 0u64..1_000_000_000, step in 0u64..2_000_000) {
            let text = |n: u128| Sequence::parse(&n.to_string()).unwrap();
            let number = super::TEXT_BASE + u128::from(ms) * super::TEXT_COUNTER + u128::from(counter);
            prop_assert!(text(number) <= text(number + u128::from(step)));
        }
    }
}
