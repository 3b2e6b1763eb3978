//! Kinesis streaming destinations of tables: whether a table's changes go to a Kinesis stream, from where and up to where,
//! as the catalog remembers it. Sending them is not this room's.
//!
//! What is sent is read from the shards of the table's stream. A table without a stream gets a hidden one while it has a
//! destination; it is the route of the table's changes as any stream is, and is shown to nobody.

use headwater_model::Sequence;
use serde::{Deserialize, Serialize};

use crate::catalog_change::{AT_COMMIT, AT_COMMIT_MS, CatalogChange};
use crate::database::Database;
use crate::error::EngineError;
use crate::record::{
    NextNumbers, StreamRecord, StreamView, TableRecord, TableStatus, optional_sequence, sequence,
};

/// Enablings that a table remembers; of those that ended the oldest go.
const DESTINATIONS_MAX: usize = 20;

/// The precision of the times in records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KinesisPrecision {
    /// Milliseconds.
    Millisecond,
    /// Microseconds.
    Microsecond,
}

/// A destination of a table, from one enabling to the end of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KinesisRecord {
    /// ARN of the Kinesis stream.
    pub arn: String,
    /// The precision, if it was ever set; milliseconds otherwise.
    pub precision: Option<KinesisPrecision>,
    /// The first change that goes there.
    #[serde(with = "sequence")]
    pub from: Sequence,
    /// The last one, once it is disabled.
    #[serde(with = "optional_sequence")]
    pub until: Option<Sequence>,
    /// Whether what is settling is a change of the precision.
    pub updating: bool,
    /// When ENABLING, UPDATING or DISABLING ends, milliseconds.
    pub settles_at_ms: u64,
}

/// Why a destination is not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KinesisRefusal {
    /// The table has a destination that is not disabled.
    #[error("a destination is enabled")]
    Enabled,
    /// The destination is not active, and can't be disabled.
    #[error("the destination is not active")]
    NotActive,
    /// The destination is not active, and can't be updated.
    #[error("the destination is not active")]
    NotUpdatable {
        /// The table's name.
        table: String,
    },
    /// It has the precision that is wanted.
    #[error("the destination has this precision")]
    SamePrecision {
        /// The API's TableId.
        table_id: String,
        /// The precision.
        precision: KinesisPrecision,
    },
}

impl KinesisRecord {
    /// The API's DestinationStatus at `now_ms`.
    pub fn status(&self, now_ms: u64) -> &'static str {
        match (self.until.is_some(), now_ms >= self.settles_at_ms) {
            (true, true) => "DISABLED",
            (true, false) => "DISABLING",
            (false, true) => "ACTIVE",
            (false, false) if self.updating => "UPDATING",
            (false, false) => "ENABLING",
        }
    }

    /// Whether changes go there now.
    pub fn is_enabled(&self) -> bool {
        self.until.is_none()
    }

    fn is_active(&self, now_ms: u64) -> bool {
        self.is_enabled() && now_ms >= self.settles_at_ms
    }
}

impl TableRecord {
    /// The destination that changes go to, if there is one.
    pub fn kinesis_enabled(&self) -> Option<&KinesisRecord> {
        self.kinesis.iter().find(|one| one.is_enabled())
    }
}

impl Database {
    /// Begins sending a table's changes to a Kinesis stream.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`], while the table is being created too; [`EngineError::TableInUse`] while it is being
    /// deleted; [`EngineError::Kinesis`]; [`EngineError::Log`].
    pub async fn enable_kinesis(
        &self,
        namespace: &str,
        name: &str,
        arn: &str,
        precision: Option<KinesisPrecision>,
    ) -> Result<KinesisRecord, EngineError> {
        let enable = |database: &Database, record: &mut TableRecord, change: &mut CatalogChange| {
            let now_ms = database.inner.clock.now_ms();
            // One that is on its way out counts as well (recorded).
            let mut all = record.kinesis.iter();
            if all.any(|one| one.is_enabled() || now_ms < one.settles_at_ms) {
                return Err(KinesisRefusal::Enabled);
            }
            // An earlier one of this stream stays: its records may not be sent yet.
            record.kinesis.truncate(DESTINATIONS_MAX - 1);
            let new = KinesisRecord {
                arn: arn.to_owned(),
                precision,
                from: AT_COMMIT,
                until: None,
                updating: false,
                settles_at_ms: AT_COMMIT_MS,
            };
            record.kinesis.insert(0, new);
            database.hide_stream(record, change);
            Ok(())
        };
        self.change_kinesis(namespace, name, arn, enable).await
    }

    /// Ends sending a table's changes to a Kinesis stream: those from now on.
    ///
    /// # Errors
    /// As [`Database::enable_kinesis`].
    pub async fn disable_kinesis(
        &self,
        namespace: &str,
        name: &str,
        arn: &str,
    ) -> Result<KinesisRecord, EngineError> {
        let disable =
            |database: &Database, record: &mut TableRecord, change: &mut CatalogChange| {
                let now_ms = database.inner.clock.now_ms();
                let mut all = record.kinesis.iter_mut();
                let found = all.find(|one| one.arn == arn && one.is_active(now_ms));
                let one = found.ok_or(KinesisRefusal::NotActive)?;
                one.until = Some(AT_COMMIT);
                one.settles_at_ms = AT_COMMIT_MS;
                if let Some(hidden) = record.hidden_stream.take() {
                    database.disable_stream(hidden, change);
                }
                Ok(())
            };
        self.change_kinesis(namespace, name, arn, disable).await
    }

