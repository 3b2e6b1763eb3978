//! UpdateFunctionCode and UpdateFunctionConfiguration. Invocations that run go on with the old state, those that begin
//! later have the new one.

use std::sync::Arc;

use headwater_operations::RequestContext;
use headwater_wire::ApiError;
use headwater_wire::lambda::{
    TracingMode, UpdateFunctionCodeRequest, UpdateFunctionConfigurationRequest,
};
use headwater_wire::messages::functions;

use crate::registry::{FunctionRecord, uuid};
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, internal};
use super::create_function::{bounded, logging, refuse_all, refused, used_snap_start};
use super::function_code::GivenCode;
use super::function_name::FunctionName;
use super::function_view;

/// The caller holds the lock of changes.
pub(super) async fn update_function_code(
    triggers: &Triggers,
    request: UpdateFunctionCodeRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let mut unsupported = request.unsupported.clone();
    if request.s3_object_version.is_some() {
        unsupported.push("S3ObjectVersion");
    }
    refuse_all(&unsupported)?;
    let name = FunctionName::parse(&request.function_name).of_latest()?;
    let before = triggers.at_revision(&name, request.revision_id.as_deref(), context)?;
    if request.image_uri.is_some() {
        return Err(functions::image_for_package());
    }
    let given = GivenCode {
        zip_file: request.zip_file.as_ref(),
        s3_bucket: request.s3_bucket.as_deref(),
        s3_key: request.s3_key.as_deref(),
    };
    let code = given.take(triggers).await?;
    let mut after = FunctionRecord::clone(&before);
    after.config.code = code.source;
    after.code_sha256 = code.sha256_base64;
    after.code_size_bytes = code.size_bytes;
    let architecture = request
        .architectures
        .and_then(|given| given.into_iter().next());
    if let Some(architecture) = architecture {
        after.architecture = architecture;
    }
    let check = triggers.runtimes.check(&after.config).await;
    if check.is_err() || request.dry_run == Some(true) {
        triggers.remove_unused_packages().await;
        check.map_err(refused)?;
        return HttpAnswer::json(200, &function_view::active(&after));
    }
    let updated = triggers.update(after).await;
    let after = triggers.without_packages(updated).await?;
    if request.publish != Some(true) {
        return HttpAnswer::json(200, &function_view::updating(&after));
    }
    let published = triggers.publish(&after, None).await?;
    let shown = function_view::qualified(function_view::updating(&published.record));
    HttpAnswer::json(200, &shown)
}

pub(super) async fn update_function_configuration(
    triggers: &Triggers,
    request: UpdateFunctionConfigurationRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let mut unsupported = request.unsupported.clone();
    unsupported.extend(used_snap_start(request.snap_start.as_ref()));
    refuse_all(&unsupported)?;
    let name = FunctionName::parse(&request.function_name).of_latest()?;
    let _change = triggers.changes.lock().await;
    let before = triggers.at_revision(&name, request.revision_id.as_deref(), context)?;
    let after = configured(&before, request);
    triggers
        .runtimes
        .check(&after.config)
        .await
        .map_err(refused)?;
    let after = triggers.update(after).await?;
    HttpAnswer::json(200, &function_view::updating(&after))
}

/// The function with what the request changes.
fn configured(
    before: &FunctionRecord,
    request: UpdateFunctionConfigurationRequest,
) -> FunctionRecord {
    let mut after = before.clone();
    let config = &mut after.config;
    if let Some(runtime) = request.runtime {
        config.runtime = runtime;
    }
    if let Some(handler) = request.handler {
        config.handler = handler;
    }
    if let Some(timeout) = request.timeout {
        config.timeout_s = bounded(timeout);
    }
    if let Some(memory) = request.memory_size {
        config.memory_mb = bounded(memory);
    }
    if let Some(environment) = request.environment {
        config.environment = environment.variables.unwrap_or_default();
        // Clients take an environment away by one without variables (Terraform's provider; unconfirmed of AWS).
        after.empty_environment = false;
    }
    if let Some(role) = request.role {
        after.role = role;
    }
    if let Some(description) = request.description {
        after.description = description;
    }
    if let Some(mode) = request.tracing_config.and_then(|tracing| tracing.mode) {
        after.traced = mode == TracingMode::Active;
    }
    if let Some(storage) = request.ephemeral_storage {
        after.ephemeral_storage_mb = storage.size;
    }
    if let Some(given) = request.logging_config {
        after.logging = logging(given);
        after.config.logging = after.logging.form();
    }
    after
}

impl Triggers {
    /// The newest state of a function, if it has the revision that the request asks for.
    pub(super) fn at_revision(
        &self,
        name: &FunctionName,
        revision: Option<&str>,
        context: &RequestContext,
    ) -> Result<Arc<FunctionRecord>, ApiError> {
        let record = self.function(name, context)?;
        match revision {
            Some(revision) if !revision.is_empty() && revision != record.config.revision => {
                Err(functions::revision_mismatch())
            }
            _ => Ok(record),
        }
    }

    /// Keeps a function's new state under a new revision. The caller holds the lock of changes.
    async fn update(&self, mut record: FunctionRecord) -> Result<Arc<FunctionRecord>, ApiError> {
        record.config.revision = uuid(self.rng());
        record.modified_ms = self.clock.now_ms();
        let record = self.functions.put(record).await.map_err(internal)?;
        self.runtimes.end_version(&record.config);
        self.remove_unused_packages().await;
        Ok(record)
    }
}
