//! What the log says when it cannot do what was asked: few kinds, each telling the caller what to do.

use std::io;
use std::sync::Arc;

use headwater_model::Sequence;

/// A refusal or failure of the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// A write or fsync failed earlier: nothing is acknowledged any more. Reopen after looking at the disk.
    #[error("the log stopped acknowledging writes after a failure: {reason}")]
    Poisoned {
        /// What failed.
        reason: Arc<str>,
    },
    /// The log was shut down.
    #[error("the log is closed")]
    Closed,
    /// The queue is full: wait for `durable` to advance, then try again.
    #[error("the log's queue holds {queued_bytes} bytes, its limit is {limit_bytes}")]
    Overloaded {
        /// Bytes that wait to become durable.
        queued_bytes: usize,
        /// The bound of [`crate::LogOptions::queue_bytes_max`].
        limit_bytes: usize,
    },
    /// The disk is full, or nearly so: wait until there is room, then try again. An entry that was appended already
    /// may still become durable.
    #[error("there is no room on the disk: {reason}")]
    NoRoom {
        /// What is full, or what could not be written.
        reason: Arc<str>,
    },
    /// The entry is larger than any block may be.
    #[error("an entry of {bytes} bytes is over the log's limit of {limit_bytes}")]
    TooLarge {
        /// Size of the encoded entry.
        bytes: usize,
        /// [`crate::ENTRY_BYTES_MAX`].
        limit_bytes: usize,
    },
    /// The entry contradicts itself; a mistake of the caller.
    #[error("invalid entry: {detail}")]
    InvalidEntry {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// An option is out of its range.
    #[error("invalid log option: {detail}")]
    InvalidOption {
        /// Which one, and its range.
        detail: &'static str,
    },
    /// The position asked for lies below the log's trim point: go on from `oldest`.
    #[error("the position is trimmed, the oldest entry has sequence {oldest}")]
    Trimmed {
        /// The trim point.
        oldest: Sequence,
    },
    /// Stored bytes are not what was written.
    #[error("{file} is damaged at offset {offset}: {detail}")]
    Damaged {
        /// File name inside the log's folder.
        file: String,
        /// Where in the file.
        offset: u64,
        /// What was found.
        detail: String,
    },
    /// The file is whole but of a form this version does not know.
    #[error(
        "{file} cannot be read by this version of Headwater: {detail}; use the version that wrote it, or a later one"
    )]
    Unsupported {
        /// File name inside the log's folder.
        file: String,
        /// The unknown version or flag.
        detail: String,
    },
    /// The log is encrypted and no key was given.
    #[error("{file} is encrypted: give the key that the store was encrypted with")]
    Encrypted {
        /// File name inside the log's folder.
        file: String,
    },
    /// A key was given for a log that is not encrypted.
    #[error("{file} is not encrypted, but a key was given")]
    NotEncrypted {
        /// File name inside the log's folder.
        file: String,
    },
    /// The system gives no random bytes, which an encrypted segment needs.
    #[error("the system gives no random bytes, which an encrypted log needs for each segment")]
    NoRandomness,
    /// Somebody else has the log open.
    #[error("{folder} is in use by another process")]
    Locked {
        /// Where the log lives.
        folder: String,
    },
    /// The file system refused.
    #[error("cannot {action} {file}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        file: String,
        /// The system's answer.
        source: Arc<io::Error>,
    },
}

/// The action of an error of an fsync.
pub(crate) const SYNC: &str = "sync";

impl LogError {
    /// Whether something could not be written for lack of room, and may be tried again. A failed fsync is not such
    /// an error whatever its reason: what it was to make safe may be gone.
    pub(crate) fn is_no_room(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        match self {
            Self::Io { action, source, .. } => {
                *action != SYNC && matches!(source.kind(), StorageFull | QuotaExceeded)
            }
            _ => false,
        }
    }

    /// Whether an fsync failed.
    pub(crate) fn is_failed_sync(&self) -> bool {
        matches!(self, Self::Io { action, .. } if *action == SYNC)
    }

    pub(crate) fn io(action: &'static str, file: &str, source: io::Error) -> Self {
        Self::Io {
            action,
            file: file.to_owned(),
            source: Arc::new(source),
        }
    }

    pub(crate) fn damaged(file: &str, offset: u64, detail: impl ToString) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            offset,
            detail: detail.to_string(),
        }
    }
}
