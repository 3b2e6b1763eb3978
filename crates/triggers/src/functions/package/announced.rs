//! How many entries the end of a zip file announces, before anything else of it is read: whoever reads the list of entries
//! holds it in memory, and 50 MB have room for a million.

/// The end record: counts of entries at 8 and 10, and a comment behind 22 bytes.
const RECORD: &[u8] = b"PK\x05\x06";
const RECORD_BYTES: usize = 22;
const COMMENT_BYTES_MAX: usize = u16::MAX as usize;
/// Right before it, where there is a longer record: its offset at 8.
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: usize = 20;
/// The longer record: the count of entries at 32.
const LONG_RECORD: &[u8] = b"PK\x06\x06";

/// The entries of the last end record; 0 if there is none. A hint, for a reader may go by an earlier one.
pub(super) fn announced(zip: &[u8]) -> usize {
    let from = zip.len().saturating_sub(RECORD_BYTES + COMMENT_BYTES_MAX);
    let mut found = zip[from..].windows(RECORD.len());
    let Some(at) = found.rposition(|four| four == RECORD) else {
        return 0;
    };
    let at = from + at;
    let count = |at| bytes(zip, at).map_or(0, u16::from_le_bytes);
    let short = count(at + 8).max(count(at + 10));
    match long(zip, at) {
        // Nothing but a sign that the longer record has it.
        Some(long) if short == u16::MAX => long,
        Some(long) => long.max(short.into()),
        None => short.into(),
    }
}

fn long(zip: &[u8], record: usize) -> Option<usize> {
    let locator = zip.get(record.checked_sub(LOCATOR_BYTES)?..)?;
    let at = usize::try_from(u64::from_le_bytes(bytes(locator, 8)?)).ok()?;
    let record = zip.get(at..)?;
    if !locator.starts_with(LOCATOR) || !record.starts_with(LONG_RECORD) {
        return None;
    }
    usize::try_from(u64::from_le_bytes(bytes(record, 32)?)).ok()
}

fn bytes<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
    from.get(at..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(entries: u16) -> Vec<u8> {
        let mut record = RECORD.to_vec();
        record.extend([0; 4]);
        record.extend(entries.to_le_bytes().repeat(2));
        record.extend([0; 10]);
        record
    }

    /// With 7 bytes before it.
    fn long_record(entries: u64) -> Vec<u8> {
        let mut zip = b"content".to_vec();
        zip.extend(LONG_RECORD);
        zip.extend([0; 28]);
        zip.extend(entries.to_le_bytes());
        zip.extend([0; 16]);
        zip.extend(LOCATOR);
        zip.extend([0; 4]);
        zip.extend(7_u64.to_le_bytes());
        zip.extend([0; 4]);
        zip
    }

    #[test]
    fn the_last_record_counts() {
        assert_eq!(announced(b""), 0);
        assert_eq!(announced(b"PK\x05\x06"), 0);
        assert_eq!(announced(&record(5)), 5);
        assert_eq!(announced(&[record(5), record(6)].concat()), 6);
        assert_eq!(announced(&[record(5), b"a comment".to_vec()].concat()), 5);
        assert_eq!(announced(&record(u16::MAX)), 65_535);
    }

    #[test]
    fn a_longer_record_has_longer_counts() {
        let of = |long, short| announced(&[long_record(long), record(short)].concat());
        assert_eq!(of(70_000, u16::MAX), 70_000);
        assert_eq!(of(3, u16::MAX), 3);
        assert_eq!(of(70_000, 1), 70_000);
        let mut lost = [long_record(3), record(u16::MAX)].concat();
        lost[7] = b'X';
        assert_eq!(announced(&lost), 65_535);
    }
}
