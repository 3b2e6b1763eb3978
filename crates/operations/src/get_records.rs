//! GetRecords: a page of a shard's records, and the iterator for the next (streams.md section 8).

use headwater_model::{CorruptItem, limits};
use headwater_streams::{RecordsPage, StreamsError};
use headwater_wire::ApiError;
use headwater_wire::json::{ArrayWriter, ObjectWriter, WriteJson};
use headwater_wire::streams::GetRecordsInput;

use crate::api::{Api, RequestContext};
use crate::failure::of_streams;
use crate::stream_record::stream_record;

pub(crate) async fn get_records(
    api: &Api,
    input: GetRecordsInput,
    context: &RequestContext,
) -> Result<GetRecordsReply, ApiError> {
    let (namespace, limit) = (&context.namespace, limit(&input));
    let page = api.streams.read(namespace, &input.shard_iterator, limit);
    get_records_reply(page, context)
}

/// For a call that waits, and was answered by [`get_records`] before.
pub(crate) fn get_records_again(
    api: &Api,
    input: &GetRecordsInput,
    context: &RequestContext,
) -> Result<GetRecordsReply, ApiError> {
    let (namespace, limit) = (&context.namespace, limit(input));
    let streams = &api.streams;
    let page = streams.read_again(namespace, &input.shard_iterator, limit);
    get_records_reply(page, context)
}

fn limit(input: &GetRecordsInput) -> usize {
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
    limit.unwrap_or(limits::STREAM_PAGE_RECORDS_MAX)
}

fn get_records_reply(
    page: Result<RecordsPage, StreamsError>,
    context: &RequestContext,
) -> Result<GetRecordsReply, ApiError> {
    let page = page.map_err(|error| of_streams(error, "ShardIterator"))?;
    Ok(GetRecordsReply {
        page,
        region: context.region.clone(),
    })
}

/// The reply, written record by record: a page can be 1 MB, and its shapes need not all be there at once.
pub(crate) struct GetRecordsReply {
    page: RecordsPage,
    region: String,
}

/// What stands around the images of a record, and the types of their attributes.
const RECORD_OVERHEAD_BYTES: usize = 640;

impl WriteJson for GetRecordsReply {
    fn size_hint_bytes(&self) -> usize {
        let records = self.page.records.iter();
        let records_bytes: usize = records
            .map(|view| RECORD_OVERHEAD_BYTES + view.size_bytes())
            .sum();
        512 + records_bytes
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        let mut reply = ObjectWriter::new(out);
        let mut records = ArrayWriter::new(reply.name("Records"));
        for view in &self.page.records {
            stream_record(view, &self.region).write(records.element())?;
        }
        records.finish();
        if let Some(next) = &self.page.next {
            reply.put("NextShardIterator", &next.to_string())?;
        }
        reply.finish();
        Ok(())
    }
}
