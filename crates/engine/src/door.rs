//! The one door: every change of an item goes through [`Database::write`].
//!
//! What is not in memory is read first, and what may take long is decided ahead. Then latches, the newest value, the
//! decision, the queue and the overlay are one synchronous step; then the latches are free and the caller waits for the
//! disk. A reply that depends on a pending value, that of a failed condition too, waits until that value is durable.
//!
//! A command of several items takes all their latches, and is one entry. So is a transaction, whose token is latched,
//! looked up and kept as one more key.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headwater_changelog::{Appended, Change, EntryDraft, Identity};
use headwater_model::limits::TRANSACTION_SIZE_BYTES_MAX;
use headwater_model::{EncodedItem, Sequence};

use crate::applier::ROOM_LOOK_INTERVAL;
use crate::command::{Action, Command, ItemCommand, Outcome, Transacted};
use crate::database::Database;
use crate::decide::Decided;
use crate::decisions::{Decisions, may_take_long, takes_long};
use crate::error::EngineError;
use crate::features::Feature;
use crate::index::{self, EntryChange, Indexes};
use crate::item_collections::{DecidedCommand, Reserved, Watched};
use crate::overlay::Found;
use crate::record::{TableRecord, TableStatus, state_key};
use crate::table::TableState;
use crate::time_to_live::Expiry;
use crate::token::RequestToken;

/// What is to be carried out in one step.
#[derive(Clone, Copy)]
struct Work<'a> {
    command: &'a Command,
    token: Option<&'a RequestToken>,
    /// Most bytes that all items together may have after it.
    bytes_max: Option<usize>,
    /// Whether it is for a table that nobody else may use yet.
    to_new_table: bool,
}

/// The keys of a command that are looked up, and its item collections.
struct Prepared {
    keys: Vec<Vec<u8>>,
    token_key: Option<Vec<u8>>,
    watched: Watched,
    /// What was decided already.
    ahead: Decisions,
}

/// What the synchronous half of a write leaves behind.
struct Enqueued {
    result: Result<Transacted, EngineError>,
    /// What must be durable before the reply may go out.
    wait_for: Option<Sequence>,
}

/// What was decided, and in view of which indexes.
struct DecidedItems {
    decisions: Vec<Option<Decided>>,
    indexes: Vec<Indexes>,
    /// The change that keeps the transaction's token, and its key of the state.
    token: Option<(Change, Vec<u8>)>,
    /// What it adds to item collections.
    reserved: Reserved,
    to_new_table: bool,
}

/// The value that a command decides on.
struct Seen {
    value: Option<Bytes>,
    pending: Option<Sequence>,
}

impl Database {
    /// Carries out a command: all of its item commands or none. When this returns, the changes and their
    /// stream records are durable (as the durability setting has it) and visible to every reader.
    ///
    /// # Errors
    /// [`EngineError::Refused`] names for each item command whether and why it was refused;
    /// [`EngineError::TableNotFound`] if a table went away; [`EngineError::ConditionTooCostly`] if its conditions compare
    /// too much; [`EngineError::Log`] if the log takes no more. With
    /// [`LogError::NoRoom`](headwater_changelog::LogError::NoRoom) the write was refused, or waits for room on the
    /// disk and may still come to be.
    pub async fn write(&self, command: Command) -> Result<Vec<Outcome>, EngineError> {
        let work = Work {
            command: &command,
            token: None,
            bytes_max: None,
            to_new_table: false,
        };
        Ok(self.carry_out(work).await?.outcomes)
    }

    /// As [`Database::write`], to a table that is being made and is not usable for others yet.
    pub(crate) async fn write_to_new_table(&self, command: Command) -> Result<(), EngineError> {
        let work = Work {
            command: &command,
            token: None,
            bytes_max: None,
            to_new_table: true,
        };
        self.carry_out(work).await.map(|_| ())
    }

    /// As [`Database::write`], for a transaction: what it writes is bounded, and with a token it happens once. Whoever
    /// sends the token again in time is told that it happened, when that is durable. A transaction that was refused
    /// leaves no token.
    ///
    /// # Errors
    /// As [`Database::write`]; [`EngineError::TransactionTooLarge`]; [`EngineError::TokenMismatch`] if the token was
    /// used for another request.
    pub async fn transact(
        &self,
        command: Command,
        token: Option<RequestToken>,
    ) -> Result<Transacted, EngineError> {
        let work = Work {
            command: &command,
            token: token.as_ref(),
            bytes_max: Some(TRANSACTION_SIZE_BYTES_MAX),
            to_new_table: false,
        };
        self.carry_out(work).await
    }

