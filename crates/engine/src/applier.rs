//! The applier: one thread that brings durable groups into the state, in order, and checkpoints it.
//! Items, catalog documents and counts are derived from the entries here and nowhere else, in replay too.

use std::collections::HashMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use headwater_changelog::{Change, ChangeKind, Entry, Group, Log};
use headwater_model::{EncodedItem, Sequence};
use headwater_state::{Batch, Direction, StateError, StateStore};

use crate::catalog::{counts_key, decode_counts, encode_counts, number_of};
use crate::error::EngineError;
use crate::options::EngineOptions;
use crate::overlay::Overlay;
use crate::record::{CATALOG_TABLE, document_key, state_key};
use crate::token::{self, TOKEN_TABLE};

/// Items of dropped tables that are removed in one transaction.
const SWEEP_ITEMS_MAX: usize = 2_000;

/// A long replay is saved after as many bytes as so many checkpoints take together, so that it need not begin anew.
const REPLAYED_CHECKPOINTS: u64 = 8;

/// Time between two looks for room on the disk, while there is none.
pub(crate) const ROOM_LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Turns entries into state.
pub(crate) struct Applier {
    state: Arc<dyn StateStore>,
    log: Arc<Log>,
    options: EngineOptions,
    /// Items and bytes per table, as they are after everything that was applied.
    counts: HashMap<u32, (i64, i64)>,
    /// Tables whose items are still to be removed.
    dropped: Vec<u32>,
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
    ) -> Result<Self, EngineError> {
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
                let much = self.options.checkpoint_log_bytes * REPLAYED_CHECKPOINTS;
                if self.unsaved_bytes >= much && self.has_room() {
                    self.checkpoint()?;
                }
            }
        }
        if count > 0 {
            self.apply(entries.iter())?;
            self.note_unsaved(bytes);
        }
        Ok(count)
    }

    fn note_unsaved(&mut self, bytes: usize) {
        self.unsaved_bytes += bytes as u64;
        self.unsaved = true;
    }

    /// Applies entries in one transaction of the state; tells which keys of items changed, by which changes.
    fn apply<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Entry>,
    ) -> Result<Vec<(Bytes, Sequence)>, EngineError> {
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
                    self.note_dropped(change);
                } else if change.table == TOKEN_TABLE {
                    token::put_age(change, sequence, &mut batch);
                    changed.push((key.clone(), sequence));
                } else {
                    self.count(change)?;
                    counted.push(change.table);
                    changed.push((key.clone(), sequence));
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
        for table in counted {
            let (items, bytes) = self.counts.get(&table).copied().unwrap_or_default();
            batch.put(Bytes::from(counts_key(table)), encode_counts(items, bytes));
        }
        self.state.apply(batch, position.0)?;
        Ok(changed)
    }

    fn count(&mut self, change: &Change) -> Result<(), StateError> {
        let counts = match self.counts.entry(change.table) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(unknown) => {
                let stored = self.state.snapshot().get(&counts_key(change.table))?;
                unknown.insert(stored.map_or((0, 0), |stored| decode_counts(&stored)))
            }
        };
        counts.0 += match change.kind {
            ChangeKind::Insert => 1,
            ChangeKind::Modify => 0,
            ChangeKind::Remove => -1,
        };
        let new_bytes = change.new.as_ref().map_or(0, |new| {
            EncodedItem::from_bytes(new.clone()).size_bytes() as i64
        });
        counts.1 += new_bytes - i64::from(change.old_size_bytes);
        Ok(())
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
            let timeout = if !self.dropped.is_empty() {
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
            let due = checkpointed_at.elapsed() >= checkpoint_interval
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
            let left = until.saturating_duration_since(Instant::now());
            match groups.recv_timeout(left) {
                Ok(group) => {
                    bytes += group_bytes(&group);
                    gathered.push(group);
                }
                Err(_) => break,
            }
        }
        let Some(position) = gathered.last().map(|group| group.last) else {
            return Ok(bytes);
        };
        let entries = gathered.iter().flat_map(|group| &group.entries);
        let changed = self.apply(entries)?;
        overlay.drop_applied(
            position,
            changed.iter().map(|(key, at)| (key.as_ref(), *at)),
        );
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

fn change_bytes(change: &Change) -> usize {
    change.key.len() + change.new.as_ref().map_or(0, Bytes::len)
}

fn group_bytes(group: &Group) -> usize {
    let changes = group.entries.iter().flat_map(|entry| &entry.changes);
    changes.map(change_bytes).sum()
}
