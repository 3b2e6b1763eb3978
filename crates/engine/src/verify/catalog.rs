//! The catalog as the state holds it: whether its documents decode and agree with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use headwater_model::KeySchema;
use headwater_state::{Direction, Snapshot};
use serde::de::DeserializeOwned;

use super::compare::table_of;
use super::{Finding, Verified};
use crate::backfill::is_filled;
use crate::backups::BackupRecord;
use crate::catalog::{decode_counts, number_of};
use crate::index::{Index, Indexes, kept_indexes};
use crate::record::{
    CATALOG_TABLE, NextNumbers, ShardRecord, StreamRecord, TableRecord, document_key, state_key,
};
use crate::time_to_live::Expiry;
use crate::token::holds_items;

const PLACE: &str = "catalog";
const TOKENS: &str = "tokens of transactions";
const COUNTS_BYTES: usize = 16;

/// What the catalog says, as far as it could be read.
#[derive(Default)]
pub(super) struct Known {
    pub(super) tables: BTreeMap<u32, TableRecord>,
    pub(super) schemas: BTreeMap<u32, KeySchema>,
    /// The indexes that follow the items of each table that has any.
    pub(super) indexes_of: BTreeMap<u32, Indexes>,
    /// Table and definition by index.
    pub(super) indexes: BTreeMap<u32, (u32, Arc<Index>)>,
    /// Table and times of its items' expiry, by their number.
    pub(super) expiries: BTreeMap<u32, (u32, Expiry)>,
    /// Numbers of backups.
    pub(super) backups: BTreeSet<u32>,
    /// Indexes that don't hold all their entries yet.
    pub(super) backfills: BTreeSet<u32>,
    pub(super) streams: BTreeMap<u32, StreamRecord>,
    pub(super) shards: BTreeMap<u32, ShardRecord>,
    /// Tables whose items are being removed.
    pub(super) dropped: BTreeSet<u32>,
    /// Items and bytes by table, as they are kept.
    pub(super) counts: BTreeMap<u32, (i64, i64)>,
    pub(super) next: NextNumbers,
    /// Bytes of all items, as tables count them.
    pub(super) bytes: u64,
}

impl Known {
    /// Reads the catalog and checks it.
    pub(super) fn load(snapshot: &dyn Snapshot, verified: &mut Verified) -> Known {
        let known = Known::read(snapshot, verified);
        verified.tables = known.tables.len() as u64;
        verified.streams = known.streams.len() as u64;
        verified.shards = known.shards.len() as u64;
        known.check_numbers(verified);
        for shard in known.shards.values() {
            known.check_shard(shard, verified);
        }
        for stream in known.streams.values() {
            known.check_stream(stream, verified);
        }
        known
    }

