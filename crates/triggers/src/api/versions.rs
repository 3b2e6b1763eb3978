//! PublishVersion and ListVersionsByFunction.

use std::sync::Arc;

use headwater_operations::RequestContext;
use headwater_wire::ApiError;
use headwater_wire::lambda::{
    ListVersionsByFunctionRequest, ListVersionsByFunctionResponse, PublishVersionRequest,
};
use headwater_wire::messages::functions;

use crate::functions::CodeSource;
use crate::registry::{FunctionRecord, Whole, uuid};
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, internal};
use super::create_function::{refuse_all, refused};
use super::function_code::copied;
use super::function_name::FunctionName;
use super::function_view;
use super::marker;
use super::read_functions::{PAGE_MAX, listed, page_size};

/// A version that was asked for.
pub(super) struct Published {
    pub(super) record: Arc<FunctionRecord>,
    /// Whether it was made now; otherwise nothing had changed since it was.
    pub(super) is_new: bool,
}

pub(super) async fn publish_version(
    triggers: &Triggers,
    request: PublishVersionRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    refuse_all(&request.unsupported)?;
    let name = FunctionName::parse(&request.function_name).of_latest()?;
    let _change = triggers.changes.lock().await;
    let latest = triggers.at_revision(&name, request.revision_id.as_deref(), context)?;
    let is_other = |sha256: &String| !sha256.is_empty() && *sha256 != latest.code_sha256;
    if let Some(sha256) = request.code_sha256.filter(is_other) {
        return Err(functions::code_sha256_mismatch(
            &sha256,
            &latest.code_sha256,
        ));
    }
    let published = triggers.publish(&latest, request.description).await?;
    let shown = match published.is_new {
        true => function_view::pending(&published.record),
        false => function_view::active(&published.record),
    };
    HttpAnswer::json(201, &function_view::qualified(shown))
}

pub(super) fn list_versions(
    triggers: &Triggers,
    request: ListVersionsByFunctionRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let name = FunctionName::parse(&request.function_name).of_latest()?;
    let function = triggers.function(&name, context)?;
    let after = request.marker.as_deref().map(marker::read).transpose()?;
    let after: Option<u64> = after
        .map(|number| number.parse().map_err(|_| marker::invalid()))
        .transpose()?;
    let mut found = triggers
        .functions
        .versions(&context.namespace, &function.config.name);
    let number = |record: &FunctionRecord| record.version_number().unwrap_or(0);
    found.retain(|record| after.is_none_or(|after| number(record) > after));
    let page = page_size(request.max_items, PAGE_MAX);
    let more = found.len() > page;
    found.truncate(page);
    let last = found.last().filter(|_| more);
    let answer = ListVersionsByFunctionResponse {
        next_marker: last.map(|record| marker::write(&number(record).to_string())),
        versions: found
            .iter()
            .map(|record| function_view::qualified(listed(record)))
            .collect(),
    };
    HttpAnswer::json(200, &answer)
}

impl Triggers {
    /// Makes a version of a function's newest state, unless the last version is the same. The caller holds the lock
    /// of changes.
    pub(super) async fn publish(
        &self,
        latest: &FunctionRecord,
        description: Option<String>,
    ) -> Result<Published, ApiError> {
        // A version of a folder is a package, which may be allowed where the folder is not.
        self.runtimes
            .check_allowed(&latest.config)
            .map_err(refused)?;
        let mut version = self.snapshot(latest).await?;
        let content = version.content();
        let versions = self
            .functions
            .versions(&latest.namespace, &latest.config.name);
        let last = versions.last().filter(|last| {
            last.version_number() >= Some(latest.whole.last_version)
                && last.published_content.as_ref() == Some(&content)
        });
        if let Some(last) = last {
            return Ok(Published {
                record: last.clone(),
                is_new: false,
            });
        }
        // A crash may have come between a version and the count of it.
        let highest = versions.last().and_then(|last| last.version_number());
        let number = 1 + latest.whole.last_version.max(highest.unwrap_or(0));
        version.config.version = number.to_string();
        version.config.revision = uuid(self.rng());
        version.modified_ms = self.clock.now_ms();
        version.published_content = Some(content);
        if let Some(description) = description {
            version.description = description;
        }
        let kept = self.functions.put(version).await.map_err(internal);
        let record = self.without_packages(kept).await?;
        let mut counted = latest.clone();
        counted.whole.last_version = number;
        self.functions.put(counted).await.map_err(internal)?;
        Ok(Published {
            record,
            is_new: true,
        })
    }

    /// A function's newest state without what belongs to the function as a whole, and with code that stays as it is.
    async fn snapshot(&self, latest: &FunctionRecord) -> Result<FunctionRecord, ApiError> {
        let mut version = FunctionRecord {
            tags: Default::default(),
            whole: Whole::default(),
            ..latest.clone()
        };
        if let CodeSource::Directory { path, .. } = &latest.config.code {
            let code = copied(self, path).await?;
            version.config.code = code.source;
            version.code_sha256 = code.sha256_base64;
            version.code_size_bytes = code.size_bytes;
        }
        Ok(version)
    }
}
