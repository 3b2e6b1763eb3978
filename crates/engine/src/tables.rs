//! Tables: create, describe, list, change and delete. Every change is one catalog entry in the log.

use std::sync::Arc;

use headwater_model::{KeySchema, Rng, Sequence};

use crate::catalog_change::{AT_COMMIT, AT_COMMIT_MS, CatalogChange};
use crate::database::Database;
use crate::error::EngineError;
use crate::index_changes::{IndexChange, IndexThroughput, change_index_throughput};
use crate::index_record::{IndexRecord, IndexState, NewIndex};
use crate::policies::PolicyRecord;
use crate::record::{
    BillingMode, NextNumbers, OnDemandThroughput, ShardRecord, StoredKey, StreamRecord, StreamView,
    TableEncryption, TableRecord, TableStatus, Throughput, Transition,
};
use crate::shards;
use crate::table::Table;
use crate::throughput::OnDemandChange;
use crate::throughput_changes::{ThroughputChanges, refuse_decreases};

/// The class of a table for which none was named.
const TABLE_CLASS_DEFAULT: &str = "STANDARD";

/// What a new table is to be.
#[derive(Clone, Debug)]
pub struct NewTable {
    /// Whose table it is when accounts and regions are kept apart; empty otherwise.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Region for its ARN.
    pub region: String,
    /// Account for its ARN.
    pub account: String,
    /// Key schema.
    pub schema: KeySchema,
    /// Billing mode.
    pub billing: BillingMode,
    /// Provisioned throughput; zeros for on demand.
    pub throughput: Throughput,
    /// Maxima of an on-demand table.
    pub on_demand: Option<OnDemandThroughput>,
    /// Warm throughput that is asked for; parts of zero ask for nothing.
    pub warm: Throughput,
    /// Whether deleting is refused.
    pub deletion_protection: bool,
    /// Table class, if named.
    pub table_class: Option<String>,
    /// Whether it asks to be encrypted.
    pub encryption: Option<TableEncryption>,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// Resource policy.
    pub policy: Option<String>,
    /// Secondary indexes.
    pub indexes: Vec<NewIndex>,
    /// View type of its stream, if it has one from the start.
    pub stream: Option<StreamView>,
    /// Retention of its streams in milliseconds, if it differs from the server's setting.
    pub retention_ms: Option<u64>,
}

/// A change of a table; absent parts stay as they are.
#[derive(Clone, Debug, Default)]
pub struct TableChange {
    /// The definition that the change was checked against, if it was: another one is not changed.
    pub seen: Option<Arc<TableRecord>>,
    /// Billing mode.
    pub billing: Option<BillingMode>,
    /// Provisioned throughput.
    pub throughput: Option<Throughput>,
    /// Maxima of an on-demand table.
    pub on_demand: OnDemandChange,
    /// Warm throughput that it is raised to.
    pub warm: Throughput,
    /// Whether deleting is refused.
    pub deletion_protection: Option<bool>,
    /// Table class.
    pub table_class: Option<String>,
    /// Whether the table asks to be encrypted from now on.
    pub encryption: Option<Option<TableEncryption>>,
    /// Enables a stream of this view, or disables the stream.
    pub stream: Option<StreamChange>,
    /// Adds or removes a global index.
    pub index: Option<IndexChange>,
    /// Throughput of global indexes by name.
    pub index_throughput: Vec<IndexThroughput>,
}

/// A change of a table's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamChange {
    /// Enable a new stream.
    Enable(StreamView),
    /// Disable the one that is enabled.
    Disable,
}

/// A table and its last stream at one moment, for descriptions.
#[derive(Clone)]
pub struct TableView {
    /// The open table.
    pub table: Arc<Table>,
    /// Its definition.
    pub record: Arc<TableRecord>,
    /// Its status, in the moment of the answer.
    pub status: TableStatus,
    /// The last stream that was enabled, if any still is known.
    pub latest_stream: Option<Arc<StreamRecord>>,
    /// Whether that stream is enabled.
    pub stream_enabled: bool,
}

impl Database {
    /// Looks a table up by name.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`] if there is none, or if it is being deleted and that is over.
    pub fn table(&self, namespace: &str, name: &str) -> Result<Arc<Table>, EngineError> {
        let maps = self.inner.catalog.maps.read();
        let table = maps
            .tables
            .get(namespace)
            .and_then(|tables| tables.get(name));
        match table {
            Some(table) if !self.is_gone(table) => Ok(table.clone()),
            _ => Err(EngineError::TableNotFound {
                name: name.to_owned(),
            }),
        }
    }

