//! Tags of a table: changed in one catalog entry, so that of two changes at once none is lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_model::limits;

use crate::catalog_change::CatalogChange;
use crate::database::Database;
use crate::error::EngineError;
use crate::table::Table;

/// A change of a table's tags.
#[derive(Clone, Debug, Default)]
pub struct TagChange {
    /// Tags that are added; one that is there gets the new value.
    pub set: Vec<(String, String)>,
    /// Keys of the tags that are removed; those that are not there don't matter.
    pub remove: Vec<String>,
    /// Key of a tag that has to stay as it is, there or not.
    pub fixed: Option<&'static str>,
}

impl Database {
    /// Changes a table's tags. The table's status does not change for it.
    ///
    /// # Errors
    /// [`EngineError::TableNotFound`]; [`EngineError::TableInUse`] while it is being created or deleted;
    /// [`EngineError::FixedTag`]; [`EngineError::TooManyTags`]; [`EngineError::Log`].
    pub async fn change_tags(
        &self,
        namespace: &str,
        name: &str,
        wanted: TagChange,
    ) -> Result<(), EngineError> {
        let position = {
            let _change = self.inner.catalog.change.lock();
            let table = self.table(namespace, name)?;
            let change = self.tag_change(&table, wanted)?;
            // Without a change the request still waits for what it has seen.
            match change.is_empty() {
                true => self.inner.catalog.maps.read().changed_at,
                false => self.commit_catalog(change, &[table])?,
            }
        };
        Ok(self.inner.log.wait_durable(position).await?)
    }

    fn tag_change(
        &self,
        table: &Arc<Table>,
        wanted: TagChange,
    ) -> Result<CatalogChange, EngineError> {
        let mut record = (*table.record()).clone();
        self.usable(&record)?;
        let before: BTreeMap<String, String> = record.tags.iter().cloned().collect();
        let mut tags = before.clone();
        tags.retain(|key, _| !wanted.remove.contains(key));
        tags.extend(wanted.set);
        if let Some(fixed) = wanted.fixed
            && tags.get(fixed) != before.get(fixed)
        {
            return Err(EngineError::FixedTag { name: record.name });
        }
        if tags.len() > limits::TAGS_MAX {
            return Err(EngineError::TooManyTags { name: record.name });
        }
        let mut change = CatalogChange::default();
        if tags != before {
            record.tags = tags.into_iter().collect();
            change.tables.push(record);
        }
        Ok(change)
    }
}
