//! The two byte forms of a number, each with its encoder and its decoder side by side.
//!
//! **Ordered** (keys): byte order is numeric order and no encoding is a prefix of another.
//! One byte of sign (0x40 negative, 0x80 zero, 0xC0 positive); for others than zero one byte of
//! scientific exponent + 130, then the digits in pairs from the leading one on, each byte
//! `pair * 2 + 1` if more follow and `pair * 2` for the last. A negative number has all bytes
//! after the sign inverted.
//!
//! **Compact** (items): a varint of `(zigzag(exponent) << 1) | negative`, then the coefficient as
//! a varint. Small numbers take two bytes.

use super::{Number, POWERS_OF_TEN};
use crate::limits::{NUMBER_DIGITS_MAX, NUMBER_EXPONENT_MIN};
use crate::varint;

/// Bytes that are not a number's ordered form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bytes are not an ordered number")]
pub struct CorruptNumber;

const NEGATIVE: u8 = 0x40;
const ZERO: u8 = 0x80;
const POSITIVE: u8 = 0xC0;
const PAIRS_MAX: usize = NUMBER_DIGITS_MAX as usize / 2;

impl Number {
    /// Appends the order-preserving form: the byte order of two encodings is the order of the
    /// numbers, and none is a prefix of another. At most 21 bytes.
    pub fn encode_ordered(&self, out: &mut Vec<u8>) {
        if self.is_zero() {
            out.push(ZERO);
            return;
        }
        let (sign, mask) = if self.negative {
            (NEGATIVE, 0xFF)
        } else {
            (POSITIVE, 0)
        };
        let mut pairs = [0u8; PAIRS_MAX];
        let pairs = self.split_pairs(&mut pairs);
        // The magnitude is in -130..=125, so this is in 0..=255.
        let exponent = (self.magnitude() - NUMBER_EXPONENT_MIN) as u8;
        out.extend_from_slice(&[sign, exponent ^ mask]);
        let last = pairs.len() - 1;
        out.extend(
            pairs
                .iter()
                .enumerate()
                .map(|(at, pair)| (pair * 2 + u8::from(at != last)) ^ mask),
        );
    }

    /// Reads a number from the front of `bytes`; also returns how many bytes it took.
    ///
    /// # Errors
    /// [`CorruptNumber`] for anything that [`Number::encode_ordered`] does not write.
    pub fn decode_ordered(bytes: &[u8]) -> Result<(Self, usize), CorruptNumber> {
        let (sign, rest) = bytes.split_first().ok_or(CorruptNumber)?;
        let (negative, mask) = match *sign {
            ZERO => return Ok((Self::ZERO, 1)),
            POSITIVE => (false, 0),
            NEGATIVE => (true, 0xFF),
            _ => return Err(CorruptNumber),
        };
        let (exponent, rest) = rest.split_first().ok_or(CorruptNumber)?;
        let magnitude = i32::from(exponent ^ mask) + NUMBER_EXPONENT_MIN;
        let (coefficient, pairs) = join_pairs(rest, mask).ok_or(CorruptNumber)?;
        let exponent = magnitude + 1 - 2 * pairs as i32;
        let number = if coefficient.is_multiple_of(10) {
            Self::from_normalised(negative, coefficient / 10, (exponent + 1) as i16)
        } else {
            Self::from_normalised(negative, coefficient, exponent as i16)
        };
        Ok((number, 2 + pairs))
    }

    /// The digits in pairs from the leading one on, the last filled up with a zero.
    fn split_pairs<'a>(&self, buffer: &'a mut [u8; PAIRS_MAX]) -> &'a [u8] {
        const CHUNK_PAIRS: usize = 9;
        let digits = self.digits();
        let count = digits.div_ceil(2) as usize;
        // An odd count is at most 37 digits, so one more fits.
        let mut rest = self.coefficient() * if digits.is_multiple_of(2) { 1 } else { 10 };
        let mut at = count;
        while at > 0 {
            let mut chunk = (rest % POWERS_OF_TEN[2 * CHUNK_PAIRS]) as u64;
            rest /= POWERS_OF_TEN[2 * CHUNK_PAIRS];
            for _ in 0..at.min(CHUNK_PAIRS) {
                at -= 1;
                buffer[at] = (chunk % 100) as u8;
                chunk /= 100;
            }
        }
        &buffer[..count]
    }

    /// Appends the compact form.
    pub(crate) fn encode_compact(&self, out: &mut Vec<u8>) {
        let exponent = i64::from(self.exponent);
        let zigzag = ((exponent << 1) ^ (exponent >> 63)) as u64;
        varint::write(out, zigzag << 1 | u64::from(self.negative));
        varint::write_wide(out, self.coefficient());
    }

    /// Reads the compact form from the front of `bytes` and moves past it. `None` for anything
    /// that [`Number::encode_compact`] does not write.
    pub(crate) fn decode_compact(bytes: &mut &[u8]) -> Option<Self> {
        let head = varint::read(bytes)?;
        let coefficient = varint::read_wide(bytes)?;
        let zigzag = head >> 1;
        let exponent = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        let number = Self::from_parts(head & 1 == 1, coefficient, exponent).ok()?;
        // Normalising must have had nothing to do, or there would be two forms of one number.
        let canonical = number.coefficient() == coefficient
            && i64::from(number.exponent) == exponent
            && number.negative == (head & 1 == 1);
        canonical.then_some(number)
    }

    /// Moves past a number in compact form without looking at it.
    pub(crate) fn skip_compact(bytes: &mut &[u8]) -> Option<()> {
        varint::skip(bytes)?;
        varint::skip(bytes)
    }
}

/// The digits back as one coefficient, and how many pairs they took. The first digit and the last
/// pair are not zero, by normalisation.
fn join_pairs(bytes: &[u8], mask: u8) -> Option<(u128, usize)> {
    let mut coefficient: u128 = 0;
    for (at, byte) in bytes.iter().take(PAIRS_MAX).enumerate() {
        let byte = byte ^ mask;
        let pair = byte >> 1;
        if pair > 99 || (at == 0 && pair < 10) {
            return None;
        }
        coefficient = coefficient * 100 + u128::from(pair);
        if byte & 1 == 0 {
            return (pair != 0).then_some((coefficient, at + 1));
        }
    }
    None
}
