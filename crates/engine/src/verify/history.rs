//! What the entries of the log must be among each other and for the catalog: each item's changes join on to each
//! other, and each record lies in its shard.

use std::collections::{BTreeMap, HashMap};

use headwater_changelog::{Change, ChangeKind, Entry};
use headwater_model::{KeySchema, Sequence};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::catalog::Known;
use super::compare::size_of;
use super::{Finding, Verified};
use crate::record::state_key;
use crate::token::holds_items;

/// Items whose last change is remembered, 64 bytes each; with more, the oldest part of them is forgotten and
/// begins anew.
const ITEMS_MAX: usize = 1 << 20;

/// Findings that are held until the end; the report holds fewer.
const FINDINGS_MAX: usize = 1_000;

fn changes(entry: &Entry) -> impl Iterator<Item = (&Change, Sequence)> {
    let changes = entry.changes.iter().enumerate();
    changes.map(|(ordinal, change)| (change, entry.first.offset(ordinal as u64)))
}

pub(super) struct History<'a> {
    known: &'a Known,
    /// By hash of the state's key: digest and size of the value after the last change, or nothing.
    items: HashMap<u128, Option<(u64, i64)>>,
    /// First and last record by shard.
    spans: BTreeMap<u32, (Sequence, Sequence)>,
    records: u64,
    findings: Vec<Finding>,
    findings_beyond: u64,
}

impl<'a> History<'a> {
    pub(super) fn new(known: &'a Known) -> Self {
        History {
            known,
            items: HashMap::new(),
            spans: BTreeMap::new(),
            records: 0,
            findings: Vec::new(),
            findings_beyond: 0,
        }
    }

    /// Changes that come next need not follow those that were seen.
    pub(super) fn forget_items(&mut self) {
        self.items.clear();
    }

    /// Looks at how the items of an entry go on from those before.
    pub(super) fn items(&mut self, entry: &Entry) {
        for (change, position) in changes(entry) {
            if holds_items(change.table) {
                self.item(change, position);
            }
        }
    }

    /// Looks at where the records of an entry lie, which the catalog must know.
    pub(super) fn records(&mut self, entry: &Entry) {
        for (change, position) in changes(entry) {
            if change.shard != 0 {
                self.record(change, position);
            }
        }
    }

    fn item(&mut self, change: &Change, position: Sequence) {
        let key = state_key(change.table, &change.key);
        let new = change.new.as_deref();
        let after = new.map(|new| (xxh3_64(new), size_of(new)));
        if self.items.len() >= ITEMS_MAX {
            self.items.clear();
        }
        let Some(before) = self.items.insert(xxh3_128(&key), after) else {
            return;
        };
        let old = change.old.as_deref().map(xxh3_64);
        let wrong = match (change.kind, before) {
            (ChangeKind::Insert, Some(_)) => "an insert follows a value",
            (ChangeKind::Modify, None) => "a change follows no value",
            (ChangeKind::Remove, None) => "a removal follows no value",
            (_, Some((digest, _))) if old.is_some_and(|old| old != digest) => {
                "the old image is not the value that was written before"
            }
            (_, Some((_, size))) if i64::from(change.old_size_bytes) != size => {
                "the old size is not that of the value that was written before"
            }
            _ => return,
        };
        let place = self.known.name(change.table);
        self.find(Finding::of_key(place, &key, wrong).position(position));
    }

    fn record(&mut self, change: &Change, position: Sequence) {
        self.records += 1;
        let span = self.spans.entry(change.shard);
        span.or_insert((position, position)).1 = position;
        let hash = KeySchema::partition_hash(&change.key);
        let wrong = match self.known.shards.get(&change.shard) {
            // Its shard was forgotten with its retention.
            None if change.shard < self.known.next.shard => return,
            None => "the record's shard was never opened",
            Some(shard) if position < shard.start => "the record lies before its shard begins",
            Some(shard) if shard.end.is_some_and(|end| position > end) => {
                "the record lies behind the end of its shard"
            }
            Some(shard) if !(shard.hash_first..=shard.hash_last).contains(&hash) => {
                "the record's key is not in the range of its shard"
            }
            Some(shard) if self.table_of(shard.stream) != Some(change.table) => {
                "the record's shard is one of another table"
            }
            Some(_) => return,
        };
        let key = state_key(change.table, &change.key);
        let place = format!("{}, shard {}", self.known.name(change.table), change.shard);
        self.find(Finding::of_key(place, &key, wrong).position(position));
    }

    fn table_of(&self, stream: u32) -> Option<u32> {
        Some(self.known.streams.get(&stream)?.table_id)
    }

    fn find(&mut self, finding: Finding) {
        match self.findings.len() < FINDINGS_MAX {
            true => self.findings.push(finding),
            false => self.findings_beyond += 1,
        }
    }

    /// Compares what shards hold with their lineage, and hands over what was found.
    pub(super) fn finish(self, known: &Known, verified: &mut Verified) {
        verified.records += self.records;
        for shard in known.shards.values() {
            let parent = shard.parent.and_then(|parent| self.spans.get(&parent));
            let own = self.spans.get(&shard.number);
            if let (Some((_, parent_last)), Some((first, _))) = (parent, own)
                && parent_last >= first
            {
                let detail = format!(
                    "shard {}: its first record does not lie behind the last one of its parent",
                    shard.number
                );
                let place = known.place_of_stream(shard.stream);
                verified.find(Finding::at(place, detail).position(*first));
            }
        }
        for finding in self.findings {
            verified.find(finding);
        }
        verified.findings_total += self.findings_beyond;
    }
}