    async fn carry_out(&self, work: Work<'_>) -> Result<Transacted, EngineError> {
        self.admit().await?;
        let keys = state_keys(work.command);
        self.read_ahead(&keys).await?;
        if !self.inner.overlay.admits() {
            // Others came while the disk was waited for.
            self.admit().await?;
        }
        let token_key = work.token.map(RequestToken::state_key);
        if let Some(key) = &token_key {
            self.require(Feature::TransactionTokens)?;
            // For its page: the value may be another one under the latches.
            self.newest_token(key)?;
        }
        let watched = match work.to_new_table {
            true => Watched::default(),
            false => self.watch_collections(work.command).await?,
        };
        let ahead = self.decide_ahead(work, &keys).await?;
        let prepared = Prepared {
            keys,
            token_key,
            watched,
            ahead,
        };
        let mut enqueued = self.decide_and_enqueue(work, prepared);
        if matches!(enqueued.result, Err(EngineError::TableNotFound { .. })) {
            // What made it so may be pending as well.
            enqueued.wait_for = enqueued.wait_for.max(Some(self.catalog_changed_at()));
        }
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

    /// Decides what may take long, so that nobody waits for a latch meanwhile.
    async fn decide_ahead(
        &self,
        work: Work<'_>,
        keys: &[Vec<u8>],
    ) -> Result<Decisions, EngineError> {
        let mut ahead = Decisions::new();
        if may_take_long(work.command) {
            // Nothing is said of these: they may be others under the latches.
            let seen = self.newest_items(keys, &mut None)?;
            let indexes = items_indexes(work.command);
            if takes_long(work.command, &seen, &indexes) {
                ahead
                    .prepare(work.command, &seen, &indexes, work.bytes_max)
                    .await;
            }
        }
        Ok(ahead)
    }

    fn decide_and_enqueue(&self, work: Work<'_>, prepared: Prepared) -> Enqueued {
        let latched = prepared.keys.iter().chain(&prepared.token_key);
        let _latches = self.inner.latches.hold(latched.map(Vec::as_slice));
        let mut wait_for = None;
        let result = self.decide_under_latches(work, prepared, &mut wait_for);
        Enqueued { result, wait_for }
    }

    fn decide_under_latches(
        &self,
        work: Work<'_>,
        prepared: Prepared,
        wait_for: &mut Option<Sequence>,
    ) -> Result<Transacted, EngineError> {
        let Prepared {
            keys,
            token_key,
            watched,
            mut ahead,
        } = prepared;
        let command = work.command;
        // Those that change nothing, too, must not be told of a table that is not usable.
        self.check_writable(&work)?;
        let token = self.look_up(work.token, token_key, wait_for)?;
        if let Some(Looked::Repeats(outcomes)) = token {
            return Ok(Transacted {
                outcomes,
                repeated: true,
            });
        }
        let by_caller = command.identity == Identity::None;
        // Transactions take twice the units.
        let limited = (self.enforces_throughput() && by_caller && !work.to_new_table)
            .then_some(if work.bytes_max.is_some() { 2.0 } else { 1.0 });
        if limited.is_some() {
            self.admit_writes(&command.items)?;
        }
        let seen = self.newest_items(&keys, wait_for)?;
        let indexes = items_indexes(command);
        let counted = command.items.iter().filter(|_| by_caller);
        counted.for_each(|item| item.table.count_access(&item.key));
        let complete = ahead.complete(command, &seen, &indexes, work.bytes_max);
        let decided = complete.and_then(|()| ahead.all());
        if let (Some(factor), Err(EngineError::Refused(refusals))) = (limited, &decided) {
            self.charge_refused(&command.items, refusals, factor);
        }
        if !matches!(&decided, Ok((decisions, _)) if decisions.iter().any(Option::is_some)) {
            // What was seen of a table that was deleted meanwhile may have been swept already.
            self.check_writable(&work)?;
        }
        let (decisions, outcomes) = decided?;
        let reserved = self.reserve_growth(
            &watched,
            DecidedCommand {
                command,
                decisions: &decisions,
                outcomes: &outcomes,
            },
        );
        if reserved.is_err() {
            // There is no room because of what others have enqueued, maybe a moment ago.
            *wait_for = (*wait_for).max(Some(self.inner.log.appended()));
        }
        let reserved = reserved?;
        if let Some(factor) = limited {
            self.charge_writes(&command.items, &indexes, &decisions, &outcomes, factor)?;
        }
        for (index, item) in command.items.iter().enumerate().filter(|_| by_caller) {
            if let Some(decided) = &decisions[index] {
                item.table.count_entries(&indexes[index], &decided.entries);
            }
        }
        let token = match token {
            Some(Looked::New { token, key, now_ms }) => {
                Some((token.change(&outcomes, now_ms), key))
            }
            _ => None,
        };
        if token.is_some() || decisions.iter().any(Option::is_some) {
            let decided = DecidedItems {
                decisions,
                indexes,
                token,
                reserved,
                to_new_table: work.to_new_table,
            };
            let appended = self.enqueue(command, keys, decided, &outcomes, &seen)?;
            *wait_for = Some(appended.last);
        }
        Ok(Transacted {
            outcomes,
            repeated: false,
        })
    }

    fn check_writable(&self, work: &Work<'_>) -> Result<(), EngineError> {
        let now_ms = self.inner.clock.now_ms();
        let mut items = work.command.items.iter();
        items.try_for_each(|item| writable(&item.table.state.read(), now_ms, work.to_new_table))
    }

    /// Whether a token was used. What is said of it waits for the transaction that used it.
    fn look_up<'a>(
        &self,
        token: Option<&'a RequestToken>,
        key: Option<Vec<u8>>,
        wait_for: &mut Option<Sequence>,
    ) -> Result<Option<Looked<'a>>, EngineError> {
        let (Some(token), Some(key)) = (token, key) else {
            return Ok(None);
        };
        // The time of the log goes on from the last entry, wherever the clock is.
        let now_ms = self.latest_ms();
        let seen = self.newest_token(&key)?;
        *wait_for = (*wait_for).max(seen.pending);
        let looked = match token.repeats(seen.value.as_deref(), now_ms)? {
            Some(sizes) => Looked::Repeats(sizes.into_iter().map(outcome_of_size).collect()),
            None => Looked::New { token, key, now_ms },
        };
        Ok(Some(looked))
    }

    /// The newest value of a token's key. Hardly any is looked up twice, so none is kept in the cache of items.
    fn newest_token(&self, key: &[u8]) -> Result<Seen, EngineError> {
        match self.inner.overlay.newest(key) {
            Found::Value(sequence, value) => Ok(self.seen(sequence, value)),
            Found::Unknown => Ok(Seen {
                value: self.inner.state.snapshot().get(key)?,
                pending: None,
            }),
        }
    }

    /// The newest values of keys whose latches are held, pending ones included. What the caller says of them has to
    /// wait for `wait_for`.
    pub(crate) fn newest_items(
        &self,
        keys: &[Vec<u8>],
        wait_for: &mut Option<Sequence>,
    ) -> Result<Vec<Option<EncodedItem>>, EngineError> {
        let mut items = Vec::with_capacity(keys.len());
        for key in keys {
            let seen = self.newest(key)?;
            *wait_for = (*wait_for).max(seen.pending);
            items.push(seen.value.map(EncodedItem::from_bytes));
        }
        Ok(items)
    }

    fn newest(&self, key: &[u8]) -> Result<Seen, EngineError> {
        match self.inner.overlay.newest(key) {
            Found::Value(sequence, value) => Ok(self.seen(sequence, value)),
            Found::Unknown => Ok(Seen {
                value: self.stored(key)?,
                pending: None,
            }),
        }
    }

    fn seen(&self, sequence: Sequence, value: Option<Bytes>) -> Seen {
        let pending = (sequence > self.inner.log.durable()).then_some(sequence);
        Seen { value, pending }
    }

    /// Routes the changes to their shards and puts them into the queue as one entry. The tables' states
    /// stay shared-locked in between, so that no shard closes and no table goes away. The values go into
    /// the overlay in the same step: a value that readers of the stream see is never missing here.
    fn enqueue(
        &self,
        command: &Command,
        keys: Vec<Vec<u8>>,
        decided: DecidedItems,
        outcomes: &[Outcome],
        seen: &[Option<EncodedItem>],
    ) -> Result<Appended, EngineError> {
        let DecidedItems {
            mut decisions,
            indexes,
            token,
            reserved,
            to_new_table,
        } = decided;
        let mut changes = Vec::with_capacity(decisions.len() + 1);
        let tables = lock_tables(&command.items);
        let now_ms = self.inner.clock.now_ms();
        // Of all tables, also those whose items are only looked at or stay as they are.
        let mut states = tables.iter().map(|(_, state)| state);
        states.try_for_each(|state| writable(state, now_ms, to_new_table))?;
        for (index, item) in command.items.iter().enumerate() {
            let Some(decided) = &mut decisions[index] else {
                continue;
            };
            let Some((_, state)) = tables.iter().find(|(id, _)| *id == item.table.id()) else {
                continue;
            };
            still_expires(&item.action, &state.record)?;
            if !Arc::ptr_eq(&state.indexes, &indexes[index]) {
                // An index came or went since: what the applier will do is what counts.
                let (old, new) = (seen[index].as_ref(), decided.new.as_ref());
                decided.entries = index::changes(&state.indexes, item.key.bytes(), old, new)?;
            }
            changes.push(change_of(
                item,
                decided,
                seen[index].as_ref(),
                state,
                command.identity,
            ));
        }
        let token = token.map(|(change, key)| {
            let value = change.new.clone();
            changes.push(change);
            (key, value)
        });
        let draft = EntryDraft::new(&changes)?;
        let durable = self.inner.log.durable();
        let appended = self.inner.log.append_with(changes.len(), |first| {
            let last = first.offset((changes.len() - 1) as u64);
            let decided = DecidedCommand {
                command,
                decisions: &decisions,
                outcomes,
            };
            self.note_growth(reserved, decided, first, durable);
            self.publish_pending(command, keys, decisions, outcomes, first, durable);
            if let Some((key, value)) = token {
                self.inner.overlay.insert(key, last, value, durable);
            }
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
            let table = &command.items[index].table;
            let counts = &table.counts;
            counts.add(items, bytes);
            counts.add_local(table.local_growth(&decided.entries));
            counts.changed();
            let value = decided.new.map(EncodedItem::into_bytes);
            let overlay = &self.inner.overlay;
            overlay.insert(key, sequence, value, durable);
            for (key, value) in decided.entries.iter().flat_map(EntryChange::writes) {
                overlay.insert(key, sequence, value, durable);
            }
            sequence = sequence.next();
        }
    }
}