    /// Reads the catalog without checking how its documents agree.
    pub(super) fn read(snapshot: &dyn Snapshot, verified: &mut Verified) -> Known {
        let mut known = Known::default();
        let from = state_key(CATALOG_TABLE, b"");
        let to = state_key(CATALOG_TABLE + 1, b"");
        let (from, to) = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
        let scanned = snapshot.scan_checked(from, to, Direction::Forward, &mut |key, value| {
            let taken = value
                .map_err(|error| error.to_string())
                .and_then(|value| known.take(&key[4..], value));
            if let Err(reason) = taken {
                verified.find(Finding::of_key(PLACE, key, reason));
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = scanned {
            verified.find(Finding::at(PLACE, error.to_string()));
        }
        let bytes = known.counts.values().map(|(_, bytes)| bytes.max(&0));
        known.bytes = bytes.sum::<i64>() as u64;
        known
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let number = number_of(key).unwrap_or_default();
        let own = |found: u32| match found == number {
            true => Ok(()),
            false => Err(format!("the document names number {found} inside")),
        };
        match key.first() {
            Some(&document_key::TABLE) => {
                let table: TableRecord = parse(value)?;
                own(table.id)?;
                self.schemas.insert(table.id, table.schema());
                if let Some(expiry) = Expiry::of(&table) {
                    self.expiries.insert(expiry.index, (table.id, expiry));
                }
                let indexes = kept_indexes(&table);
                let by_number = indexes.iter();
                let by_number = by_number.map(|index| (index.id(), (table.id, index.clone())));
                self.indexes.extend(by_number);
                self.indexes_of.insert(table.id, indexes);
                self.tables.insert(table.id, table);
            }
            Some(&document_key::STREAM) => {
                let stream: StreamRecord = parse(value)?;
                own(stream.id)?;
                self.streams.insert(stream.id, stream);
            }
            Some(&document_key::SHARD) => {
                let shard: ShardRecord = parse(value)?;
                own(shard.number)?;
                self.shards.insert(shard.number, shard);
            }
            Some(&document_key::BACKUP) => {
                let backup: BackupRecord = parse(value)?;
                own(backup.id)?;
                self.backups.insert(backup.id);
            }
            Some(&document_key::FEATURE) => drop(parse::<String>(value)?),
            Some(&document_key::DROPPED) => {
                self.dropped.insert(number);
            }
            Some(&document_key::BACKFILL) => {
                if !is_filled(value) {
                    self.backfills.insert(number);
                }
            }
            Some(&document_key::COUNTS) if value.len() == COUNTS_BYTES => {
                self.counts.insert(number, decode_counts(value));
            }
            Some(&document_key::COUNTS) => return Err("the counts have a wrong length".to_owned()),
            _ if key == document_key::NEXT_NUMBERS => self.next = parse(value)?,
            _ => return Err("a document of an unknown kind".to_owned()),
        }
        Ok(())
    }

    /// The name of the table that a key of the state belongs to, for findings.
    pub(super) fn name_of(&self, state_key: &[u8]) -> String {
        self.name(table_of(state_key))
    }

    pub(super) fn name(&self, table: u32) -> String {
        match self.tables.get(&table) {
            _ if table == CATALOG_TABLE => PLACE.to_owned(),
            _ if !holds_items(table) => TOKENS.to_owned(),
            None if self.indexes.contains_key(&table) => self.name_of_index(table),
            None if self.expiries.contains_key(&table) => self.name_of_expiry(table),
            Some(record) => format!("table {}", record.name),
            None => format!("table number {table}"),
        }
    }

    fn name_of_expiry(&self, number: u32) -> String {
        let found = self.expiries.get(&number);
        found.map_or_else(String::new, |(table, _)| {
            format!("times to live of {}", self.name(*table))
        })
    }

    fn name_of_index(&self, number: u32) -> String {
        let found = self.indexes.get(&number);
        found.map_or_else(String::new, |(table, index)| {
            let table = self.name(*table);
            format!("index {} of {table}", index.record().name)
        })
    }

    fn numbers(&self) -> impl Iterator<Item = &u32> {
        let derived = self.indexes.keys().chain(self.expiries.keys());
        self.tables.keys().chain(derived).chain(&self.backups)
    }

    fn check_numbers(&self, verified: &mut Verified) {
        let last = |numbers: Option<&u32>| numbers.copied().unwrap_or_default();
        let kinds = [
            ("table", last(self.numbers().max()), self.next.table),
            (
                "stream",
                last(self.streams.keys().next_back()),
                self.next.stream,
            ),
            (
                "shard",
                last(self.shards.keys().next_back()),
                self.next.shard,
            ),
        ];
        for (kind, last, next) in kinds {
            if last >= next {
                let detail = format!("{kind} {last} is there, but {next} is to be given out next");
                verified.find(Finding::at(PLACE, detail));
            }
        }
        for table in self.tables.values() {
            let streams = [table.stream, table.hidden_stream].into_iter().flatten();
            for stream in streams.filter(|id| !self.streams.contains_key(id)) {
                let detail = format!("its stream {stream} is missing");
                verified.find(Finding::at(self.name(table.id), detail));
            }
        }
    }

    fn check_shard(&self, shard: &ShardRecord, verified: &mut Verified) {
        let mut wrong = |detail: String| {
            let detail = format!("shard {}: {detail}", shard.number);
            let place = self.place_of_stream(shard.stream);
            verified.find(Finding::at(place, detail).position(shard.start));
        };
        if !self.streams.contains_key(&shard.stream) {
            wrong(format!("its stream {} is missing", shard.stream));
        }
        if shard.hash_first > shard.hash_last {
            wrong("its range of hashes is empty".to_owned());
        }
        if shard.end.is_some_and(|end| end.next() < shard.start) {
            wrong("it ends before it begins".to_owned());
        }
        let Some(parent) = shard.parent else { return };
        if parent >= shard.number {
            wrong(format!("its parent {parent} is not older"));
        }
        // One that is past its retention is gone.
        let Some(parent) = self.shards.get(&parent) else {
            return;
        };
        match parent.end {
            None => wrong(format!("its parent {} is open", parent.number)),
            Some(end) if end >= shard.start => {
                wrong(format!(
                    "it begins before its parent {} ends",
                    parent.number
                ));
            }
            Some(_) => {}
        }
        let inside = parent.hash_first <= shard.hash_first && shard.hash_last <= parent.hash_last;
        if parent.stream != shard.stream || !inside {
            wrong(format!("it is no part of its parent {}", parent.number));
        }
    }

    fn check_stream(&self, stream: &StreamRecord, verified: &mut Verified) {
        let open = self.shards.values();
        let open = open.filter(|shard| shard.stream == stream.id && shard.end.is_none());
        let mut ranges: Vec<(u32, u32)> = open
            .map(|shard| (shard.hash_first, shard.hash_last))
            .collect();
        ranges.sort_unstable();
        let wrong = match stream.disabled_ms {
            Some(_) if ranges.is_empty() => return,
            Some(_) => "the stream is disabled, but shards are open",
            None if covers_all(&ranges) => return,
            None => "the open shards of the stream don't cover each hash once",
        };
        verified.find(Finding::at(self.place_of_stream(stream.id), wrong));
    }

    pub(super) fn place_of_stream(&self, stream: u32) -> String {
        match self.streams.get(&stream) {
            Some(stream) => format!("stream {} of table {}", stream.id, stream.table_name),
            None => format!("stream {stream}"),
        }
    }
}

fn covers_all(ranges: &[(u32, u32)]) -> bool {
    let mut next = 0_u64;
    for (first, last) in ranges {
        if u64::from(*first) != next {
            return false;
        }
        next = u64::from(*last) + 1;
    }
    next == 1 << 32
}

fn parse<T: DeserializeOwned>(value: &[u8]) -> Result<T, String> {
    serde_json::from_slice(value).map_err(|error| format!("the document does not decode: {error}"))
}

#[cfg(test)]
mod tests {
    use super::covers_all;

    #[test]
    fn ranges_that_leave_or_share_a_hash_are_noticed() {
        for (ranges, expected) in [
            (vec![(0, u32::MAX)], true),
            (vec![(0, 9), (10, u32::MAX)], true),
            (vec![], false),
            (vec![(1, u32::MAX)], false),
            (vec![(0, 8), (10, u32::MAX)], false),
            (vec![(0, 10), (10, u32::MAX)], false),
            (vec![(0, 9), (10, u32::MAX - 1)], false),
        ] {
            assert_eq!(covers_all(&ranges), expected, "{ranges:?}");
        }
    }
}
