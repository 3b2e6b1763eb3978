//! LEB128 varints, minimal on both sides: one value has one form.
//!
//! Readers move the slice past what they took and return `None` on anything that the writers do
//! not write.

/// Appends `value`, seven bits a byte, lowest first.
pub(crate) fn write(out: &mut Vec<u8>, value: u64) {
    if let Ok(short @ 0..0x80) = u8::try_from(value) {
        out.push(short);
        return;
    }
    let (bytes, len) = to_array(value);
    out.extend_from_slice(&bytes[..len]);
}

/// The bytes that [`write()`] appends, and how many they are.
pub(crate) fn to_array(mut value: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut len = 0;
    while value >= 0x80 {
        bytes[len] = value as u8 | 0x80;
        value >>= 7;
        len += 1;
    }
    bytes[len] = value as u8;
    (bytes, len + 1)
}

/// As [`write()`], for 128 bits; the same bytes for the same value.
pub(crate) fn write_wide(out: &mut Vec<u8>, mut value: u128) {
    while value > u128::from(u64::MAX) {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    write(out, value as u64);
}

/// Reads a value of up to 64 bits.
pub(crate) fn read(bytes: &mut &[u8]) -> Option<u64> {
    if let [byte @ 0..0x80, rest @ ..] = *bytes {
        *bytes = rest;
        return Some(u64::from(*byte));
    }
    u64::try_from(read_wide(bytes)?).ok()
}

/// Reads a value of up to 128 bits.
pub(crate) fn read_wide(bytes: &mut &[u8]) -> Option<u128> {
    let mut low: u64 = 0;
    let mut value: u128 = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let bits = byte & 0x7F;
        match at {
            0..9 => low |= u64::from(bits) << (7 * at),
            9..18 => value |= u128::from(bits) << (7 * at),
            18 if bits < 4 => value |= u128::from(bits) << (7 * at),
            _ => return None,
        }
        if byte & 0x80 == 0 {
            if bits == 0 && at > 0 {
                return None;
            }
            *bytes = &bytes[at + 1..];
            return Some(value | u128::from(low));
        }
    }
    None
}

/// Reads a value and takes that many bytes after it.
pub(crate) fn read_prefixed<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(read(bytes)?).ok()?;
    let (taken, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(taken)
}

/// Moves past a varint of any width.
pub(crate) fn skip(bytes: &mut &[u8]) -> Option<()> {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0)?;
    *bytes = &bytes[end + 1..];
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{read, read_prefixed, read_wide, skip, write, write_wide};

    #[test]
    fn edges_round_trip() {
        for shift in 0..128 {
            for value in [(1u128 << shift) - 1, 1 << shift, u128::MAX >> shift] {
                let mut out = Vec::new();
                write_wide(&mut out, value);
                assert_eq!(read_wide(&mut out.as_slice()), Some(value));
                assert_eq!(read(&mut out.as_slice()), u64::try_from(value).ok());
            }
        }
    }

    #[test]
    fn only_minimal_forms_are_read() {
        for bytes in [
            &[][..],
            &[0x80],
            &[0x80, 0x00],
            &[0xFF, 0x80, 0x00],
            &[0xFF; 40],
        ] {
            assert_eq!(read_wide(&mut &*bytes), None, "{bytes:?}");
        }
        let mut too_wide = [0x80; 19];
        too_wide[18] = 4;
        assert_eq!(read_wide(&mut too_wide.as_slice()), None);
        assert_eq!(read_prefixed(&mut [3, 1, 2].as_slice()), None);
    }

    proptest! {
        #[test]
        fn both_widths_agree(value in any::<u64>(), shift in 0u32..64, rest in any::<[u8; 3]>()) {
            let value = value >> shift;
            let (mut narrow, mut wide) = (Vec::new(), Vec::new());
            write(&mut narrow, value);
            write_wide(&mut wide, u128::from(value));
            prop_assert_eq!(&narrow, &wide);
            narrow.extend_from_slice(&rest);
            let (mut left, mut skipped) = (narrow.as_slice(), narrow.as_slice());
            prop_assert_eq!(read(&mut left), Some(value));
            prop_assert_eq!(left, &rest);
            prop_assert_eq!(skip(&mut skipped), Some(()));
            prop_assert_eq!(skipped, &rest);
        }

        #[test]
        fn what_is_read_is_what_would_be_written(bytes in any::<[u8; 20]>()) {
            let mut rest = bytes.as_slice();
            if let Some(value) = read_wide(&mut rest) {
                let mut out = Vec::new();
                write_wide(&mut out, value);
                prop_assert!(bytes.starts_with(&out));
                prop_assert_eq!(out.len() + rest.len(), bytes.len());
            }
        }
    }
}
