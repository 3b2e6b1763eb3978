//! The applier: one thread that brings durable groups into the state, in order, and checkpoints it.
//! Items, catalog documents and counts are derived from the entries here and nowhere else, in replay too.

use std::collections::HashMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use headwater_changelog::{Change, ChangeKind, Entry, Group, Log};
use headwater_model::{EncodedItem, Sequence};
use headwater_state::{Batch, Direction, StateError, StateStore};

use crate::backfill::{Backfills, FilledIndexes};
use crate::catalog::{counts_key, decode_counts, encode_counts, number_of, parse};
use crate::derived::DerivedRanges;
use crate::error::EngineError;
use crate::features;
use crate::index::EntryChange;
use crate::options::EngineOptions;
use crate::overlay::{AppliedKey, Overlay};
use crate::record::{CATALOG_TABLE, TableRecord, document_key, state_key};
use crate::token::{self, TOKEN_TABLE};

/// Items of dropped tables that are removed in one transaction.
const SWEEP_ITEMS_MAX: usize = 2_000;

/// A long replay is saved after as many bytes as so many checkpoints take together, so that it need not begin anew.
const REPLAYED_CHECKPOINTS: u64 = 8;

/// Time between two looks for groups, while some are gathered for one transaction.
const GATHER_NAP: Duration = Duration::from_millis(2);

/// Time between two looks for room on the disk, while there is none.
pub(crate) const ROOM_LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Turns entries into state.
pub(crate) struct Applier {
    state: Arc<dyn StateStore>,
    log: Arc<Log>,
    options: EngineOptions,
    /// Items and bytes per table and index, as they are after everything that was applied.
    counts: HashMap<u32, (i64, i64)>,
    /// Tables whose items are still to be removed.
    dropped: Vec<u32>,
    /// What is derived from the items of each table, if anything is.
    derived: HashMap<u32, DerivedRanges>,
    backfills: Backfills,
    /// Bytes that were applied since the last checkpoint.
    unsaved_bytes: u64,
    /// Whether anything was.
    unsaved: bool,
}

impl Applier {
    /// An applier for a state, with what the state knows of dropped tables.
    pub(crate) fn new(
        state: Arc<dyn StateStore>,
        log: Arc<Log>,
        options: EngineOptions,
        filled: Arc<FilledIndexes>,
    ) -> Result<Self, EngineError> {
        let backfills = Backfills::load(
            state.snapshot().as_ref(),
            filled,
            options.backfill_items_max,
        )?;
        let derived = load_derived(state.as_ref())?;
        let mut dropped = Vec::new();
        let from = state_key(CATALOG_TABLE, &document_key::of(document_key::DROPPED, 0));
        let to = state_key(CATALOG_TABLE, &[document_key::DROPPED + 1]);
        state.snapshot().scan(
            Bound::Included(&from),
            Bound::Excluded(&to),
            Direction::Forward,
            &mut |key, _| {
                dropped.extend(number_of(&key[4..]));
                ControlFlow::Continue(())
            },
        )?;
        Ok(Applier {
            state,
            log,
            options,
            counts: HashMap::new(),
            dropped,
            derived,
            backfills,
            unsaved_bytes: 0,
            unsaved: false,
        })
    }

    /// Applies what the log holds beyond the state's position; returns how many entries that were. What is left
    /// without a checkpoint gets it while the database is open: whoever waits for it to open needs none.
    pub(crate) fn replay(&mut self) -> Result<usize, EngineError> {
        let position = Sequence(self.state.position());
        let log = self.log.clone();
        let (mut entries, mut bytes, mut count) = (Vec::new(), 0, 0);
        for entry in log.read_from(position) {
            let entry = entry?;
            bytes += entry.changes.iter().map(change_bytes).sum::<usize>();
            entries.push(entry);
            count += 1;
            if bytes >= self.options.apply_bytes_max {
                self.apply(entries.iter())?;
                self.note_unsaved(bytes);
                entries.clear();
                bytes = 0;
                let much = self.options.checkpoint_log_bytes;
                let much = much.saturating_mul(REPLAYED_CHECKPOINTS);
                if self.unsaved_bytes >= much && self.has_room() {
                    self.checkpoint()?;
                }
            }
        }
        if count > 0 {
            self.apply(entries.iter())?;
            self.note_unsaved(bytes);
        }
        self.fill_readable()?;
        Ok(count)
    }

