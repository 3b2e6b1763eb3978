//! Backups: a table's definition, and a copy of its items in a table that no request can name.

use std::sync::Arc;

use headwater_model::{Rng, Sequence};
use serde::{Deserialize, Serialize};

use crate::catalog_change::{AT_COMMIT_MS, CatalogChange};
use crate::copies::{Copying, Restore};
use crate::database::Database;
use crate::error::EngineError;
use crate::index_record::{IndexRecord, IndexState};
use crate::record::{StreamView, TableRecord, Transition};
use crate::table::Table;
use crate::throughput_changes::ThroughputChanges;

/// How long the backup of a deleted table is kept (Amazon DynamoDB Developer Guide, "Point-in-time recovery").
const SYSTEM_BACKUP_MS: u64 = 35 * 24 * 60 * 60 * 1000;
/// What its name ends with, behind the table's (same source).
const SYSTEM_BACKUP_NAME: &str = "$DeletedTableBackup";
/// What its label ends with, behind the time (recorded 2026).
const SYSTEM_BACKUP_LABEL: &str = "00000000";

/// Whose tables the copies are.
const BACKUPS_NAMESPACE: &str = "\u{0}backups";

/// Who made a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackupKind {
    /// Somebody asked for it.
    #[default]
    User,
    /// It is what is left of a deleted table with point-in-time recovery, and goes by itself.
    System,
}

/// A backup of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackupRecord {
    /// The backup's number in this store; from the same numbers as tables'.
    pub id: u32,
    /// Who made it.
    #[serde(default)]
    pub kind: BackupKind,
    /// Its name, which need not be the only one.
    pub name: String,
    /// The last part of its ARN.
    pub label: String,
    /// When it was asked for, milliseconds.
    pub created_ms: u64,
    /// The table's definition then.
    pub table: TableRecord,
    /// What its stream showed then, if one was enabled; earlier versions did not keep it.
    #[serde(default)]
    pub stream: Option<StreamView>,
    /// Number of the table that holds the items.
    pub(crate) copy: u32,
    /// Items and their bytes, once all are there.
    pub whole: Option<(u64, u64)>,
}

impl BackupRecord {
    /// The backup's ARN.
    pub fn arn(&self) -> String {
        format!("{}/backup/{}", self.table.arn(), self.label)
    }

    /// When it goes by itself, milliseconds, if it does.
    pub fn expires_ms(&self) -> Option<u64> {
        match self.kind {
            BackupKind::User => None,
            BackupKind::System => Some(self.created_ms.saturating_add(SYSTEM_BACKUP_MS)),
        }
    }
}

impl Database {
    /// Begins a backup of a table: its items as they are when copying begins, which is at once unless another copy is being
    /// made; after a restart it begins anew.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`]; [`EngineError::TableInUse`] while it is being created or deleted;
    /// [`EngineError::Log`].
    pub async fn create_backup(
        &self,
        namespace: &str,
        table: &str,
        name: &str,
    ) -> Result<Arc<BackupRecord>, EngineError> {
        let (id, position) = {
            let _change = self.inner.catalog.change.lock();
            let table = self.table(namespace, table)?;
            let mut record = (*table.record()).clone();
            self.usable(&record)?;
            record.transition = None;
            // One on its way out is not there when the backup is looked at.
            record.indexes.retain(IndexRecord::is_kept);
            let mut next = self.inner.catalog.maps.read().next;
            let id = next.table;
            next.table += 1;
            let copy = copy_for_backup(&record, id, &mut next);
            let mut change = CatalogChange::default();
            change.backups.push(BackupRecord {
                id,
                kind: BackupKind::User,
                name: name.to_owned(),
                label: random_label(self.inner.rng.as_ref()),
                created_ms: AT_COMMIT_MS,
                stream: self.stream_view(&record),
                table: record,
                copy: copy.id,
                whole: None,
            });
            change.tables.push(copy);
            change.next = Some(next);
            (id, self.commit_catalog(change, &[])?)
        };
        // Before the wait: whoever asked may go away meanwhile.
        self.inner.copy_due.notify_one();
        self.inner.log.wait_durable(position).await?;
        self.backup_by(|backup| backup.id == id)
            .ok_or(EngineError::BackupNotFound)
    }

    /// The backups of a namespace's tables, in the order in which they were asked for.
    ///
    /// # Errors
    /// [`EngineError::Log`] if the log takes no more.
    pub async fn backups(&self, namespace: &str) -> Result<Vec<Arc<BackupRecord>>, EngineError> {
        self.durable(|| {
            let maps = self.inner.catalog.maps.read();
            let backups = maps.backups.values();
            backups
                .filter(|backup| backup.table.namespace == namespace)
                .cloned()
                .collect()
        })
        .await
    }

