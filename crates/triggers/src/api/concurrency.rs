//! PutFunctionConcurrency, GetFunctionConcurrency, DeleteFunctionConcurrency: how many invocations of a function, of all
//! its versions together, may run at once.

use headwater_operations::RequestContext;
use headwater_wire::ApiError;
use headwater_wire::lambda::{
    Concurrency, DeleteFunctionConcurrencyRequest, GetFunctionConcurrencyRequest,
    GetFunctionConcurrencyResponse, PutFunctionConcurrencyRequest,
};

use crate::registry::FunctionRecord;
use crate::triggers::Triggers;

use super::answer::{HttpAnswer, internal};
use super::create_function::bounded;
use super::function_name::FunctionName;

pub(super) async fn put_concurrency(
    triggers: &Triggers,
    request: PutFunctionConcurrencyRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let reserved = bounded(request.reserved_concurrent_executions);
    triggers
        .reserve(&request.function_name, Some(reserved), context)
        .await?;
    let answer = Concurrency {
        reserved_concurrent_executions: Some(i64::from(reserved)),
    };
    HttpAnswer::json(200, &answer)
}

pub(super) fn get_concurrency(
    triggers: &Triggers,
    request: GetFunctionConcurrencyRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    let name = FunctionName::parse(&request.function_name).of_whole()?;
    let record = triggers.function(&name, context)?;
    let answer = GetFunctionConcurrencyResponse {
        reserved_concurrent_executions: record.whole.reserved_concurrency.map(i64::from),
    };
    HttpAnswer::json(200, &answer)
}

pub(super) async fn delete_concurrency(
    triggers: &Triggers,
    request: DeleteFunctionConcurrencyRequest,
    context: &RequestContext,
) -> Result<HttpAnswer, ApiError> {
    triggers
        .reserve(&request.function_name, None, context)
        .await?;
    Ok(HttpAnswer::empty(204))
}

impl Triggers {
    async fn reserve(
        &self,
        name: &str,
        reserved: Option<u32>,
        context: &RequestContext,
    ) -> Result<(), ApiError> {
        let name = FunctionName::parse(name).of_whole()?;
        let _change = self.changes.lock().await;
        let mut record = FunctionRecord::clone(&*self.function(&name, context)?);
        record.whole.reserved_concurrency = reserved;
        let record = self.functions.put(record).await.map_err(internal)?;
        self.runtimes.reserve(&record.config, reserved);
        Ok(())
    }
}
