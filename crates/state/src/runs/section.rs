//! A section: the index of some neighbouring blocks. It is read and kept like a block.
//!
//! ```text
//! separators     the bytes of each block's separator, one after the other
//! blocks         for each: end of its separator u32, its length u32
//! zeros          to a multiple of 16, all in all
//! count          u32, of the blocks
//! zero           u32
//! first          u64, place of the first block; they follow each other
//! checksum       u64
//! ```
//! A separator is greater than every key before its block and not greater than any in it or after it.

use super::block::{UNIT_BYTES, seal};
use bytes::Bytes;

/// Blocks of a section.
const SECTION_BLOCKS: usize = 64;
/// Bytes of blocks at which a section ends, if they are larger than others.
const SECTION_BYTES: u64 = 512 << 10;
const TAIL_BYTES: usize = 4 + 4 + 8;
const CHECKSUM_BYTES: usize = 8;

/// Makes a section.
#[derive(Default)]
pub(super) struct SectionBuilder {
    separators: Vec<u8>,
    /// End of its separator and length of each block.
    blocks: Vec<(u32, u32)>,
    first_place: u64,
}

impl SectionBuilder {
    pub(super) fn add_block(&mut self, separator: &[u8], place: u64, length: usize) {
        if self.blocks.is_empty() {
            self.first_place = place;
        }
        self.separators.extend_from_slice(separator);
        self.blocks
            .push((self.separators.len() as u32, length as u32));
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Whether it ends here: what is merged is read by sections.
    pub(super) fn is_full(&self) -> bool {
        let bytes: u64 = self.blocks.iter().map(|block| u64::from(block.1)).sum();
        self.blocks.len() == SECTION_BLOCKS || bytes >= SECTION_BYTES
    }

    /// Appends the section, which will stand at `place`, and begins the next.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>, run: u64, place: u64) {
        let start = out.len();
        out.extend_from_slice(&self.separators);
        let blocks_bytes = self.blocks.len() * 8;
        let whole = out.len() - start + blocks_bytes + TAIL_BYTES + CHECKSUM_BYTES;
        out.resize(out.len() + whole.next_multiple_of(UNIT_BYTES) - whole, 0);
        for (end, length) in &self.blocks {
            out.extend_from_slice(&end.to_le_bytes());
            out.extend_from_slice(&length.to_le_bytes());
        }
        out.extend_from_slice(&(self.blocks.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.first_place.to_le_bytes());
        seal(out, start, run, place);
        self.separators.clear();
        self.blocks.clear();
    }
}

/// A section that was read, with its checksum right.
#[derive(Clone)]
pub(super) struct Section {
    content: Bytes,
    count: usize,
    /// Where the list of blocks begins.
    blocks: usize,
    first_place: u64,
}

impl Section {
    /// `None` if it is not a section.
    pub(super) fn new(content: Bytes) -> Option<Self> {
        let (rest, tail) = content.split_last_chunk::<TAIL_BYTES>()?;
        let count = u32::from_le_bytes(tail[..4].try_into().ok()?) as usize;
        let first_place = u64::from_le_bytes(tail[8..].try_into().ok()?);
        let blocks = rest.len().checked_sub(count.checked_mul(8)?)?;
        Some(Self {
            count,
            blocks,
            first_place,
            content,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn block(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.count {
            return None;
        }
        let at = self.blocks + index * 8;
        let pair = self.content.get(at..at + 8)?;
        let end = u32::from_le_bytes(pair[..4].try_into().ok()?) as usize;
        let length = u32::from_le_bytes(pair[4..].try_into().ok()?) as usize;
        Some((end, length))
    }

    pub(super) fn separator(&self, index: usize) -> Option<&[u8]> {
        let from = match index.checked_sub(1) {
            Some(before) => self.block(before)?.0,
            None => 0,
        };
        let to = self.block(index)?.0;
        self.content.get(from..to)
    }

    /// Place and length of a block.
    pub(super) fn place(&self, index: usize) -> Option<(u64, usize)> {
        let mut place = self.first_place;
        for before in 0..index {
            place = place.checked_add(self.block(before)?.1 as u64)?;
        }
        Some((place, self.block(index)?.1))
    }

    /// The block that has a key if any has.
    pub(super) fn search(&self, key: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = (low + high) / 2;
            match self.separator(middle)? <= key {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Some(low.saturating_sub(1))
    }
}

/// The shortest bytes that are greater than `before` and not greater than `key`, which is greater.
pub(super) fn separator<'a>(before: &[u8], key: &'a [u8]) -> &'a [u8] {
    let common = before.iter().zip(key).take_while(|(a, b)| a == b).count();
    &key[..(common + 1).min(key.len())]
}
