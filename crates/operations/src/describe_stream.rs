//! DescribeStream: a stream and its shards, a page at a time (streams.md section 6).

use headwater_model::limits;
use headwater_streams::{ShardView, is_shard_id};
use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::StreamViewType;
use headwater_wire::messages::streams;
use headwater_wire::streams::{
    DescribeStreamInput, DescribeStreamOutput, SequenceNumberRange, Shard, ShardFilter,
    StreamDescription, StreamStatus,
};

use crate::api::{Api, RequestContext};
use crate::failure::of_streams;
use crate::table_description::{key_schema, time};

pub(crate) async fn describe_stream(
    api: &Api,
    input: DescribeStreamInput,
    context: &RequestContext,
) -> Result<DescribeStreamOutput, ApiError> {
    let children_of = input.shard_filter.as_ref().map(parent).transpose()?;
    let after = input.exclusive_start_shard_id.as_deref();
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(limits::STREAM_PAGE_SHARDS_MAX);
    let arn = &input.stream_arn;
    let found = api
        .streams
        .describe(&context.namespace, arn, after, children_of, limit)
        .await;
    let found = found.map_err(|error| of_streams(error, "StreamArn"))?;
    let stream = &found.stream;
    let last = found.shards.last().filter(|_| found.more);
    let description = StreamDescription {
        stream_arn: Some(stream.arn()),
        stream_label: Some(stream.label.clone()),
        stream_status: StreamStatus::parse(found.status),
        stream_view_type: StreamViewType::parse(stream.view.as_str()),
        creation_request_date_time: Some(time(stream.created_ms)),
        table_name: Some(stream.table_name.clone()),
        key_schema: Some(key_schema(&stream.schema())),
        last_evaluated_shard_id: last.map(|view| view.shard.id()),
        shards: found.shards.iter().map(shard).collect(),
    };
    Ok(DescribeStreamOutput {
        stream_description: Some(description),
    })
}

/// The shard whose children are asked for.
fn parent(filter: &ShardFilter) -> Result<&str, ApiError> {
    if filter.r#type.is_none() {
        return Err(streams::shard_filter_type_required());
    }
    match filter.shard_id.as_deref() {
        None => Err(streams::shard_filter_shard_required()),
        Some(id) if is_shard_id(id) => Ok(id),
        Some(id) => Err(streams::shard_filter_shard_invalid(id)),
    }
}

fn shard(view: &ShardView) -> Shard {
    let shard = &view.shard;
    Shard {
        shard_id: Some(shard.id()),
        sequence_number_range: Some(SequenceNumberRange {
            starting_sequence_number: Some(shard.start.to_string()),
            ending_sequence_number: shard.end.map(|end| end.to_string()),
        }),
        parent_shard_id: view.parent_id.clone(),
    }
}
