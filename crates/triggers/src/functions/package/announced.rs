//! How many entries the end of a zip file announces, before anything else of it is read: whoever reads the list of entries
//! holds it in memory, and 50 MB have room for a million.

use std::collections::HashMap;

/// The end record: counts of entries at 8 and 10, and behind 22 bytes a comment, whose length is at 20.
const RECORD: &[u8] = b"PK\x05\x06";
const RECORD_BYTES: usize = 22;
/// Readers look for it no further from the end: as long as a comment may be, and a little.
const LOOKED_AT_BYTES: usize = (1 << 16) + 1_024;
/// Right before it, where there is a longer record.
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_BYTES: usize = 20;
/// The longer record, which ends where the locator begins: how long it is behind 12 bytes at 4, the count of entries at 32.
const LONG_RECORD: &[u8] = b"PK\x06\x06";
const LONG_RECORD_HEAD_BYTES: usize = 12;

/// The most entries of any end record, for a reader goes by an earlier one if it can't use a later one; 0 if there is none.
pub(super) fn announced(zip: &[u8]) -> usize {
    let from = zip.len().saturating_sub(LOOKED_AT_BYTES);
    let records: Vec<usize> = places(&zip[from..], RECORD)
        .map(|at| from + at)
        .filter(|at| at + RECORD_BYTES + usize::from(short(zip, at + 20)) <= zip.len())
        .collect();
    let locators = records.iter().filter_map(|at| locator(zip, *at));
    let long = long_counts(zip, locators.map(|at| (at, None)).collect());
    let counts = records.into_iter().map(|at| {
        let count = short(zip, at + 8).max(short(zip, at + 10));
        match locator(zip, at).and_then(|at| long.get(&at).copied().flatten()) {
            // Nothing but a sign that the longer record has it.
            Some(long) if count == u16::MAX => long,
            Some(long) => long.max(count.into()),
            None => count.into(),
        }
    });
    counts.max().unwrap_or(0)
}

/// Where the locator before an end record is, if there is one.
fn locator(zip: &[u8], record: usize) -> Option<usize> {
    let at = record.checked_sub(LOCATOR_BYTES)?;
    zip.get(at..)?.starts_with(LOCATOR).then_some(at)
}

/// The most entries of the longer records that end at each of the locators. Bytes may stand before the archive, so that
/// where a locator says that its record is tells nothing.
fn long_counts(
    zip: &[u8],
    mut locators: HashMap<usize, Option<usize>>,
) -> HashMap<usize, Option<usize>> {
    let Some(last) = locators.keys().max().copied() else {
        return locators;
    };
    for at in places(&zip[..last], LONG_RECORD) {
        let end = long(zip, at + 4).and_then(|rest| rest.checked_add(at + LONG_RECORD_HEAD_BYTES));
        let most = end.and_then(|end| locators.get_mut(&end));
        if let Some(most) = most {
            *most = (*most).max(long(zip, at + 32));
        }
    }
    locators
}

fn places<'z>(zip: &'z [u8], wanted: &'z [u8]) -> impl Iterator<Item = usize> + 'z {
    let windows = zip.windows(wanted.len()).enumerate();
    windows
        .filter(move |(_, found)| *found == wanted)
        .map(|(at, _)| at)
}

fn short(zip: &[u8], at: usize) -> u16 {
    bytes(zip, at).map_or(0, u16::from_le_bytes)
}

fn long(zip: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(bytes(zip, at)?)).ok()
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
        zip.extend(44_u64.to_le_bytes());
        zip.extend([0; 20]);
        zip.extend(entries.to_le_bytes());
        zip.extend([0; 16]);
        zip.extend(LOCATOR);
        zip.extend([0; 4]);
        zip.extend(7_u64.to_le_bytes());
        zip.extend([0; 4]);
        zip
    }

    #[test]
    fn the_record_with_the_most_counts() {
        assert_eq!(announced(b""), 0);
        assert_eq!(announced(b"PK\x05\x06"), 0);
        assert_eq!(announced(&record(5)), 5);
        assert_eq!(announced(&[record(5), record(6)].concat()), 6);
        assert_eq!(announced(&[record(6), record(5)].concat()), 6);
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
        let behind = [b"before it".to_vec(), long_record(70_000), record(u16::MAX)].concat();
        assert_eq!(announced(&behind), 70_000);
    }

    /// Readers leave out a record whose comment doesn't fit into the file.
    #[test]
    fn a_record_that_readers_leave_out_hides_none_before_it() {
        let mut unusable = record(1);
        unusable[20] = 1;
        assert_eq!(announced(&unusable), 0);
        assert_eq!(announced(&[record(5), unusable].concat()), 5);
    }
}
