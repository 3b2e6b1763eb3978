//! GetShardIterator: a place in a shard to read from (streams.md section 8).

use headwater_model::Sequence;
use headwater_streams::Start;
use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::messages::streams;
use headwater_wire::streams::{GetShardIteratorInput, GetShardIteratorOutput, ShardIteratorType};

use crate::api::{Api, RequestContext};
use crate::failure::of_streams;

pub(crate) async fn get_shard_iterator(
    api: &Api,
    input: GetShardIteratorInput,
    context: &RequestContext,
) -> Result<GetShardIteratorOutput, ApiError> {
    let start = start(&input)?;
    let (arn, shard) = (&input.stream_arn, &input.shard_id);
    let iterator = api.streams.iterator(&context.namespace, arn, shard, start);
    let iterator = iterator.map_err(|error| of_streams(error, "StreamArn"))?;
    Ok(GetShardIteratorOutput {
        shard_iterator: Some(iterator.to_string()),
    })
}

/// Where to start, with exactly the parameters that the type takes.
fn start(input: &GetShardIteratorInput) -> Result<Start, ApiError> {
    let kind = input.shard_iterator_type;
    let by_sequence = matches!(
        kind,
        ShardIteratorType::AtSequenceNumber | ShardIteratorType::AfterSequenceNumber
    );
    if !by_sequence && input.sequence_number.is_some() {
        return Err(streams::sequence_number_not_allowed(kind.as_str()));
    }
    if kind != ShardIteratorType::AtTimestamp && input.timestamp.is_some() {
        return Err(streams::timestamp_not_allowed(kind.as_str()));
    }
    Ok(match kind {
        ShardIteratorType::TrimHorizon => Start::TrimHorizon,
        ShardIteratorType::Latest => Start::Latest,
        ShardIteratorType::AtSequenceNumber => Start::AtSequence(sequence(input)?),
        ShardIteratorType::AfterSequenceNumber => Start::AfterSequence(sequence(input)?),
        ShardIteratorType::AtTimestamp => {
            let timestamp = input.timestamp.ok_or_else(streams::timestamp_required)?;
            Start::AtTimestamp(u64::try_from(timestamp.0).unwrap_or(0))
        }
    })
}

fn sequence(input: &GetShardIteratorInput) -> Result<Sequence, ApiError> {
    let kind = input.shard_iterator_type.as_str();
    let text = input.sequence_number.as_deref();
    let text = text.ok_or_else(|| streams::sequence_number_required(kind))?;
    Sequence::parse(text).map_err(|_| streams::invalid_sequence_number(text))
}
