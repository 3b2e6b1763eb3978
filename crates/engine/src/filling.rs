//! Tables that are filled before anybody else may use them: what an import makes.
//!
//! Such a table is being created until it is said to be full. It takes its items through the one door, as any other.

use std::sync::Arc;

use crate::catalog_change::{AT_COMMIT_MS, CatalogChange};
use crate::command::Command;
use crate::copies::WHILE_COPIED_MS;
use crate::database::Database;
use crate::error::EngineError;
use crate::record::{TableRecord, Transition};
use crate::table::Table;
use crate::tables::{NewTable, TableView};

impl TableRecord {
    /// Whether the table is one that is being filled.
    pub fn is_being_filled(&self) -> bool {
        self.restore.is_none() && self.transition == Some((Transition::Creating, WHILE_COPIED_MS))
    }
}

impl Database {
    /// Creates a table that only [`Database::fill`] may write to, until [`Database::end_filling`].
    ///
    /// # Errors
    /// [`EngineError::TableExists`]; [`EngineError::Log`].
    pub async fn create_table_to_fill(&self, new: NewTable) -> Result<TableView, EngineError> {
        self.create(new, Some((Transition::Creating, WHILE_COPIED_MS)))
            .await
    }

    /// As [`Database::write`], to tables that are being filled.
    ///
    /// # Errors
    /// As [`Database::write`].
    pub async fn fill(&self, command: Command) -> Result<(), EngineError> {
        self.write_to_new_table(command).await
    }

    /// The table is full: it is created as any other from now on.
    ///
    /// # Errors
    /// [`EngineError::Log`].
    pub async fn end_filling(&self, table: &Arc<Table>) -> Result<(), EngineError> {
        let position = {
            let _change = self.inner.catalog.change.lock();
            let mut record = (*table.record()).clone();
            if !record.is_being_filled() {
                return Ok(());
            }
            record.transition = Some((Transition::Creating, AT_COMMIT_MS));
            let mut change = CatalogChange::default();
            change.tables.push(record);
            self.commit_catalog(change, std::slice::from_ref(table))?
        };
        Ok(self.inner.log.wait_durable(position).await?)
    }

    /// Drops a table that is being filled, with what it has.
    ///
    /// # Errors
    /// [`EngineError::Log`].
    pub async fn give_up_filling(&self, table: &Arc<Table>) -> Result<(), EngineError> {
        let position = {
            let _change = self.inner.catalog.change.lock();
            if !table.record().is_being_filled() {
                return Ok(());
            }
            let mut change = CatalogChange::default();
            self.add_drop(table, &mut change);
            self.commit_catalog(change, &[])?
        };
        Ok(self.inner.log.wait_durable(position).await?)
    }
}
