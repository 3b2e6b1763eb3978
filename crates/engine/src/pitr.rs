//! Point-in-time recovery: tables of which the log is kept for days, with the item before in each entry, so that a table
//! can be made as it was at any moment since (see [`crate::copies`]).

use serde::{Deserialize, Serialize};

use crate::catalog_change::{AT_COMMIT_MS, CatalogChange};
use crate::database::Database;
use crate::error::EngineError;
use crate::record::{TableRecord, TableStatus};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// That a table can be restored to any moment of its recovery window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointInTimeRecovery {
    /// When it was enabled, milliseconds; the window does not reach farther back.
    pub enabled_ms: u64,
    /// Length of the window.
    pub period_days: u32,
}

impl PointInTimeRecovery {
    /// The earliest moment to which the table can be restored, milliseconds.
    pub fn earliest_ms(&self, now_ms: u64) -> u64 {
        let window_ms = u64::from(self.period_days) * DAY_MS;
        self.enabled_ms.max(now_ms.saturating_sub(window_ms))
    }
}

impl Database {
    /// Enables point-in-time recovery of a table with a window of so many days, changes the window, or disables it.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`]; [`EngineError::TableInUse`] while it is being created or deleted, and, for
    /// disabling it, while a table is being restored from what it was;
    /// [`EngineError::Log`].
    pub async fn change_recovery(
        &self,
        namespace: &str,
        name: &str,
        period_days: Option<u32>,
    ) -> Result<TableRecord, EngineError> {
        let (table, position) = {
            let _change = self.inner.catalog.change.lock();
            let table = self.table(namespace, name)?;
            let mut record = (*table.record()).clone();
            self.usable(&record)?;
            // Without it, changes that a copy goes back over would not be kept.
            if period_days.is_none() && self.is_undone_in_a_copy(record.id) {
                return Err(EngineError::TableInUse {
                    name: record.name,
                    status: TableStatus::Updating,
                });
            }
            // What a shorter window has left behind may be trimmed: a longer one does not reach it again.
            let now_ms = self.latest_ms();
            let enabled_ms = record
                .pitr
                .map_or(AT_COMMIT_MS, |pitr| pitr.earliest_ms(now_ms));
            record.pitr = period_days.map(|period_days| PointInTimeRecovery {
                enabled_ms,
                period_days,
            });
            let mut change = CatalogChange::default();
            change.tables.push(record);
            let position = self.commit_catalog(change, std::slice::from_ref(&table))?;
            (table, position)
        };
        self.inner.log.wait_durable(position).await?;
        Ok((*table.record()).clone())
    }
}
