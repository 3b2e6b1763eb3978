//! The code of a function as requests bring it: a zip package, or, as an extension, a folder of this machine.
//!
//! SDKs check the shape of `Code` before they send it, so the folder comes in the members that exist:
//! `S3Bucket` is [`LOCAL_DIRECTORY`] and `S3Key` the folder's absolute path. The folder is used in place and
//! reloaded when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use headwater_streams::Streams;
use headwater_wire::ApiError;
use headwater_wire::messages::functions;
use sha2::{Digest, Sha256};

use crate::functions::{CodeSource, CodeStore, PackageError, Runtimes, StoredCode};
use crate::registry::Functions;
use crate::triggers::Triggers;

use super::answer::internal;
use super::create_function::refused;
use super::function_target::{is_target, target};

/// The `S3Bucket` that says that `S3Key` is a folder of this machine.
pub const LOCAL_DIRECTORY: &str = "headwater-local-directory";

/// Largest package that can be sent in a request (Lambda quotas: 50 MB).
const ZIP_BYTES_MAX: usize = 50 * 1024 * 1024;

/// Code that is ready to be run.
pub(super) struct Code {
    pub(super) source: CodeSource,
    pub(super) sha256_base64: String,
    pub(super) size_bytes: u64,
}

/// Where a request says that code is.
pub(super) struct GivenCode<'r> {
    pub(super) zip_file: Option<&'r Bytes>,
    pub(super) s3_bucket: Option<&'r str>,
    pub(super) s3_key: Option<&'r str>,
}

impl GivenCode<'_> {
    /// Takes the code over. The caller holds the lock of changes.
    pub(super) async fn take(self, triggers: &Triggers) -> Result<Code, ApiError> {
        let is_package = self.zip_file.is_some();
        if is_package || self.s3_bucket.is_some() {
            let allowed = triggers.runtimes.allowed_code();
            allowed.check(is_package).map_err(refused)?;
        }
        match (self.zip_file, self.s3_bucket, self.s3_key) {
            (Some(zip), None, None) => unpacked(triggers, zip.clone()).await,
            (Some(_), ..) => Err(functions::invalid_parameter(
                "Please do not provide other FunctionCode parameters when providing a ZipFile.",
            )),
            (None, Some(LOCAL_DIRECTORY), Some(folder)) => in_place(folder).await,
            (None, Some(bucket), Some(key)) if is_target(Some(bucket)) => target(bucket, key),
            (None, None, None) => Err(functions::code_required()),
            (None, ..) => Err(functions::invalid_parameter(format!(
                "Headwater does not support code in S3 yet: send it as ZipFile, or name a folder of this machine \
                 with S3Bucket {LOCAL_DIRECTORY} and its absolute path as S3Key"
            ))),
        }
    }
}

async fn unpacked(triggers: &Triggers, zip: Bytes) -> Result<Code, ApiError> {
    if zip.len() > ZIP_BYTES_MAX {
        return Err(functions::invalid_parameter(format!(
            "ZipFile must be smaller than {ZIP_BYTES_MAX} bytes, not {}: use a folder of this machine instead",
            zip.len()
        )));
    }
    let store = triggers.code.clone();
    let stored = tokio::task::spawn_blocking(move || store.add_zip(&zip));
    let stored = stored
        .await
        .map_err(internal)?
        .map_err(|error| match error {
            PackageError::Invalid(_) => functions::invalid_zip(),
            PackageError::Disk { .. } => internal(error),
            error => functions::invalid_parameter(error.to_string()),
        })?;
    Ok(stored.into())
}

/// A folder that is used where it is. What stands for its hash is that of its path, since its files change.
async fn in_place(folder: &str) -> Result<Code, ApiError> {
    let path = PathBuf::from(folder);
    if !path.is_absolute() || !is_directory(&path).await {
        return Err(functions::invalid_parameter(format!(
            "S3Key {folder} is not the absolute path of a folder of this machine"
        )));
    }
    Ok(Code {
        source: CodeSource::Directory { path, reload: true },
        sha256_base64: STANDARD.encode(Sha256::digest(folder)),
        size_bytes: 0,
    })
}

async fn is_directory(path: &Path) -> bool {
    let metadata = tokio::fs::metadata(path).await;
    metadata.is_ok_and(|metadata| metadata.is_dir())
}

/// A folder as it is now, for a version, whose code must not change any more.
pub(super) async fn copied(triggers: &Triggers, folder: &Path) -> Result<Code, ApiError> {
    let (store, folder) = (triggers.code.clone(), folder.to_owned());
    let stored = tokio::task::spawn_blocking(move || store.add_folder(&folder));
    let stored = stored.await.map_err(internal)?.map_err(|error| {
        tracing::warn!(%error, "the folder of a function cannot be copied");
        functions::invalid_parameter(format!("the folder of the function: {error}"))
    })?;
    Ok(stored.into())
}

impl From<StoredCode> for Code {
    fn from(stored: StoredCode) -> Self {
        Self {
            source: CodeSource::Zip {
                sha256: stored.sha256,
                size_bytes: stored.size_bytes,
                directory: stored.directory,
            },
            sha256_base64: stored.sha256_base64,
            size_bytes: stored.size_bytes,
        }
    }
}

impl Triggers {
    /// Removes the packages that no function has any more and no invocation uses. The caller holds the lock of changes.
    pub(crate) async fn remove_unused_packages(&self) {
        let streams = self.streams();
        remove_unused(streams, &self.functions, &self.runtimes, &self.code).await;
    }

    /// What came of a change that may have brought a package: if it was refused, no function has that. The caller holds the
    /// lock of changes.
    pub(super) async fn without_packages<T>(
        &self,
        changed: Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        if changed.is_err() {
            self.remove_unused_packages().await;
        }
        changed
    }
}

/// As [`Triggers::remove_unused_packages`]. `streams` are those of the log that functions are kept in.
pub(crate) async fn remove_unused(
    streams: &Streams,
    functions: &Functions,
    runtimes: &Runtimes,
    code: &Arc<CodeStore>,
) {
    // What a failed log has of a change may be there after the next start, which looks for itself.
    if streams.database().log().poisoned().is_some() {
        return;
    }
    let mut used = functions.packages();
    let in_use = runtimes.code_in_use();
    let names = in_use.iter().filter_map(|folder| folder.file_name());
    used.extend(names.map(|name| name.to_string_lossy().into_owned()));
    let store = Arc::clone(code);
    let removed = tokio::task::spawn_blocking(move || store.retain(&used));
    if let Ok(Err(error)) = removed.await {
        tracing::warn!(%error, "unused packages could not be removed");
    }
}
