//! DescribeGlobalTableSettings, of the version of 2017: there is no such table (see `list_global_tables`).

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{
    DescribeGlobalTableSettingsInput, DescribeGlobalTableSettingsOutput,
};
use headwater_wire::messages::tables;

use crate::api::{Api, RequestContext};

pub(crate) async fn describe_global_table_settings(
    _api: &Api,
    input: DescribeGlobalTableSettingsInput,
    _context: &RequestContext,
) -> Result<DescribeGlobalTableSettingsOutput, ApiError> {
    Err(tables::global_table_settings_not_found(
        &input.global_table_name,
    ))
}
