//! Reading a number's text, in one pass and without allocation.

use super::{Number, NumberError, POWERS_OF_TEN, check_magnitude};
use crate::limits::NUMBER_DIGITS_MAX;

/// Sign, digits with an optional point, optional exponent; at least one digit.
pub(super) fn parse(text: &str) -> Result<Number, NumberError> {
    scan(text.as_bytes()).ok_or_else(|| NumberError::NotANumber(text.to_owned()))?
}

/// `None` means that the text is no number at all.
fn scan(text: &[u8]) -> Option<Result<Number, NumberError>> {
    let (negative, text) = split_sign(text);
    let end = text
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b'.'))
        .unwrap_or(text.len());
    let (mantissa, rest) = text.split_at(end);
    let mut digits = Digits::default();
    digits.take(mantissa)?;
    let exponent = scan_exponent(rest)?;
    Some(digits.finish(negative, exponent))
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// What follows the mantissa: nothing, or `e` and a whole number of 64 bits.
fn scan_exponent(text: &[u8]) -> Option<i64> {
    let [marker, rest @ ..] = text else {
        return Some(0);
    };
    if !matches!(marker, b'e' | b'E') {
        return None;
    }
    let (negative, digits) = split_sign(rest);
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for byte in digits {
        let digit = i64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(if negative { -value } else { value })
}

/// The digits read so far. Zeros are held back until a digit follows them, so that neither
/// leading nor trailing zeros count as significant.
#[derive(Default)]
struct Digits {
    coefficient: u128,
    /// From the first to the last digit that is not zero.
    significant: u64,
    held_zeros: u64,
    fraction: u64,
}

impl Digits {
    fn take(&mut self, mantissa: &[u8]) -> Option<()> {
        let mut seen_point = false;
        let mut seen_digit = false;
        for byte in mantissa {
            if *byte == b'.' {
                if seen_point {
                    return None;
                }
                seen_point = true;
            } else {
                seen_digit = true;
                self.push(byte - b'0');
                self.fraction += u64::from(seen_point);
            }
        }
        seen_digit.then_some(())
    }

    fn push(&mut self, digit: u8) {
        if digit == 0 {
            self.held_zeros += u64::from(self.significant != 0);
            return;
        }
        let shift = self.held_zeros + 1;
        self.held_zeros = 0;
        self.significant += shift;
        // Past the limit only the count matters: the number will be refused.
        if self.significant <= u64::from(NUMBER_DIGITS_MAX) {
            self.coefficient = self.coefficient * POWERS_OF_TEN[shift as usize] + u128::from(digit);
        }
    }

    fn finish(self, negative: bool, exponent: i64) -> Result<Number, NumberError> {
        if self.significant == 0 {
            // An exponent that zero is written with has to be in range too (conformance suite, recorded 2026).
            if exponent != 0 {
                check_magnitude(exponent.saturating_sub_unsigned(self.fraction))?;
            }
            return Ok(Number::ZERO);
        }
        let exponent = exponent
            .saturating_sub_unsigned(self.fraction)
            .saturating_add_unsigned(self.held_zeros);
        check_magnitude(exponent.saturating_add_unsigned(self.significant - 1))?;
        if self.significant > u64::from(NUMBER_DIGITS_MAX) {
            return Err(NumberError::TooManyDigits);
        }
        Ok(Number::from_normalised(
            negative,
            self.coefficient,
            exponent as i16,
        ))
    }
}
