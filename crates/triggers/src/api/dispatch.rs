//! From an HTTP request to an operation.

use std::sync::Arc;

use bytes::Bytes;
use headwater_operations::RequestContext;
use headwater_wire::messages::functions;
use headwater_wire::{ApiError, Operation, RestRequest, lambda};

use crate::registry::uuid;
use crate::triggers::Triggers;

use super::account::{get_account_settings, get_code_signing_config};
use super::aliases::{create_alias, delete_alias, get_alias, list_aliases, update_alias};
use super::answer::{HttpAnswer, internal};
use super::change_mapping::{delete_mapping, update_mapping};
use super::concurrency::{delete_concurrency, get_concurrency, put_concurrency};
use super::create_function::create_function;
use super::create_mapping::create_mapping;
use super::invoke::invoke;
use super::read_functions::{
    delete_function, get_function, get_function_configuration, list_functions,
};
use super::read_mappings::{get_mapping, list_mappings};
use super::tags::{list_tags, tag_resource, untag_resource};
use super::update_function::{update_function_code, update_function_configuration};
use super::versions::{list_versions, publish_version};

/// The headers that carry parts of a request, in lower case.
const HEADERS: [&str; 5] = [
    "x-amz-invocation-type",
    "x-amz-log-type",
    "x-amz-client-context",
    "x-amz-durable-execution-name",
    "x-amz-tenant-id",
];
const TRACE_ID: &str = "x-amzn-trace-id";

/// Looks a header of the request up; its name is in lower case.
pub type HeaderOf<'h> = &'h (dyn Fn(&str) -> Option<String> + Send + Sync);