    /// Fills what the log calls readable and the state has not filled, before anybody reads it: the state was made anew, or
    /// an older one was put back.
    fn fill_readable(&mut self) -> Result<(), EngineError> {
        let numbers = self.derived.values().flat_map(DerivedRanges::numbers);
        let readable = numbers.filter(|(_, is_filled_later)| !is_filled_later);
        let known: Vec<u32> = readable
            .map(|(number, _)| number)
            .filter(|number| self.backfills.knows(*number))
            .collect();
        for number in known {
            while self.backfills.is_unfilled(number) {
                self.backfill(|index| index == number)?;
            }
            let mut batch = Batch::new();
            self.backfills.end(number, &mut batch);
            self.state.apply(batch, self.state.position())?;
            self.unsaved = true;
        }
        Ok(())
    }

    fn note_unsaved(&mut self, bytes: usize) {
        self.unsaved_bytes += bytes as u64;
        self.unsaved = true;
    }

    /// Applies entries in one transaction of the state; tells which keys of items changed, by which changes.
    fn apply<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Entry>,
    ) -> Result<Vec<AppliedKey>, EngineError> {
        let entries: Vec<&Entry> = entries.collect();
        let mut batch = Batch::new();
        let mut counted = Vec::new();
        let mut changed = Vec::new();
        let Some(position) = entries.last().map(|entry| entry.last()) else {
            return Ok(changed);
        };
        let snapshot = self.state.snapshot();
        token::collect_old(snapshot.as_ref(), position, tokens(&entries), &mut batch)?;
        drop(snapshot);
        for entry in entries {
            let mut sequence = entry.first;
            for change in &entry.changes {
                let key = Bytes::from(state_key(change.table, &change.key));
                if change.table == CATALOG_TABLE {
                    features::check(change)?;
                    self.note_dropped(change);
                    self.note_definition(change, &mut batch)?;
                } else if change.table == TOKEN_TABLE {
                    token::put_age(change, sequence, &mut batch);
                    changed.push(AppliedKey {
                        key: key.clone(),
                        sequence,
                        is_item: false,
                    });
                } else {
                    let growth = growth(change);
                    self.count(change.table, growth)?;
                    counted.push(change.table);
                    changed.push(AppliedKey {
                        key: key.clone(),
                        sequence,
                        is_item: true,
                    });
                    if let Some(derived) = self.derived.get(&change.table).cloned() {
                        let entries = entries_of(&derived, change, sequence, &mut changed)?;
                        self.apply_entries(change, entries, &mut batch, &mut counted)?;
                        self.apply_expiry(&derived, change, &mut batch)?;
                    }
                }
                match &change.new {
                    Some(value) => batch.put(key, value.clone()),
                    None => batch.delete(key),
                }
                sequence = sequence.next();
            }
        }
        counted.sort_unstable();
        counted.dedup();
        for number in counted {
            self.put_counts(number, &mut batch);
        }
        self.state.apply(batch, position.0)?;
        Ok(changed)
    }

    /// What the change of an item does to the entries of indexes that have come to it.
    fn apply_entries(
        &mut self,
        change: &Change,
        entries: Vec<EntryChange>,
        batch: &mut Batch,
        counted: &mut Vec<u32>,
    ) -> Result<(), StateError> {
        for entry in entries {
            if !self.backfills.has_passed(entry.index, &change.key) {
                continue;
            }
            self.count(entry.index, entry.growth())?;
            counted.push(entry.index);
            for (key, value) in entry.writes() {
                match value {
                    Some(value) => batch.put(Bytes::from(key), value),
                    None => batch.delete(Bytes::from(key)),
                }
            }
        }
        Ok(())
    }

    /// What it does to the times at which items expire.
    fn apply_expiry(
        &self,
        derived: &DerivedRanges,
        change: &Change,
        batch: &mut Batch,
    ) -> Result<(), EngineError> {
        let Some(times) = derived.expiry_change(change)? else {
            return Ok(());
        };
        if self.backfills.has_passed(times.index, &change.key) {
            if let Some(key) = times.removed {
                batch.delete(Bytes::from(key));
            }
            if let Some(key) = times.put {
                batch.put(Bytes::from(key), Bytes::new());
            }
        }
        Ok(())
    }

    /// Adds to the items and bytes of a table or index.
    fn count(&mut self, number: u32, growth: (i64, i64)) -> Result<(), StateError> {
        let counts = match self.counts.entry(number) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(unknown) => {
                let stored = self.state.snapshot().get(&counts_key(number))?;
                unknown.insert(stored.map_or((0, 0), |stored| decode_counts(&stored)))
            }
        };
        counts.0 += growth.0;
        counts.1 += growth.1;
        Ok(())
    }

    /// Whether a table has no items, after everything that was applied.
    fn is_empty(&mut self, table: u32) -> Result<bool, StateError> {
        self.count(table, (0, 0))?;
        Ok(self.counts.get(&table).is_none_or(|(items, _)| *items == 0))
    }

    fn put_counts(&self, number: u32, batch: &mut Batch) {
        let (items, bytes) = self.counts.get(&number).copied().unwrap_or_default();
        batch.put(Bytes::from(counts_key(number)), encode_counts(items, bytes));
    }

    /// Follows the indexes of a table whose definition changed.
    fn note_definition(&mut self, change: &Change, batch: &mut Batch) -> Result<(), EngineError> {
        let Some(table) = number_of(&change.key) else {
            return Ok(());
        };
        if change.key.first() != Some(&document_key::TABLE) {
            return Ok(());
        }
        let record: Option<TableRecord> = match &change.new {
            Some(document) => Some(parse(&change.key, document)?),
            None => None,
        };
        let derived = record.as_ref().map(DerivedRanges::of).unwrap_or_default();
        let numbers = derived.numbers();
        let before = match derived.is_empty() {
            true => self.derived.remove(&table),
            false => self.derived.insert(table, derived),
        };
        for (number, is_filled_later) in &numbers {
            if !is_filled_later {
                self.backfills.end_if_filled(*number, batch);
            } else if !self.backfills.knows(*number) {
                let is_empty = self.is_empty(table)?;
                self.backfills.begin(*number, is_empty, batch);
            }
        }
        let before = before.iter().flat_map(DerivedRanges::numbers);
        for (gone, _) in
            before.filter(|(number, _)| !numbers.iter().any(|(kept, _)| kept == number))
        {
            self.backfills.end(gone, batch);
        }
        Ok(())
    }

    /// Goes on with filling an index that is `wanted`.
    fn backfill(&mut self, wanted: impl Fn(u32) -> bool) -> Result<(), EngineError> {
        let derived = &self.derived;
        let find = |number: u32| {
            let mut tables = derived.iter();
            tables.find_map(|(table, derived)| Some((*table, derived.find(number)?)))
        };
        let snapshot = self.state.snapshot();
        let Some(mut step) = self.backfills.step(snapshot.as_ref(), wanted, find)? else {
            return Ok(());
        };
        drop(snapshot);
        self.count(step.index, step.growth)?;
        self.put_counts(step.index, &mut step.batch);
        Ok(self.state.apply(step.batch, self.state.position())?)
    }

    fn note_dropped(&mut self, change: &Change) {
        if change.key.first() == Some(&document_key::DROPPED) {
            self.dropped.extend(number_of(&change.key));
        }
    }

    /// Removes some items of dropped tables; they are out of every reader's sight already.
    fn sweep(&mut self) -> Result<(), EngineError> {
        let Some(&table) = self.dropped.last() else {
            return Ok(());
        };
        let mut batch = Batch::new();
        let (from, to) = (state_key(table, b""), state_key(table + 1, b""));
        self.state.snapshot().scan(
            Bound::Included(&from),
            Bound::Excluded(&to),
            Direction::Forward,
            &mut |key, _| {
                batch.delete(Bytes::copy_from_slice(key));
                if batch.len() < SWEEP_ITEMS_MAX {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            },
        )?;
        if batch.len() < SWEEP_ITEMS_MAX {
            self.dropped.pop();
            self.counts.remove(&table);
            let document = document_key::of(document_key::DROPPED, table);
            batch.delete(Bytes::from(state_key(CATALOG_TABLE, &document)));
            batch.delete(Bytes::from(counts_key(table)));
        }
        Ok(self.state.apply(batch, self.state.position())?)
    }

    /// Whether a checkpoint has room on the disk; without it, it waits.
    fn has_room(&self) -> bool {
        self.state.look_for_room().is_ok()
    }

    fn checkpoint(&mut self) -> Result<(), EngineError> {
        // The state may never be ahead of what the log can give back.
        self.log.sync()?;
        let position = self.state.checkpoint()?;
        self.log.checkpointed(Sequence(position));
        (self.unsaved_bytes, self.unsaved) = (0, false);
        self.backfills.checkpointed();
        Ok(())
    }

    /// Applies groups until the log ends them, then checkpoints. An error ends the thread and is reported
    /// through the log. Either way writers that wait for room in the overlay are let go.
    pub(crate) fn run(mut self, groups: &Receiver<Arc<Group>>, overlay: &Overlay) {
        let _end = End {
            log: self.log.clone(),
            overlay,
        };
        if let Err(error) = self.run_until_closed(groups, overlay) {
            tracing::error!(%error, "the state can't be kept up to date; no more writes are taken");
            self.log
                .poison(&format!("applying to the state failed: {error}"));
        }
    }

    fn run_until_closed(
        &mut self,
        groups: &Receiver<Arc<Group>>,
        overlay: &Overlay,
    ) -> Result<(), EngineError> {
        let interval = Duration::from_millis(self.options.apply_interval_ms);
        let checkpoint_interval = Duration::from_millis(self.options.checkpoint_interval_ms);
        let mut checkpointed_at = Instant::now();
        loop {
            // A read may have failed: then nothing can be applied any more, and what is told from now on is that.
            if let Some(reason) = self.state.failure() {
                return Err(StateError::Stopped { reason }.into());
            }
            let timeout = if !self.dropped.is_empty() || self.backfills.is_open() {
                Duration::ZERO
            } else if self.state.no_room().is_some() {
                ROOM_LOOK_INTERVAL.min(checkpoint_interval)
            } else {
                checkpoint_interval
            };
            match groups.recv_timeout(timeout) {
                Ok(first) => {
                    self.state.await_room();
                    let bytes = self.gather_and_apply(first, groups, overlay, interval)?;
                    self.note_unsaved(bytes);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if !self.dropped.is_empty() {
                self.state.await_room();
                self.sweep()?;
                self.unsaved = true;
            }
            if self.backfills.is_open() {
                self.state.await_room();
                self.backfill(|_| true)?;
                self.unsaved = true;
            }
            let due = self.backfills.waits_for_checkpoint()
                || checkpointed_at.elapsed() >= checkpoint_interval
                || self.unsaved_bytes >= self.options.checkpoint_log_bytes;
            if self.unsaved && due && self.has_room() {
                self.checkpoint()?;
                checkpointed_at = Instant::now();
            }
        }
        if self.unsaved && self.has_room() {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Gathers groups for one transaction: a most, not a least, so that the queue never grows into one
    /// huge transaction.
    fn gather_and_apply(
        &mut self,
        first: Arc<Group>,
        groups: &Receiver<Arc<Group>>,
        overlay: &Overlay,
        interval: Duration,
    ) -> Result<usize, EngineError> {
        let until = Instant::now() + interval;
        let mut bytes = group_bytes(&first);
        let mut gathered = vec![first];
        while bytes < self.options.apply_bytes_max {
            match groups.try_recv() {
                Ok(group) => {
                    bytes += group_bytes(&group);
                    gathered.push(group);
                }
                Err(TryRecvError::Disconnected) => break,
                // A thread that waits for the next group costs the log's writer a wake-up with each.
                Err(TryRecvError::Empty) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    std::thread::park_timeout(left.min(GATHER_NAP));
                }
            }
        }
        let Some(position) = gathered.last().map(|group| group.last) else {
            return Ok(bytes);
        };
        let entries = gathered.iter().flat_map(|group| &group.entries);
        let changed = self.apply(entries)?;
        overlay.drop_applied(position, changed.iter());
        Ok(bytes)
    }
}

/// The end of the applier, by a panic too: nobody waits for room that never comes.
struct End<'a> {
    log: Arc<Log>,
    overlay: &'a Overlay,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.log.poison("applying to the state panicked");
        }
        self.overlay.end();
    }
}

