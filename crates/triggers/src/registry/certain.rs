//! Documents that are known in memory as well, and are the same there and in their table.
//!
//! A change that is refused for lack of room on the disk may come to be later (docs/adr/0014): its outcome is open, and
//! requests are answered by what was known before. So what was known is written again, behind the change: before any other
//! one, and as soon as there is room.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::Notify;

use super::documents::{Documents, StoreError};

/// Documents of one kind, and the keys of those whose last change has an open outcome.
pub(super) struct CertainDocuments {
    documents: Documents,
    /// With the package of code that the change names, if it names one.
    open: Mutex<BTreeMap<String, Option<String>>>,
    noted: Notify,
}

/// What is in memory, for whoever writes it again.
pub(super) trait Known {
    type Record: Serialize;

    /// The record with this key of the table, if there is one.
    fn known(&self, key: &str) -> Option<Arc<Self::Record>>;
}

impl CertainDocuments {
    pub(super) fn new(documents: Documents) -> Self {
        Self {
            documents,
            open: Mutex::default(),
            noted: Notify::new(),
        }
    }

    /// Keeps a document; it is durable when this returns. `package` is what it needs of the code store.
    pub(super) async fn put<K: Known>(
        &self,
        key: &str,
        record: &K::Record,
        package: Option<&str>,
        known: &K,
    ) -> Result<(), StoreError> {
        self.settle(known).await?;
        self.begin(key, package);
        let written = self.documents.put(key, record).await;
        self.end(key, written)
    }

    pub(super) async fn delete<K: Known>(&self, key: &str, known: &K) -> Result<(), StoreError> {
        self.settle(known).await?;
        self.begin(key, None);
        let deleted = self.documents.delete(key).await;
        self.end(key, deleted)
    }

    /// Writes again what is known of the records whose last change has an open outcome.
    pub(super) async fn settle<K: Known>(&self, known: &K) -> Result<(), StoreError> {
        let open: Vec<String> = self.open.lock().keys().cloned().collect();
        for key in open {
            match known.known(&key) {
                Some(record) => self.documents.put(&key, &*record).await?,
                None => self.documents.delete(&key).await?,
            }
            self.open.lock().remove(&key);
        }
        Ok(())
    }

    /// Returns when there was a change whose outcome is open.
    pub(super) async fn noted(&self) {
        self.noted.notified().await;
    }

    /// Packages that changes with an open outcome need, if they come to be.
    pub(super) fn packages(&self) -> Vec<String> {
        self.open.lock().values().flatten().cloned().collect()
    }

    /// Open until the outcome is known, also if the caller goes away before that.
    fn begin(&self, key: &str, package: Option<&str>) {
        let package = package.map(str::to_owned);
        self.open.lock().insert(key.to_owned(), package);
    }

    fn end(&self, key: &str, outcome: Result<(), StoreError>) -> Result<(), StoreError> {
        match &outcome {
            Err(error) if error.may_come_to_be() => self.noted.notify_one(),
            _ => drop(self.open.lock().remove(key)),
        }
        outcome
    }
}
