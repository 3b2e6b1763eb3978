//! Copying the items of a table, as they are or as they were, into a table that is being made: what backups and restoring
//! are made of.
//!
//! The target takes its items through the one door, so that they are durable, replayed and indexed like any others;
//! clients see it when it is whole. A copy that a crash ends begins anew and puts the same items.
//!
//! Items as they were: those of now, with each key that changed since set back to what the first change since found.
//! The log has that, because tables with point-in-time recovery keep the item before in each entry.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headwater_changelog::{ChangeKind, Identity, LogError};
use headwater_model::{EncodedItem, KeySchema, Sequence, StorageKey};
use headwater_state::{Direction, Snapshot};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::catalog_change::CatalogChange;
use crate::command::{Action, Command, ItemCommand, ReturnValues};
use crate::database::Database;
use crate::error::EngineError;
use crate::record::{TableRecord, Transition, state_key};
use crate::table::Table;

/// Items of one entry of the log.
const CHUNK_ITEMS_MAX: usize = 200;
/// Bytes of items of one entry of the log, about.
const CHUNK_BYTES_MAX: usize = 256 << 10;
/// Entries that wait for the disk at once.
const CHUNKS_AT_ONCE: usize = 8;
/// Bytes of earlier values that are held at once; a history with more is gone through several times.
const UNDONE_BYTES_MAX: usize = 64 << 20;
/// What a value costs beside its bytes.
const UNDONE_OVERHEAD_BYTES: usize = 96;
/// Time between two looks at how far the state is.
const APPLIED_LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// When a table that is being copied into becomes usable by itself: never.
pub(crate) const WHILE_COPIED_MS: u64 = u64::MAX - 1;

/// Where the items of a table that is being made come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copying {
    /// Number of the table that they are of.
    pub(crate) table: u32,
    /// Changes from this sequence number on are undone.
    pub(crate) before: Option<u64>,
}

/// What a table was restored from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// ARN of the table that its items were of.
    pub source_table_arn: String,
    /// ARN of the backup, if it was restored from one.
    pub source_backup_arn: Option<String>,
    /// As of when its items are, milliseconds.
    pub at_ms: u64,
    /// Set until all items are there.
    pub(crate) copying: Option<Copying>,
}

impl Restore {
    /// Whether items are still being copied.
    pub fn is_in_progress(&self) -> bool {
        self.copying.is_some()
    }
}

/// What is called with hash, key and value before of a change.
type ShowUndone<'a> = dyn FnMut(u32, &[u8], Option<&Bytes>) + 'a;

/// Items by their keys, and the last state key if there may be more.
type Chunk = (Vec<(Vec<u8>, Bytes)>, Option<Vec<u8>>);

/// A part of a table, by the first and last hash of its keys.
#[derive(Clone, Copy, Debug)]
struct Part {
    first: u32,
    last: u32,
}

/// The items of a table at a moment, and the log since.
struct Source {
    snapshot: Arc<dyn Snapshot>,
    table: u32,
    before: Option<Sequence>,
}

impl Database {
    /// Copies the items of every table that is being made; whoever can't be finished is dropped.
    pub(crate) async fn finish_copies(&self) -> Result<(), EngineError> {
        let _one = self.inner.copying.lock().await;
        loop {
            let targets: Vec<(Arc<Table>, Copying)> = {
                let maps = self.inner.catalog.maps.read();
                let copying = |table: &Arc<Table>| {
                    let record = table.record();
                    let restore = record.restore.as_ref()?;
                    Some((table.clone(), restore.copying?))
                };
                maps.all_tables().filter_map(copying).collect()
            };
            if targets.is_empty() {
                return Ok(());
            }
            for (target, copying) in targets {
                self.finish_copy(&target, copying).await?;
            }
        }
    }

    async fn finish_copy(&self, target: &Arc<Table>, copying: Copying) -> Result<(), EngineError> {
        let Some(target) = self.begin_copy(target, copying).await? else {
            return Ok(());
        };
        match self.copy(&target, copying).await {
            Ok(()) => self.end_copy(&target).await,
            Err(error) if self.inner.log.poisoned().is_some() => Err(error),
            Err(
                error @ EngineError::Log(LogError::NoRoom { .. } | LogError::Overloaded { .. }),
            ) => Err(error),
            Err(error) => {
                let table = target.record().name.clone();
                tracing::error!(%error, table, "a table can't be restored or backed up, and is given up");
                self.drop_copy(&target).await
            }
        }
    }

    /// The table to copy into. A copy of what goes on changing can't go on where it was.
    async fn begin_copy(
        &self,
        target: &Arc<Table>,
        copying: Copying,
    ) -> Result<Option<Arc<Table>>, EngineError> {
        if !self.holds_table(copying.table) {
            let table = target.record().name.clone();
            tracing::error!(table, "the table whose items were to be copied is gone");
            self.drop_copy(target).await?;
            return Ok(None);
        }
        if copying.before.is_none() && target.item_count() > 0 {
            return self.remake(target).await.map(Some);
        }
        Ok(Some(target.clone()))
    }

