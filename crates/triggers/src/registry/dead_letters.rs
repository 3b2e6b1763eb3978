//! The dead-letter store: batches that were given up, with their payloads, until somebody removes or redrives them.
//!
//! It is bounded by number and by bytes; the oldest letters make room for new ones, which is logged and counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use headwater_model::Sequence;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::blobs::{Blob, Blobs};
use super::documents::{Documents, StoreError};

/// Prefix of the keys of payloads.
const BLOB_PREFIX: &str = "dead-letters/";

/// Why a batch was given up (triggers.md section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Condition {
    RetryAttemptsExhausted,
    /// Its records were older than the mapping allows, or past their retention.
    RecordAgeExceeded,
}

impl Condition {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Self::RecordAgeExceeded => "RecordAgeExceeded",
        }
    }
}

/// What the function answered the last time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Response {
    pub(crate) status_code: u16,
    pub(crate) executed_version: String,
    /// `Unhandled`; `None` for an answer without an error that says that the batch failed.
    pub(crate) function_error: Option<String>,
}

/// A batch that was given up, without its payload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NewDeadLetter {
    pub(crate) namespace: String,
    /// UUID of the mapping.
    pub(crate) mapping: String,
    pub(crate) function_arn: String,
    pub(crate) stream_arn: String,
    /// The ShardId.
    pub(crate) shard: String,
    #[serde(with = "super::sequence")]
    pub(crate) first: Sequence,
    #[serde(with = "super::sequence")]
    pub(crate) last: Sequence,
    /// When the first and the last record were written, in milliseconds since the epoch.
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    pub(crate) records: usize,
    pub(crate) condition: Condition,
    /// Calls that were made with it.
    pub(crate) calls: u32,
    /// Of the last call; `None` if it was given up for its age.
    pub(crate) response: Option<Response>,
    /// What went wrong at the last call, for people.
    pub(crate) error: Option<String>,
    /// Of the last call, or made up.
    pub(crate) request_id: String,
    pub(crate) dropped_ms: u64,
    /// Where the mapping wanted it to go, if anywhere.
    pub(crate) destination: Option<String>,
    /// Why it is here all the same, if it was sent there.
    #[serde(default)]
    pub(crate) destination_error: Option<String>,
}

/// A batch in the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeadLetter {
    /// Sorts by the time at which the batch was given up.
    pub(crate) id: String,
    #[serde(flatten)]
    pub(crate) batch: NewDeadLetter,
    /// The event: `{"Records":[...]}`.
    pub(crate) payload: Blob,
    /// How often it was redriven without success.
    #[serde(default)]
    pub(crate) redrives: u32,
    /// What went wrong at the last redrive.
    #[serde(default)]
    pub(crate) redrive_error: Option<String>,
}

/// What the store may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeadLetterBounds {
    pub(crate) letters_max: usize,
    pub(crate) bytes_max: usize,
}

/// All dead letters.
pub(crate) struct DeadLetters {
    documents: Documents,
    blobs: Blobs,
    bounds: DeadLetterBounds,
    known: RwLock<BTreeMap<String, Arc<DeadLetter>>>,
    /// Held while the store changes, so that it stays within its bounds.
    changing: tokio::sync::Mutex<()>,
    pushed_out: AtomicU64,
}

impl DeadLetters {
    pub(crate) async fn open(
        documents: Documents,
        blobs: Blobs,
        bounds: DeadLetterBounds,
    ) -> Result<Self, StoreError> {
        let letters: Vec<DeadLetter> = documents.load().await?;
        let known: BTreeMap<String, Arc<DeadLetter>> = letters
            .into_iter()
            .map(|letter| (letter.id.clone(), Arc::new(letter)))
            .collect();
        let is_used = |key: &str| {
            let id = key.strip_prefix(BLOB_PREFIX).unwrap_or_default();
            known.contains_key(id)
        };
        blobs.sweep(BLOB_PREFIX, is_used).await;
        Ok(Self {
            documents,
            blobs,
            bounds,
            known: RwLock::new(known),
            changing: tokio::sync::Mutex::default(),
            pushed_out: AtomicU64::new(0),
        })
    }

