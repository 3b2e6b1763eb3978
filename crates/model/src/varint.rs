//! LEB128 varints, minimal on both sides: one value has one form.
//!
//! Readers move the slice past what they took and return `None` on anything that the writers do
//! not write.

/// Appends `value`, seven bits a byte, lowest first.
pub(crate) fn write(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// As [`write`], for 128 bits; the same bytes for the same value.
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
