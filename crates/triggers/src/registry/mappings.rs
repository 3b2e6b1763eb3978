//! The event source mappings, by their UUID.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_model::Sequence;
use headwater_streams::StreamArn;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::certain::{CertainDocuments, Known};
use super::documents::{Documents, StoreError};

/// A mapping from a stream to a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MappingRecord {
    pub(crate) uuid: String,
    /// Whose mapping it is when accounts and regions are kept apart; empty otherwise.
    pub(crate) namespace: String,
    /// Region for its ARN.
    pub(crate) region: String,
    /// Account for its ARN.
    pub(crate) account: String,
    pub(crate) stream_arn: String,
    pub(crate) function_name: String,
    /// With the qualifier that was given, if one was.
    pub(crate) function_arn: String,
    pub(crate) enabled: bool,
    #[serde(flatten)]
    pub(crate) settings: MappingSettings,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) origin: Origin,
    /// The first sequence number that is delivered, fixed when the mapping was made.
    #[serde(with = "super::sequence")]
    pub(crate) start: Sequence,
    pub(crate) created_ms: u64,
    pub(crate) modified_ms: u64,
}

/// How a mapping delivers (triggers.md section 1). Documents from before a setting existed have its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MappingSettings {
    /// Records per invocation at most.
    pub(crate) batch_size: usize,
    /// How long a batch waits to become full, in seconds.
    pub(crate) batching_window_s: u32,
    /// Batches of one shard that are at the function at once.
    pub(crate) parallelization_factor: usize,
    /// How often a batch is tried again; `None` is for as long as its records are kept.
    pub(crate) retries_max: Option<u32>,
    /// Older records are dropped; `None` is for as long as they are kept.
    pub(crate) record_age_s_max: Option<u32>,
    /// Whether a batch that failed is split.
    pub(crate) bisects: bool,
    /// Length of a tumbling window, in seconds; 0 is none.
    pub(crate) tumbling_window_s: u32,
    /// Whether the function's answer says what of the batch failed.
    pub(crate) reports_item_failures: bool,
    /// Filter patterns, of which one must match; none lets all through.
    pub(crate) filters: Vec<String>,
    /// ARN of what receives batches that are given up.
    pub(crate) destination: Option<String>,
    /// Shown, and hides the filters in lists; nothing is encrypted with it.
    pub(crate) kms_key_arn: Option<String>,
    /// Names of the metrics that were asked for, if any were.
    pub(crate) metrics: Option<Vec<String>>,
}

impl Default for MappingSettings {
    fn default() -> Self {
        Self {
            batch_size: 100,
            batching_window_s: 0,
            parallelization_factor: 1,
            retries_max: None,
            record_age_s_max: None,
            bisects: false,
            tumbling_window_s: 0,
            reports_item_failures: false,
            filters: Vec::new(),
            destination: None,
            kms_key_arn: None,
            metrics: None,
        }
    }
}

/// Where delivery began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Origin {
    /// With the oldest record that was left.
    TrimHorizon,
    /// Behind the newest record at that time.
    Latest,
    /// With the first record at this time (milliseconds) or later.
    AtTimestamp(u64),
}

/// What a mapping is made of.
pub(crate) struct NewMapping {
    pub(crate) uuid: String,
    pub(crate) namespace: String,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) stream_arn: String,
    pub(crate) function_name: String,
    pub(crate) function_arn: String,
    pub(crate) enabled: bool,
    pub(crate) settings: MappingSettings,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) origin: Origin,
    /// The first sequence number that nobody can have read yet.
    pub(crate) end: Sequence,
    pub(crate) now_ms: u64,
}

impl MappingRecord {
    pub(crate) fn new(new: NewMapping) -> Self {
        let start = match new.origin {
            Origin::TrimHorizon => Sequence::ZERO,
            Origin::Latest => new.end,
            Origin::AtTimestamp(ms) => Sequence::first_at_ms(ms),
        };
        Self {
            uuid: new.uuid,
            namespace: new.namespace,
            region: new.region,
            account: new.account,
            stream_arn: new.stream_arn,
            function_name: new.function_name,
            function_arn: new.function_arn,
            enabled: new.enabled,
            settings: new.settings,
            tags: new.tags,
            origin: new.origin,
            start,
            created_ms: new.now_ms,
            modified_ms: new.now_ms,
        }
    }

