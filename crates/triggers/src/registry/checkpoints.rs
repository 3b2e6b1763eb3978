//! How far each mapping has got in each shard.
//!
//! Deliveries note their progress here at once; a keeper writes what has changed since it last looked, so
//! that quick batches share one write. What is stored may lag by [`WRITE_INTERVAL_MS`] and a write, which
//! after a crash means that records are delivered again, never that one is left out.

mod stored;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use headwater_model::{Clock, Sequence};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::blobs::{Blob, Blobs};
use super::dead_letters::Response;
use super::documents::{Documents, StoreError};
use stored::{Document, StoredCheckpoint};

/// Shortest time between two writes.
const WRITE_INTERVAL_MS: u64 = 20;
/// Checkpoints that are written side by side.
const WRITES_AT_ONCE_MAX: usize = 256;
/// Time until a failed write is tried again.
const FAILURE_INTERVAL_MS: u64 = 1_000;

/// A shard as a mapping sees it: the mapping's UUID and the ShardId.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct ShardKey {
    pub(crate) mapping: String,
    pub(crate) shard: String,
}

/// How far a mapping has got in a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// The next sequence number to deliver: everything before it was delivered or given up.
    pub(crate) position: Sequence,
    /// Where each lane is; empty if nothing but the position counts.
    pub(crate) lanes: Vec<LaneCheckpoint>,
    /// The tumbling window that is open.
    pub(crate) window: Option<OpenWindow>,
    /// Nothing of the shard is left to deliver.
    pub(crate) ended: bool,
    /// What came of the last batch, as the API tells it.
    pub(crate) result: Option<String>,
    /// When that was, milliseconds since the epoch.
    pub(crate) at_ms: u64,
}

/// How far a lane of a shard has got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LaneCheckpoint {
    /// The records of the lane before this one are done.
    #[serde(with = "super::sequence")]
    pub(crate) done: Sequence,
    /// What has failed, or is a part of what has failed, and is to be tried again with the same records; in order.
    pub(crate) trials: Vec<Trial>,
}

/// A batch that was called before and is to be tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trial {
    #[serde(with = "super::sequence")]
    pub(crate) first: Sequence,
    #[serde(with = "super::sequence")]
    pub(crate) last: Sequence,
    /// Calls that count against its retries.
    pub(crate) failures: u32,
    /// Calls in all.
    pub(crate) calls: u32,
    #[serde(default)]
    pub(crate) last_call: LastCall,
}

/// What is known of the last call of a batch, for whoever receives it when it is given up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastCall {
    pub(crate) request_id: Option<String>,
    pub(crate) response: Option<Response>,
    /// For people.
    pub(crate) error: Option<String>,
}

/// A tumbling window with records in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenWindow {
    /// Milliseconds since the epoch.
    pub(crate) start_ms: u64,
    /// In milliseconds.
    pub(crate) length_ms: u64,
    /// JSON, what the function answered last.
    pub(crate) state: Bytes,
}

impl Checkpoint {
    pub(crate) fn at(position: Sequence) -> Self {
        Self {
            position,
            ..Self::default()
        }
    }
}

impl ShardKey {
    fn document_key(&self) -> String {
        format!("{}/{}", self.mapping, self.shard)
    }
}

/// All checkpoints.
pub(crate) struct Checkpoints {
    documents: Documents,
    blobs: Blobs,
    state: Mutex<State>,
    noted: Notify,
    /// Held while something is written, so that writes of one checkpoint keep their order.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    known: BTreeMap<ShardKey, Checkpoint>,
    /// Known and stored ones differ.
    dirty: BTreeSet<ShardKey>,
    /// The states of windows that stored ones name.
    states: BTreeMap<ShardKey, Blob>,
}

