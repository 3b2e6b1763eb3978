//! Damage to the files of a stopped server.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The log's segment files, oldest first.
///
/// # Errors
/// If the folder can't be read.
pub fn log_segments(data: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(data.join("log"))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.metadata()?.len() > 0 && path.extension().is_some_and(|kind| kind == "hwl") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Flips bits of one byte.
///
/// # Errors
/// If the file has no such byte, or can't be used.
pub fn flip(path: &Path, offset: usize, mask: u8) -> Result<()> {
    let mut bytes = fs::read(path)?;
    let byte = bytes.get_mut(offset).context("no such byte")?;
    *byte ^= mask;
    Ok(fs::write(path, bytes)?)
}