    /// Removes a backup.
    ///
    /// # Errors
    /// [`EngineError::BackupNotFound`]; [`EngineError::BackupInUse`] while it is made, or a table is being restored
    /// from it; [`EngineError::Log`].
    pub async fn delete_backup(&self, id: u32) -> Result<Arc<BackupRecord>, EngineError> {
        let (backup, position) = {
            let _change = self.inner.catalog.change.lock();
            let backup = self.backup_by(|backup| backup.id == id);
            let backup = backup.ok_or(EngineError::BackupNotFound)?;
            if backup.whole.is_none() || self.is_copied_from(backup.copy) {
                return Err(EngineError::BackupInUse);
            }
            let mut change = CatalogChange::default();
            change.removed_backups.push(id);
            if let Some(copy) = self.table_numbered(backup.copy) {
                self.add_drop(&copy, &mut change);
            }
            (backup, self.commit_catalog(change, &[])?)
        };
        self.inner.log.wait_durable(position).await?;
        Ok(backup)
    }

    /// Adds to a change what makes a backup of a table that is deleted: the table itself, with its items, stays in a
    /// place that no request can name. Nothing is copied.
    pub(crate) fn add_system_backup(&self, table: &Arc<Table>, change: &mut CatalogChange) {
        let record = table.record();
        self.add_end(&record, change);
        let mut next = self.inner.catalog.maps.read().next;
        let id = next.table;
        next.table += 1;
        change.next = Some(next);
        change.backups.push(BackupRecord {
            id,
            kind: BackupKind::System,
            name: format!("{}{SYSTEM_BACKUP_NAME}", record.name),
            label: SYSTEM_BACKUP_LABEL.to_owned(),
            created_ms: AT_COMMIT_MS,
            stream: self.stream_view(&record),
            table: TableRecord {
                transition: None,
                ..(*record).clone()
            },
            copy: record.id,
            // Counted when nothing can change any more.
            whole: None,
        });
        change.moved.push((table.clone(), of_backup(&record, id)));
    }

    /// Removes the backups whose time is over.
    pub(crate) async fn expire_backups(&self) -> Result<(), EngineError> {
        let now_ms = self.inner.clock.now_ms();
        let is_over = |backup: &BackupRecord| backup.expires_ms().is_some_and(|at| at <= now_ms);
        let over: Vec<u32> = {
            let maps = self.inner.catalog.maps.read();
            let backups = maps.backups.values().filter(|backup| is_over(backup));
            backups.map(|backup| backup.id).collect()
        };
        for id in over {
            match self.delete_backup(id).await {
                // While a table is being restored from it, it stays; somebody else may have removed it.
                Err(EngineError::BackupInUse | EngineError::BackupNotFound) => {}
                removed => drop(removed?),
            }
        }
        Ok(())
    }

    /// Begins to make a table of this definition with the items of a backup.
    ///
    /// # Errors
    /// [`EngineError::BackupNotFound`]; [`EngineError::BackupInUse`] while it is made; [`EngineError::TableExists`];
    /// [`EngineError::Log`].
    pub async fn restore_backup(
        &self,
        id: u32,
        definition: TableRecord,
    ) -> Result<Arc<Table>, EngineError> {
        let backup = self.backup_by(|backup| backup.id == id);
        let backup = backup.ok_or(EngineError::BackupNotFound)?;
        if backup.whole.is_none() {
            return Err(EngineError::BackupInUse);
        }
        let restore = Restore {
            source_table_arn: backup.table.arn(),
            source_backup_arn: Some(backup.arn()),
            at_ms: backup.created_ms,
            copying: Some(Copying {
                table: backup.copy,
                before: None,
            }),
        };
        self.begin_restore(&backup.table.name, definition, restore)
            .await
    }

    /// Begins to make a table of this definition with the items that `source` had at a moment: after all changes that
    /// were made until `at_ms`.
    ///
    /// # Errors
    /// [`EngineError::TableExists`]; [`EngineError::Log`].
    pub async fn restore_to_time(
        &self,
        source: &Table,
        at_ms: u64,
        definition: TableRecord,
    ) -> Result<Arc<Table>, EngineError> {
        let restore = Restore {
            source_table_arn: source.record().arn(),
            source_backup_arn: None,
            at_ms,
            copying: Some(Copying {
                table: source.id(),
                before: Some(Sequence::first_at_ms(at_ms.saturating_add(1)).0),
            }),
        };
        self.begin_restore(&source.record().name, definition, restore)
            .await
    }

    async fn begin_restore(
        &self,
        source: &str,
        mut definition: TableRecord,
        restore: Restore,
    ) -> Result<Arc<Table>, EngineError> {
        let (table, position) = {
            let _change = self.inner.catalog.change.lock();
            let (namespace, name) = (definition.namespace.clone(), definition.name.clone());
            self.remove_if_gone(&namespace, &name)?;
            if self.table(&namespace, &name).is_ok() {
                return Err(EngineError::TableExists { name });
            }
            // It may have gone since it was looked up.
            if !restore
                .copying
                .is_some_and(|copying| self.holds_table(copying.table))
            {
                return Err(match restore.source_backup_arn {
                    Some(_) => EngineError::BackupNotFound,
                    None => EngineError::TableNotFound {
                        name: source.to_owned(),
                    },
                });
            }
            let mut next = self.inner.catalog.maps.read().next;
            definition.uuid = crate::tables::uuid(self.inner.rng.as_ref());
            definition.renumber(&mut next);
            definition.restored();
            definition.being_copied(restore);
            let mut change = CatalogChange::default();
            change.tables.push(definition);
            change.next = Some(next);
            let position = self.commit_catalog(change, &[])?;
            (self.table(&namespace, &name)?, position)
        };
        self.inner.copy_due.notify_one();
        self.inner.log.wait_durable(position).await?;
        Ok(table)
    }