/// How many tokens of transactions come with these entries.
fn tokens(entries: &[&Entry]) -> usize {
    let changes = entries.iter().flat_map(|entry| &entry.changes);
    changes.filter(|change| change.table == TOKEN_TABLE).count()
}

/// What is derived from the items of all tables, as the state knows them.
fn load_derived(state: &dyn StateStore) -> Result<HashMap<u32, DerivedRanges>, EngineError> {
    let from = state_key(CATALOG_TABLE, &document_key::of(document_key::TABLE, 0));
    let to = state_key(CATALOG_TABLE, &[document_key::TABLE + 1]);
    let mut loaded = HashMap::new();
    let mut failure = None;
    state.snapshot().scan(
        Bound::Included(&from),
        Bound::Excluded(&to),
        Direction::Forward,
        &mut |key, value| match parse::<TableRecord>(&key[4..], value) {
            Ok(record) => {
                let derived = DerivedRanges::of(&record);
                if !derived.is_empty() {
                    loaded.insert(record.id, derived);
                }
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        },
    )?;
    match failure {
        Some(error) => Err(error),
        None => Ok(loaded),
    }
}

/// What a change does to the entries of the table's indexes; their keys join those that are applied.
fn entries_of(
    derived: &DerivedRanges,
    change: &Change,
    sequence: Sequence,
    changed: &mut Vec<AppliedKey>,
) -> Result<Vec<EntryChange>, EngineError> {
    let entries = derived.index_changes(change)?;
    let keys = entries.iter().flat_map(EntryChange::writes);
    changed.extend(keys.map(|(key, _)| AppliedKey {
        key: Bytes::from(key),
        sequence,
        is_item: false,
    }));
    Ok(entries)
}

/// By how much items and bytes of its table grow by a change.
fn growth(change: &Change) -> (i64, i64) {
    let items = match change.kind {
        ChangeKind::Insert => 1,
        ChangeKind::Modify => 0,
        ChangeKind::Remove => -1,
    };
    let new_bytes = change.new.as_ref().map_or(0, |new| {
        EncodedItem::from_bytes(new.clone()).size_bytes() as i64
    });
    (items, new_bytes - i64::from(change.old_size_bytes))
}

fn change_bytes(change: &Change) -> usize {
    change.key.len() + change.new.as_ref().map_or(0, Bytes::len)
}

fn group_bytes(group: &Group) -> usize {
    let changes = group.entries.iter().flat_map(|entry| &entry.changes);
    changes.map(change_bytes).sum()
}