    /// A table as a description shows it. Waits until what it shows is durable.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`].
    pub async fn describe(&self, namespace: &str, name: &str) -> Result<TableView, EngineError> {
        self.durable(|| Ok(self.view(&self.table(namespace, name)?, None)))
            .await?
    }

    /// Names of the tables after `after`, at most `limit`, in byte order; and whether there are more.
    ///
    /// # Errors
    /// [`EngineError::Log`] if the log takes no more.
    pub async fn list_tables(
        &self,
        namespace: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<String>, bool), EngineError> {
        self.durable(|| {
            let maps = self.inner.catalog.maps.read();
            let mut names: Vec<String> = maps
                .tables
                .get(namespace)
                .into_iter()
                .flatten()
                .filter(|(name, table)| {
                    after.is_none_or(|after| name.as_str() > after) && !self.is_gone(table)
                })
                .map(|(name, _)| name.clone())
                .take(limit + 1)
                .collect();
            let more = names.len() > limit;
            names.truncate(limit);
            (names, more)
        })
        .await
    }

    /// Creates a table, with a stream if that is asked for.
    ///
    /// # Errors
    /// [`EngineError::TableExists`]; [`EngineError::Log`].
    pub async fn create_table(&self, new: NewTable) -> Result<TableView, EngineError> {
        self.create(new, None).await
    }

    /// Creates a table; with `transition` in place of the short one that every new table has.
    pub(crate) async fn create(
        &self,
        new: NewTable,
        transition: Option<(Transition, u64)>,
    ) -> Result<TableView, EngineError> {
        let name = new.name.clone();
        let enqueued = {
            let _change = self.inner.catalog.change.lock();
            self.remove_if_gone(&new.namespace, &name)?;
            match self.table(&new.namespace, &name) {
                Ok(_) => None,
                Err(_) => Some(self.enqueue_new_table(new, transition)?),
            }
        };
        let Some((view, position)) = enqueued else {
            self.catalog_is_durable().await?;
            return Err(EngineError::TableExists { name });
        };
        self.inner.log.wait_durable(position).await?;
        Ok(view)
    }

    fn enqueue_new_table(
        &self,
        mut new: NewTable,
        transition: Option<(Transition, u64)>,
    ) -> Result<(TableView, Sequence), EngineError> {
        let mut next = self.inner.catalog.maps.read().next;
        let (namespace, name) = (new.namespace.clone(), new.name.clone());
        let view = new.stream;
        let policy = new.policy.take().map(|document| PolicyRecord {
            document: Some(document),
            revision_ms: self.inner.clock.now_ms(),
        });
        let mut record = new_record(new, &mut next, uuid(self.inner.rng.as_ref()));
        record.policy = policy;
        record.transition = transition.or(record.transition);
        let mut change = CatalogChange::default();
        if let Some(view) = view {
            self.check_disabled_shards()?;
            self.enable_stream(&mut record, view, &mut next, &mut change);
        }
        change.tables.push(record);
        change.next = Some(next);
        let position = self.commit_catalog(change, &[])?;
        let table = self.table(&namespace, &name)?;
        Ok((self.view(&table, Some(TableStatus::Creating)), position))
    }

    /// Adds to a change what enabling a stream needs: the stream, its first shards, and the table's link.
    fn enable_stream(
        &self,
        record: &mut TableRecord,
        view: StreamView,
        next: &mut NextNumbers,
        change: &mut CatalogChange,
    ) {
        let id = self.open_stream(record, view, false, next, change);
        record.stream = Some(id);
        record.latest_stream = Some(id);
    }

    /// Adds a stream and its first shards to a change; gives its number.
    pub(crate) fn open_stream(
        &self,
        record: &TableRecord,
        view: StreamView,
        hidden: bool,
        next: &mut NextNumbers,
        change: &mut CatalogChange,
    ) -> u32 {
        let id = next.stream;
        next.stream += 1;
        let count = self.shard_count(record.billing, record.throughput);
        change.streams.push(StreamRecord {
            id,
            table_id: record.id,
            namespace: record.namespace.clone(),
            table_name: record.name.clone(),
            region: record.region.clone(),
            account: record.account.clone(),
            label: String::new(),
            view,
            partition: record.partition.clone(),
            sort: record.sort.clone(),
            created_ms: AT_COMMIT_MS,
            disabled_ms: None,
            settles_at_ms: AT_COMMIT_MS,
            retention_ms: record.retention_ms,
            policy: None,
            hidden,
        });
        change.shards.extend(shards::initial(id, count, next));
        id
    }

