//! CreateFunction.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_operations::RequestContext;
use headwater_wire::ApiError;
use headwater_wire::lambda::{
    CreateFunctionRequest, LogFormat, LoggingConfig, PackageType, SnapStart, SnapStartApplyOn,
    TracingMode,
};
use headwater_wire::messages::functions;

use crate::functions::{FunctionConfig, LogForm, RuntimeFamily, SetupError};
use crate::registry::{FunctionRecord, LATEST, Logging, Whole, uuid};
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, internal};
use super::function_code::{Code, GivenCode};
use super::function_name::{FunctionName, function_arn};
use super::function_target;
use super::function_view;
use super::tags::check_tags;

/// Defaults of the service (triggers.md section 10).
const TIMEOUT_S: i64 = 3;
const MEMORY_MB: i64 = 128;
const EPHEMERAL_STORAGE_MB: i64 = 512;
const ARCHITECTURE: &str = "x86_64";

/// The caller holds the lock of changes.
pub(super) async fn create_function(
    triggers: &Triggers,
    request: CreateFunctionRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    refuse_unsupported(&request)?;
    check_tags(request.tags.as_ref().unwrap_or(&BTreeMap::new()))?;
    let is_target = function_target::is_target(request.code.s3_bucket.as_deref());
    let default = |value: &str| is_target.then(|| value.to_owned());
    let runtime = request
        .runtime
        .clone()
        .or_else(|| default(function_target::RUNTIME));
    let handler = request
        .handler
        .clone()
        .or_else(|| default(function_target::HANDLER));
    let (Some(runtime), Some(handler)) = (runtime, handler) else {
        return Err(functions::runtime_and_handler_required());
    };
    let name = FunctionName::parse(&request.function_name).name;
    if triggers.functions.get(&context.namespace, &name).is_some() {
        return Err(functions::already_exists(&name));
    }
    if !is_target {
        let known = RuntimeFamily::of(&runtime);
        known.map_err(|error| refused(error.into()))?;
    }
    let given = GivenCode {
        zip_file: request.code.zip_file.as_ref(),
        s3_bucket: request.code.s3_bucket.as_deref(),
        s3_key: request.code.s3_key.as_deref(),
    };
    let code = given.take(triggers).await?;
    let config = FunctionConfig {
        namespace: context.namespace.clone(),
        arn: function_arn(&context.region, &context.account, &name),
        name,
        runtime,
        handler,
        code: code.source.clone(),
        timeout_s: bounded(request.timeout.unwrap_or(TIMEOUT_S)),
        memory_mb: bounded(request.memory_size.unwrap_or(MEMORY_MB)),
        environment: request
            .environment
            .as_ref()
            .and_then(|environment| environment.variables.clone())
            .unwrap_or_default(),
        version: LATEST.to_owned(),
        revision: uuid(triggers.rng()),
        logging: LogForm::default(),
    };
    let publish = request.publish == Some(true);
    let record = record(triggers, request, config, code, context);
    let kept = keep(triggers, record).await;
    let record = triggers.without_packages(kept).await?;
    let shown = match publish {
        true => triggers.publish(&record, None).await?.record,
        false => record,
    };
    HttpAnswer::json(201, &function_view::pending(&shown))
}

/// Keeps a function that this machine can run.
async fn keep(
    triggers: &Triggers,
    record: FunctionRecord,
) -> Result<Arc<FunctionRecord>, ApiError> {
    let checked = triggers.runtimes.check(&record.config).await;
    checked.map_err(refused)?;
    triggers.functions.put(record).await.map_err(internal)
}

fn refuse_unsupported(request: &CreateFunctionRequest) -> Result<(), ApiError> {
    let mut unsupported = request.unsupported.clone();
    unsupported.extend(&request.code.unsupported);
    unsupported.extend(used_snap_start(request.snap_start.as_ref()));
    if request.package_type == Some(PackageType::Image) {
        unsupported.push("PackageType Image");
    }
    if request.code.image_uri.is_some() {
        unsupported.push("ImageUri");
    }
    if request.code.s3_object_version.is_some() {
        unsupported.push("S3ObjectVersion");
    }
    refuse_all(&unsupported)
}

/// Refuses parameters by name, if there are any.
pub(super) fn refuse_all(unsupported: &[&str]) -> Result<(), ApiError> {
    match unsupported {
        [] => Ok(()),
        names => Err(functions::unsupported_parameters(names)),
    }
}

/// The name of `SnapStart`, if it asks for something.
pub(super) fn used_snap_start(given: Option<&SnapStart>) -> Option<&'static str> {
    let apply_on = given.and_then(|snap_start| snap_start.apply_on.as_ref());
    (apply_on == Some(&SnapStartApplyOn::PublishedVersions)).then_some("SnapStart")
}

/// A number that the decoder has held to its range.
pub(super) fn bounded(given: i64) -> u32 {
    u32::try_from(given).unwrap_or(u32::MAX)
}

/// What a function's runtime says against it.
pub(super) fn refused(error: SetupError) -> ApiError {
    functions::invalid_parameter(error.to_string())
}

/// The logging configuration as it was given.
pub(super) fn logging(given: LoggingConfig) -> Logging {
    Logging {
        json: given.log_format == Some(LogFormat::Json),
        application_level: given.application_log_level,
        system_level: given.system_log_level,
        group: given.log_group,
    }
}

fn record(
    triggers: &Triggers,
    request: CreateFunctionRequest,
    config: FunctionConfig,
    code: Code,
    context: &RequestContext,
) -> FunctionRecord {
    let architecture = request
        .architectures
        .and_then(|given| given.into_iter().next());
    let traced = request
        .tracing_config
        .is_some_and(|tracing| tracing.mode == Some(TracingMode::Active));
    let logging = request.logging_config.map(logging).unwrap_or_default();
    FunctionRecord {
        namespace: context.namespace.clone(),
        empty_environment: request.environment.is_some() && config.environment.is_empty(),
        config: FunctionConfig {
            logging: logging.form(),
            ..config
        },
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
        logging,
        incarnation: uuid(triggers.rng()),
        whole: Whole::default(),
        published_content: None,
    }
}
