//! All items of the state: whether each is whole, under its own key and in a known table, and whether there are
//! as many as each table counts. Tokens of transactions come along.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;
use headwater_changelog::{ChangeKind, Entry};
use headwater_model::{EncodedItem, Sequence};
use headwater_state::{Direction, Snapshot, StateError};

use super::catalog::Known;
use super::compare::{size_of, table_of};
use super::source::Source;
use super::{Finding, Progress, Verified, ended, indexes};
use crate::error::EngineError;
use crate::record::{CATALOG_TABLE, state_key};
use crate::time_to_live::Expiry;
use crate::token;

/// Bytes of a table's number, with which keys begin.
const TABLE_BYTES: usize = 4;

/// Items and bytes of a table.
type Counts = (i64, i64);

/// Scans the state, batch by batch.
pub(super) fn run(
    source: &dyn Source,
    progress: &Progress,
    known: &Known,
    verified: &mut Verified,
) -> Result<(), EngineError> {
    let mut tally = Tally::default();
    let mut from = Bound::Included(state_key(CATALOG_TABLE + 1, b""));
    loop {
        let snapshot = source.snapshot();
        let mut batch = Batch {
            known,
            snapshot: snapshot.as_ref(),
            live: source.is_live(),
            verified,
            tally: &mut tally,
            items_left: source.items_per_batch_max(),
            bytes: 0,
            last: None,
        };
        let whole = batch.read(&from);
        let (bytes, last) = (batch.bytes, batch.last);
        if let Err(error) = whole {
            // Nothing behind a page that can't be read is reached; verification of the rest goes on.
            verified.find(Finding::at("state", error.to_string()));
            tally.whole = false;
            return Ok(());
        }
        let position = Sequence(snapshot.position());
        drop(snapshot);
        if progress.advance(bytes).is_break() {
            return Err(ended());
        }
        let Some(last) = last else {
            tally.batches.push((None, position));
            break;
        };
        tally.batches.push((Some(last.clone()), position));
        from = Bound::Excluded(last);
    }
    compare_counts(source, progress, known, tally, verified)
}

/// What was counted, and up to which key at which position.
struct Tally {
    tables: BTreeMap<u32, Counts>,
    batches: Vec<(Option<Vec<u8>>, Sequence)>,
    whole: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            tables: BTreeMap::new(),
            batches: Vec::new(),
            whole: true,
        }
    }
}

struct Batch<'a> {
    known: &'a Known,
    snapshot: &'a dyn Snapshot,
    live: bool,
    verified: &'a mut Verified,
    tally: &'a mut Tally,
    items_left: usize,
    bytes: u64,
    /// The last key, if the batch ended before the state did.
    last: Option<Vec<u8>>,
}

impl Batch<'_> {
    fn read(&mut self, from: &Bound<Vec<u8>>) -> Result<(), StateError> {
        let from = from.as_ref().map(Vec::as_slice);
        self.snapshot.scan_checked(
            from,
            Bound::Unbounded,
            Direction::Forward,
            &mut |key, value| {
                self.item(key, value);
                self.items_left -= 1;
                if self.items_left > 0 {
                    return ControlFlow::Continue(());
                }
                self.last = Some(key.to_vec());
                ControlFlow::Break(())
            },
        )
    }

    fn item(&mut self, key: &[u8], value: Result<&[u8], StateError>) {
        let value = match value {
            Ok(value) => value,
            Err(error) => return self.damaged(key, &error),
        };
        if !token::holds_items(table_of(key)) {
            return self.token(key, value);
        }
        if let Some((table, expiry)) = self.known.expiries.get(&table_of(key)) {
            return self.expiry(key, *table, expiry);
        }
        match self.known.indexes.contains_key(&table_of(key)) {
            true => self.verified.entries_compared += 1,
            false => self.verified.items += 1,
        }
        let counts = self.tally.tables.entry(table_of(key)).or_default();
        counts.0 += 1;
        let bytes = (key.len() + value.len()) as u64;
        counts.1 += size_of(value);
        self.bytes += bytes;
        self.verified.item_bytes += bytes;
        if let Some(wrong) = self.wrong(key, value) {
            self.find(key, wrong);
        }
    }

    /// A token of a transaction, or what finds one by its age.
    fn token(&mut self, key: &[u8], value: &[u8]) {
        self.bytes += (key.len() + value.len()) as u64;
        if let Some(fault) = token::fault(table_of(key), key, value) {
            self.find(key, fault.to_owned());
        }
    }

    /// What can't be read may be items of several tables: a block, told under the beginning of its first key.
    fn damaged(&mut self, key: &[u8], error: &StateError) {
        self.tally.whole = false;
        let missing = TABLE_BYTES.saturating_sub(key.len());
        let place = [key, &[0; TABLE_BYTES][..missing]].concat();
        self.find(&place, error.to_string());
    }

    /// The time at which an item expires, beside the items.
    fn expiry(&mut self, key: &[u8], table: u32, expiry: &Expiry) {
        self.verified.entries_compared += 1;
        self.bytes += key.len() as u64;
        let right = indexes::expiry_is_right(self.snapshot, table, expiry, &key[4..]);
        if let Some(wrong) = self.unless_gone(table, expiry.index, right) {
            self.find(key, wrong);
        }
    }

    fn wrong(&self, key: &[u8], value: &[u8]) -> Option<String> {
        let table = table_of(key);
        let is_known =
            self.known.indexes.contains_key(&table) || self.known.schemas.contains_key(&table);
        if !is_known {
            // Made since the catalog was read, or on its way out: items of a table, entries of an index, or times, which are
            // no items.
            let made_since = self.live && table >= self.known.next.table;
            let is_expected = made_since || self.known.dropped.contains(&table);
            return (!is_expected)
                .then(|| "an item of a table that is not in the catalog".to_owned());
        }
        let item = EncodedItem::from_bytes(Bytes::copy_from_slice(value));
        let decoded = match item.decode() {
            Ok(decoded) => decoded,
            Err(corrupt) => return Some(corrupt.to_string()),
        };
        if decoded.size_bytes() != item.size_bytes() {
            return Some("the item says another size than it has".to_owned());
        }
        if let Some((table, index)) = self.known.indexes.get(&table) {
            let right = indexes::entry_is_right(self.snapshot, *table, index, &key[4..], &item);
            return self.unless_gone(*table, index.id(), right);
        }
        let schema = self.known.schemas.get(&table)?;
        match schema.storage_key_of_item(&decoded) {
            Ok(own) if own.bytes() == &key[4..] => self.wrong_in_derived(table, &key[4..], &item),
            Ok(_) => Some("the item is stored under another key than its own".to_owned()),
            Err(_) => Some("the item has no key by the table's schema".to_owned()),
        }
    }

    /// What is wrong with what is derived from an item.
    fn wrong_in_derived(&self, table: u32, key: &[u8], item: &EncodedItem) -> Option<String> {
        let indexes = self.known.indexes_of.get(&table)?.iter();
        let filled = indexes.filter(|index| !self.known.backfills.contains(&index.id()));
        let mut wrong = filled.map(|index| {
            let right = indexes::item_is_indexed(self.snapshot, index, key, item);
            self.unless_gone(table, index.id(), right)
        });
        wrong
            .find_map(|wrong| wrong)
            .or_else(|| self.wrong_in_expiry(table, key, item))
    }

    fn wrong_in_expiry(&self, table: u32, key: &[u8], item: &EncodedItem) -> Option<String> {
        let mut expiries = self.known.expiries.values();
        let (_, expiry) = expiries.find(|(of, _)| *of == table)?;
        if self.known.backfills.contains(&expiry.index) {
            return None;
        }
        let right = indexes::item_expires(self.snapshot, expiry, key, item);
        self.unless_gone(table, expiry.index, right)
    }

    /// What is wrong, unless the index went away since the catalog was read.
    fn unless_gone(&self, table: u32, index: u32, right: Result<(), String>) -> Option<String> {
        let wrong = right.err()?;
        let gone = self.live && !indexes::is_kept(self.snapshot, table, index);
        (!gone).then_some(wrong)
    }

    fn find(&mut self, key: &[u8], detail: String) {
        let place = self.known.name_of(key);
        self.verified.find(Finding::of_key(place, key, detail));
    }
}