    /// Adds to a change what disabling a stream needs: the stream's end and that of its open shards.
    pub(crate) fn disable_stream(&self, stream: u32, change: &mut CatalogChange) {
        let maps = self.inner.catalog.maps.read();
        if let Some(stream) = maps.streams.get(&stream) {
            change.streams.push(StreamRecord {
                disabled_ms: Some(AT_COMMIT_MS),
                settles_at_ms: AT_COMMIT_MS,
                ..(**stream).clone()
            });
        }
        let open = maps.shards_of(stream).filter(|shard| shard.end.is_none());
        change.shards.extend(open.map(|shard| ShardRecord {
            end: Some(AT_COMMIT),
            ..(**shard).clone()
        }));
    }

    /// Changes a table's settings or its stream.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`]; [`EngineError::TableInUse`] while an earlier change is carried out;
    /// [`EngineError::TableChanged`]; [`EngineError::StreamEnabled`], [`EngineError::StreamNotEnabled`];
    /// [`EngineError::TooManyDecreases`]; [`EngineError::Log`].
    pub async fn update_table(
        &self,
        namespace: &str,
        name: &str,
        wanted: TableChange,
    ) -> Result<TableView, EngineError> {
        let (view, position) = {
            let _change = self.inner.catalog.change.lock();
            let table = self.table(namespace, name)?;
            let present = table.record();
            let is_other = |seen: &Arc<TableRecord>| !Arc::ptr_eq(seen, &present);
            if wanted.seen.as_ref().is_some_and(is_other) {
                return Err(EngineError::TableChanged {
                    name: name.to_owned(),
                });
            }
            let mut record = (*present).clone();
            self.settled(&record)?;
            let mut change = CatalogChange::default();
            if let Some(stream) = wanted.stream {
                self.change_stream(&mut record, stream, &mut change)?;
            }
            if let Some(index) = wanted.index.clone() {
                self.change_indexes(&mut record, index, &mut change)?;
            }
            let now_ms = self.inner.clock.now_ms();
            if self.enforces_throughput() {
                refuse_decreases(&record, &wanted, now_ms)?;
            }
            change_index_throughput(&mut record, &wanted.index_throughput, now_ms)?;
            apply_settings(&mut record, wanted, now_ms);
            record.transition = Some((Transition::Updating, AT_COMMIT_MS));
            change.tables.push(record);
            let position = self.commit_catalog(change, std::slice::from_ref(&table))?;
            (self.view(&table, Some(TableStatus::Updating)), position)
        };
        self.inner.log.wait_durable(position).await?;
        Ok(view)
    }

    fn change_stream(
        &self,
        record: &mut TableRecord,
        wanted: StreamChange,
        change: &mut CatalogChange,
    ) -> Result<(), EngineError> {
        let name = record.name.clone();
        match (wanted, record.stream) {
            (StreamChange::Enable(_), Some(_)) => Err(EngineError::StreamEnabled { name }),
            (StreamChange::Disable, None) => Err(EngineError::StreamNotEnabled { name }),
            (StreamChange::Enable(view), None) => {
                self.check_disabled_shards()?;
                let present = self.inner.catalog.maps.read().next;
                let mut next = change.next.unwrap_or(present);
                self.enable_stream(record, view, &mut next, change);
                change.next = Some(next);
                if let Some(hidden) = record.hidden_stream.take() {
                    self.disable_stream(hidden, change);
                }
                Ok(())
            }
            (StreamChange::Disable, Some(stream)) => {
                self.disable_stream(stream, change);
                record.stream = None;
                self.hide_stream(record, change);
                Ok(())
            }
        }
    }

