//! DescribeKinesisStreamingDestination: the Kinesis streams that a table's changes go or went to, the newest first.

use std::collections::HashSet;

use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{
    DescribeKinesisStreamingDestinationInput, DescribeKinesisStreamingDestinationOutput,
    DestinationStatus, KinesisDataStreamDestination,
};

use crate::api::{Api, RequestContext};
use crate::failure::of_tables;
use crate::kinesis::shown;
use crate::table_name::table_name;

pub(crate) async fn describe_kinesis_streaming_destination(
    api: &Api,
    input: DescribeKinesisStreamingDestinationInput,
    context: &RequestContext,
) -> Result<DescribeKinesisStreamingDestinationOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let view = api.database.describe(&context.namespace, name).await;
    let record = view.map_err(of_tables)?.record;
    let now_ms = api.database.clock().now_ms();
    // Of a stream that was enabled again the last time counts.
    let mut named = HashSet::new();
    let latest = record.kinesis.iter();
    let latest = latest.filter(|one| named.insert(one.arn.as_str()));
    let destinations = latest.map(|one| KinesisDataStreamDestination {
        stream_arn: Some(one.arn.clone()),
        destination_status: DestinationStatus::parse(one.status(now_ms)),
        approximate_creation_date_time_precision: one.precision.map(shown),
    });
    Ok(DescribeKinesisStreamingDestinationOutput {
        table_name: Some(record.name.clone()),
        kinesis_data_stream_destinations: destinations.collect(),
    })
}
