//! Bloom filters in lines of 64 bytes: one access to memory tells that a key is surely not in a run.
//!
//! A run has a filter for each million of its keys. It is kept in memory as long as the filters of all runs fit into a
//! bound; beyond that, the page with the line that is asked for is read and kept like a block. On the disk a filter is
//! pages of 4 KB, each with 63 lines, zeros and a checksum.

use super::block::{seal, unseal};
use crate::StateError;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Keys of one filter.
pub(super) const FILTER_KEYS: usize = 1 << 20;
/// Bits for each key: about one key in a hundred that is not there is taken to be.
const BITS_PER_KEY: usize = 10;
/// Bits that a key sets, all in one line.
const PROBES: u32 = 6;
const LINE_BYTES: usize = 64;
const LINE_BITS: u64 = LINE_BYTES as u64 * 8;
/// What is read of a filter that is not in memory.
pub(super) const PAGE_BYTES: usize = 4096;
const PAGE_LINES: usize = PAGE_BYTES / LINE_BYTES - 1;
const CHECKSUM_BYTES: usize = 8;
/// The part of the memory for filters that is left to runs to come.
const NEWER_PART: usize = 4;

/// Makes the filter of keys with these hashes.
pub(super) fn lines_of(hashes: &[u64]) -> Vec<u8> {
    let lines = (hashes.len() * BITS_PER_KEY).div_ceil(LINE_BITS as usize);
    let mut filter = vec![0; lines * LINE_BYTES];
    for hash in hashes {
        let line = line_of(*hash, lines) * LINE_BYTES;
        for bit in bits_of(*hash) {
            filter[line + bit / 8] |= 1 << (bit % 8);
        }
    }
    filter
}

/// Appends the pages of a filter, which will stand at `place`.
pub(super) fn put_pages(filter: &[u8], out: &mut Vec<u8>, run: u64, place: u64) {
    for (index, lines) in filter.chunks(PAGE_LINES * LINE_BYTES).enumerate() {
        let start = out.len();
        out.extend_from_slice(lines);
        out.resize(start + PAGE_BYTES - CHECKSUM_BYTES, 0);
        seal(out, start, run, place + (index * PAGE_BYTES) as u64);
    }
}

/// How many lines a filter has.
pub(super) fn lines(filter: &[u8]) -> usize {
    filter.len() / LINE_BYTES
}

/// Bytes of the pages of a filter with so many lines.
pub(super) fn pages_bytes(lines: usize) -> usize {
    lines.div_ceil(PAGE_LINES) * PAGE_BYTES
}

/// The lines in the pages of a filter.
///
/// # Errors
/// [`StateError::Damaged`].
pub(super) fn lines_in(
    pages: &Bytes,
    lines: usize,
    run: u64,
    place: u64,
) -> Result<Vec<u8>, StateError> {
    let mut filter = Vec::with_capacity(lines * LINE_BYTES);
    for at in (0..pages.len()).step_by(PAGE_BYTES) {
        let page = pages.slice(at..pages.len().min(at + PAGE_BYTES));
        let content = unseal(&page, run, place + at as u64)?;
        let left = lines * LINE_BYTES - filter.len();
        let count = left.min(PAGE_LINES * LINE_BYTES).min(content.len());
        filter.extend_from_slice(&content[..count]);
    }
    Ok(filter)
}

/// Whether a key with this hash may be among those of a filter.
pub(super) fn may_have(filter: &[u8], hash: u64) -> bool {
    let line = line_of(hash, filter.len() / LINE_BYTES);
    line_has(filter.get(line * LINE_BYTES..), hash)
}

/// The page of a filter with so many lines that has the line of a hash.
pub(super) fn page_of(lines: usize, hash: u64) -> usize {
    line_of(hash, lines) / PAGE_LINES
}

/// As [`may_have`], by that page.
pub(super) fn page_may_have(page: &[u8], lines: usize, hash: u64) -> bool {
    let line = line_of(hash, lines) % PAGE_LINES;
    line_has(page.get(line * LINE_BYTES..), hash)
}