    /// Deletes a table. Its stream is disabled and stays readable for its retention.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`]; [`EngineError::TableInUse`]; [`EngineError::DeletionProtected`];
    /// [`EngineError::IndexesBeingChanged`]; [`EngineError::Log`].
    pub async fn delete_table(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<TableView, EngineError> {
        let (view, position) = {
            let _change = self.inner.catalog.change.lock();
            let table = self.table(namespace, name)?;
            let mut record = (*table.record()).clone();
            self.settled(&record)?;
            if record.deletion_protection {
                return Err(EngineError::DeletionProtected { name: record.name });
            }
            let mut indexes = record.indexes.iter();
            if indexes.any(|index| index.state == IndexState::Creating) {
                return Err(EngineError::IndexesBeingChanged { name: record.name });
            }
            // With point-in-time recovery its items stay.
            if record.pitr.is_none() && self.is_copied_from(record.id) {
                return Err(EngineError::TableInUse {
                    name: record.name,
                    status: TableStatus::Updating,
                });
            }
            let view = self.view(&table, Some(TableStatus::Deleting));
            let position = if self.inner.options.transition_ms == 0 {
                self.drop_table(&table)?
            } else {
                record.transition = Some((Transition::Deleting, AT_COMMIT_MS));
                let mut change = CatalogChange::default();
                change.tables.push(record);
                self.commit_catalog(change, &[table])?
            };
            (view, position)
        };
        self.inner.log.wait_durable(position).await?;
        Ok(view)
    }

    /// Takes a table that is deleted out of the catalog; its items are swept from the state in the background. With
    /// point-in-time recovery they stay as a backup.
    fn drop_table(&self, table: &Arc<Table>) -> Result<Sequence, EngineError> {
        let mut change = CatalogChange::default();
        match table.record().pitr {
            Some(_) => self.add_system_backup(table, &mut change),
            None => self.add_drop(table, &mut change),
        }
        self.commit_catalog(change, &[])
    }

    /// Adds to a change what taking a table out of the catalog needs.
    pub(crate) fn add_drop(&self, table: &Arc<Table>, change: &mut CatalogChange) {
        self.add_end(&table.record(), change);
        change.dropped.push(table.clone());
    }

    /// Adds to a change the end of what a table has besides its items.
    pub(crate) fn add_end(&self, record: &TableRecord, change: &mut CatalogChange) {
        for stream in [record.stream, record.hidden_stream].into_iter().flatten() {
            self.disable_stream(stream, change);
        }
        let kept = record.indexes.iter().filter(|index| index.is_kept());
        change.dropped_indexes.extend(kept.map(|index| index.id));
        let ttl = record.ttl.as_ref().filter(|ttl| ttl.enabled);
        change.dropped_indexes.extend(ttl.map(|ttl| ttl.index));
    }

    /// Finishes deletions whose phase is over.
    pub(crate) async fn drop_gone_tables(&self) -> Result<(), EngineError> {
        let mut position = Sequence::ZERO;
        {
            let _change = self.inner.catalog.change.lock();
            let tables: Vec<Arc<Table>> = {
                let maps = self.inner.catalog.maps.read();
                maps.all_tables()
                    .filter(|table| self.is_gone(table))
                    .cloned()
                    .collect()
            };
            for table in tables {
                position = self.drop_table(&table)?;
            }
        }
        Ok(self.inner.log.wait_durable(position).await?)
    }

    pub(crate) fn remove_if_gone(&self, namespace: &str, name: &str) -> Result<(), EngineError> {
        let table = {
            let maps = self.inner.catalog.maps.read();
            maps.tables
                .get(namespace)
                .and_then(|tables| tables.get(name))
                .cloned()
        };
        match table {
            Some(table) if self.is_gone(&table) => self.drop_table(&table).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn is_gone(&self, table: &Table) -> bool {
        table.state.read().record.status(self.inner.clock.now_ms()) == TableStatus::Gone
    }

    /// Refuses a table that is on its way in any sense.
    pub(crate) fn settled(&self, record: &TableRecord) -> Result<(), EngineError> {
        match record.status(self.inner.clock.now_ms()) {
            TableStatus::Active => Ok(()),
            status => Err(in_use(record, status)),
        }
    }

    /// Refuses a table that is not there yet, or not for long.
    pub(crate) fn usable(&self, record: &TableRecord) -> Result<(), EngineError> {
        match record.status(self.inner.clock.now_ms()) {
            TableStatus::Active | TableStatus::Updating => Ok(()),
            status => Err(in_use(record, status)),
        }
    }

    fn view(&self, table: &Arc<Table>, status: Option<TableStatus>) -> TableView {
        let record = table.record();
        let maps = self.inner.catalog.maps.read();
        let latest = record.latest_stream.and_then(|id| maps.streams.get(&id));
        TableView {
            table: table.clone(),
            status: status.unwrap_or_else(|| record.status(self.inner.clock.now_ms())),
            latest_stream: latest.cloned(),
            stream_enabled: record.stream.is_some(),
            record,
        }
    }

    /// What is seen in the catalog, once it is durable: looked at first, so that nothing comes between.
    pub(crate) async fn durable<T>(&self, look: impl FnOnce() -> T) -> Result<T, EngineError> {
        let seen = look();
        self.catalog_is_durable().await?;
        Ok(seen)
    }

    /// Waits until the catalog is durable as it is now. [`Database::table`], and reads of items, tell at once what is not
    /// there: who passes that on waits for this first, since a crash may bring it back.
    ///
    /// # Errors
    /// [`EngineError::Log`] if the log takes no more.
    pub async fn catalog_is_durable(&self) -> Result<(), EngineError> {
        let changed_at = self.catalog_changed_at();
        Ok(self.inner.log.wait_durable(changed_at).await?)
    }
}

fn in_use(record: &TableRecord, status: TableStatus) -> EngineError {
    EngineError::TableInUse {
        name: record.name.clone(),
        status,
    }
}

fn new_record(mut new: NewTable, next: &mut NextNumbers, uuid: String) -> TableRecord {
    new.tags.sort();
    let mut number = || {
        next.table += 1;
        next.table - 1
    };
    let id = number();
    let indexes = new.indexes.into_iter();
    let indexes = indexes.map(|index| IndexRecord::new(index, number(), IndexState::Active));
    TableRecord {
        id,
        partition: StoredKey::store(&new.schema.partition),
        sort: new.schema.sort.as_ref().map(StoredKey::store),
        namespace: new.namespace,
        name: new.name,
        region: new.region,
        account: new.account,
        uuid,
        created_ms: AT_COMMIT_MS,
        billing: new.billing,
        on_demand_since_ms: None,
        billing_summary: new.billing == BillingMode::PayPerRequest,
        throughput: new.throughput,
        changes: ThroughputChanges::default(),
        on_demand: new.on_demand,
        warm: new.warm,
        deletion_protection: new.deletion_protection,
        table_class: new.table_class,
        table_class_changed_ms: None,
        encryption: new.encryption,
        tags: new.tags,
        policy: None,
        insights: None,
        indexes: indexes.collect(),
        ttl: None,
        pitr: None,
        restore: None,
        kinesis: Vec::new(),
        stream: None,
        hidden_stream: None,
        latest_stream: None,
        retention_ms: new.retention_ms,
        transition: Some((Transition::Creating, AT_COMMIT_MS)),
    }
}

fn apply_settings(record: &mut TableRecord, wanted: TableChange, now_ms: u64) {
    // What it was is kept before anything below lowers it.
    record.warm = record.warm_throughput().max(wanted.warm);
    if let Some(billing) = wanted.billing
        && billing != record.billing
    {
        for index in &mut record.indexes {
            index.warm = index.warm_throughput(record.billing);
        }
        record.on_demand_since_ms = record.last_on_demand_ms();
        record.billing = billing;
        record.billing_summary = true;
        if billing == BillingMode::PayPerRequest {
            record.on_demand_since_ms = Some(now_ms);
            record.throughput = Throughput::default();
            for index in &mut record.indexes {
                index.throughput = Throughput::default();
            }
        } else {
            record.on_demand = None;
            for index in &mut record.indexes {
                index.on_demand = None;
            }
        }
    }
    if let Some(throughput) = wanted.throughput {
        record.changes.note(record.throughput, throughput, now_ms);
        record.throughput = throughput;
    }
    record.on_demand = wanted.on_demand.apply(record.on_demand);
    if let Some(protection) = wanted.deletion_protection {
        record.deletion_protection = protection;
    }
    if let Some(encryption) = wanted.encryption {
        record.encryption = encryption;
    }
    let present = record.table_class.as_deref().unwrap_or(TABLE_CLASS_DEFAULT);
    if let Some(class) = wanted.table_class.filter(|class| class != present) {
        record.table_class = Some(class);
        record.table_class_changed_ms = Some(now_ms);
    }
}

/// A random (version 4) UUID in its text form.
pub(crate) fn uuid(rng: &dyn Rng) -> String {
    let mut bytes = [0; 16];
    rng.fill(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut out = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        out.push_str(&format!("{byte:02x}"));
    }
    out
}
