//! CreateFunction: a zip package in the request, or, as an extension, a folder of this machine.
//!
//! SDKs check the shape of `Code` before they send it, so the folder comes in the members that exist:
//! `S3Bucket` is [`LOCAL_DIRECTORY`] and `S3Key` the folder's absolute path. The folder is used in place and
//! reloaded when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use headwater_operations::RequestContext;
use headwater_wire::ApiError;
use headwater_wire::lambda::{
    CreateFunctionRequest, FunctionCode, LogFormat, PackageType, TracingMode,
};
use headwater_wire::messages::functions;
use sha2::{Digest, Sha256};

use crate::functions::{CodeSource, FunctionConfig, PackageError, SetupError};
use crate::registry::{FunctionRecord, Logging, uuid};
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, internal};
use super::function_name::{FunctionName, LATEST, function_arn};
use super::function_view;

/// The `S3Bucket` that says that `S3Key` is a folder of this machine.
pub const LOCAL_DIRECTORY: &str = "headwater-local-directory";

/// Defaults of the service (triggers.md section 10).
const TIMEOUT_S: i64 = 3;
const MEMORY_MB: i64 = 128;
const EPHEMERAL_STORAGE_MB: i64 = 512;
const ARCHITECTURE: &str = "x86_64";
/// Largest package that can be sent in a request (Lambda quotas: 50 MB).
const ZIP_BYTES_MAX: usize = 50 * 1024 * 1024;

/// Code that is ready to be run.
struct Code {
    source: CodeSource,
    sha256_base64: String,
    size_bytes: u64,
}

pub(super) async fn create_function(
    triggers: &Triggers,
    request: CreateFunctionRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    refuse_unsupported(&request)?;
    let (Some(runtime), Some(handler)) = (request.runtime.clone(), request.handler.clone()) else {
        return Err(functions::runtime_and_handler_required());
    };
    let name = FunctionName::parse(&request.function_name).name;
    let _change = triggers.changes.lock().await;
    if triggers.functions.get(&context.namespace, &name).is_some() {
        return Err(functions::already_exists(&name));
    }
    let code = code_of(triggers, &request.code).await?;
    let config = FunctionConfig {
        arn: function_arn(&context.region, &context.account, &name),
        name,
        runtime,
        handler,
        code: code.source.clone(),
        timeout_s: bounded(request.timeout, TIMEOUT_S),
        memory_mb: bounded(request.memory_size, MEMORY_MB),
        environment: request
            .environment
            .as_ref()
            .and_then(|environment| environment.variables.clone())
            .unwrap_or_default(),
        version: LATEST.to_owned(),
        revision: uuid(triggers.rng()),
    };
    triggers.runtimes.check(&config).await.map_err(refused)?;
    let record = record(triggers, request, config, code, context);
    let answer = HttpAnswer::json(201, &function_view::pending(&record));
    triggers.functions.put(record).await.map_err(internal)?;
    answer
}

fn refuse_unsupported(request: &CreateFunctionRequest) -> Result<(), ApiError> {
    let mut unsupported = request.unsupported.clone();
    unsupported.extend(&request.code.unsupported);
    if request.publish == Some(true) {
        unsupported.push("Publish");
    }
    if request.package_type == Some(PackageType::Image) {
        unsupported.push("PackageType Image");
    }
    if request.code.image_uri.is_some() {
        unsupported.push("ImageUri");
    }
    if request.code.s3_object_version.is_some() {
        unsupported.push("S3ObjectVersion");
    }
    if unsupported.is_empty() {
        return Ok(());
    }
    Err(functions::unsupported_parameters(&unsupported))
}

/// A number that the decoder has held to its range.
fn bounded(given: Option<i64>, default: i64) -> u32 {
    u32::try_from(given.unwrap_or(default)).unwrap_or(u32::MAX)
}

async fn code_of(triggers: &Triggers, code: &FunctionCode) -> Result<Code, ApiError> {
    match (&code.zip_file, &code.s3_bucket, &code.s3_key) {
        (Some(zip), None, None) => unpacked(triggers, zip.clone()).await,
        (Some(_), ..) => Err(functions::invalid_parameter(
            "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        )),
        (None, Some(bucket), Some(folder)) if bucket == LOCAL_DIRECTORY => in_place(folder).await,
        (None, None, None) => Err(functions::code_required()),
        (None, ..) => Err(functions::invalid_parameter(format!(
            "Headwater does not support code in S3 yet: send it as ZipFile, or name a folder of this machine \
             with S3Bucket {LOCAL_DIRECTORY} and its absolute path as S3Key"
        ))),
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
    Ok(Code {
        source: CodeSource::Zip {
            sha256: stored.sha256,
            size_bytes: stored.size_bytes,
            directory: stored.directory,
        },
        sha256_base64: stored.sha256_base64,
        size_bytes: stored.size_bytes,
    })
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

fn refused(error: SetupError) -> ApiError {
    functions::invalid_parameter(error.to_string())
}

fn record(
    triggers: &Triggers,
    request: CreateFunctionRequest,
    config: FunctionConfig,
    code: Code,
    context: &RequestContext,
) -> FunctionRecord {
    let logging = request.logging_config.unwrap_or_default();
    let architecture = request
        .architectures
        .and_then(|given| given.into_iter().next());
    let traced = request
        .tracing_config
        .is_some_and(|tracing| tracing.mode == Some(TracingMode::Active));
    FunctionRecord {
        namespace: context.namespace.clone(),
        config,
        role: request.role,
        description: request.description.unwrap_or_default(),
        code_sha256: code.sha256_base64,
        code_size_bytes: code.size_bytes,
        modified_ms: triggers.clock.now_ms(),
        architecture: architecture.unwrap_or_else(|| ARCHITECTURE.to_owned()),
        tags: request.tags.unwrap_or_default(),
        traced,
        ephemeral_storage_mb: request
            .ephemeral_storage
            .map_or(EPHEMERAL_STORAGE_MB, |storage| storage.size),
        logging: Logging {
            json: logging.log_format == Some(LogFormat::Json),
            application_level: logging.application_log_level,
            system_level: logging.system_log_level,
            group: logging.log_group,
        },
    }
}

impl Triggers {
    /// Removes the packages that no function has any more. The caller holds the lock of changes.
    pub(crate) async fn remove_unused_packages(&self) {
        let (store, used) = (Arc::clone(&self.code), self.functions.packages());
        let removed = tokio::task::spawn_blocking(move || store.retain(&used));
        if let Ok(Err(error)) = removed.await {
            tracing::warn!(%error, "unused packages could not be removed");
        }
    }
}
