//! Little-endian base-128 numbers: seven bits a byte, the high bit says that more follow.

/// Longest form of a `u64`.
pub(crate) const VARINT_BYTES_MAX: usize = 10;

pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a number at `*at` and moves `*at` behind it; `None` when it is cut off, too long, or not in its shortest form.
pub(crate) fn take(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..VARINT_BYTES_MAX as u32).map(|i| i * 7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (byte != 0 || shift == 0).then_some(value);
        }
    }
    None
}

pub(crate) fn take_u32(bytes: &[u8], at: &mut usize) -> Option<u32> {
    take(bytes, at).and_then(|value| u32::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_comes_back(value: u64, shift in 0u32..64) {
            let value = value >> shift;
            let mut out = Vec::new();
            put(&mut out, value);
            prop_assert!(out.len() <= VARINT_BYTES_MAX);
            let mut at = 0;
            prop_assert_eq!(take(&out, &mut at), Some(value));
            prop_assert_eq!(at, out.len());
            prop_assert_eq!(take(&out[..out.len() - 1], &mut 0), None);
        }
    }

    #[test]
    fn long_forms_are_refused() {
        assert_eq!(take(&[0x80, 0], &mut 0), None);
        assert_eq!(take(&[0xff; 10], &mut 0), None);
    }
}
