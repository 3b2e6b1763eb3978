//! DisableKinesisStreamingDestination: a table's changes no longer go to a Kinesis stream. Those from before still do.

use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::{
    DestinationStatus, KinesisStreamingDestinationInput, KinesisStreamingDestinationOutput,
};
use headwater_wire::messages::kinesis as messages;

use crate::api::{Api, RequestContext};
use crate::kinesis::of_kinesis;
use crate::table_name::table_name;

pub(crate) async fn disable_kinesis_streaming_destination(
    api: &Api,
    input: KinesisStreamingDestinationInput,
    context: &RequestContext,
) -> Result<KinesisStreamingDestinationOutput, ApiError> {
    let name = table_name(&input.table_name, context)?;
    if input.enable_kinesis_streaming_configuration.is_some() {
        return Err(messages::disabled_with_configuration());
    }
    let arn = input.stream_arn;
    let disabled = api
        .database
        .disable_kinesis(&context.namespace, name, &arn)
        .await;
    disabled.map_err(|error| of_kinesis(error, &arn))?;
    Ok(KinesisStreamingDestinationOutput {
        table_name: Some(name.to_owned()),
        destination_status: DestinationStatus::parse("DISABLING"),
        enable_kinesis_streaming_configuration: None,
        stream_arn: Some(arn),
    })
}
