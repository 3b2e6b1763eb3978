//! GetFunction, GetFunctionConfiguration, ListFunctions, DeleteFunction.

use std::sync::Arc;

use headwater_operations::RequestContext;
use headwater_wire::ApiError;
use headwater_wire::lambda::{
    Concurrency, DeleteFunctionRequest, FunctionCodeLocation, FunctionConfiguration,
    GetFunctionConfigurationRequest, GetFunctionRequest, GetFunctionResponse, ListFunctionsRequest,
    ListFunctionsResponse,
};
use headwater_wire::messages::functions;

use crate::registry::{Alias, FunctionRecord, LATEST, Target};
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, internal};
use super::function_name::FunctionName;
use super::function_view::{active, qualified};
use super::marker;

/// Functions of one page at most, and by default (triggers.md section 10).
pub(super) const PAGE_MAX: usize = 50;

impl Triggers {
    /// What the name and the qualifier of a request mean.
    pub(super) fn target(
        &self,
        name: &FunctionName,
        context: &RequestContext,
    ) -> Result<Target, ApiError> {
        let (namespace, qualifier) = (&context.namespace, name.qualifier.as_deref());
        let found = self.functions.resolve(namespace, &name.name, qualifier);
        found
            .filter(|_| name.is_here(context))
            .ok_or_else(|| functions::not_found(&name.arn(context)))
    }

    /// The version of a function that a request means; of an alias, the main one.
    pub(super) fn function(
        &self,
        name: &FunctionName,
        context: &RequestContext,
    ) -> Result<Arc<FunctionRecord>, ApiError> {
        Ok(self.target(name, context)?.main)
    }
}

pub(super) fn get_function(
    triggers: &Triggers,
    request: GetFunctionRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let name = FunctionName::parse(&request.function_name).qualified(request.qualifier)?;
    let record = triggers.function(&name, context)?;
    let whole = triggers
        .functions
        .get(&context.namespace, &record.config.name)
        .unwrap_or_else(|| record.clone());
    let answer = GetFunctionResponse {
        configuration: Some(shown(&record, &name)),
        code: Some(FunctionCodeLocation {
            repository_type: Some("S3".to_owned()),
            location: Some(record.config.code.location()),
            image_uri: None,
        }),
        tags: (!whole.tags.is_empty()).then(|| whole.tags.clone()),
        concurrency: whole
            .whole
            .reserved_concurrency
            .map(|reserved| Concurrency {
                reserved_concurrent_executions: Some(i64::from(reserved)),
            }),
    };
    HttpAnswer::json(200, &answer)
}

pub(super) fn get_function_configuration(
    triggers: &Triggers,
    request: GetFunctionConfigurationRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let name = FunctionName::parse(&request.function_name).qualified(request.qualifier)?;
    let record = triggers.function(&name, context)?;
    HttpAnswer::json(200, &shown(&record, &name))
}

/// Whoever asks with a qualifier sees it in the ARN.
fn shown(record: &FunctionRecord, name: &FunctionName) -> FunctionConfiguration {
    let mut configuration = active(record);
    if let Some(qualifier) = &name.qualifier {
        configuration.function_arn = Some(format!("{}:{qualifier}", record.config.arn));
    }
    configuration
}

pub(super) fn list_functions(
    triggers: &Triggers,
    request: ListFunctionsRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    if !request.unsupported.is_empty() {
        return Err(functions::unsupported_parameters(&request.unsupported));
    }
    let after = request.marker.as_deref().map(marker::read).transpose()?;
    let with_versions = request.function_version.is_some();
    let mut found = match with_versions {
        true => triggers.functions.list_versions(&context.namespace),
        false => triggers.functions.list(&context.namespace),
    };
    if let Some(after) = &after {
        let after = read_place(after).ok_or_else(marker::invalid)?;
        found.retain(|record| place(record) > after);
    }
    let page = page_size(request.max_items, PAGE_MAX);
    let more = found.len() > page;
    found.truncate(page);
    let last = found.last().filter(|_| more);
    let answer = ListFunctionsResponse {
        next_marker: last.map(|record| {
            let (name, number) = place(record);
            marker::write(&format!("{name}:{number}"))
        }),
        functions: found
            .iter()
            .map(|record| match with_versions {
                true => qualified(listed(record)),
                false => listed(record),
            })
            .collect(),
    };
    HttpAnswer::json(200, &answer)
}

/// The place of a version in lists.
fn place(record: &FunctionRecord) -> (&str, u64) {
    let number = record.version_number().unwrap_or(0);
    (&record.config.name, number)
}

fn read_place(text: &str) -> Option<(&str, u64)> {
    let (name, number) = text.split_once(':')?;
    Some((name, number.parse().ok()?))
}

/// A version as lists show it: they leave out the states (API reference, ListFunctions).
pub(super) fn listed(record: &FunctionRecord) -> FunctionConfiguration {
    FunctionConfiguration {
        state: None,
        last_update_status: None,
        ..active(record)
    }
}

/// `MaxItems` as a page's size: whatever is asked, a page holds no more than the service gives.
pub(super) fn page_size(max_items: Option<i64>, page_max: usize) -> usize {
    let asked = max_items.and_then(|items| usize::try_from(items).ok());
    asked.map_or(page_max, |items| items.min(page_max))
}

pub(super) async fn delete_function(
    triggers: &Triggers,
    request: DeleteFunctionRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let name = FunctionName::parse(&request.function_name).qualified(request.qualifier)?;
    let _change = triggers.changes.lock().await;
    match name.qualifier.as_deref() {
        None => delete_whole(triggers, &name, context).await,
        Some(LATEST) => {
            triggers.function(&name, context)?;
            Err(functions::latest_cannot_be_deleted())
        }
        Some(version) => delete_version(triggers, &name, version, context).await,
    }
}

async fn delete_whole(
    triggers: &Triggers,
    name: &FunctionName,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let record = triggers.function(name, context)?;
    triggers.functions.remove(&record).await.map_err(internal)?;
    triggers.runtimes.retire(&record.config).await;
    triggers.remove_unused_packages().await;
    Ok(HttpAnswer::empty(204))
}

/// A version that is not there is deleted already (floci, which compared with the service).
async fn delete_version(
    triggers: &Triggers,
    name: &FunctionName,
    version: &str,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let whole = triggers.function(&name.clone().unqualified(), context)?;
    if !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(functions::aliases_cannot_be_deleted_so());
    }
    let aliases = whole.whole.aliases.iter();
    let names_it = |alias: &Alias| {
        let additional = alias.additional.as_ref();
        alias.version == version || additional.is_some_and(|(other, _)| other == version)
    };
    let aliases: Vec<&str> = aliases
        .filter(|(_, alias)| names_it(alias))
        .map(|(name, _)| name.as_str())
        .collect();
    if !aliases.is_empty() {
        return Err(functions::version_has_aliases(&aliases));
    }
    if let Ok(record) = triggers.function(name, context) {
        triggers.functions.remove(&record).await.map_err(internal)?;
        triggers.runtimes.end_version(&record.config);
        triggers.remove_unused_packages().await;
    }
    Ok(HttpAnswer::empty(204))
}
