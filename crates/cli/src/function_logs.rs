//! What functions print, kept in files: plain text, which an encrypted store must not leave on the disk.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folder of functions in a data folder, where no other is given.
pub(crate) const FUNCTIONS_FOLDER: &str = "functions";

/// Their folder, below the one of functions.
pub(crate) fn folder(functions: &Path) -> PathBuf {
    functions.join("logs")
}

/// Removes those from the time before the store was encrypted, if there are any.
pub(crate) fn remove(functions: &Path) -> Result<()> {
    let folder = folder(functions);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context(format!("can't remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