    /// An empty table in place of one that was begun.
    async fn remake(&self, target: &Arc<Table>) -> Result<Arc<Table>, EngineError> {
        let (made, position) = {
            let _change = self.inner.catalog.change.lock();
            let mut record = (*target.record()).clone();
            let mut next = self.inner.catalog.maps.read().next;
            record.renumber(&mut next);
            let (namespace, name) = (record.namespace.clone(), record.name.clone());
            let mut change = CatalogChange::default();
            self.add_drop(target, &mut change);
            change
                .backups
                .extend(self.backup_moved(target.id(), record.id));
            change.tables.push(record);
            change.next = Some(next);
            let position = self.commit_catalog(change, &[])?;
            (self.table(&namespace, &name)?, position)
        };
        self.inner.log.wait_durable(position).await?;
        Ok(made)
    }

    fn holds_table(&self, number: u32) -> bool {
        let maps = self.inner.catalog.maps.read();
        maps.all_tables().any(|table| table.id() == number)
    }

    async fn copy(&self, target: &Arc<Table>, copying: Copying) -> Result<(), EngineError> {
        let durable = self.inner.log.durable();
        while self.applied() < durable {
            if self.inner.log.poisoned().is_some() {
                return Err(LogError::Closed.into());
            }
            tokio::time::sleep(APPLIED_LOOK_INTERVAL).await;
        }
        let source = Source {
            snapshot: self.inner.state.snapshot(),
            table: copying.table,
            before: copying.before.map(Sequence),
        };
        for part in self.parts(&source)? {
            self.copy_part(target, &source, part).await?;
        }
        Ok(())
    }

    async fn copy_part(
        &self,
        target: &Arc<Table>,
        source: &Source,
        part: Part,
    ) -> Result<(), EngineError> {
        let mut undone = self.undone(source, part)?;
        let mut writes = JoinSet::new();
        let mut from = Bound::Included(source.key(part.first));
        while let Some(last) = {
            let (mut chunk, last) = source.chunk(&from, part)?;
            chunk.retain_mut(|(key, value)| match undone.remove(key.as_slice()) {
                Some(Some(before)) => {
                    *value = before;
                    true
                }
                Some(None) => false,
                None => true,
            });
            self.put_chunk(target, chunk, &mut writes).await?;
            last
        } {
            from = Bound::Excluded(last);
        }
        // What is not there any more.
        let gone = undone.into_iter();
        let mut gone = gone
            .filter_map(|(key, before)| Some((key, before?)))
            .peekable();
        while gone.peek().is_some() {
            let chunk = gone.by_ref().take(CHUNK_ITEMS_MAX / 4).collect();
            self.put_chunk(target, chunk, &mut writes).await?;
        }
        while let Some(written) = writes.join_next().await {
            written.map_err(ended)??;
        }
        Ok(())
    }

    /// Puts items into the target, without waiting for the disk yet if there are not too many that do.
    async fn put_chunk(
        &self,
        target: &Arc<Table>,
        chunk: Vec<(Vec<u8>, Bytes)>,
        writes: &mut JoinSet<Result<(), EngineError>>,
    ) -> Result<(), EngineError> {
        if chunk.is_empty() {
            return Ok(());
        }
        if writes.len() >= CHUNKS_AT_ONCE
            && let Some(written) = writes.join_next().await
        {
            written.map_err(ended)??;
        }
        let item = |(key, value): (Vec<u8>, Bytes)| ItemCommand {
            table: target.clone(),
            key: StorageKey::from_bytes(&key),
            condition: None,
            action: Action::Put(EncodedItem::from_bytes(value)),
            returns: ReturnValues::None,
            return_item_on_failure: false,
        };
        let command = Command {
            items: chunk.into_iter().map(item).collect(),
            identity: Identity::None,
        };
        let database = self.clone();
        writes.spawn(async move { database.write_to_new_table(command).await });
        Ok(())
    }

    /// The parts to go through, so that what changed in each fits into memory.
    fn parts(&self, source: &Source) -> Result<Vec<Part>, EngineError> {
        let mut bytes = 0;
        self.changes_since(source, &mut |_, key, before| {
            bytes += key.len() + before.map_or(0, Bytes::len) + UNDONE_OVERHEAD_BYTES;
        })?;
        let count = (bytes / UNDONE_BYTES_MAX + 1) as u64;
        let first = |part: u64| ((part << 32) / count) as u32;
        Ok((0..count)
            .map(|part| Part {
                first: first(part),
                last: match part + 1 == count {
                    true => u32::MAX,
                    false => first(part + 1) - 1,
                },
            })
            .collect())
    }

