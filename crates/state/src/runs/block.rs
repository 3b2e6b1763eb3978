//! A block: neighbouring entries of a run, the least that is read of it. A damaged one is told by its checksum.
//!
//! ```text
//! entries    each: length of the key, length of the value + 1 (0: deleted), both as LEB128; key; value
//! zeros      to a multiple of 4
//! offsets    u32 of each entry
//! count      u32
//! checksum   u64, xxh3 of all before, seeded with the run and the place in it
//! ```
//! All numbers are least byte first. The whole is filled up to a multiple of 16 bytes, the unit of the cipher.

use super::damaged;
use crate::StateError;
use bytes::Bytes;
use std::ops::Deref;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes at which a block ends. A larger entry has a block of its own.
pub(super) const BLOCK_BYTES: usize = 4096;
/// What blocks and sections are filled up to.
pub(super) const UNIT_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 8;
/// The count and the checksum.
const TAIL_BYTES: usize = 4 + CHECKSUM_BYTES;

/// Adds to a block or section the checksum of what is in `bytes` from `start` on. The place is where it will stand.
pub(super) fn seal(bytes: &mut Vec<u8>, start: usize, run: u64, place: u64) {
    let sum = checksum(&bytes[start..], run, place);
    bytes.extend_from_slice(&sum.to_le_bytes());
}

/// What was sealed, without its checksum.
pub(super) fn unseal(sealed: &Bytes, run: u64, place: u64) -> Result<Bytes, StateError> {
    let content = unseal_slice(sealed, run, place)?;
    Ok(sealed.slice_ref(content))
}

/// As [`unseal`].
pub(super) fn unseal_slice(sealed: &[u8], run: u64, place: u64) -> Result<&[u8], StateError> {
    let Some((content, sum)) = sealed.split_last_chunk::<CHECKSUM_BYTES>() else {
        return Err(damaged_at(run, place));
    };
    match u64::from_le_bytes(*sum) == checksum(content, run, place) {
        true => Ok(content),
        false => Err(damaged_at(run, place)),
    }
}

fn checksum(bytes: &[u8], run: u64, place: u64) -> u64 {
    xxh3_64_with_seed(bytes, run.rotate_left(40) ^ place)
}

pub(super) fn damaged_at(run: u64, place: u64) -> StateError {
    damaged(
        "reading a block",
        format!(
            "a block, at byte {place} of run {run}, does not have the checksum that it was written with"
        ),
    )
}

/// Makes a block.
#[derive(Default)]
pub(super) struct BlockBuilder {
    bytes: Vec<u8>,
    offsets: Vec<u32>,
}

impl BlockBuilder {
    pub(super) fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Whether the block is to end before an entry of this length.
    pub(super) fn is_full_with(&self, entry_bytes: usize) -> bool {
        let offsets_bytes = (self.offsets.len() + 1) * 4;
        let head_bytes = 2 * MAX_NUMBER_BYTES;
        !self.is_empty()
            && self.bytes.len() + entry_bytes + head_bytes + offsets_bytes + TAIL_BYTES
                > BLOCK_BYTES
    }

    pub(super) fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.offsets.push(self.bytes.len() as u32);
        put_number(&mut self.bytes, key.len() as u64);
        put_number(
            &mut self.bytes,
            value.map_or(0, |value| value.len() as u64 + 1),
        );
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value.unwrap_or_default());
    }

    /// Appends the block, which will stand at `place`, and begins the next.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>, run: u64, place: u64) {
        let start = out.len();
        let whole = self.bytes.len() + self.offsets.len() * 4 + TAIL_BYTES;
        let filling = whole.next_multiple_of(UNIT_BYTES) - whole;
        out.extend_from_slice(&self.bytes);
        out.extend_from_slice(&[0; UNIT_BYTES][..filling]);
        for offset in &self.offsets {
            out.extend_from_slice(&offset.to_le_bytes());
        }
        out.extend_from_slice(&(self.offsets.len() as u32).to_le_bytes());
        seal(out, start, run, place);
        self.bytes.clear();
        self.offsets.clear();
    }
}

/// Where the parts of an entry lie in its block.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entry {
    key: (u32, u32),
    /// `None` if the key was deleted.
    value: Option<(u32, u32)>,
}

impl Entry {
    pub(super) fn key<B: Deref<Target = [u8]>>(self, block: &Block<B>) -> &[u8] {
        &block.content[self.key.0 as usize..self.key.1 as usize]
    }

    pub(super) fn value<B: Deref<Target = [u8]>>(self, block: &Block<B>) -> Option<&[u8]> {
        let (from, to) = self.value?;
        Some(&block.content[from as usize..to as usize])
    }
}

/// A block that was read: bytes of its own, or somebody else's.
#[derive(Clone)]
pub(super) struct Block<B = Bytes> {
    content: B,
    count: usize,
    offsets: usize,
}

impl<B: Deref<Target = [u8]>> Block<B> {
    /// Of what [`unseal`] gave; `None` if it is not a block.
    pub(super) fn new(content: B) -> Option<Self> {
        let (rest, count) = content.split_last_chunk::<4>()?;
        let count = u32::from_le_bytes(*count) as usize;
        let offsets = rest.len().checked_sub(count.checked_mul(4)?)?;
        Some(Self {
            count,
            offsets,
            content,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn entry(&self, index: usize) -> Option<Entry> {
        if index >= self.count {
            return None;
        }
        let at = self.offsets + index * 4;
        let offset = self.content.get(at..at + 4)?.try_into().ok()?;
        let mut at = u32::from_le_bytes(offset) as usize;
        let key_bytes = take_number(&self.content, &mut at)? as usize;
        let value_bytes = take_number(&self.content, &mut at)? as usize;
        let key = (at, at.checked_add(key_bytes)?);
        let end = key.1.checked_add(value_bytes.saturating_sub(1))?;
        if end > self.offsets {
            return None;
        }
        Some(Entry {
            key: (key.0 as u32, key.1 as u32),
            value: (value_bytes > 0).then_some((key.1 as u32, end as u32)),
        })
    }

    /// The first entry whose key is not less than `key`, and whether it is that key; the count if there is none.
    pub(super) fn search(&self, key: &[u8]) -> Option<(usize, bool)> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = (low + high) / 2;
            match self.entry(middle)?.key(self).cmp(key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some((middle, true)),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Some((low, false))
    }
}

/// Most bytes of a length.
const MAX_NUMBER_BYTES: usize = 5;

pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn take_number(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}
