//! The functions that were created, by namespace and name, with their published versions.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use headwater_model::Rng;
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::functions::CodeStore;

use super::certain;
use super::certain::CertainDocuments;
use super::documents::{Documents, StoreError};
use super::function_record::{FunctionRecord, LATEST};

/// Namespace and name.
type Key = (String, String);

fn key_of(record: &FunctionRecord) -> Key {
    (record.namespace.clone(), record.config.name.clone())
}

fn document_key(record: &FunctionRecord) -> String {
    let (namespace, name) = (&record.namespace, &record.config.name);
    // Names hold neither a slash nor a colon.
    match record.version_number() {
        None => format!("{namespace}/{name}"),
        Some(number) => format!("{namespace}/{name}:{number}"),
    }
}

/// A function with its versions.
#[derive(Clone)]
struct Known {
    latest: Arc<FunctionRecord>,
    versions: BTreeMap<u64, Arc<FunctionRecord>>,
}

impl Known {
    fn version(&self, version: &str) -> Option<Arc<FunctionRecord>> {
        match version {
            LATEST => Some(self.latest.clone()),
            number => self.versions.get(&number.parse().ok()?).cloned(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<FunctionRecord>> {
        std::iter::once(&self.latest).chain(self.versions.values())
    }
}

/// What a function's name and qualifier stand for.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The version that gets all calls, or those that [`Target::additional`] does not get.
    pub(crate) main: Arc<FunctionRecord>,
    /// A second version of an alias, and the part of the calls that it gets.
    additional: Option<(Arc<FunctionRecord>, f64)>,
    reserved_concurrency: Option<u32>,
}

impl Target {
    /// The version for one call.
    pub(crate) fn pick(&self, rng: &dyn Rng) -> &Arc<FunctionRecord> {
        match &self.additional {
            Some((record, weight)) if fraction(rng) < *weight => record,
            _ => &self.main,
        }
    }

    /// Another text whenever a call may fare otherwise: other code, another configuration, other versions, another
    /// concurrency.
    pub(crate) fn revision(&self) -> String {
        let main = &self.main.config.revision;
        let additional = self.additional.as_ref();
        let additional = additional.map(|(record, weight)| (&record.config.revision, weight));
        format!("{main} {additional:?} {:?}", self.reserved_concurrency)
    }
}

/// From 0 to 1, without 1: as many bits as such a number holds.
fn fraction(rng: &dyn Rng) -> f64 {
    const BITS: u32 = 53;
    (rng.next_u64() >> (64 - BITS)) as f64 / (1_u64 << BITS) as f64
}

/// The qualifier of a function's ARN, if it has one.
pub(crate) fn qualifier_of(function_arn: &str) -> Option<&str> {
    // arn:aws:lambda:REGION:ACCOUNT:function:NAME:QUALIFIER
    function_arn.splitn(8, ':').nth(7)
}

/// All functions.
pub(crate) struct Functions {
    documents: CertainDocuments,
    known: RwLock<BTreeMap<Key, Known>>,
    /// Counts changes, for deliveries that wait for a function.
    changes: watch::Sender<u64>,
}

impl certain::Known for Functions {
    type Record = FunctionRecord;

    fn known(&self, key: &str) -> Option<Arc<FunctionRecord>> {
        let known = self.known.read();
        let mut all = known.values().flat_map(Known::all);
        all.find(|record| document_key(record) == key).cloned()
    }
}

impl Functions {
    pub(crate) async fn open(documents: Documents, code: &CodeStore) -> Result<Self, StoreError> {
        let mut records: Vec<FunctionRecord> = documents.load().await?;
        records.iter_mut().for_each(|record| record.complete(code));
        let (versions, latest): (Vec<_>, Vec<_>) = records
            .into_iter()
            .partition(|record| record.version_number().is_some());
        let mut known: BTreeMap<Key, Known> = latest
            .into_iter()
            .map(|record| {
                let latest = Arc::new(record);
                let versions = BTreeMap::new();
                (key_of(&latest), Known { latest, versions })
            })
            .collect();
        for version in versions {
            let of = known.get_mut(&key_of(&version));
            match of.filter(|known| known.latest.incarnation == version.incarnation) {
                Some(known) => {
                    let number = version.version_number().unwrap_or_default();
                    known.versions.insert(number, Arc::new(version));
                }
                // A crash came between the end of its function and its own.
                None => documents.delete(&document_key(&version)).await?,
            }
        }
        Ok(Self {
            documents: CertainDocuments::new(documents),
            known: RwLock::new(known),
            changes: watch::Sender::new(0),
        })
    }

    /// The newest state of a function.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<Arc<FunctionRecord>> {
        let key = (namespace.to_owned(), name.to_owned());
        Some(self.known.read().get(&key)?.latest.clone())
    }

    /// What a name and a qualifier (a version, an alias or [`LATEST`], which is also what none means) stand for now.
    pub(crate) fn resolve(
        &self,
        namespace: &str,
        name: &str,
        qualifier: Option<&str>,
    ) -> Option<Target> {
        let key = (namespace.to_owned(), name.to_owned());
        let known = self.known.read();
        let known = known.get(&key)?;
        let qualifier = qualifier.unwrap_or(LATEST);
        let reserved_concurrency = known.latest.whole.reserved_concurrency;
        let Some(alias) = known.latest.whole.aliases.get(qualifier) else {
            let main = known.version(qualifier)?;
            return Some(Target {
                main,
                additional: None,
                reserved_concurrency,
            });
        };
        Some(Target {
            main: known.version(&alias.version)?,
            additional: alias
                .additional
                .as_ref()
                .and_then(|(version, weight)| Some((known.version(version)?, *weight))),
            reserved_concurrency,
        })
    }

    /// The newest states of the functions of a namespace, in the order of their names.
    pub(crate) fn list(&self, namespace: &str) -> Vec<Arc<FunctionRecord>> {
        self.range(namespace, |known, listed| {
            listed.push(known.latest.clone());
        })
    }

    /// All versions of all functions of a namespace, in the order of names and numbers, the newest state first.
    pub(crate) fn list_versions(&self, namespace: &str) -> Vec<Arc<FunctionRecord>> {
        self.range(namespace, |known, listed| {
            listed.extend(known.all().cloned());
        })
    }

    fn range(
        &self,
        namespace: &str,
        add: impl Fn(&Known, &mut Vec<Arc<FunctionRecord>>),
    ) -> Vec<Arc<FunctionRecord>> {
        let known = self.known.read();
        let mut listed = Vec::new();
        known
            .range((namespace.to_owned(), String::new())..)
            .take_while(|((owner, _), _)| owner == namespace)
            .for_each(|(_, known)| add(known, &mut listed));
        listed
    }

    /// The newest state of a function, and its published versions by their numbers.
    pub(crate) fn versions(&self, namespace: &str, name: &str) -> Vec<Arc<FunctionRecord>> {
        let key = (namespace.to_owned(), name.to_owned());
        let known = self.known.read();
        known
            .get(&key)
            .map(|known| known.all().cloned().collect())
            .unwrap_or_default()
    }

    /// Keeps a function, or a published version of one. What it replaces has its name and version.
    pub(crate) async fn put(
        &self,
        record: FunctionRecord,
    ) -> Result<Arc<FunctionRecord>, StoreError> {
        let (key, package) = (document_key(&record), record.package());
        self.documents.put(&key, &record, package, self).await?;
        let record = Arc::new(record);
        self.remember(record.clone());
        Ok(record)
    }

    fn remember(&self, record: Arc<FunctionRecord>) {
        let mut known = self.known.write();
        let key = key_of(&record);
        match (record.version_number(), known.get_mut(&key)) {
            (None, Some(known)) => known.latest = record,
            (None, None) => {
                let versions = BTreeMap::new();
                let latest = record;
                known.insert(key, Known { latest, versions });
            }
            (Some(number), Some(known)) => {
                known.versions.insert(number, record);
            }
            // Versions are made of functions that are there.
            (Some(_), None) => {}
        }
        drop(known);
        self.changed();
    }

    /// Forgets a function with all of its versions, or one published version.
    pub(crate) async fn remove(&self, record: &FunctionRecord) -> Result<(), StoreError> {
        self.documents.delete(&document_key(record), self).await?;
        let key = key_of(record);
        if let Some(number) = record.version_number() {
            if let Some(known) = self.known.write().get_mut(&key) {
                known.versions.remove(&number);
            }
            self.changed();
            return Ok(());
        }
        let removed = self.known.write().remove(&key);
        self.changed();
        for version in removed.iter().flat_map(|known| known.versions.values()) {
            // They are no part of any function any more, and the next start removes what stays.
            if let Err(error) = self.documents.delete(&document_key(version), self).await {
                tracing::warn!(%error, function = %record.config.name, "a version could not be removed");
                break;
            }
        }
        Ok(())
    }

    /// Told when a function appears, changes or goes.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The packages in use, by their hex SHA-256, those included that may come into use later.
    pub(crate) fn packages(&self) -> HashSet<String> {
        let mut packages: HashSet<String> = self.documents.packages().into_iter().collect();
        let known = self.known.read();
        let all = known.values().flat_map(Known::all);
        packages.extend(all.filter_map(|record| record.package()).map(str::to_owned));
        packages
    }

    /// Makes the table hold what is known, where that is in doubt. The caller holds the lock of changes.
    pub(crate) async fn settle(&self) -> Result<(), StoreError> {
        self.documents.settle(self).await
    }

    /// Returns when there is something to settle.
    pub(crate) async fn in_doubt(&self) {
        self.documents.noted().await;
    }

    /// The newest states of all functions of all namespaces.
    pub(crate) fn all(&self) -> Vec<Arc<FunctionRecord>> {
        let known = self.known.read();
        known.values().map(|known| known.latest.clone()).collect()
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::qualifier_of;

    #[test]
    fn qualifiers_of_arns() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
        assert_eq!(qualifier_of(arn), None);
        assert_eq!(qualifier_of(&format!("{arn}:live")), Some("live"));
        assert_eq!(qualifier_of(&format!("{arn}:$LATEST")), Some("$LATEST"));
    }
}
