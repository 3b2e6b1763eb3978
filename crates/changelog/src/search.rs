//! Looking for valid blocks behind one that is not, which tells a torn tail from damage.
//!
//! Bytes that a client chose may look like the headers of as many blocks as fit, with long bodies that overlap. So
//! bodies are not checksummed one by one: many at a time get their checksums from one pass over all of them.

use headwater_model::Sequence;

use crate::block::{self, ALIGNMENT, HEADER_BYTES, Header, Place};
use crate::error::LogError;
use crate::scan::{self, READ_AHEAD_BYTES, Window};

/// So many are checked in one pass. The first passes have fewer, for mostly the first one is a block.
const CANDIDATES_MAX: usize = 1 << 16;

/// What looks like a block.
struct Candidate {
    at: u64,
    header: Header,
}

impl Candidate {
    fn body(&self) -> u64 {
        self.at + HEADER_BYTES as u64
    }

    fn body_end(&self) -> u64 {
        self.at + self.header.unpadded_len() as u64
    }
}

/// Is there proof that the bytes at `offset` had been on disk, though no valid block is there? A later block that
/// was written when the file was already safe beyond `offset`. Blocks up to the sequence `last` stand before.
pub(crate) fn was_synced(
    window: &mut Window,
    segment: u64,
    offset: u64,
    last: Sequence,
) -> Result<bool, LogError> {
    let later = |header: &Header| u64::from(header.synced_to) > offset;
    Ok(find_block(window, segment, offset, last, later)?.is_some())
}

/// The first valid block at `offset` or later that follows the sequence `last`, and for which `wanted` holds.
pub(crate) fn find_block(
    window: &mut Window,
    segment: u64,
    offset: u64,
    last: Sequence,
    wanted: impl Fn(&Header) -> bool,
) -> Result<Option<u64>, LogError> {
    // A file is never safe beyond the block that is about to be written.
    let wanted = |at: u64, header: &Header| {
        wanted(header) && header.first > last && u64::from(header.synced_to) <= at
    };
    let (mut at, mut count_max) = (block::padded(offset), 1);
    loop {
        let candidates = candidates(window, &mut at, count_max, wanted)?;
        let found = first_valid(window, segment, &candidates)?;
        if found.is_some() || candidates.len() < count_max {
            return Ok(found);
        }
        count_max = (count_max * 2).min(CANDIDATES_MAX);
    }
}

/// The next candidates from `at` on, which is moved behind the last one.
fn candidates(
    window: &mut Window,
    at: &mut u64,
    count_max: usize,
    wanted: impl Fn(u64, &Header) -> bool,
) -> Result<Vec<Candidate>, LogError> {
    let mut found = Vec::new();
    while *at + HEADER_BYTES as u64 <= window.limit() && found.len() < count_max {
        let here = scan::skip_zeros(window, *at)?;
        if let Ok(header) = window.header(here)? {
            let candidate = Candidate { at: here, header };
            if wanted(here, &candidate.header) && candidate.body_end() <= window.limit() {
                found.push(candidate);
            }
        }
        *at = here + ALIGNMENT;
    }
    Ok(found)
}

/// The place of the first one with a right checksum.
fn first_valid(
    window: &mut Window,
    segment: u64,
    candidates: &[Candidate],
) -> Result<Option<u64>, LogError> {
    let ends = candidates
        .iter()
        .flat_map(|candidate| [candidate.body(), candidate.body_end()]);
    let mut marks: Vec<u64> = ends.collect();
    marks.sort_unstable();
    marks.dedup();
    let crcs = checksums_up_to(window, &marks)?;
    let crc_up_to = |mark: u64| crcs.get(marks.binary_search(&mark).ok()?).copied();
    let first = window.place(segment, 0);
    let is_valid = |candidate: &&Candidate| {
        let (before, all) = (crc_up_to(candidate.body()), crc_up_to(candidate.body_end()));
        let body_len = u64::from(candidate.header.stored_len);
        let place = Place {
            offset: candidate.at,
            ..first
        };
        before.zip(all).is_some_and(|(before, all)| {
            candidate
                .header
                .has_body(place, crc_behind(before, all, body_len))
        })
    };
    Ok(candidates.iter().find(is_valid).map(|valid| valid.at))
}

/// The checksums of what stands between the first of these places and each of them; fewer where the file ends before.
fn checksums_up_to(window: &mut Window, marks: &[u64]) -> Result<Vec<u32>, LogError> {
    let mut crcs = Vec::with_capacity(marks.len());
    let mut crc = crc32fast::Hasher::new();
    let mut at = marks.first().copied().unwrap_or_default();
    for mark in marks {
        while at < *mark {
            let length = (*mark - at).min(READ_AHEAD_BYTES as u64) as usize;
            let bytes = window.bytes(at, length)?;
            if bytes.is_empty() {
                return Ok(crcs);
            }
            crc.update(bytes);
            at += bytes.len() as u64;
        }
        crcs.push(crc.clone().finalize());
    }
    Ok(crcs)
}

/// The checksum of the last `length` bytes, from that of all and that of those before.
fn crc_behind(before: u32, all: u32, length: u64) -> u32 {
    let mut shifted = crc32fast::Hasher::new_with_initial(before);
    shifted.combine(&crc32fast::Hasher::new_with_initial_len(0, length));
    all ^ shifted.finalize()
}

#[cfg(test)]
mod tests;
