//! The one door: every change of an item goes through [`Database::write`].
//!
//! What is not in memory is read first. Then latches, the newest value, the decision, the queue and the overlay are one synchronous step; then the
//! latches are free and the caller waits for the disk. A reply that depends on a pending value, that of a
//! failed condition too, waits until that value is durable.

use std::time::Duration;

use bytes::Bytes;
use headwater_changelog::{Appended, Change, EntryDraft, Identity};
use headwater_model::{EncodedItem, Sequence};

use crate::applier::ROOM_LOOK_INTERVAL;
use crate::command::{Command, ItemCommand, Outcome, Refusal};
use crate::database::Database;
use crate::decide::{Decided, decide};
use crate::error::EngineError;
use crate::overlay::Found;
use crate::record::{TableStatus, state_key};
use crate::table::{Route, TableState};

/// What the synchronous half of a write leaves behind.
struct Enqueued {
    result: Result<Vec<Outcome>, EngineError>,
    /// What must be durable before the reply may go out.
    wait_for: Option<Sequence>,
}

/// The value that a command decides on.
struct Seen {
    item: Option<EncodedItem>,
    pending: Option<Sequence>,
}

impl Database {
    /// Carries out a command: all of its item commands or none. When this returns, the changes and their
    /// stream records are durable (as the durability setting has it) and visible to every reader.
    ///
    /// # Errors
    /// [`EngineError::Refused`] names for each item command whether and why it was refused;
    /// [`EngineError::TableNotFound`] if a table went away; [`EngineError::Log`] if the log takes no more. With
    /// [`LogError::NoRoom`](headwater_changelog::LogError::NoRoom) the write was refused, or waits for room on the
    /// disk and may still come to be.
    pub async fn write(&self, command: Command) -> Result<Vec<Outcome>, EngineError> {
        self.admit().await?;
        let keys = state_keys(&command);
        self.read_ahead(&keys)?;
        let enqueued = self.decide_and_enqueue(&command, keys);
        if let Some(position) = enqueued.wait_for {
            self.inner.log.wait_durable(position).await?;
        }
        enqueued.result
    }

