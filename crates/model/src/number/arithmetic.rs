//! Order, sum and difference of numbers.

use std::cmp::Ordering;

use super::{Number, NumberError, POWERS_OF_TEN};

impl Number {
    /// The exact sum.
    ///
    /// # Errors
    /// [`NumberError::Overflow`] when the sum is too large **and** when it needs more than 38
    /// digits: AWS answers the overflow text for `1E50 + 1` (Alternator's `test_number.py`,
    /// checked on AWS). [`NumberError::Underflow`] when it is too small and not zero.
    pub fn checked_add(self, other: Self) -> Result<Self, NumberError> {
        if self.is_zero() {
            return Ok(other);
        }
        if other.is_zero() {
            return Ok(self);
        }
        let (upper, lower) = if self.exponent >= other.exponent {
            (self, other)
        } else {
            (other, self)
        };
        let (negative, coefficient) = add_aligned(upper, lower).ok_or(NumberError::Overflow)?;
        Self::from_parts(negative, coefficient, i64::from(lower.exponent)).map_err(|error| {
            match error {
                NumberError::TooManyDigits => NumberError::Overflow,
                other => other,
            }
        })
    }

    /// The exact difference; errors as for [`Number::checked_add`].
    ///
    /// # Errors
    /// See [`Number::checked_add`].
    pub fn checked_sub(self, other: Self) -> Result<Self, NumberError> {
        self.checked_add(other.negate())
    }

    fn compare_magnitudes(&self, other: &Self) -> Ordering {
        self.magnitude().cmp(&other.magnitude()).then_with(|| {
            let (digits, other_digits) = (self.digits(), other.digits());
            let longest = digits.max(other_digits);
            let scaled = self.coefficient() * POWERS_OF_TEN[(longest - digits) as usize];
            let other_scaled =
                other.coefficient() * POWERS_OF_TEN[(longest - other_digits) as usize];
            scaled.cmp(&other_scaled)
        })
    }
}

/// Sign and coefficient of the sum at `lower`'s exponent; `None` if it cannot have 38 digits.
///
/// Whatever does not fit 128 bits here cannot fit 38 digits either: `lower`'s coefficient ends in
/// a digit that is not zero and has at most 38 digits, so a scaled `upper` above 2 * 10^38 leaves
/// a result of at least 39 significant digits.
fn add_aligned(upper: Number, lower: Number) -> Option<(bool, u128)> {
    let shift = usize::try_from(i32::from(upper.exponent) - i32::from(lower.exponent)).ok()?;
    let scaled = upper
        .coefficient()
        .checked_mul(*POWERS_OF_TEN.get(shift)?)?;
    let addend = lower.coefficient();
    if upper.negative == lower.negative {
        return Some((upper.negative, scaled.checked_add(addend)?));
    }
    if scaled >= addend {
        Some((upper.negative, scaled - addend))
    } else {
        Some((lower.negative, addend - scaled))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (sign(self), sign(other)) {
            (1, 1) => self.compare_magnitudes(other),
            (-1, -1) => other.compare_magnitudes(self),
            (sign, other_sign) => sign.cmp(&other_sign),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn sign(number: &Number) -> i8 {
    match (number.is_zero(), number.negative) {
        (true, _) => 0,
        (false, true) => -1,
        (false, false) => 1,
    }
}
