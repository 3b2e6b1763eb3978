//! The root of a run: what of it is always in memory. It finds the section of a key.
//!
//! ```text
//! entries, deleted, bytes   u64 each: how many, how many of them say that a key is gone, bytes of keys and values
//! first key, last key       u32 length and bytes of each
//! chunks                    ranges u32, then first and count of each, u32
//! filters                   count u32, then place u64, lines u32 and length of the first key u32 of each
//! first keys                the bytes of all, one after the other
//! sections                  count u32, then place u64, length u32 and length of the separator u32 of each
//! separators                the bytes of all, one after the other
//! ```

use super::disk::{CHUNK_BYTES, Range};
use super::head::{Taking, put_ranges};

/// What a run has, all in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Entries, of deleted keys too.
    pub(super) entries: u64,
    /// Entries that say that a key is gone.
    pub(super) deleted: u64,
    /// Bytes of keys and values.
    pub(super) bytes: u64,
}

/// Where a filter is, and from which key on it is that of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilterPlace {
    pub(super) first_key: Vec<u8>,
    pub(super) place: u64,
    pub(super) lines: usize,
}

/// See the module.
#[derive(Default)]
pub(super) struct Root {
    pub(super) totals: Totals,
    pub(super) first_key: Vec<u8>,
    pub(super) last_key: Vec<u8>,
    pub(super) chunks: Vec<Range>,
    pub(super) filters: Vec<FilterPlace>,
    /// Place and length of each section.
    sections: Vec<(u64, u32)>,
    separators: Vec<u8>,
    /// End of each section's separator.
    ends: Vec<u32>,
    /// Bytes that all keys begin with.
    common: usize,
    /// The eight bytes behind them of each separator.
    heads: Vec<u64>,
}

impl Root {
    pub(super) fn add_section(&mut self, separator: &[u8], place: u64, length: usize) {
        self.sections.push((place, length as u32));
        self.separators.extend_from_slice(separator);
        self.ends.push(self.separators.len() as u32);
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let Totals {
            entries,
            deleted,
            bytes,
        } = self.totals;
        for number in [entries, deleted, bytes] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for key in [&self.first_key, &self.last_key] {
            out.extend_from_slice(&(key.len() as u32).to_le_bytes());
            out.extend_from_slice(key);
        }
        put_ranges(&mut out, &self.chunks);
        out.extend_from_slice(&(self.filters.len() as u32).to_le_bytes());
        for filter in &self.filters {
            out.extend_from_slice(&filter.place.to_le_bytes());
            out.extend_from_slice(&(filter.lines as u32).to_le_bytes());
            out.extend_from_slice(&(filter.first_key.len() as u32).to_le_bytes());
        }
        for filter in &self.filters {
            out.extend_from_slice(&filter.first_key);
        }
        out.extend_from_slice(&(self.sections.len() as u32).to_le_bytes());
        let mut before = 0;
        for ((place, length), end) in self.sections.iter().zip(&self.ends) {
            out.extend_from_slice(&place.to_le_bytes());
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(&(end - before).to_le_bytes());
            before = *end;
        }
        out.extend_from_slice(&self.separators);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut taking = Taking(bytes);
        let totals = Totals {
            entries: taking.u64()?,
            deleted: taking.u64()?,
            bytes: taking.u64()?,
        };
        let mut keys = [Vec::new(), Vec::new()];
        for key in &mut keys {
            let length = taking.u32()? as usize;
            *key = taking.bytes(length)?.to_vec();
        }
        let [first_key, last_key] = keys;
        let chunks = taking.ranges()?;
        let count = taking.u32()? as usize;
        let mut filters = Vec::new();
        for _ in 0..count {
            let (place, lines) = (taking.u64()?, taking.u32()? as usize);
            let key_bytes = taking.u32()? as usize;
            filters.push((place, lines, key_bytes));
        }
        let filters = filters.into_iter().map(|(place, lines, key_bytes)| {
            Some(FilterPlace {
                first_key: taking.bytes(key_bytes)?.to_vec(),
                place,
                lines,
            })
        });
        let filters = filters.collect::<Option<Vec<_>>>()?;
        let count = taking.u32()? as usize;
        let (mut sections, mut ends, mut end) = (Vec::new(), Vec::new(), 0_u32);
        for _ in 0..count {
            sections.push((taking.u64()?, taking.u32()?));
            end = end.checked_add(taking.u32()?)?;
            ends.push(end);
        }
        if sections.is_empty() || taking.0.len() != end as usize {
            return None;
        }
        let mut root = Self {
            totals,
            first_key,
            last_key,
            chunks,
            filters,
            sections,
            separators: taking.0.to_vec(),
            ends,
            ..Self::default()
        };
        root.index();
        Some(root)
    }

    /// Bytes of the chunks that the run has.
    pub(super) fn bytes_on_disk(&self) -> u64 {
        let chunks: u64 = self.chunks.iter().map(|range| u64::from(range.1)).sum();
        chunks.saturating_mul(CHUNK_BYTES as u64)
    }

    /// Prepares searching.
    pub(super) fn index(&mut self) {
        let keys = self.first_key.iter().zip(&self.last_key);
        self.common = keys.take_while(|(a, b)| a == b).count();
        self.heads = (0..self.sections.len())
            .map(|index| head_of(self.separator(index), self.common))
            .collect();
    }

    pub(super) fn sections(&self) -> usize {
        self.sections.len()
    }

    /// Place and length of a section.
    pub(super) fn section(&self, index: usize) -> Option<(u64, usize)> {
        let (place, length) = self.sections.get(index)?;
        Some((*place, *length as usize))
    }

    pub(super) fn separator(&self, index: usize) -> &[u8] {
        let from = match index {
            0 => 0,
            _ => self.ends[index - 1] as usize,
        };
        &self.separators[from..self.ends[index] as usize]
    }

    pub(super) fn may_span(&self, key: &[u8]) -> bool {
        self.first_key.as_slice() <= key && key <= self.last_key.as_slice()
    }

    /// The section that has a key if any has; the first for a key before all.
    pub(super) fn search(&self, key: &[u8]) -> usize {
        if key <= self.first_key.as_slice() {
            return 0;
        }
        if key > self.last_key.as_slice() {
            return self.sections.len() - 1;
        }
        // The key lies between two that begin with the common bytes, so it does as well. So does each separator but
        // the first, which stands for everything below the second.
        let head = head_of(key, self.common);
        let heads = &self.heads[1..];
        let (mut low, mut high) = (
            1 + heads.partition_point(|known| *known < head),
            1 + heads.partition_point(|known| *known <= head),
        );
        // Of those with the same head the separators tell.
        while low < high {
            let middle = (low + high) / 2;
            match self.separator(middle) <= key {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low - 1
    }
}

fn head_of(key: &[u8], common: usize) -> u64 {
    let mut head = [0; 8];
    let rest = key.get(common..).unwrap_or_default();
    let count = rest.len().min(8);
    head[..count].copy_from_slice(&rest[..count]);
    u64::from_be_bytes(head)
}
