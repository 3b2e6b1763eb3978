//! How far each mapping has got in each shard.
//!
//! Deliveries note their progress here at once; a keeper writes what has changed since it last looked, so
//! that quick batches share one write. What is stored may lag by [`WRITE_INTERVAL_MS`] and a write, which
//! after a crash means that records are delivered again, never that one is left out.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use headwater_model::{Clock, Sequence};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::documents::{Documents, StoreError};

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// The next sequence number to deliver.
    #[serde(with = "super::sequence")]
    pub(crate) position: Sequence,
    /// The batch at the position that has failed, if it has.
    pub(crate) failing: Option<Failing>,
    /// Nothing of the shard is left to deliver.
    pub(crate) ended: bool,
    /// What came of the last batch, as the API tells it.
    pub(crate) result: Option<String>,
    /// When that was, milliseconds since the epoch.
    pub(crate) at_ms: u64,
}

/// A batch that has failed and is to be tried again with the same records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failing {
    /// Calls that failed.
    pub(crate) failures: u32,
    /// Sequence number of its last record.
    #[serde(with = "super::sequence")]
    pub(crate) last: Sequence,
}

impl Checkpoint {
    pub(crate) fn at(position: Sequence) -> Self {
        Self {
            position,
            ..Self::default()
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Document {
    key: ShardKey,
    checkpoint: Checkpoint,
}

impl ShardKey {
    fn document_key(&self) -> String {
        format!("{}/{}", self.mapping, self.shard)
    }
}

/// All checkpoints.
pub(crate) struct Checkpoints {
    documents: Documents,
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
}

impl Checkpoints {
    /// Loads the checkpoints of the mappings that are there; others are left over and go.
    pub(crate) async fn open(
        documents: Documents,
        mappings: &HashSet<String>,
    ) -> Result<Self, StoreError> {
        let stored: Vec<Document> = documents.load().await?;
        let mut state = State::default();
        for Document { key, checkpoint } in stored {
            if mappings.contains(&key.mapping) {
                state.known.insert(key, checkpoint);
            } else {
                state.dirty.insert(key);
            }
        }
        Ok(Self {
            documents,
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

    /// Forgets the shards of a mapping that `keep` does not name; written soon.
    pub(crate) fn retain(&self, mapping: &str, keep: impl Fn(&str) -> bool) {
        let mut state = self.state.lock();
        let gone: Vec<ShardKey> = of_mapping(&state.known, mapping)
            .filter(|(key, _)| !keep(&key.shard))
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
            writes.spawn(write(self.documents.clone(), key.clone(), self.get(key)));
        }
        let mut outcome = Ok(());
        while let Some(written) = writes.join_next().await {
            match written {
                Ok((_, Ok(()))) => {}
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

async fn write(
    documents: Documents,
    key: ShardKey,
    checkpoint: Option<Checkpoint>,
) -> (ShardKey, Result<(), StoreError>) {
    let document_key = key.document_key();
    match checkpoint {
        Some(checkpoint) => {
            let document = Document { key, checkpoint };
            let written = documents.put(&document_key, &document).await;
            (document.key, written)
        }
        None => (key, documents.delete(&document_key).await),
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
