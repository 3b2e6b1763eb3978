//! The data folder of a database that is open, and which file in it is the state that is open.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::storage::STATE_FILE;

#[derive(Clone)]
pub(crate) struct DataFolder {
    path: PathBuf,
    state_file: Option<FileId>,
}

/// Device and number, which names and renames don't change.
type FileId = (u64, u64);

impl DataFolder {
    /// A folder whose state has just been opened.
    pub(crate) fn new(path: &Path) -> Self {
        DataFolder {
            path: path.to_owned(),
            state_file: state_file(path),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the next opening would find the state that is open now.
    pub(crate) fn has_state(&self) -> bool {
        state_file(&self.path) == self.state_file
    }
}

fn state_file(folder: &Path) -> Option<FileId> {
    let found = fs::metadata(folder.join(STATE_FILE)).ok()?;
    Some((found.dev(), found.ino()))
}