/// Compares what was counted with what each table counts. Batches were read at several positions: the log tells
/// what changed in the range of each since. `before` is the catalog as of the first batch.
fn compare_counts(
    source: &dyn Source,
    progress: &Progress,
    before: &Known,
    mut tally: Tally,
    verified: &mut Verified,
) -> Result<(), EngineError> {
    let snapshot = source.snapshot();
    let now = Sequence(snapshot.position());
    let mut ignored = Verified::default();
    let known = Known::read(snapshot.as_ref(), &mut ignored);
    drop(snapshot);
    let Some(since) = tally.batches.iter().map(|(_, position)| *position).min() else {
        return Ok(());
    };
    let mut changed = BTreeMap::<u32, Counts>::new();
    let told = since == now
        || source.changes_between(since, now, progress, &mut |entry| {
            bring_up(&mut changed, &tally.batches, entry, now);
        })?;
    if !told || !tally.whole {
        return Ok(());
    }
    for (table, (items, bytes)) in changed {
        let counts = tally.tables.entry(table).or_default();
        counts.0 += items;
        counts.1 += bytes;
    }
    let filled = known.indexes.keys();
    // Of indexes, the log does not say what changed, nor that one was filled meanwhile.
    let filled = filled.filter(|index| {
        let was_filled =
            |known: &Known| known.indexes.contains_key(index) && !known.backfills.contains(index);
        since == now && was_filled(before) && was_filled(&known)
    });
    for table in known.tables.keys().chain(filled) {
        let counted = tally.tables.get(table).copied().unwrap_or_default();
        let kept = known.counts.get(table).copied().unwrap_or_default();
        verified.tables_counted += 1;
        if counted != kept {
            let detail = format!(
                "it has {} items of {} bytes, but counts {} of {}",
                counted.0, counted.1, kept.0, kept.1
            );
            verified.find(Finding::at(known.name(*table), detail));
        }
    }
    Ok(())
}

/// Adds what an entry changed of items that were counted before it.
fn bring_up(
    changed: &mut BTreeMap<u32, Counts>,
    batches: &[(Option<Vec<u8>>, Sequence)],
    entry: &Entry,
    now: Sequence,
) {
    for (ordinal, change) in entry.changes.iter().enumerate() {
        let position = entry.first.offset(ordinal as u64);
        if !token::holds_items(change.table) || position > now {
            continue;
        }
        let key = state_key(change.table, &change.key);
        let batch =
            batches.partition_point(|(last, _)| last.as_ref().is_some_and(|last| *last < key));
        let counted_at = batches.get(batch).map_or(now, |(_, position)| *position);
        if position <= counted_at {
            continue;
        }
        let counts = changed.entry(change.table).or_default();
        counts.0 += match change.kind {
            ChangeKind::Insert => 1,
            ChangeKind::Modify => 0,
            ChangeKind::Remove => -1,
        };
        let new_bytes = change.new.as_deref().map_or(0, size_of);
        counts.1 += new_bytes - i64::from(change.old_size_bytes);
    }
}
