//! DescribeLimits: what AWS allows an account at first (dynamodb-api.md section 1). Nothing here enforces it.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{DescribeLimitsInput, DescribeLimitsOutput};

use crate::api::{Api, RequestContext};

/// Capacity units of all tables of an account together, of reads and of writes alike.
const ACCOUNT_CAPACITY_UNITS_MAX: i64 = 80_000;
/// Capacity units of one table, of reads and of writes alike.
const TABLE_CAPACITY_UNITS_MAX: i64 = 40_000;

pub(crate) async fn describe_limits(
    _api: &Api,
    _input: DescribeLimitsInput,
    _context: &RequestContext,
) -> Result<DescribeLimitsOutput, ApiError> {
    Ok(DescribeLimitsOutput {
        account_max_read_capacity_units: ACCOUNT_CAPACITY_UNITS_MAX,
        account_max_write_capacity_units: ACCOUNT_CAPACITY_UNITS_MAX,
        table_max_read_capacity_units: TABLE_CAPACITY_UNITS_MAX,
        table_max_write_capacity_units: TABLE_CAPACITY_UNITS_MAX,
    })
}
