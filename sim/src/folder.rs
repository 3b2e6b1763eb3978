//! A folder for one run, which stays for whoever looks into a failure.

use std::path::Path;

use anyhow::{Context, Result};

/// Runs something in a folder of its own, whose name begins with `prefix`.
///
/// # Errors
/// That of the run, with where the folder is, which is kept then; or no folder can be made.
pub(crate) fn in_folder<T>(prefix: &str, run: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
    let result = run(folder.path());
    if result.is_err() {
        let kept = folder.keep();
        return result.with_context(|| format!("the folder is kept: {}", kept.display()));
    }
    result
}
