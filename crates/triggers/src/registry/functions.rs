//! The functions that were created, by namespace and name.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::functions::{CodeSource, CodeStore, FunctionConfig};

use super::documents::{Documents, StoreError};

/// A function with everything that the API shows of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FunctionRecord {
    /// Whose function it is when accounts and regions are kept apart; empty otherwise.
    pub(crate) namespace: String,
    /// What the runtimes need.
    pub(crate) config: FunctionConfig,
    pub(crate) role: String,
    pub(crate) description: String,
    /// Base64.
    pub(crate) code_sha256: String,
    pub(crate) code_size_bytes: u64,
    pub(crate) modified_ms: u64,
    pub(crate) architecture: String,
    pub(crate) tags: BTreeMap<String, String>,
    /// Whether tracing is `Active`.
    pub(crate) traced: bool,
    pub(crate) ephemeral_storage_mb: i64,
    pub(crate) logging: Logging,
}

/// The logging configuration, as it was given; it is only shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Logging {
    pub(crate) json: bool,
    pub(crate) application_level: Option<String>,
    pub(crate) system_level: Option<String>,
    pub(crate) group: Option<String>,
}

impl FunctionRecord {
    /// Packages are where the code store is now: the data folder may have been moved since.
    fn find_package(&mut self, code: &CodeStore) {
        if let CodeSource::Zip {
            sha256, directory, ..
        } = &mut self.config.code
        {
            *directory = code.directory_of(sha256);
        }
    }

    fn key(&self) -> Key {
        (self.namespace.clone(), self.config.name.clone())
    }
}

/// Namespace and name.
type Key = (String, String);

fn document_key((namespace, name): &Key) -> String {
    // Names hold no slash.
    format!("{namespace}/{name}")
}

/// All functions.
pub(crate) struct Functions {
    documents: Documents,
    known: RwLock<BTreeMap<Key, Arc<FunctionRecord>>>,
    /// Counts changes, for deliveries that wait for a function.
    changes: watch::Sender<u64>,
}

impl Functions {
    pub(crate) async fn open(documents: Documents, code: &CodeStore) -> Result<Self, StoreError> {
        let records: Vec<FunctionRecord> = documents.load().await?;
        let known = records
            .into_iter()
            .map(|mut record| {
                record.find_package(code);
                record
            })
            .map(|record| (record.key(), Arc::new(record)))
            .collect();
        Ok(Self {
            documents,
            known: RwLock::new(known),
            changes: watch::Sender::new(0),
        })
    }

    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<Arc<FunctionRecord>> {
        let key = (namespace.to_owned(), name.to_owned());
        self.known.read().get(&key).cloned()
    }

    /// The functions of a namespace behind a name, in the order of their names.
    pub(crate) fn list(&self, namespace: &str, after: Option<&str>) -> Vec<Arc<FunctionRecord>> {
        let known = self.known.read();
        known
            .range((namespace.to_owned(), String::new())..)
            .take_while(|((owner, _), _)| owner == namespace)
            .filter(|((_, name), _)| after.is_none_or(|after| name.as_str() > after))
            .map(|(_, record)| record.clone())
            .collect()
    }

    /// Keeps a function; one with its name is replaced.
    pub(crate) async fn put(&self, record: FunctionRecord) -> Result<(), StoreError> {
        let key = record.key();
        self.documents.put(&document_key(&key), &record).await?;
        self.known.write().insert(key, Arc::new(record));
        self.changed();
        Ok(())
    }

    pub(crate) async fn remove(&self, record: &FunctionRecord) -> Result<(), StoreError> {
        let key = record.key();
        self.documents.delete(&document_key(&key)).await?;
        self.known.write().remove(&key);
        self.changed();
        Ok(())
    }

    /// Told when a function appears, changes or goes.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The packages in use, by their hex SHA-256.
    pub(crate) fn packages(&self) -> HashSet<String> {
        let known = self.known.read();
        known
            .values()
            .filter_map(|record| match &record.config.code {
                CodeSource::Zip { sha256, .. } => Some(sha256.clone()),
                CodeSource::Directory { .. } => None,
            })
            .collect()
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}