impl Triggers {
    /// Answers a request of the Lambda API. `uri` is its path and query. `held` is what the body's memory is counted by: it
    /// is kept for as long as the body, which a change keeps when whoever asked has left.
    pub async fn handle(
        self: &Arc<Self>,
        method: &str,
        uri: &str,
        header: HeaderOf<'_>,
        (body, held): (Bytes, impl Send + 'static),
        context: &RequestContext,
    ) -> HttpAnswer {
        let answer = self.answer(method, uri, header, (body, held), context);
        let answer = answer.await;
        answer
            .unwrap_or_else(|error| HttpAnswer::error(&error))
            .with_request_id(|| uuid(self.rng()))
    }

    async fn answer(
        self: &Arc<Self>,
        method: &str,
        uri: &str,
        header: HeaderOf<'_>,
        (body, held): (Bytes, impl Send + 'static),
        context: &RequestContext,
    ) -> Result<HttpAnswer, ApiError> {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let (operation, request) = RestRequest::route(method, path, query)
            .ok_or_else(|| functions::unknown_path(method, path))?;
        let given = HEADERS
            .iter()
            .filter_map(|name| Some((*name, header(name)?)));
        let request = given
            .fold(request, |request, (name, value)| {
                request.with_header(name, &value)
            })
            .with_body(body);
        let trace_id = header(TRACE_ID);
        let (triggers, context) = (self.clone(), context.clone());
        let work = async move {
            let _held = held;
            triggers
                .dispatch(operation, &request, trace_id, &context)
                .await
        };
        if !is_change(operation) {
            return work.await;
        }
        let place = self.place_for_a_change();
        let place = place.ok_or_else(functions::too_many_requests)?;
        // Whoever asks may leave, and then this future is dropped. A change is finished all the same: half of
        // one would leave in memory what is not in the tables.
        let work = async move {
            let _place = place;
            work.await
        };
        let finished = tokio::spawn(work).await;
        finished.unwrap_or_else(|error| Err(internal(error)))
    }

    async fn dispatch(
        &self,
        operation: Operation,
        request: &RestRequest,
        trace_id: Option<String>,
        context: &RequestContext,
    ) -> Result<HttpAnswer, ApiError> {
        macro_rules! decoded {
            ($shape:ident) => {
                lambda::$shape::decode(request)?
            };
        }
        match operation {
            Operation::CreateFunction => {
                // Before the package is decoded: who waits holds no more than the request.
                let _change = self.changes.lock().await;
                create_function(self, decoded!(CreateFunctionRequest), context).await
            }
            Operation::GetFunction => get_function(self, decoded!(GetFunctionRequest), context),
            Operation::GetFunctionConfiguration => {
                let request = decoded!(GetFunctionConfigurationRequest);
                get_function_configuration(self, request, context)
            }
            Operation::ListFunctions => {
                list_functions(self, decoded!(ListFunctionsRequest), context)
            }
            Operation::DeleteFunction => {
                delete_function(self, decoded!(DeleteFunctionRequest), context).await
            }
            Operation::Invoke => invoke(self, decoded!(InvocationRequest), context, trace_id).await,
            Operation::UpdateFunctionCode => {
                let _change = self.changes.lock().await;
                update_function_code(self, decoded!(UpdateFunctionCodeRequest), context).await
            }
            Operation::UpdateFunctionConfiguration => {
                let request = decoded!(UpdateFunctionConfigurationRequest);
                update_function_configuration(self, request, context).await
            }
            Operation::PublishVersion => {
                publish_version(self, decoded!(PublishVersionRequest), context).await
            }
            Operation::ListVersionsByFunction => {
                list_versions(self, decoded!(ListVersionsByFunctionRequest), context)
            }
            Operation::CreateAlias => {
                create_alias(self, decoded!(CreateAliasRequest), context).await
            }
            Operation::GetAlias => get_alias(self, decoded!(GetAliasRequest), context),
            Operation::UpdateAlias => {
                update_alias(self, decoded!(UpdateAliasRequest), context).await
            }
            Operation::DeleteAlias => {
                delete_alias(self, decoded!(DeleteAliasRequest), context).await
            }
            Operation::ListAliases => list_aliases(self, decoded!(ListAliasesRequest), context),
            Operation::PutFunctionConcurrency => {
                put_concurrency(self, decoded!(PutFunctionConcurrencyRequest), context).await
            }
            Operation::GetFunctionConcurrency => {
                get_concurrency(self, decoded!(GetFunctionConcurrencyRequest), context)
            }
            Operation::DeleteFunctionConcurrency => {
                delete_concurrency(self, decoded!(DeleteFunctionConcurrencyRequest), context).await
            }
            Operation::GetFunctionCodeSigningConfig => {
                let request = decoded!(GetFunctionCodeSigningConfigRequest);
                get_code_signing_config(self, request, context)
            }
            Operation::GetAccountSettings => {
                get_account_settings(self, decoded!(GetAccountSettingsRequest), context)
            }
            Operation::LambdaTagResource => {
                tag_resource(self, decoded!(TagResourceRequest), context).await
            }
            Operation::LambdaUntagResource => {
                untag_resource(self, decoded!(UntagResourceRequest), context).await
            }
            Operation::ListTags => list_tags(self, decoded!(ListTagsRequest), context),
            Operation::CreateEventSourceMapping => {
                create_mapping(self, decoded!(CreateEventSourceMappingRequest), context).await
            }
            Operation::GetEventSourceMapping => {
                get_mapping(self, decoded!(GetEventSourceMappingRequest), context)
            }
            Operation::ListEventSourceMappings => {
                list_mappings(self, decoded!(ListEventSourceMappingsRequest), context)
            }
            Operation::UpdateEventSourceMapping => {
                update_mapping(self, decoded!(UpdateEventSourceMappingRequest), context).await
            }
            Operation::DeleteEventSourceMapping => {
                delete_mapping(self, decoded!(DeleteEventSourceMappingRequest), context).await
            }
            other => Err(functions::invalid_parameter(format!(
                "Headwater does not support the operation {} yet",
                other.name()
            ))),
        }
    }
}

fn is_change(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CreateFunction
            | Operation::DeleteFunction
            | Operation::UpdateFunctionCode
            | Operation::UpdateFunctionConfiguration
            | Operation::PublishVersion
            | Operation::CreateAlias
            | Operation::UpdateAlias
            | Operation::DeleteAlias
            | Operation::PutFunctionConcurrency
            | Operation::DeleteFunctionConcurrency
            | Operation::LambdaTagResource
            | Operation::LambdaUntagResource
            | Operation::CreateEventSourceMapping
            | Operation::UpdateEventSourceMapping
            | Operation::DeleteEventSourceMapping
    )
}