    /// Changes the precision of the times in records.
    ///
    /// # Errors
    /// As [`Database::enable_kinesis`].
    pub async fn update_kinesis(
        &self,
        namespace: &str,
        name: &str,
        arn: &str,
        precision: KinesisPrecision,
    ) -> Result<KinesisRecord, EngineError> {
        let update = |database: &Database, record: &mut TableRecord, _: &mut CatalogChange| {
            let now_ms = database.inner.clock.now_ms();
            let (table, table_id) = (record.name.clone(), record.uuid.clone());
            let mut all = record.kinesis.iter_mut();
            let found = all.find(|one| one.arn == arn && one.is_active(now_ms));
            let one = found.ok_or(KinesisRefusal::NotUpdatable { table })?;
            if one.precision.unwrap_or(KinesisPrecision::Millisecond) == precision {
                return Err(KinesisRefusal::SamePrecision {
                    table_id,
                    precision,
                });
            }
            one.precision = Some(precision);
            one.updating = true;
            one.settles_at_ms = AT_COMMIT_MS;
            Ok(())
        };
        self.change_kinesis(namespace, name, arn, update).await
    }

    async fn change_kinesis(
        &self,
        namespace: &str,
        name: &str,
        arn: &str,
        apply: impl Fn(&Database, &mut TableRecord, &mut CatalogChange) -> Result<(), KinesisRefusal>,
    ) -> Result<KinesisRecord, EngineError> {
        let (changed, position) = {
            let _change = self.inner.catalog.change.lock();
            let table = self.table(namespace, name)?;
            let mut record = (*table.record()).clone();
            match record.status(self.inner.clock.now_ms()) {
                TableStatus::Active | TableStatus::Updating => {}
                TableStatus::Creating => {
                    return Err(EngineError::TableNotFound { name: record.name });
                }
                status @ (TableStatus::Deleting | TableStatus::Gone) => {
                    let name = record.name;
                    return Err(EngineError::TableInUse { name, status });
                }
            }
            let mut change = CatalogChange::default();
            let hidden = record.hidden_stream;
            apply(self, &mut record, &mut change)?;
            if record.hidden_stream.is_some() && record.hidden_stream != hidden {
                self.check_disabled_shards()?;
            }
            change.tables.push(record);
            let position = self.commit_catalog(change, std::slice::from_ref(&table))?;
            let record = table.record();
            let changed = record.kinesis.iter().find(|one| one.arn == arn).cloned();
            let changed = changed.ok_or(KinesisRefusal::NotActive)?;
            (changed, position)
        };
        self.inner.log.wait_durable(position).await?;
        Ok(changed)
    }

    /// Gives a table with a destination and without a stream a hidden one.
    pub(crate) fn hide_stream(&self, record: &mut TableRecord, change: &mut CatalogChange) {
        let needs = record.kinesis_enabled().is_some() && record.stream.is_none();
        if !needs || record.hidden_stream.is_some() {
            return;
        }
        let present = self.inner.catalog.maps.read().next;
        let mut next: NextNumbers = change.next.unwrap_or(present);
        let view = StreamView::NewAndOldImages;
        record.hidden_stream = Some(self.open_stream(record, view, true, &mut next, change));
        change.next = Some(next);
    }

    /// The tables that have, or had, destinations.
    pub fn kinesis_tables(&self) -> Vec<std::sync::Arc<TableRecord>> {
        let maps = self.inner.catalog.maps.read();
        let records = maps.all_tables().map(|table| table.record());
        records
            .filter(|record| !record.kinesis.is_empty())
            .collect()
    }

    /// The streams of a table that are still known, hidden ones too, in the order of their creation.
    pub fn streams_of_table(&self, table: u32) -> Vec<std::sync::Arc<StreamRecord>> {
        let maps = self.inner.catalog.maps.read();
        let streams = maps.streams.values();
        streams
            .filter(|stream| stream.table_id == table)
            .cloned()
            .collect()
    }

    /// The last entry that changed the catalog.
    pub fn catalog_changed_at(&self) -> Sequence {
        self.inner.catalog.maps.read().changed_at
    }
}

#[cfg(test)]
mod tests {
    use headwater_model::Sequence;

    use super::KinesisRecord;

    #[test]
    fn statuses() {
        let record = |until: Option<u64>, updating| KinesisRecord {
            arn: String::new(),
            precision: None,
            from: Sequence(1),
            until: until.map(Sequence),
            updating,
            settles_at_ms: 10,
        };
        let of = |record: &KinesisRecord| (record.status(9), record.status(10));
        assert_eq!(of(&record(None, false)), ("ENABLING", "ACTIVE"));
        assert_eq!(of(&record(None, true)), ("UPDATING", "ACTIVE"));
        assert_eq!(of(&record(Some(5), true)), ("DISABLING", "DISABLED"));
    }
}
