//! ListStreams: enabled and disabled streams, oldest first, a page at a time (streams.md section 7).

use headwater_model::limits;
use headwater_wire::ApiError;
use headwater_wire::streams::{ListStreamsInput, ListStreamsOutput, Stream};

use crate::api::{Api, RequestContext};
use crate::failure::of_streams;
use crate::table_name::table_name;

pub(crate) async fn list_streams(
    api: &Api,
    input: ListStreamsInput,
    context: &RequestContext,
) -> Result<ListStreamsOutput, ApiError> {
    let name = input.table_name.as_deref();
    let name = name.map(|name| table_name(name, context)).transpose()?;
    let after = input.exclusive_start_stream_arn.as_deref();
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(limits::LIST_STREAMS_PAGE_MAX);
    let page = api
        .streams
        .list(&context.namespace, name, after, limit)
        .await;
    let page = page.map_err(|error| of_streams(error, "ExclusiveStartStreamArn"))?;
    let last = page.streams.last().filter(|_| page.more);
    Ok(ListStreamsOutput {
        last_evaluated_stream_arn: last.map(|stream| stream.arn()),
        streams: page
            .streams
            .iter()
            .map(|stream| Stream {
                stream_arn: Some(stream.arn()),
                table_name: Some(stream.table_name.clone()),
                stream_label: Some(stream.label.clone()),
            })
            .collect(),
    })
}
