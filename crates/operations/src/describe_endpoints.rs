//! DescribeEndpoints: the server that was asked (dynamodb-api.md section 1). SDKs that discover endpoints go on with it.

use headwater_wire::ApiError;
use headwater_wire::dynamodb::{DescribeEndpointsRequest, DescribeEndpointsResponse, Endpoint};

use crate::api::{Api, RequestContext};

/// How long clients may keep the answer, as on AWS.
const CACHE_PERIOD_MINUTES: i64 = 1440;

pub(crate) async fn describe_endpoints(
    _api: &Api,
    _input: DescribeEndpointsRequest,
    context: &RequestContext,
) -> Result<DescribeEndpointsResponse, ApiError> {
    Ok(DescribeEndpointsResponse {
        endpoints: vec![Endpoint {
            address: context.host.clone(),
            cache_period_in_minutes: CACHE_PERIOD_MINUTES,
        }],
    })
}
