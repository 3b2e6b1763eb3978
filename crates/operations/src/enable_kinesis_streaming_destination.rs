//! EnableKinesisStreamingDestination: a table's changes go to a Kinesis stream from now on.

use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{
    DestinationStatus, EnableKinesisStreamingConfiguration, KinesisStreamingDestinationInput,
    KinesisStreamingDestinationOutput,
};
use headwater_wire::messages::kinesis as messages;

use crate::api::{Api, RequestContext};
use crate::kinesis::{check_arn, of_kinesis, shown, stored};
use crate::table_name::table_name;

pub(crate) async fn enable_kinesis_streaming_destination(
    api: &Api,
    input: KinesisStreamingDestinationInput,
    context: &RequestContext,
) -> Result<KinesisStreamingDestinationOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let arn = input.stream_arn;
    check_arn(&arn)?;
    if !api.sends_to_kinesis {
        return Err(messages::no_endpoint());
    }
    let configuration = input
        .enable_kinesis_streaming_configuration
        .unwrap_or_default();
    let precision = configuration.approximate_creation_date_time_precision;
    let enabled = api
        .database
        .enable_kinesis(&context.namespace, name, &arn, precision.map(stored))
        .await;
    let record = enabled.map_err(|error| of_kinesis(error, &arn))?;
    Ok(KinesisStreamingDestinationOutput {
        table_name: Some(name.to_owned()),
        destination_status: DestinationStatus::parse("ENABLING"),
        enable_kinesis_streaming_configuration: Some(EnableKinesisStreamingConfiguration {
            approximate_creation_date_time_precision: record.precision.map(shown),
        }),
        stream_arn: Some(arn),
    })
}
