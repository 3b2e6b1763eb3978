//! DynamoDB's number: decimal, 38 significant digits, magnitudes 1E-130 to 9.99..E+125.
//!
//! A [`Number`] is `sign * coefficient * 10^exponent` and always normalised: the coefficient has
//! no trailing zeros and zero has one form. So derived equality and hashing are by value.
//! Neighbours: `number/parse.rs` reads texts, `number/arithmetic.rs` adds and compares,
//! `number/bytes.rs` holds both byte forms (ordered for keys, compact for items).

use std::fmt;
use std::str::FromStr;

mod arithmetic;
mod bytes;
mod parse;
#[cfg(test)]
mod tests;

pub use bytes::CorruptNumber;

use crate::limits::{NUMBER_DIGITS_MAX, NUMBER_EXPONENT_MAX, NUMBER_EXPONENT_MIN};

/// A decimal number as DynamoDB stores it. Equality, order and hash are by value.
///
/// Source: dynamodb-api.md sections 3 and 6.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Number {
    // The coefficient as two halves: a u128 field would align the struct, and every
    // `AttributeValue` with it, to 16 bytes.
    coefficient_high: u64,
    coefficient_low: u64,
    exponent: i16,
    negative: bool,
}

/// Why a text or a result is not a number that DynamoDB can store.
///
/// The texts are those that AWS clients see (dynamodb-api.md section 6).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text is not a number; it is quoted as it was sent.
    #[error("The parameter cannot be converted to a numeric value: {0}")]
    NotANumber(String),
    /// More than 38 significant digits.
    #[error("Attempting to store more than 38 significant digits in a Number")]
    TooManyDigits,
    /// The magnitude is above 9.99..E+125.
    #[error(
        "Number overflow. Attempting to store a number with magnitude larger than supported range"
    )]
    Overflow,
    /// The magnitude is below 1E-130 and not zero.
    #[error(
        "Number underflow. Attempting to store a number with magnitude smaller than supported range"
    )]
    Underflow,
}

/// Powers of ten up to the largest that a coefficient may be scaled by.
const POWERS_OF_TEN: [u128; 39] = {
    let mut powers = [1u128; 39];
    let mut i = 1;
    while i < 39 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// Room for the longest text: sign, "0.", 129 zeros and 38 digits.
const TEXT_LEN_MAX: usize = 176;

impl Number {
    /// The number zero.
    pub const ZERO: Self = Self {
        coefficient_high: 0,
        coefficient_low: 0,
        exponent: 0,
        negative: false,
    };

    /// Reads a number: optional sign, digits with an optional point, optional exponent.
    /// No spaces, no other notations.
    ///
    /// # Errors
    /// [`NumberError`]; the range is checked before the count of digits.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        parse::parse(text)
    }

    /// The whole number `value`; every `i64` fits.
    pub fn from_i64(value: i64) -> Self {
        Self::from_integer(value < 0, value.unsigned_abs())
    }

    /// The value as `i64`, or `None` if it has a fraction or is out of range.
    pub fn to_i64(&self) -> Option<i64> {
        let power = POWERS_OF_TEN.get(usize::try_from(self.exponent).ok()?)?;
        let magnitude = i128::try_from(self.coefficient().checked_mul(*power)?).ok()?;
        let signed = if self.negative { -magnitude } else { magnitude };
        i64::try_from(signed).ok()
    }

    /// The largest whole number that is not above it, if there is one that fits and it is not negative.
    pub fn floor_u64(&self) -> Option<u64> {
        if self.is_negative() {
            return None;
        }
        let whole = match u32::try_from(self.exponent) {
            Ok(up) => self.coefficient().checked_mul(10_u128.checked_pow(up)?)?,
            Err(_) => match 10_u128.checked_pow(self.exponent.unsigned_abs().into()) {
                Some(divisor) => self.coefficient() / divisor,
                None => 0,
            },
        };
        u64::try_from(whole).ok()
    }

    /// Whether this is zero.
    pub fn is_zero(&self) -> bool {
        self.coefficient_high == 0 && self.coefficient_low == 0
    }

    /// Whether this is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// The number with the other sign; zero stays zero.
    #[must_use]
    pub fn negate(self) -> Self {
        Self {
            negative: !self.negative && !self.is_zero(),
            ..self
        }
    }

    /// The bytes that DynamoDB counts for this number (dynamodb-api.md section 4): one, plus one
    /// for each base-100 digit aligned at the decimal point, plus one if negative; zero is 1.
    pub fn size_bytes(&self) -> usize {
        if self.is_zero() {
            return 1;
        }
        let digits = self.digits();
        let straddles = digits.is_multiple_of(2) && self.magnitude() % 2 == 0;
        1 + digits.div_ceil(2) as usize + usize::from(straddles) + usize::from(self.negative)
    }

    fn coefficient(&self) -> u128 {
        u128::from(self.coefficient_high) << 64 | u128::from(self.coefficient_low)
    }

    /// How many decimal digits the coefficient has; zero has none.
    fn digits(&self) -> u32 {
        digits(self.coefficient())
    }

    /// The exponent in scientific notation: that of the leading digit.
    fn magnitude(&self) -> i32 {
        i32::from(self.exponent) + self.digits() as i32 - 1
    }

    fn from_integer(negative: bool, magnitude: u64) -> Self {
        let (coefficient, exponent) = strip_zeros(u128::from(magnitude), 0);
        Self::from_normalised(negative, coefficient, exponent as i16)
    }

    /// Normalises and checks the range, then the digits.
    fn from_parts(negative: bool, coefficient: u128, exponent: i64) -> Result<Self, NumberError> {
        if coefficient == 0 {
            return Ok(Self::ZERO);
        }
        let (coefficient, exponent) = strip_zeros(coefficient, exponent);
        let digits = digits(coefficient);
        check_magnitude(exponent.saturating_add(i64::from(digits) - 1))?;
        if digits > NUMBER_DIGITS_MAX {
            return Err(NumberError::TooManyDigits);
        }
        // The magnitude check bounds the exponent to -167..=125.
        Ok(Self::from_normalised(
            negative,
            coefficient,
            exponent as i16,
        ))
    }

    fn from_normalised(negative: bool, coefficient: u128, exponent: i16) -> Self {
        debug_assert!(
            !coefficient.is_multiple_of(10) || (coefficient == 0 && exponent == 0 && !negative)
        );
        Self {
            coefficient_high: (coefficient >> 64) as u64,
            coefficient_low: coefficient as u64,
            exponent,
            negative,
        }
    }

    /// Writes the canonical text into `buffer` and returns its length.
    fn write_text(&self, buffer: &mut [u8; TEXT_LEN_MAX]) -> usize {
        let mut digits = [0u8; 39];
        let start = write_digits(self.coefficient(), &mut digits);
        let digits = &digits[start..];
        let mut text = Text { buffer, len: 0 };
        if self.negative {
            text.push(b"-");
        }
        let point = digits.len() as i32 + i32::from(self.exponent);
        if self.is_zero() {
            text.push(b"0");
        } else if point <= 0 {
            text.push(b"0.");
            text.zeros(point.unsigned_abs() as usize);
            text.push(digits);
        } else if self.exponent >= 0 {
            text.push(digits);
            text.zeros(self.exponent as usize);
        } else {
            let (whole, fraction) = digits.split_at(point as usize);
            text.push(whole);
            text.push(b".");
            text.push(fraction);
        }
        text.len
    }
}

