//! Checkpoints as documents. The state of a window, which may be as long as a megabyte, stands in a blob of its own if
//! it is long; blobs never change, so a document and the state that it names belong together.

use bytes::Bytes;
use headwater_model::Sequence;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::registry::blobs::{Blob, Blobs};
use crate::registry::documents::StoreError;

use super::{Checkpoint, LaneCheckpoint, LastCall, OpenWindow, ShardKey, Trial};

/// Longest state of a window that stands in the checkpoint's own document.
const INLINE_BYTES_MAX: usize = 64 * 1024;
/// Prefix of the keys of longer ones.
pub(super) const BLOB_PREFIX: &str = "windows/";

#[derive(Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) key: ShardKey,
    pub(super) checkpoint: StoredCheckpoint,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredCheckpoint {
    #[serde(with = "crate::registry::sequence")]
    position: Sequence,
    #[serde(default)]
    lanes: Vec<LaneCheckpoint>,
    #[serde(default)]
    window: Option<StoredWindow>,
    ended: bool,
    result: Option<String>,
    at_ms: u64,
    /// From when a shard had one lane.
    #[serde(default, skip_serializing)]
    failing: Option<OldFailing>,
}

#[derive(Serialize, Deserialize)]
struct StoredWindow {
    start_ms: u64,
    #[serde(default)]
    length_ms: u64,
    state: StoredState,
}

#[derive(Serialize, Deserialize)]
enum StoredState {
    Inline(String),
    Blob(Blob),
}

#[derive(Deserialize)]
struct OldFailing {
    failures: u32,
    #[serde(with = "crate::registry::sequence")]
    last: Sequence,
}

impl StoredCheckpoint {
    /// Stores the long part, if there is one. `place` is the key of the document.
    pub(super) async fn store(
        checkpoint: Checkpoint,
        place: &str,
        blobs: &Blobs,
    ) -> Result<Self, StoreError> {
        let window = match checkpoint.window {
            Some(window) => Some(StoredWindow {
                start_ms: window.start_ms,
                length_ms: window.length_ms,
                state: StoredState::store(&window.state, place, blobs).await?,
            }),
            None => None,
        };
        Ok(Self {
            position: checkpoint.position,
            lanes: checkpoint.lanes,
            window,
            ended: checkpoint.ended,
            result: checkpoint.result,
            at_ms: checkpoint.at_ms,
            failing: None,
        })
    }

    pub(super) async fn load(self, blobs: &Blobs) -> Result<Checkpoint, StoreError> {
        let mut lanes = self.lanes;
        if let Some(failing) = self.failing {
            lanes.push(LaneCheckpoint {
                done: self.position,
                trials: vec![Trial {
                    first: self.position,
                    last: failing.last,
                    failures: failing.failures,
                    calls: failing.failures,
                    last_call: LastCall::default(),
                }],
            });
        }
        let window = match self.window {
            Some(window) => window.load(blobs).await?,
            None => None,
        };
        Ok(Checkpoint {
            position: self.position,
            lanes,
            window,
            ended: self.ended,
            result: self.result,
            at_ms: self.at_ms,
        })
    }

    /// The blob that the document names.
    pub(super) fn blob(&self) -> Option<&Blob> {
        match &self.window.as_ref()?.state {
            StoredState::Blob(blob) => Some(blob),
            StoredState::Inline(_) => None,
        }
    }
}

impl StoredState {
    async fn store(state: &Bytes, place: &str, blobs: &Blobs) -> Result<Self, StoreError> {
        match std::str::from_utf8(state) {
            Ok(text) if text.len() <= INLINE_BYTES_MAX => Ok(Self::Inline(text.to_owned())),
            _ => {
                // Named by its content, so that one in use is never written again.
                let digest: String = Sha256::digest(state)[..16]
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                let key = format!("{BLOB_PREFIX}{place}/{digest}");
                Ok(Self::Blob(blobs.put(key, state).await?))
            }
        }
    }

    /// `None` if the bytes that a document names are not there.
    async fn load(self, blobs: &Blobs) -> Result<Option<Bytes>, StoreError> {
        match self {
            Self::Inline(text) => Ok(Some(text.into_bytes().into())),
            Self::Blob(blob) => blobs.get(&blob).await,
        }
    }
}

impl StoredWindow {
    async fn load(self, blobs: &Blobs) -> Result<Option<OpenWindow>, StoreError> {
        let (start_ms, length_ms) = (self.start_ms, self.length_ms);
        let state = self.state.load(blobs).await?;
        if state.is_none() {
            tracing::error!(
                start_ms,
                "the stored state of a tumbling window is missing: it begins anew; run `headwater verify`"
            );
        }
        Ok(state.map(|state| OpenWindow {
            start_ms,
            length_ms,
            state,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_from_when_shards_had_one_lane_still_loads() {
        let old = r#"{"key":{"mapping":"m","shard":"s"},"checkpoint":{"position":7,
            "failing":{"failures":2,"last":9},"ended":false,"result":"OK","at_ms":5}}"#;
        let document: Document = serde_json::from_str(old).unwrap();
        let failing = document.checkpoint.failing.unwrap();
        assert_eq!((failing.failures, failing.last), (2, Sequence(9)));
        assert_eq!(document.checkpoint.position, Sequence(7));
    }

    #[test]
    fn a_document_that_knows_nothing_of_last_calls_still_loads() {
        let old = r#"{"key":{"mapping":"m","shard":"s"},"checkpoint":{"position":7,"lanes":[{"done":7,
            "trials":[{"first":7,"last":9,"failures":2,"calls":3}]}],"ended":false,"result":"OK","at_ms":5}}"#;
        let document: Document = serde_json::from_str(old).unwrap();
        let trial = &document.checkpoint.lanes[0].trials[0];
        assert_eq!((trial.failures, trial.calls), (2, 3));
        assert_eq!(trial.last_call, LastCall::default());
    }
}