    /// Waits until the overlay has room, but not for ever; refuses what has none on the disk. Taken before any
    /// latch. The time is that of the machine, whatever clock the database runs on: the applier needs real time.
    async fn admit(&self) -> Result<(), EngineError> {
        let patience = Duration::from_millis(self.inner.options.overlay_wait_ms_max);
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            self.check_room()?;
            if self.inner.overlay.admits() {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(self.inner.overlay.overload().into());
            }
            // A disk that fills up meanwhile wakes nobody.
            tokio::select! {
                () = self.inner.overlay.admit() => {}
                () = tokio::time::sleep(ROOM_LOOK_INTERVAL) => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    /// Brings into memory what is not there, so that nobody waits for a latch while the disk works.
    fn read_ahead(&self, keys: &[Vec<u8>]) -> Result<(), EngineError> {
        for key in keys {
            if self.inner.overlay.newest(key) == Found::Unknown {
                self.stored(key)?;
            }
        }
        Ok(())
    }

    fn decide_and_enqueue(&self, command: &Command, keys: Vec<Vec<u8>>) -> Enqueued {
        let _latches = self.inner.latches.hold(keys.iter().map(Vec::as_slice));
        let mut wait_for = None;
        let result = self.decide_under_latches(command, keys, &mut wait_for);
        Enqueued { result, wait_for }
    }

    fn decide_under_latches(
        &self,
        command: &Command,
        keys: Vec<Vec<u8>>,
        wait_for: &mut Option<Sequence>,
    ) -> Result<Vec<Outcome>, EngineError> {
        // Those that change nothing, too, must not be told of a table that is not usable.
        let now_ms = self.inner.clock.now_ms();
        for item in &command.items {
            usable(&item.table.state.read(), now_ms)?;
        }
        let mut seen = Vec::with_capacity(keys.len());
        for key in &keys {
            let value = self.newest(key)?;
            *wait_for = (*wait_for).max(value.pending);
            seen.push(value.item);
        }
        let (decisions, outcomes) = decide_all(&command.items, &seen)?;
        if decisions.iter().all(Option::is_none) {
            return Ok(outcomes);
        }
        let appended = self.enqueue(command, keys, decisions, &outcomes, &seen)?;
        *wait_for = Some(appended.last);
        Ok(outcomes)
    }

    /// The newest value of a key, pending ones included.
    fn newest(&self, key: &[u8]) -> Result<Seen, EngineError> {
        let inner = &self.inner;
        if let Found::Value(sequence, value) = inner.overlay.newest(key) {
            let pending = (sequence > inner.log.durable()).then_some(sequence);
            let item = value.map(EncodedItem::from_bytes);
            return Ok(Seen { item, pending });
        }
        let item = self.stored(key)?;
        Ok(Seen {
            item: item.map(EncodedItem::from_bytes),
            pending: None,
        })
    }

    /// Routes the changes to their shards and puts them into the queue as one entry. The tables' states
    /// stay shared-locked in between, so that no shard closes and no table goes away. The values go into
    /// the overlay in the same step: a value that readers of the stream see is never missing here.
    fn enqueue(
        &self,
        command: &Command,
        keys: Vec<Vec<u8>>,
        decisions: Vec<Option<Decided>>,
        outcomes: &[Outcome],
        seen: &[Option<EncodedItem>],
    ) -> Result<Appended, EngineError> {
        let mut changes = Vec::with_capacity(decisions.len());
        let tables = lock_tables(&command.items);
        let now_ms = self.inner.clock.now_ms();
        for (index, item) in command.items.iter().enumerate() {
            let Some(decided) = &decisions[index] else {
                continue;
            };
            let Some((_, state)) = tables.iter().find(|(id, _)| *id == item.table.id()) else {
                continue;
            };
            usable(state, now_ms)?;
            changes.push(change_of(
                item,
                decided,
                seen[index].as_ref(),
                state.route.as_ref(),
                command.identity,
            ));
        }
        let draft = EntryDraft::new(&changes)?;
        let durable = self.inner.log.durable();
        let appended = self.inner.log.append_with(changes.len(), |first| {
            self.publish_pending(command, keys, decisions, outcomes, first, durable);
            Ok(draft)
        })?;
        Ok(appended)
    }

    /// Makes the values that are being enqueued known to the commands and reads that come next. `durable`
    /// was durable a moment ago.
    fn publish_pending(
        &self,
        command: &Command,
        keys: Vec<Vec<u8>>,
        decisions: Vec<Option<Decided>>,
        outcomes: &[Outcome],
        first: Sequence,
        durable: Sequence,
    ) {
        let mut sequence = first;
        for (index, (key, decided)) in keys.into_iter().zip(decisions).enumerate() {
            let Some(decided) = decided else { continue };
            let outcome = &outcomes[index];
            let items =
                i64::from(outcome.new_size_bytes > 0) - i64::from(outcome.old_size_bytes > 0);
            let bytes = outcome.new_size_bytes as i64 - outcome.old_size_bytes as i64;
            command.items[index].table.counts.add(items, bytes);
            let value = decided.new.map(EncodedItem::into_bytes);
            self.inner.overlay.insert(key, sequence, value, durable);
            sequence = sequence.next();
        }
    }
}

fn state_keys(command: &Command) -> Vec<Vec<u8>> {
    let items = command.items.iter();
    items
        .map(|item| state_key(item.table.id(), item.key.bytes()))
        .collect()
}

type Decisions = (Vec<Option<Decided>>, Vec<Outcome>);

/// Decides every item command; one refusal refuses them all.
fn decide_all(
    items: &[ItemCommand],
    seen: &[Option<EncodedItem>],
) -> Result<Decisions, EngineError> {
    let mut decisions = Vec::with_capacity(items.len());
    let mut outcomes = Vec::with_capacity(items.len());
    let mut refusals: Vec<Option<Refusal>> = Vec::new();
    for (index, (item, seen)) in items.iter().zip(seen).enumerate() {
        match decide(item, seen.as_ref())? {
            Ok((decided, outcome)) => {
                decisions.push(decided);
                outcomes.push(outcome);
            }
            Err(refusal) => {
                refusals.resize_with(items.len(), || None);
                refusals[index] = Some(refusal);
            }
        }
    }
    if refusals.is_empty() {
        Ok((decisions, outcomes))
    } else {
        Err(EngineError::Refused(refusals))
    }
}

type LockedTables<'a> = Vec<(u32, parking_lot::RwLockReadGuard<'a, TableState>)>;

/// Shares the states of the tables of a command, each once, in ascending order.
fn lock_tables(items: &[ItemCommand]) -> LockedTables<'_> {
    let mut tables: Vec<_> = items.iter().map(|item| &item.table).collect();
    tables.sort_unstable_by_key(|table| table.id());
    tables.dedup_by_key(|table| table.id());
    tables
        .into_iter()
        .map(|table| (table.id(), table.state.read()))
        .collect()
}

/// Whether items of the table may be read and written.
pub(crate) fn usable(state: &TableState, now_ms: u64) -> Result<(), EngineError> {
    match state.record.status(now_ms) {
        TableStatus::Active | TableStatus::Updating => Ok(()),
        TableStatus::Creating | TableStatus::Deleting | TableStatus::Gone => {
            Err(EngineError::TableNotFound {
                name: state.record.name.clone(),
            })
        }
    }
}

fn change_of(
    item: &ItemCommand,
    decided: &Decided,
    old: Option<&EncodedItem>,
    route: Option<&Route>,
    identity: Identity,
) -> Change {
    let key = Bytes::copy_from_slice(item.key.bytes());
    let hash = headwater_model::KeySchema::partition_hash(&key);
    let keeps_old = route.is_some_and(|route| route.view.has_old());
    Change {
        table: item.table.id(),
        shard: route.map_or(0, |route| route.shard(hash)),
        kind: decided.kind,
        identity,
        key,
        new: decided.new.as_ref().map(|item| item.bytes().clone()),
        old: old.filter(|_| keeps_old).map(|item| item.bytes().clone()),
        old_size_bytes: old.map_or(0, |item| item.size_bytes() as u32),
    }
}
