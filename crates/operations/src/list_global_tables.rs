//! ListGlobalTables, of the version of 2017. Tables here are in one region, so that there are none.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{ListGlobalTablesInput, ListGlobalTablesOutput};

use crate::api::{Api, RequestContext};

pub(crate) async fn list_global_tables(
    _api: &Api,
    _input: ListGlobalTablesInput,
    _context: &RequestContext,
) -> Result<ListGlobalTablesOutput, ApiError> {
    Ok(ListGlobalTablesOutput {
        global_tables: Vec::new(),
    })
}