    /// The backup whose ARN this is, as it is durable.
    ///
    /// # Errors
    /// [`EngineError::BackupNotFound`]; [`EngineError::Log`] if the log takes no more.
    pub async fn backup(
        &self,
        namespace: &str,
        arn: &str,
    ) -> Result<Arc<BackupRecord>, EngineError> {
        let is_it =
            |backup: &BackupRecord| backup.table.namespace == namespace && backup.arn() == arn;
        let found = self.durable(|| self.backup_by(is_it)).await?;
        found.ok_or(EngineError::BackupNotFound)
    }

    fn backup_by(&self, wanted: impl Fn(&BackupRecord) -> bool) -> Option<Arc<BackupRecord>> {
        let maps = self.inner.catalog.maps.read();
        maps.backups.values().find(|backup| wanted(backup)).cloned()
    }

    pub(crate) fn backup_of_copy(&self, copy: u32) -> Option<Arc<BackupRecord>> {
        self.backup_by(|backup| backup.copy == copy)
    }

    /// The backup whose copy gets another number.
    pub(crate) fn backup_moved(&self, copy: u32, moved: u32) -> Option<BackupRecord> {
        let backup = self.backup_of_copy(copy)?;
        Some(BackupRecord {
            copy: moved,
            ..(*backup).clone()
        })
    }

    /// The backup whose copy is whole now.
    pub(crate) fn backup_finished(&self, copy: &Table) -> Option<BackupRecord> {
        let backup = self.backup_of_copy(copy.id())?;
        Some(BackupRecord {
            whole: Some((copy.item_count(), copy.size_bytes())),
            ..(*backup).clone()
        })
    }

    /// What the stream that is enabled shows, if one is.
    fn stream_view(&self, record: &TableRecord) -> Option<StreamView> {
        let maps = self.inner.catalog.maps.read();
        let stream = maps.streams.get(&record.stream?)?;
        Some(stream.view)
    }

    fn table_numbered(&self, number: u32) -> Option<Arc<Table>> {
        let maps = self.inner.catalog.maps.read();
        maps.all_tables()
            .find(|table| table.id() == number)
            .cloned()
    }
}

impl TableRecord {
    /// Without what a restored table does not take over (dynamodb-api.md section 16; recorded 2026).
    fn restored(&mut self) {
        self.created_ms = AT_COMMIT_MS;
        self.on_demand_since_ms = None;
        self.table_class = None;
        self.table_class_changed_ms = None;
        self.tags = Vec::new();
        self.policy = None;
        self.insights = None;
        self.ttl = None;
        self.pitr = None;
        self.kinesis = Vec::new();
        self.stream = None;
        self.hidden_stream = None;
        self.latest_stream = None;
        self.retention_ms = None;
        self.changes = ThroughputChanges::default();
        self.deletion_protection = false;
        self.indexes.retain(|index| index.is_kept());
        for index in &mut self.indexes {
            index.state = IndexState::Active;
            index.changes = ThroughputChanges::default();
            index.insights = None;
        }
    }
}

/// The table that will hold a backup's items: nothing but them.
fn copy_for_backup(
    record: &TableRecord,
    backup: u32,
    next: &mut crate::record::NextNumbers,
) -> TableRecord {
    let mut copy = of_backup(record, backup);
    copy.created_ms = AT_COMMIT_MS;
    let restore = Restore {
        source_table_arn: record.arn(),
        source_backup_arn: None,
        at_ms: 0,
        copying: Some(Copying {
            table: record.id,
            before: None,
        }),
    };
    copy.renumber(next);
    copy.transition = Some((Transition::Creating, AT_COMMIT_MS));
    copy.being_copied(restore);
    copy
}

/// A table's definition as that of a backup's items: nothing but them, and out of reach.
fn of_backup(record: &TableRecord, backup: u32) -> TableRecord {
    let mut kept = record.clone();
    kept.restored();
    kept.created_ms = record.created_ms;
    kept.indexes.clear();
    kept.restore = None;
    kept.transition = None;
    kept.namespace = BACKUPS_NAMESPACE.to_owned();
    kept.name = format!("backup-{backup}");
    kept
}

/// Eight hexadecimal digits; time comes in front of them when it is known.
fn random_label(rng: &dyn Rng) -> String {
    let mut bytes = [0; 4];
    rng.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
