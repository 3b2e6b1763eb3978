//! How a value is stored: with a checksum over its key and itself, or, in files of the first format, alone.
//!
//! redb keeps a checksum of each page and looks at it only when it checks a whole file. The checksum here
//! is looked at whenever a value is read, so that a running server answers an error instead of a value that
//! is not what was written, or that belongs to another key.

use crate::StateError;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed, xxh3_128};

const CHECKSUM_BYTES: usize = 4;

/// The form of the values in one store; it follows from the format of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueForm {
    /// Format 1: the value and nothing else.
    Plain,
    /// Format 2: the value, then the low half of xxh3 over it, seeded with xxh3 over the key, least byte
    /// first.
    Checked,
}

impl ValueForm {
    /// What to store for `value`: itself, or its checked form in `buffer`.
    pub(super) fn stored<'a>(
        self,
        key: &[u8],
        value: &'a [u8],
        buffer: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        if self == Self::Plain {
            return value;
        }
        buffer.clear();
        buffer.extend_from_slice(value);
        buffer.extend_from_slice(&checksum(key, value));
        buffer
    }

    /// The value in what is stored.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it does not have its checksum.
    pub(super) fn value<'a>(self, key: &[u8], stored: &'a [u8]) -> Result<&'a [u8], StateError> {
        if self == Self::Plain {
            return Ok(stored);
        }
        match stored.split_last_chunk::<CHECKSUM_BYTES>() {
            Some((value, sum)) if *sum == checksum(key, value) => Ok(value),
            _ => Err(damaged(key)),
        }
    }
}

fn checksum(key: &[u8], value: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [a, b, c, d, ..] = xxh3_64_with_seed(value, xxh3_64(key)).to_le_bytes();
    [a, b, c, d]
}

/// Names the key by its hash only: keys are data.
fn damaged(key: &[u8]) -> StateError {
    StateError::Damaged {
        doing: "reading a value",
        detail: format!(
            "the value of key {:032x} does not have the checksum that it was written with",
            xxh3_128(key)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_noticed_and_so_is_another_key() {
        let mut buffer = Vec::new();
        for value in [b"".as_slice(), b"a", b"some value that is a little longer"] {
            let stored = ValueForm::Checked.stored(b"key", value, &mut buffer);
            let stored = stored.to_vec();
            assert_eq!(ValueForm::Checked.value(b"key", &stored).unwrap(), value);
            assert!(ValueForm::Checked.value(b"kez", &stored).is_err());
            for bit in 0..stored.len() * 8 {
                let mut flipped = stored.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let error = ValueForm::Checked.value(b"key", &flipped).err();
                assert!(error.is_some(), "bit {bit}");
            }
            for length in 0..stored.len() {
                let cut = &stored[..length];
                assert!(ValueForm::Checked.value(b"key", cut).is_err());
            }
        }
    }

    /// Files hold these bytes for ever.
    #[test]
    fn the_checksum_is_that_of_the_format() {
        let mut buffer = Vec::new();
        let stored = ValueForm::Checked.stored(b"key", b"value", &mut buffer);
        assert_eq!(&stored[..5], b"value");
        assert_eq!(stored[5..], checksum(b"key", b"value"));
        let expected = xxh3_64_with_seed(b"value", xxh3_64(b"key")) as u32;
        assert_eq!(stored[5..], expected.to_le_bytes());
        assert_eq!(ValueForm::Plain.stored(b"key", b"v", &mut buffer), b"v");
    }
}
