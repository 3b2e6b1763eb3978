//! What can go wrong with the state store, and what to do about it.

use std::path::PathBuf;

/// What the caller has to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Close the store, look after the disk, open it again and replay the log from its position.
    /// Nothing acknowledged is lost: the log has it.
    Reopen,
    /// The file is damaged: set it aside and rebuild the state from the log or from a backup.
    Rebuild,
    /// Another process has the store open: stop it, or use another folder.
    StopTheOther,
    /// Wait until there is room on the disk, then call again; the store is unharmed.
    MakeRoom,
    /// The file is whole but not the one that belongs here: put the right one in its place.
    FindTheFile,
    /// The call was wrong; the store is unharmed and works on.
    FixTheCall,
}

/// An error of the state store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Reading or writing failed. The store takes no more batches until it is opened again.
    #[error("state store failed while {doing}: {source}")]
    Io {
        /// The step that failed.
        doing: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// An earlier failure stopped the store; it has to be opened again.
    #[error("state store stopped after an earlier failure: {reason}")]
    Stopped {
        /// The failure that stopped it.
        reason: String,
    },
    /// The file does not hold what was written to it, or is not a state store at all.
    #[error("state store is damaged ({doing}): {detail}")]
    Damaged {
        /// The step that found it.
        doing: &'static str,
        /// What was found.
        detail: String,
    },
    /// Written by a version of Headwater whose layout this one does not know.
    #[error(
        "the file state has format {found}, this version of Headwater reads formats up to {known}; use the version that wrote it, or a later one"
    )]
    UnknownFormat {
        /// The format in the file.
        found: u64,
        /// The latest format that this version reads and writes.
        known: u64,
    },
    /// The state and the log beside it are of two stores: their files were mixed up.
    #[error(
        "the state belongs to another store than the log beside it: put back the file `state` that belongs to this log"
    )]
    OtherStore,
    /// A cipher was given for a file that is not encrypted.
    #[error("state store is not encrypted, but a key was given")]
    NotEncrypted,
    /// Another process has the file open.
    #[error("state store {} is open in another process", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The disk has less room than what may have to be written. Nothing was begun.
    #[error(
        "the state store may have to write {needed_bytes} bytes and the disk has {free_bytes} bytes free"
    )]
    NoRoom {
        /// The most that may have to be written.
        needed_bytes: u64,
        /// What is free.
        free_bytes: u64,
    },
    /// A batch came with a position before the one already applied.
    #[error("batch at position {position} comes after position {applied} was applied")]
    OutOfOrder {
        /// The position of the refused batch.
        position: u64,
        /// The position applied before.
        applied: u64,
    },
    /// A key or value is larger than the store can hold.
    #[error("value of {bytes} bytes is too large for the state store")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

impl StateError {
    /// What the caller has to do.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Io { .. } | Self::Stopped { .. } => Remedy::Reopen,
            Self::Damaged { .. } | Self::UnknownFormat { .. } => Remedy::Rebuild,
            Self::Locked { .. } => Remedy::StopTheOther,
            Self::NoRoom { .. } => Remedy::MakeRoom,
            Self::OtherStore => Remedy::FindTheFile,
            Self::NotEncrypted | Self::OutOfOrder { .. } | Self::TooLarge { .. } => {
                Remedy::FixTheCall
            }
        }
    }

    /// Sorts an error of redb into ours. `doing` names the step, for the message.
    pub(crate) fn from_redb(doing: &'static str, error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::Io(source) if source.kind() == std::io::ErrorKind::InvalidData => {
                Self::Damaged {
                    doing,
                    detail: source.to_string(),
                }
            }
            redb::Error::Io(source) => Self::Io { doing, source },
            redb::Error::Backend(source) => Self::Io {
                doing,
                source: std::io::Error::other(source),
            },
            redb::Error::PreviousIo => Self::Stopped {
                reason: "an earlier read or write failed".to_owned(),
            },
            redb::Error::DatabaseClosed => Self::Stopped {
                reason: "the store was closed".to_owned(),
            },
            redb::Error::ValueTooLarge(bytes) => Self::TooLarge { bytes },
            other => Self::Damaged {
                doing,
                detail: other.to_string(),
            },
        }
    }
}
