//! Functions without a package: an address or a program instead of code (an extension), in the members that SDKs let pass:
//! `S3Bucket` says what it is, `S3Key` where.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headwater_wire::ApiError;
use headwater_wire::messages::functions;
use sha2::{Digest, Sha256};

use crate::functions::{CodeSource, Target};

use super::function_code::Code;

/// The `S3Bucket` that says that `S3Key` is an address to which events are posted.
const WEBHOOK: &str = "headwater-webhook";
/// The `S3Bucket` that says that `S3Key` is a function of another server.
const LAMBDA: &str = "headwater-lambda";
/// The `S3Bucket` that says that `S3Key` is a program of this machine.
const COMMAND: &str = "headwater-command";

/// What such a function has for a runtime and a handler if the request gives none.
pub(super) const RUNTIME: &str = "provided.al2023";
pub(super) const HANDLER: &str = "none";

/// Whether `S3Bucket` names no bucket but a kind of target.
pub(super) fn is_target(bucket: Option<&str>) -> bool {
    matches!(bucket, Some(WEBHOOK | LAMBDA | COMMAND))
}

/// The target that is meant. What stands for the hash of its code is that of where it is.
pub(super) fn target(bucket: &str, key: &str) -> Result<Code, ApiError> {
    let target = match bucket {
        LAMBDA => Target::lambda(key),
        COMMAND => Target::command(key),
        _ => Target::webhook(key),
    };
    let target = target
        .map_err(|error| functions::invalid_parameter(format!("S3Key of {bucket}: {error}")))?;
    Ok(Code {
        source: CodeSource::Target(target),
        sha256_base64: STANDARD.encode(Sha256::digest(format!("{bucket}/{key}"))),
        size_bytes: 0,
    })
}
