//! Copying the items of a table, as they are or as they were, into a table that is being made: what backups and restoring
//! are made of.
//!
//! The target takes its items through the one door, so that they are durable, replayed and indexed like any others;
//! clients see it when it is whole. A copy that a crash ends begins anew and puts the same items.
//!
//! What is copied, now or as it was, comes from [`crate::past_items`].

use std::sync::Arc;

use bytes::Bytes;
use headwater_changelog::{Identity, LogError};
use headwater_model::{EncodedItem, Sequence, StorageKey};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::catalog_change::CatalogChange;
use crate::command::{Action, Command, ItemCommand, ReturnValues};
use crate::database::Database;
use crate::error::EngineError;
use crate::record::{TableRecord, Transition};
use crate::table::Table;

/// Entries that wait for the disk at once.
const CHUNKS_AT_ONCE: usize = 8;

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

impl Database {
    /// Copies the items of every table that is being made; whoever can't be finished is dropped.
    pub(crate) async fn finish_copies(&self) -> Result<(), EngineError> {
        let _one = self.inner.copying.lock().await;
        loop {
            let targets: Vec<(Arc<Table>, Copying)> = {
                let maps = self.inner.catalog.maps.read();
                let copying = |table: &Arc<Table>| Some((table.clone(), table.record().copying()?));
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
                error @ EngineError::Log(
                    LogError::NoRoom { .. } | LogError::Overloaded { .. } | LogError::Closed,
                ),
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

    pub(crate) fn holds_table(&self, number: u32) -> bool {
        let maps = self.inner.catalog.maps.read();
        maps.all_tables().any(|table| table.id() == number)
    }

    async fn copy(&self, target: &Arc<Table>, copying: Copying) -> Result<(), EngineError> {
        let before = copying.before.map(Sequence);
        let mut items = self.past_items(copying.table, before).await?;
        let mut writes = JoinSet::new();
        while let Some(chunk) = items.next_chunk()? {
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
            action: Action::Copy(EncodedItem::from_bytes(value)),
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

    /// Whether a table is being made of this one.
    pub(crate) fn is_copied_from(&self, number: u32) -> bool {
        self.has_copy(|copying| copying.table == number)
    }

    /// Whether a table is being made of what this one was.
    pub(crate) fn is_undone_in_a_copy(&self, number: u32) -> bool {
        self.has_copy(|copying| copying.table == number && copying.before.is_some())
    }

    fn has_copy(&self, wanted: impl Fn(Copying) -> bool) -> bool {
        let maps = self.inner.catalog.maps.read();
        maps.all_tables()
            .any(|table| table.record().copying().is_some_and(&wanted))
    }
}

impl TableRecord {
    /// Where its items are being copied from, until all are there.
    pub(crate) fn copying(&self) -> Option<Copying> {
        self.restore.as_ref()?.copying
    }

    /// Of a table that is to be made as another one was: lets no change from `first` on be copied. The log may be ahead of
    /// the clock; then those of the moment that was asked for are still to come.
    pub(crate) fn copy_nothing_later_than(&mut self, first: Sequence) {
        let copying = self
            .restore
            .as_mut()
            .and_then(|restore| restore.copying.as_mut());
        if let Some(before) = copying.and_then(|copying| copying.before.as_mut()) {
            *before = first.0.min(*before);
        }
    }

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
