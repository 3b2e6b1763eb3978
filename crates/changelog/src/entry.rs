//! The bytes of an entry inside a block's body.
//!
//! ```text
//! entry  = varint(first - block's first), varint(length of body), body
//! body   = varint(changes), change*
//! change = flags u8, varint table, varint shard, varint old_size_bytes,
//!          varint length, key, [varint length, new], [varint length, old]
//! flags  = bits 0-1 kind (0 insert, 1 modify, 2 remove), bit 2 TTL service, bit 3 new present, bit 4 old present
//! ```
//!
//! Encoding and decoding stand side by side and both check. A body does not hold its sequence, so that it
//! can be encoded before the queue's lock is taken.

use std::ops::Range;

use bytes::Bytes;
use headwater_model::Sequence;

use crate::change::{Change, ChangeKind, Entry, Identity};
use crate::error::LogError;
use crate::varint::{self, VARINT_BYTES_MAX};

/// Largest entry, encoded. A transaction holds 100 items of 400 KB at most, each perhaps with its image before
/// (deletes), and 4 MB of new data: 44 MB.
pub const ENTRY_BYTES_MAX: usize = 48 << 20;

/// Bytes an entry may need in a block beyond its body.
pub(crate) const ENTRY_OVERHEAD_BYTES_MAX: usize = 2 * VARINT_BYTES_MAX;

const KIND_MASK: u8 = 0b0000_0011;
const FLAG_TTL: u8 = 0b0000_0100;
const FLAG_NEW: u8 = 0b0000_1000;
const FLAG_OLD: u8 = 0b0001_0000;
const FLAGS_KNOWN: u8 = 0b0001_1111;

/// The bytes are not those of an entry, though their checksum holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CorruptEntry(pub(crate) &'static str);

/// An encoded entry that waits for its sequence.
#[derive(Clone, Debug)]
pub struct EntryDraft {
    body: Vec<u8>,
    changes: u32,
    /// Shard and place of each change that belongs to one.
    sharded: Vec<DraftRecord>,
}

#[derive(Clone, Copy, Debug)]
struct DraftRecord {
    shard: u32,
    /// Which change of the entry.
    ordinal: u32,
    /// Offset inside the body.
    offset: u32,
}

impl EntryDraft {
    /// Encodes the changes; they become durable together or not at all.
    pub fn new(changes: &[Change]) -> Result<Self, LogError> {
        if changes.is_empty() {
            return Err(LogError::InvalidEntry {
                detail: "an entry needs at least one change",
            });
        }
        let bytes: usize = changes
            .iter()
            .map(|change| change.size_bytes().saturating_add(48))
            .sum();
        if bytes > ENTRY_BYTES_MAX {
            return Err(LogError::TooLarge {
                bytes,
                limit_bytes: ENTRY_BYTES_MAX,
            });
        }
        let mut body = Vec::with_capacity(bytes + VARINT_BYTES_MAX);
        let mut sharded = Vec::new();
        varint::put(&mut body, changes.len() as u64);
        for (ordinal, change) in changes.iter().enumerate() {
            check_agreement(change.kind, change.new.is_some(), change.old.is_some())
                .map_err(|corrupt| LogError::InvalidEntry { detail: corrupt.0 })?;
            if change.shard != 0 {
                sharded.push(DraftRecord {
                    shard: change.shard,
                    ordinal: ordinal as u32,
                    offset: body.len() as u32,
                });
            }
            put_change(&mut body, change);
        }
        Ok(Self {
            body,
            changes: changes.len() as u32,
            sharded,
        })
    }

    /// How many changes, which is how many sequences the entry takes.
    pub fn changes_len(&self) -> usize {
        self.changes as usize
    }

    /// Encoded length.
    pub fn size_bytes(&self) -> usize {
        self.body.len()
    }

    /// Writes the entry into a block's body and names its records in `records`.
    pub(crate) fn put(
        &self,
        block_first: Sequence,
        first: Sequence,
        raw: &mut Vec<u8>,
        records: &mut Vec<RecordAt>,
    ) {
        debug_assert!(first >= block_first);
        varint::put(raw, first.0 - block_first.0);
        varint::put(raw, self.body.len() as u64);
        let base = raw.len() as u32;
        raw.extend_from_slice(&self.body);
        records.extend(self.sharded.iter().map(|record| RecordAt {
            shard: record.shard,
            offset: base + record.offset,
            sequence: first.offset(u64::from(record.ordinal)),
        }));
    }
}

