//! Streams: records, iterators, shards, and what time does to them.

use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsOutput;
use aws_sdk_dynamodbstreams::types::{
    OperationType, Record, Shard, ShardFilter, ShardFilterType, ShardIteratorType, StreamStatus,
};

use crate::items::{put, s};
use crate::server::Server;
use crate::tables::{active, streamed};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const BOTH: StreamViewType = StreamViewType::NewAndOldImages;

async fn shards(server: &Server, arn: &str) -> Vec<Shard> {
    let describe = server.streams.describe_stream().stream_arn(arn);
    let found = describe.send().await.expect("describe").stream_description;
    found.and_then(|stream| stream.shards).unwrap_or_default()
}

async fn iterator(server: &Server, arn: &str, shard: &Shard) -> String {
    let kind = ShardIteratorType::TrimHorizon;
    let get = server.streams.get_shard_iterator().stream_arn(arn);
    let get = get
        .set_shard_id(shard.shard_id.clone())
        .shard_iterator_type(kind);
    get.send()
        .await
        .expect("iterator")
        .shard_iterator
        .expect("one")
}

async fn page(server: &Server, iterator: &str, limit: Option<i32>) -> GetRecordsOutput {
    let get = server.streams.get_records().shard_iterator(iterator);
    get.set_limit(limit).send().await.expect("records")
}

async fn drain(server: &Server, arn: &str) -> Vec<Record> {
    let mut found = Vec::new();
    for shard in shards(server, arn).await {
        let first = iterator(server, arn, &shard).await;
        found.extend(page(server, &first, None).await.records.unwrap_or_default());
    }
    found
}

fn values(records: &[Record]) -> Vec<&str> {
    records
        .iter()
        .filter_map(Record::dynamodb)
        .filter_map(|change| change.new_image.as_ref()?.get("v"))
        .filter_map(|value| value.as_n().ok().map(String::as_str))
        .collect()
}

#[tokio::test]
async fn records_tell_a_life() {
    let server = Server::start().await;
    let arn = streamed(&server, "table", BOTH).await;
    for v in [1, 1, 2] {
        put(&server, "table", v).await;
    }
    let delete = server.dynamodb.delete_item().table_name("table");
    delete.key("pk", s("a")).send().await.expect("delete");
    let records = drain(&server, &arn).await;
    let names: Vec<_> = records.iter().filter_map(Record::event_name).collect();
    let wanted = [
        OperationType::Insert,
        OperationType::Modify,
        OperationType::Remove,
    ];
    assert_eq!(names, wanted.iter().collect::<Vec<_>>());
    let change = |at: usize| records[at].dynamodb.as_ref().expect("a change");
    assert_eq!(change(1).old_image, change(0).new_image);
    assert_eq!(change(2).old_image, change(1).new_image);
    assert_eq!(change(2).new_image, None);
    assert_eq!(change(0).size_bytes, Some(9));
    assert!(change(0).sequence_number < change(1).sequence_number);
    server.stop().await;
}

#[tokio::test]
async fn pages_follow_each_other_over_a_restart() {
    let server = Server::start().await;
    let arn = streamed(&server, "table", StreamViewType::NewImage).await;
    for v in 0..5 {
        put(&server, "table", v).await;
    }
    let before = drain(&server, &arn).await;
    let shard = &shards(&server, &arn).await[0];
    let first = page(&server, &iterator(&server, &arn, shard).await, Some(2)).await;
    let next = first.next_shard_iterator.clone().expect("an open shard");
    let server = server.restart().await;
    let rest = page(&server, &next, None).await;
    let found = [first.records(), rest.records()].concat();
    assert_eq!(found, before);
    server.stop().await;
}

#[tokio::test]
async fn a_disabled_stream_ends_and_stays_readable() {
    let server = Server::start().await;
    let arn = streamed(&server, "table", BOTH).await;
    put(&server, "table", 1).await;
    let off = StreamSpecification::builder().stream_enabled(false);
    let update = server.dynamodb.update_table().table_name("table");
    let update = update.stream_specification(off.build().expect("complete"));
    update.send().await.expect("update");
    active(&server, "table").await;
    let describe = server.streams.describe_stream().stream_arn(&arn);
    let stream = describe.send().await.expect("describe").stream_description;
    let stream = stream.expect("a stream");
    assert_eq!(stream.stream_status, Some(StreamStatus::Disabled));
    let last = page(
        &server,
        &iterator(&server, &arn, &stream.shards()[0]).await,
        None,
    )
    .await;
    assert_eq!(last.records().len(), 1);
    assert_eq!(last.next_shard_iterator, None);
    server.stop().await;
}

#[tokio::test]
async fn shards_roll_over() {
    let server = Server::clocked().await;
    let arn = streamed(&server, "table", BOTH).await;
    put(&server, "table", 1).await;
    server.advance(4 * HOUR_MS + 1000).await;
    let found = server
        .until("the shard to roll over", async || {
            let found = shards(&server, &arn).await;
            (found.len() == 2).then_some(found)
        })
        .await;
    let (parent, child) = (&found[0], &found[1]);
    assert_eq!(child.parent_shard_id, parent.shard_id);
    put(&server, "table", 2).await;
    let last = page(&server, &iterator(&server, &arn, parent).await, None).await;
    assert_eq!(values(last.records()), ["1"]);
    assert_eq!(last.next_shard_iterator, None);
    let going_on = page(&server, &iterator(&server, &arn, child).await, None).await;
    assert_eq!(values(going_on.records()), ["2"]);
    let filter = ShardFilter::builder()
        .r#type(ShardFilterType::ChildShards)
        .set_shard_id(parent.shard_id.clone());
    let describe = server.streams.describe_stream().stream_arn(&arn);
    let describe = describe.shard_filter(filter.build());
    let children = describe.send().await.expect("describe").stream_description;
    let children = children.expect("a stream");
    assert_eq!(children.shards(), std::slice::from_ref(child));
    server.stop().await;
}

#[tokio::test]
async fn iterators_expire_and_records_leave() {
    let server = Server::clocked().await;
    let arn = streamed(&server, "table", BOTH).await;
    put(&server, "table", 1).await;
    let old = iterator(&server, &arn, &shards(&server, &arn).await[0]).await;
    server.advance(16 * MINUTE_MS).await;
    let get = server.streams.get_records().shard_iterator(&old);
    let error = get.send().await.expect_err("expired").into_service_error();
    assert!(error.is_expired_iterator_exception(), "{error}");
    assert_eq!(values(&drain(&server, &arn).await), ["1"]);
    server.advance(24 * HOUR_MS).await;
    server
        .until("the record to leave", async || {
            drain(&server, &arn).await.is_empty().then_some(())
        })
        .await;
    server.stop().await;
}