    /// Keeps a batch; it is durable when this returns. `unique` tells letters of one moment apart; the same batch comes
    /// with the same one when it is tried again, so that nothing is kept twice.
    pub(crate) async fn add(
        &self,
        batch: NewDeadLetter,
        payload: &Bytes,
        unique: &str,
    ) -> Result<Arc<DeadLetter>, StoreError> {
        let id = format!("{:013}-{unique}", batch.dropped_ms);
        let _changing = self.changing.lock().await;
        self.make_room(payload.len()).await?;
        let payload = self
            .blobs
            .put(format!("{BLOB_PREFIX}{id}"), payload)
            .await?;
        let letter = DeadLetter {
            id,
            batch,
            payload,
            redrives: 0,
            redrive_error: None,
        };
        self.keep(letter).await
    }

    async fn keep(&self, letter: DeadLetter) -> Result<Arc<DeadLetter>, StoreError> {
        self.documents.put(&letter.id, &letter).await?;
        let letter = Arc::new(letter);
        let id = letter.id.clone();
        self.known.write().insert(id, letter.clone());
        Ok(letter)
    }

    async fn make_room(&self, bytes: usize) -> Result<(), StoreError> {
        while let Some(oldest) = self.too_many(bytes) {
            tracing::warn!(
                letter = %oldest.id,
                mapping = %oldest.batch.mapping,
                records = oldest.batch.records,
                "the dead-letter store is full: its oldest batch is removed"
            );
            self.pushed_out.fetch_add(1, Ordering::Relaxed);
            self.take_out(&oldest).await?;
        }
        Ok(())
    }

    /// The oldest letter, if there is no room for so many bytes.
    fn too_many(&self, bytes: usize) -> Option<Arc<DeadLetter>> {
        let known = self.known.read();
        let held: usize = known.values().map(|letter| letter.payload.bytes).sum();
        let is_full =
            known.len() >= self.bounds.letters_max || held + bytes > self.bounds.bytes_max;
        let oldest = known.values().next().filter(|_| is_full);
        oldest.cloned()
    }

    async fn take_out(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.documents.delete(&letter.id).await?;
        self.known.write().remove(&letter.id);
        self.blobs.discard(&letter.payload).await;
        Ok(())
    }

    pub(crate) fn get(&self, namespace: &str, id: &str) -> Option<Arc<DeadLetter>> {
        let letter = self.known.read().get(id).cloned()?;
        (letter.batch.namespace == namespace).then_some(letter)
    }

    /// The letters of a namespace, the oldest first, those behind `after`, of one mapping if that is given.
    pub(crate) fn list(
        &self,
        namespace: &str,
        mapping: Option<&str>,
        after: &str,
        page_max: usize,
    ) -> Vec<Arc<DeadLetter>> {
        let known = self.known.read();
        let behind =
            known.range::<str, _>((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
        behind
            .map(|(_, letter)| letter)
            .filter(|letter| letter.batch.namespace == namespace)
            .filter(|letter| mapping.is_none_or(|mapping| letter.batch.mapping == mapping))
            .take(page_max)
            .cloned()
            .collect()
    }

    /// Letters in the store, and those that made room for others since the start.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let pushed_out = self.pushed_out.load(Ordering::Relaxed);
        (self.known.read().len(), pushed_out)
    }

    pub(crate) async fn payload(&self, letter: &DeadLetter) -> Result<Option<Bytes>, StoreError> {
        self.blobs.get(&letter.payload).await
    }

    /// Removes a letter; whether it was there.
    pub(crate) async fn remove(&self, namespace: &str, id: &str) -> Result<bool, StoreError> {
        let _changing = self.changing.lock().await;
        match self.get(namespace, id) {
            Some(letter) => {
                self.take_out(&letter).await?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Notes that a redrive failed. A letter that is gone stays gone.
    pub(crate) async fn redrive_failed(&self, id: &str, error: String) -> Result<(), StoreError> {
        let _changing = self.changing.lock().await;
        let Some(letter) = self.known.read().get(id).cloned() else {
            return Ok(());
        };
        let mut letter = DeadLetter::clone(&letter);
        letter.redrives = letter.redrives.saturating_add(1);
        letter.redrive_error = Some(error);
        self.keep(letter).await.map(drop)
    }
}