/// Where a shard's record lies in a block's raw body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordAt {
    pub(crate) shard: u32,
    pub(crate) offset: u32,
    pub(crate) sequence: Sequence,
}

/// An entry's place in a block's raw body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryAt {
    pub(crate) first: Sequence,
    pub(crate) changes: u32,
    changes_at: usize,
    end: usize,
}

impl EntryAt {
    pub(crate) fn last(&self) -> Sequence {
        self.first.offset(u64::from(self.changes) - 1)
    }

    /// Decodes the whole entry; its bytes share `raw`.
    pub(crate) fn decode(&self, raw: &Bytes) -> Result<Entry, CorruptEntry> {
        let mut changes = Vec::with_capacity(self.changes as usize);
        let mut at = self.changes_at;
        for _ in 0..self.changes {
            let place = parse_change(&raw[..self.end], at)?;
            at = place.end;
            changes.push(place.change(raw));
        }
        if at != self.end {
            return Err(CorruptEntry("an entry is longer than its changes"));
        }
        Ok(Entry {
            first: self.first,
            changes,
        })
    }

    /// Names the records of the entry without touching their contents.
    pub(crate) fn records(
        &self,
        raw: &[u8],
        records: &mut Vec<RecordAt>,
    ) -> Result<(), CorruptEntry> {
        let mut at = self.changes_at;
        for ordinal in 0..u64::from(self.changes) {
            let place = parse_change(&raw[..self.end], at)?;
            if place.shard != 0 {
                let sequence = self.first.offset(ordinal);
                records.push(RecordAt {
                    shard: place.shard,
                    offset: at as u32,
                    sequence,
                });
            }
            at = place.end;
        }
        if at != self.end {
            return Err(CorruptEntry("an entry is longer than its changes"));
        }
        Ok(())
    }
}

/// Decodes the change at `offset` of a block's raw body; its bytes share `raw`.
pub(crate) fn decode_change(raw: &Bytes, offset: u32) -> Result<Change, CorruptEntry> {
    parse_change(raw, offset as usize).map(|place| place.change(raw))
}

/// Walks the entries of a block's raw body, checking that sequences grow.
pub(crate) struct EntryWalk<'a> {
    raw: &'a [u8],
    at: usize,
    block_first: Sequence,
    last: Option<Sequence>,
}

impl<'a> EntryWalk<'a> {
    pub(crate) fn new(raw: &'a [u8], block_first: Sequence) -> Self {
        Self {
            raw,
            at: 0,
            block_first,
            last: None,
        }
    }

    fn step(&mut self) -> Result<EntryAt, CorruptEntry> {
        let cut = CorruptEntry("an entry is cut off");
        let mut at = self.at;
        let delta = varint::take(self.raw, &mut at).ok_or(cut)?;
        let length = varint::take(self.raw, &mut at).ok_or(cut)?;
        let end = usize::try_from(length)
            .ok()
            .and_then(|length| at.checked_add(length))
            .ok_or(cut)?;
        if end > self.raw.len() {
            return Err(cut);
        }
        let changes = varint::take_u32(&self.raw[..end], &mut at).ok_or(cut)?;
        let first = Sequence(
            self.block_first
                .0
                .checked_add(delta)
                .ok_or(CorruptEntry("a sequence overflows"))?,
        );
        if changes == 0 || changes as usize > end - at {
            return Err(CorruptEntry("an entry names a wrong number of changes"));
        }
        if self.last.map_or(delta != 0, |last| first <= last) {
            return Err(CorruptEntry("sequences do not grow"));
        }
        let entry = EntryAt {
            first,
            changes,
            changes_at: at,
            end,
        };
        self.last = Some(entry.last());
        self.at = end;
        Ok(entry)
    }
}