/// What is known of a token.
enum Looked<'a> {
    /// It was used for the same request, with these outcomes.
    Repeats(Vec<Outcome>),
    /// It was not, or too long ago; it is kept under this key, with this time.
    New {
        token: &'a RequestToken,
        key: Vec<u8>,
        now_ms: u64,
    },
}

/// What is still known of an item command that was carried out earlier.
fn outcome_of_size(new_size_bytes: usize) -> Outcome {
    Outcome {
        new_size_bytes,
        ..Outcome::default()
    }
}

fn state_keys(command: &Command) -> Vec<Vec<u8>> {
    let items = command.items.iter();
    items
        .map(|item| state_key(item.table.id(), item.key.bytes()))
        .collect()
}

/// The indexes of each item's table.
fn items_indexes(command: &Command) -> Vec<Indexes> {
    let items = command.items.iter();
    items.map(|item| item.table.indexes()).collect()
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

/// Whether items of the table may be written, by whoever makes it too if that is who asks.
fn writable(state: &TableState, now_ms: u64, to_new_table: bool) -> Result<(), EngineError> {
    match state.record.status(now_ms) {
        TableStatus::Creating if to_new_table => Ok(()),
        _ => usable(state, now_ms),
    }
}

/// Whether what is removed because of a time to live is so by the table's present one.
fn still_expires(action: &Action, record: &TableRecord) -> Result<(), EngineError> {
    match action {
        Action::Expire { index, .. }
            if Expiry::of(record).is_none_or(|expiry| expiry.index != *index) =>
        {
            Err(EngineError::TimeToLiveDisabled)
        }
        _ => Ok(()),
    }
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
    state: &TableState,
    identity: Identity,
) -> Change {
    let route = state.route.as_ref();
    let key = Bytes::copy_from_slice(item.key.bytes());
    let hash = headwater_model::KeySchema::partition_hash(&key);
    // What an index has to forget follows from it, and what the item was at any moment.
    let expires = state.record.ttl.as_ref().is_some_and(|ttl| ttl.enabled);
    let derives = expires || state.record.pitr.is_some() || !state.indexes.is_empty();
    let derives = derives || state.record.kinesis_enabled().is_some();
    let keeps_old = derives || route.is_some_and(|route| route.view.has_old());
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