    /// What each key of a part was before it was changed since; `None` if it was not there.
    fn undone(
        &self,
        source: &Source,
        part: Part,
    ) -> Result<BTreeMap<Vec<u8>, Option<Bytes>>, EngineError> {
        let mut undone = BTreeMap::new();
        self.changes_since(source, &mut |hash, key, before| {
            if (part.first..=part.last).contains(&hash) && !undone.contains_key(key) {
                undone.insert(key.to_vec(), before.cloned());
            }
        })?;
        Ok(undone)
    }

    /// Shows hash, key and value before of each change that is to be undone, in order.
    fn changes_since(&self, source: &Source, show: &mut ShowUndone<'_>) -> Result<(), EngineError> {
        let Some(before) = source.before else {
            return Ok(());
        };
        let until = Sequence(source.snapshot.position());
        for entry in self
            .inner
            .log
            .read_from(Sequence(before.0.saturating_sub(1)))
        {
            let entry = entry?;
            if entry.first > until {
                break;
            }
            let mut sequence = entry.first;
            for change in &entry.changes {
                if change.table == source.table && sequence >= before {
                    if change.kind != ChangeKind::Insert && change.old.is_none() {
                        return Err(EngineError::NoHistory);
                    }
                    let hash = KeySchema::partition_hash(&change.key);
                    show(hash, &change.key, change.old.as_ref());
                }
                sequence = sequence.next();
            }
        }
        Ok(())
    }

    /// All items are there.
    async fn end_copy(&self, target: &Arc<Table>) -> Result<(), EngineError> {
        let position = {
            let _change = self.inner.catalog.change.lock();
            let mut record = (*target.record()).clone();
            if let Some(restore) = &mut record.restore {
                restore.copying = None;
            }
            record.transition = None;
            let mut change = CatalogChange::default();
            change.backups.extend(self.backup_finished(target));
            change.tables.push(record);
            self.commit_catalog(change, std::slice::from_ref(target))?
        };
        Ok(self.inner.log.wait_durable(position).await?)
    }

    async fn drop_copy(&self, target: &Arc<Table>) -> Result<(), EngineError> {
        let position = {
            let _change = self.inner.catalog.change.lock();
            let mut change = CatalogChange::default();
            change
                .removed_backups
                .extend(self.backup_of_copy(target.id()).map(|backup| backup.id));
            self.add_drop(target, &mut change);
            self.commit_catalog(change, &[])?
        };
        Ok(self.inner.log.wait_durable(position).await?)
    }

    /// Where the log is still needed from by copies, if by any.
    pub(crate) fn copies_need(&self) -> Option<Sequence> {
        let maps = self.inner.catalog.maps.read();
        let before = maps.all_tables().filter_map(|table| {
            let record = table.record();
            record.restore.as_ref()?.copying?.before
        });
        before.min().map(Sequence)
    }
}

impl Source {
    fn key(&self, hash: u32) -> Vec<u8> {
        state_key(self.table, &hash.to_be_bytes())
    }

    /// Items of a part behind `from`, by their keys in the table; and the last state key if there may be more.
    fn chunk(&self, from: &Bound<Vec<u8>>, part: Part) -> Result<Chunk, EngineError> {
        let to = match part.last.checked_add(1) {
            Some(next) => self.key(next),
            None => state_key(self.table + 1, b""),
        };
        let (mut items, mut bytes, mut last) = (Vec::new(), 0, None);
        let from = from.as_ref().map(Vec::as_slice);
        let to = Bound::Excluded(to.as_slice());
        self.snapshot
            .scan(from, to, Direction::Forward, &mut |key, value| {
                items.push((key[4..].to_vec(), Bytes::copy_from_slice(value)));
                bytes += value.len();
                if items.len() < CHUNK_ITEMS_MAX && bytes < CHUNK_BYTES_MAX {
                    return ControlFlow::Continue(());
                }
                last = Some(key.to_vec());
                ControlFlow::Break(())
            })?;
        Ok((items, last))
    }
}

impl TableRecord {
    /// The same definition, for a new table under numbers of its own.
    pub(crate) fn renumber(&mut self, next: &mut crate::record::NextNumbers) {
        let mut number = || {
            next.table += 1;
            next.table - 1
        };
        self.id = number();
        for index in &mut self.indexes {
            index.id = number();
        }
    }

    /// Makes the table one that is being copied into.
    pub(crate) fn being_copied(&mut self, restore: Restore) {
        self.restore = Some(restore);
        self.transition = Some((Transition::Creating, WHILE_COPIED_MS));
    }
}

fn ended(error: tokio::task::JoinError) -> EngineError {
    EngineError::Io {
        what: "copying items".to_owned(),
        error: error.into(),
    }
}
