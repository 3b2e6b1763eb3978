//! GetFunction, GetFunctionConfiguration, ListFunctions, DeleteFunction.

use std::sync::Arc;

use headwater_operations::RequestContext;
use headwater_wire::ApiError;
use headwater_wire::lambda::{
    DeleteFunctionRequest, FunctionCodeLocation, FunctionConfiguration,
    GetFunctionConfigurationRequest, GetFunctionRequest, GetFunctionResponse, ListFunctionsRequest,
    ListFunctionsResponse,
};
use headwater_wire::messages::functions;

use crate::registry::FunctionRecord;
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, internal};
use super::function_name::{FunctionName, LATEST};
use super::function_view::active;
use super::marker;

/// Functions of one page at most, and by default (triggers.md section 10).
const PAGE_MAX: usize = 50;

impl Triggers {
    /// The function that a request means.
    pub(super) fn function(
        &self,
        name: &FunctionName,
        context: &RequestContext,
    ) -> Result<Arc<FunctionRecord>, ApiError> {
        let found = self.functions.get(&context.namespace, &name.name);
        found
            .filter(|_| name.is_served(context))
            .ok_or_else(|| functions::not_found(&name.arn(context)))
    }
}

pub(super) fn get_function(
    triggers: &Triggers,
    request: GetFunctionRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let name = FunctionName::parse(&request.function_name).qualified(request.qualifier)?;
    let record = triggers.function(&name, context)?;
    let folder = record.config.code.directory().display();
    let answer = GetFunctionResponse {
        configuration: Some(shown(&record, &name)),
        code: Some(FunctionCodeLocation {
            repository_type: Some("S3".to_owned()),
            location: Some(format!("file://{folder}")),
            image_uri: None,
        }),
        tags: (!record.tags.is_empty()).then(|| record.tags.clone()),
        concurrency: None,
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
    let mut found = triggers
        .functions
        .list(&context.namespace, after.as_deref());
    let page = page_size(request.max_items, PAGE_MAX);
    let more = found.len() > page;
    found.truncate(page);
    let last = found.last().filter(|_| more);
    let answer = ListFunctionsResponse {
        next_marker: last.map(|record| marker::write(&record.config.name)),
        functions: found
            .iter()
            .map(|record| listed(record, &request))
            .collect(),
    };
    HttpAnswer::json(200, &answer)
}

fn listed(record: &FunctionRecord, request: &ListFunctionsRequest) -> FunctionConfiguration {
    let mut configuration = active(record);
    if request.function_version.is_some() {
        configuration.function_arn = Some(format!("{}:{LATEST}", record.config.arn));
    }
    // Lists leave out the states (API reference, ListFunctions).
    configuration.state = None;
    configuration.last_update_status = None;
    configuration
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
    let record = triggers.function(&name, context)?;
    if name.qualifier.is_some() {
        return Err(functions::invalid_parameter(
            "$LATEST version cannot be deleted without deleting the function.",
        ));
    }
    triggers.functions.remove(&record).await.map_err(internal)?;
    triggers.runtimes.retire(&record.config.arn);
    triggers.remove_unused_packages().await;
    Ok(HttpAnswer::empty(204))
}