impl Checkpoints {
    /// Loads the checkpoints of the mappings that are there; others are left over and go.
    pub(crate) async fn open(
        documents: Documents,
        blobs: Blobs,
        mappings: &HashSet<String>,
    ) -> Result<Self, StoreError> {
        let stored: Vec<Document> = documents.load().await?;
        let mut state = State::default();
        for Document { key, checkpoint } in stored {
            if mappings.contains(&key.mapping) {
                if let Some(blob) = checkpoint.blob() {
                    state.states.insert(key.clone(), blob.clone());
                }
                let checkpoint = checkpoint.load(&blobs).await?;
                state.known.insert(key, checkpoint);
            } else {
                state.dirty.insert(key);
            }
        }
        let is_used = |blob: &str| state.states.values().any(|used| used.key == blob);
        blobs.sweep(stored::BLOB_PREFIX, is_used).await;
        Ok(Self {
            documents,
            blobs,
            state: Mutex::new(state),
            noted: Notify::new(),
            writing: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn get(&self, key: &ShardKey) -> Option<Checkpoint> {
        self.state.lock().known.get(key).cloned()
    }

    /// Notes how far a mapping has got; written soon.
    pub(crate) fn note(&self, key: &ShardKey, checkpoint: Checkpoint) {
        let mut state = self.state.lock();
        state.known.insert(key.clone(), checkpoint);
        state.dirty.insert(key.clone());
        drop(state);
        self.noted.notify_one();
    }

    /// What came of the last batch of a mapping, if one was delivered.
    pub(crate) fn last_result(&self, mapping: &str) -> Option<String> {
        let state = self.state.lock();
        of_mapping(&state.known, mapping)
            .max_by_key(|(_, checkpoint)| checkpoint.at_ms)
            .and_then(|(_, checkpoint)| checkpoint.result.clone())
    }

    /// The checkpoints of a mapping, each with its ShardId.
    pub(crate) fn of_mapping(&self, mapping: &str) -> Vec<(String, Checkpoint)> {
        let state = self.state.lock();
        of_mapping(&state.known, mapping)
            .map(|(key, checkpoint)| (key.shard.clone(), checkpoint.clone()))
            .collect()
    }

    /// Forgets the shards of a mapping that `keep` does not want; written soon.
    pub(crate) fn retain(&self, mapping: &str, keep: impl Fn(&str, &Checkpoint) -> bool) {
        let mut state = self.state.lock();
        let gone: Vec<ShardKey> = of_mapping(&state.known, mapping)
            .filter(|(key, checkpoint)| !keep(&key.shard, checkpoint))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            state.known.remove(&key);
            state.dirty.insert(key);
        }
        drop(state);
        self.noted.notify_one();
    }

    /// Writes everything that was noted before the call.
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        let dirty = std::mem::take(&mut self.state.lock().dirty);
        let dirty: Vec<ShardKey> = dirty.into_iter().collect();
        let mut chunks = dirty.chunks(WRITES_AT_ONCE_MAX);
        while let Some(chunk) = chunks.next() {
            if let Err(error) = self.write_all(chunk).await {
                self.state.lock().dirty.extend(chunks.flatten().cloned());
                return Err(error);
            }
        }
        Ok(())
    }

    /// Writes side by side, so that all ride in one group of the log. What fails is dirty again.
    async fn write_all(&self, keys: &[ShardKey]) -> Result<(), StoreError> {
        let mut writes = JoinSet::new();
        for key in keys {
            let before = self.state.lock().states.get(key).cloned();
            let write = Write {
                documents: self.documents.clone(),
                blobs: self.blobs.clone(),
                key: key.clone(),
                before,
            };
            writes.spawn(write.run(self.get(key)));
        }
        let mut outcome = Ok(());
        while let Some(written) = writes.join_next().await {
            match written {
                Ok((key, Ok(Some(blob)))) => {
                    self.state.lock().states.insert(key, blob);
                }
                Ok((key, Ok(None))) => {
                    self.state.lock().states.remove(&key);
                }
                Ok((key, Err(error))) => {
                    self.state.lock().dirty.insert(key);
                    outcome = Err(error);
                }
                // Which one broke off by a panic is not told; writing one twice does no harm.
                Err(error) => {
                    tracing::error!(%error, "writing a checkpoint broke off");
                    self.state.lock().dirty.extend(keys.iter().cloned());
                }
            }
        }
        outcome
    }

    /// Writes what is noted, for as long as the future is kept.
    pub(crate) async fn keep(self: Arc<Self>, clock: Arc<dyn Clock>) {
        loop {
            let wait_ms = match self.flush().await {
                Ok(()) => WRITE_INTERVAL_MS,
                Err(error) => {
                    tracing::error!(%error, "checkpoints could not be written");
                    FAILURE_INTERVAL_MS
                }
            };
            clock.sleep_until(clock.now_ms() + wait_ms).await;
            if self.state.lock().dirty.is_empty() {
                self.noted.notified().await;
            }
        }
    }
}

/// One checkpoint on its way to the tables.
struct Write {
    documents: Documents,
    blobs: Blobs,
    key: ShardKey,
    /// The state of a window that the stored one names.
    before: Option<Blob>,
}

impl Write {
    /// Gives the state of a window that the stored one names now.
    async fn run(
        self,
        checkpoint: Option<Checkpoint>,
    ) -> (ShardKey, Result<Option<Blob>, StoreError>) {
        let written = self.write(checkpoint).await;
        (self.key, written)
    }

    async fn write(&self, checkpoint: Option<Checkpoint>) -> Result<Option<Blob>, StoreError> {
        let document_key = self.key.document_key();
        let blob = match checkpoint {
            Some(checkpoint) => {
                let stored =
                    StoredCheckpoint::store(checkpoint, &document_key, &self.blobs).await?;
                let blob = stored.blob().cloned();
                let document = Document {
                    key: self.key.clone(),
                    checkpoint: stored,
                };
                self.documents.put(&document_key, &document).await?;
                blob
            }
            None => {
                self.documents.delete(&document_key).await?;
                None
            }
        };
        if let Some(before) = self
            .before
            .as_ref()
            .filter(|before| Some(*before) != blob.as_ref())
        {
            self.blobs.discard(before).await;
        }
        Ok(blob)
    }
}

fn of_mapping<'k>(
    known: &'k BTreeMap<ShardKey, Checkpoint>,
    mapping: &'k str,
) -> impl Iterator<Item = (&'k ShardKey, &'k Checkpoint)> {
    let first = ShardKey {
        mapping: mapping.to_owned(),
        shard: String::new(),
    };
    known
        .range(first..)
        .take_while(move |(key, _)| key.mapping == mapping)
}
