//! Byte strings that are too long for one document: the payloads of dead letters, the states of windows.
//!
//! A blob is a head and parts. The head is written first, as incomplete, then the parts, then the head as complete, so
//! that whatever a crash leaves of one is found by its head and removed at the next opening.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use headwater_operations::{Api, SystemTable};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::documents::{Documents, StoreError};

/// Bytes of one part; an item holds 400 KB.
const PART_BYTES: usize = 256 * 1024;

/// Names a blob in a document of its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blob {
    pub(crate) key: String,
    pub(crate) bytes: usize,
}

impl Blob {
    fn parts(&self) -> usize {
        self.bytes.div_ceil(PART_BYTES)
    }

    fn part_key(&self, part: usize) -> String {
        format!("{}/{part:05}", self.key)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Head {
    blob: Blob,
    is_complete: bool,
}

/// All blobs. Clones share them.
#[derive(Clone)]
pub(crate) struct Blobs {
    heads: Documents,
    parts: SystemTable,
    known: Arc<Mutex<BTreeMap<String, Blob>>>,
}

impl Blobs {
    /// Opens the blobs and removes those that were never finished.
    pub(crate) async fn open(api: &Api) -> Result<Self, StoreError> {
        let heads = Documents::open(api, "blobs").await?;
        let parts = SystemTable::open(api.database(), "blob-parts").await?;
        let stored: Vec<Head> = heads.load().await?;
        let blobs = Self {
            heads,
            parts,
            known: Arc::default(),
        };
        for head in stored {
            if head.is_complete {
                let key = head.blob.key.clone();
                blobs.known.lock().insert(key, head.blob);
            } else {
                blobs.discard(&head.blob).await;
            }
        }
        Ok(blobs)
    }

    /// Keeps bytes under a key that always stands for the same bytes; they are durable when this returns. What is kept
    /// already is not written again: a document may name it.
    pub(crate) async fn put(&self, key: String, bytes: &Bytes) -> Result<Blob, StoreError> {
        let blob = Blob {
            key,
            bytes: bytes.len(),
        };
        if self.known.lock().get(&blob.key) == Some(&blob) {
            return Ok(blob);
        }
        let mut head = Head {
            blob: blob.clone(),
            is_complete: false,
        };
        self.heads.put(&blob.key, &head).await?;
        for part in 0..blob.parts() {
            let from = part * PART_BYTES;
            let to = bytes.len().min(from + PART_BYTES);
            self.parts
                .put(&blob.part_key(part), bytes.slice(from..to))
                .await?;
        }
        head.is_complete = true;
        self.heads.put(&blob.key, &head).await?;
        self.known.lock().insert(blob.key.clone(), blob.clone());
        Ok(blob)
    }

    /// The bytes of a blob; `None` if it is gone.
    pub(crate) async fn get(&self, blob: &Blob) -> Result<Option<Bytes>, StoreError> {
        let mut bytes = Vec::with_capacity(blob.bytes);
        for part in 0..blob.parts() {
            match self.parts.get(&blob.part_key(part)).await? {
                Some(part) => bytes.extend_from_slice(&part),
                None => return Ok(None),
            }
        }
        Ok(Some(bytes.into()))
    }

    /// Removes a blob that no document names, the head last. What cannot be removed is left for the next opening.
    pub(crate) async fn discard(&self, blob: &Blob) {
        if let Err(error) = self.remove(blob).await {
            tracing::warn!(blob = %blob.key, %error, "stored bytes that nobody needs cannot be removed yet");
        }
    }

    async fn remove(&self, blob: &Blob) -> Result<(), StoreError> {
        // From here on it is not whole.
        self.known.lock().remove(&blob.key);
        for part in 0..blob.parts() {
            self.parts.delete(&blob.part_key(part)).await?;
        }
        self.heads.delete(&blob.key).await
    }

    /// Removes the blobs whose keys begin with `prefix` and that `is_used` does not name: what owners had let go of
    /// when the server ended.
    pub(crate) async fn sweep(&self, prefix: &str, is_used: impl Fn(&str) -> bool) {
        let unused: Vec<Blob> = {
            let known = self.known.lock();
            let ours = known.values().filter(|blob| blob.key.starts_with(prefix));
            ours.filter(|blob| !is_used(&blob.key)).cloned().collect()
        };
        for blob in unused {
            self.discard(&blob).await;
        }
    }
}
