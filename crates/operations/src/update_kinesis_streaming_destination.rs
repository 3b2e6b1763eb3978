//! UpdateKinesisStreamingDestination: the precision of the times in records.

use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{
    DestinationStatus, UpdateKinesisStreamingDestinationInput,
    UpdateKinesisStreamingDestinationOutput,
};
use headwater_wire::messages::kinesis as messages;

use crate::api::{Api, RequestContext};
use crate::kinesis::{of_kinesis, stored};
use crate::table_name::table_name;

pub(crate) async fn update_kinesis_streaming_destination(
    api: &Api,
    input: UpdateKinesisStreamingDestinationInput,
    context: &RequestContext,
) -> Result<UpdateKinesisStreamingDestinationOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    let configuration = input.update_kinesis_streaming_configuration;
    let wanted = configuration.clone().unwrap_or_default();
    let Some(precision) = wanted.approximate_creation_date_time_precision else {
        return Err(messages::nothing_to_update());
    };
    let arn = input.stream_arn;
    let updated = api
        .database
        .update_kinesis(&context.namespace, name, &arn, stored(precision))
        .await;
    updated.map_err(|error| of_kinesis(error, &arn))?;
    Ok(UpdateKinesisStreamingDestinationOutput {
        table_name: Some(name.to_owned()),
        destination_status: DestinationStatus::parse("UPDATING"),
        update_kinesis_streaming_configuration: configuration,
        stream_arn: Some(arn),
    })
}
