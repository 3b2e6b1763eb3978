//! DescribeGlobalTable, of the version of 2017: there is none, whatever its name (see `list_global_tables`).

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{DescribeGlobalTableInput, DescribeGlobalTableOutput};
use headwater_wire::messages::tables;

use crate::api::{Api, RequestContext};

pub(crate) async fn describe_global_table(
    _api: &Api,
    input: DescribeGlobalTableInput,
    _context: &RequestContext,
) -> Result<DescribeGlobalTableOutput, ApiError> {
    Err(tables::global_table_not_found(&input.global_table_name))
}