    pub(crate) fn arn(&self) -> String {
        format!(
            "arn:aws:lambda:{}:{}:event-source-mapping:{}",
            self.region, self.account, self.uuid
        )
    }

    /// Its place in lists: by age, then by UUID.
    pub(crate) fn place(&self) -> (u64, &str) {
        (self.created_ms, &self.uuid)
    }
}

/// All mappings.
pub(crate) struct Mappings {
    documents: CertainDocuments,
    known: RwLock<BTreeMap<String, Arc<MappingRecord>>>,
}

impl Known for Mappings {
    type Record = MappingRecord;

    fn known(&self, key: &str) -> Option<Arc<MappingRecord>> {
        self.known.read().get(key).cloned()
    }
}

impl Mappings {
    pub(crate) async fn open(documents: Documents) -> Result<Self, StoreError> {
        let records: Vec<MappingRecord> = documents.load().await?;
        let known = records
            .into_iter()
            .map(|record| (record.uuid.clone(), Arc::new(record)))
            .collect();
        Ok(Self {
            documents: CertainDocuments::new(documents),
            known: RwLock::new(known),
        })
    }

    pub(crate) fn get(&self, namespace: &str, uuid: &str) -> Option<Arc<MappingRecord>> {
        let known = self.known.read();
        let mapping = known.get(uuid)?;
        (mapping.namespace == namespace).then(|| mapping.clone())
    }

    /// All mappings, of every namespace, the oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<MappingRecord>> {
        let mut all: Vec<Arc<MappingRecord>> = self.known.read().values().cloned().collect();
        all.sort_by(|a, b| a.place().cmp(&b.place()));
        all
    }

    /// The mapping of this stream to this function, or to this version or alias of it, other than `except`.
    pub(crate) fn of_pair(
        &self,
        namespace: &str,
        stream_arn: &str,
        function_arn: &str,
        except: Option<&str>,
    ) -> Option<Arc<MappingRecord>> {
        let known = self.known.read();
        known
            .values()
            .find(|mapping| {
                mapping.namespace == namespace
                    && StreamArn::is_same(&mapping.stream_arn, stream_arn)
                    && is_same_function(&mapping.function_arn, function_arn)
                    && except != Some(mapping.uuid.as_str())
            })
            .cloned()
    }

    /// Keeps a mapping; one with its UUID is replaced.
    pub(crate) async fn put(
        &self,
        record: MappingRecord,
    ) -> Result<Arc<MappingRecord>, StoreError> {
        let put = self.documents.put(&record.uuid, &record, None, self);
        put.await?;
        let record = Arc::new(record);
        let uuid = record.uuid.clone();
        self.known.write().insert(uuid, record.clone());
        Ok(record)
    }

    pub(crate) async fn remove(&self, uuid: &str) -> Result<(), StoreError> {
        self.documents.delete(uuid, self).await?;
        self.known.write().remove(uuid);
        Ok(())
    }

    /// Makes the table hold what is known, where that is in doubt. The caller holds the lock of changes.
    pub(crate) async fn settle(&self) -> Result<(), StoreError> {
        self.documents.settle(self).await
    }

    /// Returns when there is something to settle.
    pub(crate) async fn in_doubt(&self) {
        self.documents.noted().await;
    }
}

/// Whether two ARNs mean one function with one qualifier; without one `$LATEST` is meant.
fn is_same_function(one: &str, other: &str) -> bool {
    let unqualified = |arn: &str| arn.strip_suffix(":$LATEST").unwrap_or(arn).to_owned();
    unqualified(one) == unqualified(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_from_before_most_settings_still_loads() {
        let old = r#"{"uuid":"u","namespace":"","region":"us-east-1","account":"000000000000","stream_arn":"s",
            "function_name":"f","function_arn":"a","enabled":true,"batch_size":7,"retries_max":3,
            "origin":{"AtTimestamp":5},"start":9,"created_ms":1,"modified_ms":2}"#;
        let record: MappingRecord = serde_json::from_str(old).unwrap();
        let settings = MappingSettings {
            batch_size: 7,
            retries_max: Some(3),
            ..MappingSettings::default()
        };
        assert_eq!(record.settings, settings);
        let again = serde_json::to_string(&record).unwrap();
        let again: MappingRecord = serde_json::from_str(&again).unwrap();
        assert_eq!((again.settings, again.start), (settings, record.start));
    }
}