/// A text that grows in a fixed buffer.
struct Text<'a> {
    buffer: &'a mut [u8; TEXT_LEN_MAX],
    len: usize,
}

impl Text<'_> {
    fn push(&mut self, part: &[u8]) {
        self.buffer[self.len..self.len + part.len()].copy_from_slice(part);
        self.len += part.len();
    }

    fn zeros(&mut self, count: usize) {
        self.buffer[self.len..self.len + count].fill(b'0');
        self.len += count;
    }
}

/// Writes the decimal digits right-aligned; returns where they start.
fn write_digits(coefficient: u128, out: &mut [u8; 39]) -> usize {
    const CHUNK: u128 = POWERS_OF_TEN[19];
    let mut rest = coefficient;
    let mut at = out.len();
    while rest != 0 {
        let mut chunk = (rest % CHUNK) as u64;
        rest /= CHUNK;
        let chunk_start = at.saturating_sub(19);
        while chunk != 0 || (rest != 0 && at > chunk_start) {
            at -= 1;
            out[at] = b'0' + (chunk % 10) as u8;
            chunk /= 10;
        }
    }
    at
}

fn digits(coefficient: u128) -> u32 {
    match u64::try_from(coefficient) {
        Ok(small) => small.checked_ilog10().map_or(0, |log| log + 1),
        Err(_) => coefficient.ilog10() + 1,
    }
}

/// Moves the trailing zeros of a coefficient into its exponent; zero gets exponent 0.
fn strip_zeros(coefficient: u128, exponent: i64) -> (u128, i64) {
    if coefficient == 0 {
        return (0, 0);
    }
    let (mut coefficient, mut exponent) = (coefficient, exponent);
    while coefficient > u128::from(u64::MAX) {
        if !coefficient.is_multiple_of(10) {
            return (coefficient, exponent);
        }
        coefficient /= 10;
        exponent = exponent.saturating_add(1);
    }
    let mut small = coefficient as u64;
    while small.is_multiple_of(10) {
        small /= 10;
        exponent = exponent.saturating_add(1);
    }
    (u128::from(small), exponent)
}

fn check_magnitude(magnitude: i64) -> Result<(), NumberError> {
    if magnitude > i64::from(NUMBER_EXPONENT_MAX) {
        Err(NumberError::Overflow)
    } else if magnitude < i64::from(NUMBER_EXPONENT_MIN) {
        Err(NumberError::Underflow)
    } else {
        Ok(())
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::from_i64(value)
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::from_integer(false, value)
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        Self::parse(text)
    }
}

/// The canonical text: plain digits, never an exponent (dynamodb-api.md section 6).
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0u8; TEXT_LEN_MAX];
        let len = self.write_text(&mut buffer);
        f.write_str(str::from_utf8(&buffer[..len]).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({self})")
    }
}