fn line_has(rest: Option<&[u8]>, hash: u64) -> bool {
    let line = rest.and_then(|rest| rest.first_chunk::<LINE_BYTES>());
    line.is_some_and(|line| bits_of(hash).all(|bit| line[bit / 8] & (1 << (bit % 8)) != 0))
}

fn line_of(hash: u64, lines: usize) -> usize {
    (((hash >> 32) * lines as u64) >> 32) as usize
}

fn bits_of(hash: u64) -> impl Iterator<Item = usize> {
    let step = (hash >> 17) | 1;
    (0..PROBES).map(move |probe| {
        let mixed = hash.wrapping_add(step.wrapping_mul(u64::from(probe) + 1));
        ((mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % LINE_BITS) as usize
    })
}

/// The memory that the filters of all runs share.
pub(super) struct FilterRoom {
    bytes_max: usize,
    bytes: AtomicUsize,
}

impl FilterRoom {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            bytes: AtomicUsize::new(0),
        }
    }

    /// Keeps a filter in memory, if it fits.
    pub(super) fn keep(self: &Arc<Self>, filter: Vec<u8>) -> Option<Kept> {
        let fits = |bytes| (bytes + filter.len() <= self.bytes_max).then_some(bytes + filter.len());
        self.bytes.fetch_update(Relaxed, Relaxed, fits).ok()?;
        Some(Kept {
            lines: filter.into(),
            room: self.clone(),
        })
    }

    /// Whether one of so many lines, of a run that is there already, fits and leaves room to those of newer runs: they are asked by
    /// everybody who looks for a key.
    pub(super) fn fits(&self, lines: usize) -> bool {
        let bytes_max = self.bytes_max - self.bytes_max / NEWER_PART;
        self.bytes.load(Relaxed) + lines * LINE_BYTES <= bytes_max
    }
}

/// A filter in memory.
pub(super) struct Kept {
    lines: Box<[u8]>,
    room: Arc<FilterRoom>,
}

impl Kept {
    pub(super) fn may_have(&self, hash: u64) -> bool {
        may_have(&self.lines, hash)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.room.bytes.fetch_sub(self.lines.len(), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn hashes(numbers: std::ops::Range<u64>) -> Vec<u64> {
        numbers
            .map(|number| xxh3_64(&number.to_le_bytes()))
            .collect()
    }

    #[test]
    fn every_key_is_found_and_few_others_are_in_memory_and_in_pages() {
        for count in [1, 7, 60, 1_000, 20_000] {
            let filter = lines_of(&hashes(0..count));
            let lines = filter.len() / LINE_BYTES;
            let mut pages = Vec::new();
            put_pages(&filter, &mut pages, 3, 8192);
            assert_eq!(pages.len(), pages_bytes(lines));
            let pages = Bytes::from(pages);
            assert_eq!(lines_in(&pages, lines, 3, 8192).unwrap(), filter);
            assert!(lines_in(&pages, lines, 4, 8192).is_err());
            let by_page = |hash| {
                let page = &pages[page_of(lines, hash) * PAGE_BYTES..];
                page_may_have(&page[..PAGE_BYTES - CHECKSUM_BYTES], lines, hash)
            };
            assert!(hashes(0..count).iter().all(|hash| may_have(&filter, *hash)));
            let others = hashes(0..100_000 + count);
            let taken = others.iter().filter(|hash| may_have(&filter, **hash));
            assert!(
                others
                    .iter()
                    .all(|hash| by_page(*hash) == may_have(&filter, *hash))
            );
            let taken = taken.count() as u64 - count;
            assert!(taken < 2_500, "{taken} of 100,000 with {count} keys");
        }
    }

    #[test]
    fn an_empty_filter_has_nothing() {
        assert!(!may_have(&[], 7));
    }

    #[test]
    fn filters_are_kept_up_to_the_bound() {
        let room = Arc::new(FilterRoom::new(100));
        let first = room.keep(vec![0; 60]);
        assert!(first.is_some() && room.keep(vec![0; 41]).is_none());
        drop(first);
        assert!(room.fits(1) && !room.fits(2) && room.keep(vec![0; 100]).is_some());
    }
}
