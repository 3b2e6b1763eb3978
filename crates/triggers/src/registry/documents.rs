//! JSON documents in a system table.

use headwater_operations::{Api, SystemTable, SystemTableError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why something could not be kept or read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The system table refused.
    #[error(transparent)]
    Table(#[from] SystemTableError),
    /// A document is not of the expected form.
    #[error("the document {key} of the system table {table} is damaged: {source}")]
    Document {
        /// The table.
        table: &'static str,
        /// The document's key.
        key: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl StoreError {
    /// Whether what was refused may come to be later all the same.
    pub(super) fn may_come_to_be(&self) -> bool {
        match self {
            Self::Table(error) => error.may_come_to_be(),
            Self::Document { .. } => false,
        }
    }
}

/// Documents of one kind by their keys. Clones share the table.
#[derive(Clone)]
pub(crate) struct Documents {
    name: &'static str,
    table: SystemTable,
}

impl Documents {
    /// Opens the system table of this name; makes it if it is not there.
    pub(crate) async fn open(api: &Api, name: &'static str) -> Result<Self, StoreError> {
        let table = SystemTable::open(api.database(), name).await?;
        Ok(Self { name, table })
    }

    pub(crate) async fn load<T: DeserializeOwned>(&self) -> Result<Vec<T>, StoreError> {
        let stored = self.table.scan_all().await?;
        stored
            .into_iter()
            .map(|(key, document)| {
                serde_json::from_slice(&document).map_err(|source| self.damaged(&key, source))
            })
            .collect()
    }

    /// Keeps a document; it is durable when this returns.
    pub(crate) async fn put(&self, key: &str, document: &impl Serialize) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(document).map_err(|source| self.damaged(key, source))?;
        Ok(self.table.put(key, bytes).await?)
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.table.delete(key).await?;
        Ok(())
    }

    fn damaged(&self, key: &str, source: serde_json::Error) -> StoreError {
        StoreError::Document {
            table: self.name,
            key: key.to_owned(),
            source,
        }
    }
}
