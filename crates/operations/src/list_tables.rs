//! ListTables: names in byte order, a page at a time.

use headwater_model::limits;
use headwater_wire::ApiError;
use headwater_wire::dynamodb::{ListTablesInput, ListTablesOutput};

use crate::api::{Api, RequestContext};
use crate::failure::of_tables;

pub(crate) async fn list_tables(
    api: &Api,
    input: ListTablesInput,
    context: &RequestContext,
) -> Result<ListTablesOutput, ApiError> {
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(limits::LIST_TABLES_PAGE_MAX);
    let after = input.exclusive_start_table_name.as_deref();
    let page = api
        .database
        .list_tables(&context.namespace, after, limit)
        .await;
    let (table_names, more) = page.map_err(of_tables)?;
    let last = table_names.last().filter(|_| more);
    Ok(ListTablesOutput {
        last_evaluated_table_name: last.cloned(),
        table_names,
    })
}