impl Iterator for EntryWalk<'_> {
    type Item = Result<EntryAt, CorruptEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.at < self.raw.len()).then(|| self.step())
    }
}

fn check_agreement(kind: ChangeKind, new: bool, old: bool) -> Result<(), CorruptEntry> {
    match (kind, new, old) {
        (ChangeKind::Insert, true, false)
        | (ChangeKind::Modify, true, _)
        | (ChangeKind::Remove, false, _) => Ok(()),
        (ChangeKind::Insert, _, true) => Err(CorruptEntry("an insert has an image of before")),
        (ChangeKind::Remove, true, _) => Err(CorruptEntry("a remove has an image of after")),
        (ChangeKind::Insert | ChangeKind::Modify, false, _) => {
            Err(CorruptEntry("a change lacks its new item"))
        }
    }
}

fn put_change(out: &mut Vec<u8>, change: &Change) {
    let kind = match change.kind {
        ChangeKind::Insert => 0,
        ChangeKind::Modify => 1,
        ChangeKind::Remove => 2,
    };
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.push(
        kind | flag(change.identity == Identity::TtlService, FLAG_TTL)
            | flag(change.new.is_some(), FLAG_NEW)
            | flag(change.old.is_some(), FLAG_OLD),
    );
    varint::put(out, u64::from(change.table));
    varint::put(out, u64::from(change.shard));
    varint::put(out, u64::from(change.old_size_bytes));
    for bytes in [Some(&change.key), change.new.as_ref(), change.old.as_ref()]
        .into_iter()
        .flatten()
    {
        varint::put(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

/// A change taken apart, its contents still in place.
struct ChangePlace {
    flags: u8,
    kind: ChangeKind,
    table: u32,
    shard: u32,
    old_size_bytes: u32,
    key: Range<usize>,
    new: Option<Range<usize>>,
    old: Option<Range<usize>>,
    end: usize,
}

impl ChangePlace {
    fn change(self, raw: &Bytes) -> Change {
        let identity = if self.flags & FLAG_TTL == 0 {
            Identity::None
        } else {
            Identity::TtlService
        };
        Change {
            table: self.table,
            shard: self.shard,
            kind: self.kind,
            identity,
            key: raw.slice(self.key),
            new: self.new.map(|range| raw.slice(range)),
            old: self.old.map(|range| raw.slice(range)),
            old_size_bytes: self.old_size_bytes,
        }
    }
}

fn parse_change(raw: &[u8], mut at: usize) -> Result<ChangePlace, CorruptEntry> {
    let cut = CorruptEntry("a change is cut off");
    let flags = *raw.get(at).ok_or(cut)?;
    at += 1;
    let kind = match flags & KIND_MASK {
        0 => ChangeKind::Insert,
        1 => ChangeKind::Modify,
        2 => ChangeKind::Remove,
        _ => return Err(CorruptEntry("a change is of an unknown kind")),
    };
    if flags & !FLAGS_KNOWN != 0 {
        return Err(CorruptEntry("a change has unknown flags"));
    }
    check_agreement(kind, flags & FLAG_NEW != 0, flags & FLAG_OLD != 0)?;
    let table = varint::take_u32(raw, &mut at).ok_or(cut)?;
    let shard = varint::take_u32(raw, &mut at).ok_or(cut)?;
    let old_size_bytes = varint::take_u32(raw, &mut at).ok_or(cut)?;
    let mut range = || take_range(raw, &mut at).ok_or(cut);
    let key = range()?;
    let new = if flags & FLAG_NEW != 0 {
        Some(range()?)
    } else {
        None
    };
    let old = if flags & FLAG_OLD != 0 {
        Some(range()?)
    } else {
        None
    };
    Ok(ChangePlace {
        flags,
        kind,
        table,
        shard,
        old_size_bytes,
        key,
        new,
        old,
        end: at,
    })
}

fn take_range(raw: &[u8], at: &mut usize) -> Option<Range<usize>> {
    let length = usize::try_from(varint::take(raw, at)?).ok()?;
    let end = at.checked_add(length).filter(|end| *end <= raw.len())?;
    let range = *at..end;
    *at = end;
    Some(range)
}

#[cfg(test)]
mod tests;
