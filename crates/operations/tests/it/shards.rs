//! Shards: lineage by age and by splitting, paging of descriptions, following (streams.md sections 5 and 6).

use std::time::Duration;

use headwater_engine::EngineOptions;
use headwater_model::AttributeValue;
use headwater_operations::ApiOptions;
use headwater_streams::{RecordView, Start};
use serde_json::{Value, json};

use crate::support::{Server, id, s};

const HOUR_MS: u64 = 3_600_000;

fn with_shards(count: u32) -> Server {
    let options = EngineOptions {
        shards: Some(count),
        ..EngineOptions::default()
    };
    Server::with(options, ApiOptions::default())
}

fn ended(shard: &Value) -> bool {
    shard["SequenceNumberRange"]["EndingSequenceNumber"].is_string()
}

fn numbers(shard: &Value) -> (u128, u128) {
    let number = |name: &str| {
        shard["SequenceNumberRange"][name]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    };
    (
        number("StartingSequenceNumber"),
        number("EndingSequenceNumber"),
    )
}

#[tokio::test]
async fn a_page_that_is_not_limited_has_a_hundred_shards_or_streams() {
    let server = with_shards(101);
    server.table("ttt", Some("KEYS_ONLY")).await;
    let arn = server.stream_arn("ttt").await;
    let page = server.must("DescribeStream", json!({"StreamArn": arn}));
    let page = page.await["StreamDescription"].clone();
    assert_eq!(page["Shards"].as_array().unwrap().len(), 100);
    let last = &page["LastEvaluatedShardId"];
    assert_eq!(*last, page["Shards"][99]["ShardId"]);
    let next = json!({"StreamArn": arn, "ExclusiveStartShardId": last});
    let next = server.must("DescribeStream", next).await["StreamDescription"].clone();
    assert_eq!(next["Shards"].as_array().unwrap().len(), 1);
    assert!(next["LastEvaluatedShardId"].is_null());

    for number in 1..101 {
        server
            .table(&format!("t{number:03}"), Some("KEYS_ONLY"))
            .await;
    }
    let page = server.must("ListStreams", json!({})).await;
    assert_eq!(page["Streams"].as_array().unwrap().len(), 100);
    let last = &page["LastEvaluatedStreamArn"];
    assert_eq!(*last, page["Streams"][99]["StreamArn"]);
    let next = json!({"ExclusiveStartStreamArn": last});
    let next = server.must("ListStreams", next).await;
    assert_eq!(next["Streams"].as_array().unwrap().len(), 1);
    assert!(next["LastEvaluatedStreamArn"].is_null());
}

#[tokio::test]
async fn a_shard_rolls_over_by_age() {
    let server = Server::start();
    server.table("ttt", Some("KEYS_ONLY")).await;
    server.put("ttt", json!({"pk": s("a")})).await;
    let arn = server.stream_arn("ttt").await;
    let parent = id(&server.shards(&arn).await[0]);
    let latest = server
        .iterator(&arn, &parent, json!({"ShardIteratorType": "LATEST"}))
        .await
        .unwrap();
    server.clock.advance_ms(4 * HOUR_MS);
    server.run_due().await;
    server.put("ttt", json!({"pk": s("b")})).await;
    let shards = server.shards(&arn).await;
    assert_eq!(shards.len(), 2);
    assert!(ended(&shards[0]) && !ended(&shards[1]));
    assert_eq!(shards[1]["ParentShardId"], json!(parent));
    assert!(shards[0].get("ParentShardId").is_none());
    let (start, end) = numbers(&shards[0]);
    let child: u128 = shards[1]["SequenceNumberRange"]["StartingSequenceNumber"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(start < end && end < child);
    // The last records of a closed shard come without a further iterator, an empty rest too.
    let horizon = server
        .iterator(&arn, &parent, json!({"ShardIteratorType": "TRIM_HORIZON"}))
        .await
        .unwrap();
    let page = server
        .must("GetRecords", json!({"ShardIterator": horizon, "Limit": 1}))
        .await;
    assert_eq!(page["Records"].as_array().unwrap().len(), 1);
    assert!(page.get("NextShardIterator").is_none());
    // The old iterator is past its time by now.
    assert!(
        server
            .ask("GetRecords", json!({"ShardIterator": latest}))
            .await
            .unwrap_err()
            .starts_with("Expired")
    );
    let latest = server
        .iterator(&arn, &parent, json!({"ShardIteratorType": "LATEST"}))
        .await
        .unwrap();
    assert_eq!(
        server
            .must("GetRecords", json!({"ShardIterator": latest}))
            .await,
        json!({"Records": []})
    );
    let (records, over) = server.drain(&arn, &id(&shards[1])).await;
    assert_eq!(records.len(), 1);
    assert!(!over);
}

#[tokio::test]
async fn a_split_keeps_the_order_of_each_item() {
    let server = Server::start();
    server.table("ttt", Some("NEW_IMAGE")).await;
    let arn = server.stream_arn("ttt").await;
    let stream = server.api.streams().find("", &arn).unwrap();
    let write = |round: u32| {
        let server = &server;
        async move {
            for key in 0..20 {
                server
                    .put(
                        "ttt",
                        json!({"pk": s(&key.to_string()), "round": {"N": round.to_string()}}),
                    )
                    .await;
            }
        }
    };
    write(0).await;
    let parent = server.api.database().shards_now(stream.id)[0].clone();
    server
        .api
        .database()
        .split_shard(stream.id, parent.number, 2)
        .await
        .unwrap();
    write(1).await;
    let shards = server.shards(&arn).await;
    assert_eq!(shards.len(), 3);
    let filter =
        json!({"StreamArn": arn, "ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": parent.id()}});
    let children = server.must("DescribeStream", filter).await;
    assert_eq!(children["StreamDescription"]["Shards"], json!(shards[1..]));
    let filter = json!({"StreamArn": arn, "ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": id(&shards[1])}});
    let children = server.must("DescribeStream", filter).await;
    assert_eq!(children["StreamDescription"]["Shards"], json!([]));
    // The number alone is no id.
    let (_, number) = parent
        .id()
        .rsplit_once('-')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let other = format!("shardId-{:020}-{number}", parent.opened_ms + 1);
    let filter =
        json!({"StreamArn": arn, "ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": other}});
    let children = server.must("DescribeStream", filter).await;
    assert_eq!(children["StreamDescription"]["Shards"], json!([]));
    let mut sizes = Vec::new();
    for shard in &shards {
        sizes.push(server.drain(&arn, &id(shard)).await.0.len());
    }
    assert_eq!(sizes[0], 20);
    assert_eq!(sizes[1] + sizes[2], 20);
    assert!(sizes[1] > 0 && sizes[2] > 0);
    // A follower of the stream reads the parent first.
    let mut follower = server
        .api
        .streams()
        .follow_stream(stream, Start::TrimHorizon)
        .await
        .unwrap();
    assert_eq!(follower.seen(), None);
    let mut rounds = Vec::new();
    while rounds.len() < 40 {
        let page = follower.next(7, 1 << 20).await.unwrap().unwrap();
        // A reader that goes on there misses nothing, and gets nothing twice.
        let last = page.records.last().map(RecordView::sequence);
        assert_eq!(follower.seen(), last);
        for record in &page.records {
            let image = record.new_image().unwrap().decode().unwrap();
            rounds.push(image.get("round").cloned());
        }
    }
    assert!(rounds[..20].iter().all(|round| *round == rounds[0]));
    assert!(rounds[20..].iter().all(|round| *round == rounds[39]));
    // While nothing of the stream comes, it goes on with what others write.
    server.table("other", None).await;
    server.put("other", json!({"pk": s("a")})).await;
    let durable = server.api.database().log().durable();
    let waiting = tokio::time::timeout(Duration::ZERO, follower.next(7, 1 << 20));
    assert!(waiting.await.is_err());
    assert_eq!(follower.seen(), Some(durable));
    server.put("ttt", json!({"pk": s("later")})).await;
    let page = follower.next(7, 1 << 20).await.unwrap().unwrap();
    assert_eq!(page.records.len(), 1);
}

/// Each shard has records that wait for those of the others; all of them would be too much.
#[tokio::test]
async fn a_follower_of_many_shards_holds_little_and_keeps_the_order() {
    const ITEMS: usize = 32;
    let server = with_shards(16);
    server.table("ttt", Some("NEW_AND_OLD_IMAGES")).await;
    for round in 0..2 {
        for number in 0..ITEMS {
            let large = s(&"x".repeat(390_000));
            let item =
                json!({"pk": s(&format!("k{number}")), "round": s(&round.to_string()), "v": large});
            server.put("ttt", item).await;
        }
    }
    let arn = server.stream_arn("ttt").await;
    let streams = server.api.streams();
    let stream = streams.find("", &arn).unwrap();
    let mut follower = streams
        .follow_stream(stream, Start::TrimHorizon)
        .await
        .unwrap();
    let mut keys = Vec::new();
    while keys.len() < 2 * ITEMS {
        let page = follower.next(5, 1 << 20).await.unwrap().unwrap();
        assert!(!page.lost);
        assert!(follower.held_bytes() <= 4 << 20);
        let key = |record: &RecordView| record.keys().decode().unwrap().get("pk").cloned();
        keys.extend(page.records.iter().map(key));
    }
    let key = |number| Some(AttributeValue::S(format!("k{number}")));
    let once = || (0..ITEMS).map(key);
    assert!(keys.into_iter().eq(once().chain(once())));
}

/// Whoever is behind reads records of all shards side by side, and hardly any of them twice.
#[tokio::test]
async fn a_follower_of_much_reads_it_once() {
    const ITEMS: u64 = 3_000;
    let server = with_shards(8);
    server.table("ttt", Some("NEW_IMAGE")).await;
    for number in 0..ITEMS {
        let value = s(&"x".repeat(8_000));
        let item = json!({"pk": s(&format!("k{number}")), "v": value});
        server.put("ttt", item).await;
    }
    let arn = server.stream_arn("ttt").await;
    let streams = server.api.streams();
    let stream = streams.find("", &arn).unwrap();
    let follower = streams.follow_stream(stream, Start::TrimHorizon);
    let mut follower = follower.await.unwrap();
    let mut given = 0;
    while given < ITEMS {
        let page = follower.next(100, 256 << 10).await.unwrap().unwrap();
        given += page.records.len() as u64;
    }
    let read = follower.records_read();
    assert!(read < ITEMS * 3 / 2, "{read} records for {ITEMS}");
}

#[tokio::test]
async fn descriptions_come_in_pages() {
    let server = with_shards(5);
    server.table("ttt", Some("KEYS_ONLY")).await;
    let arn = server.stream_arn("ttt").await;
    let all = server.shards(&arn).await;
    let mut sorted: Vec<String> = all.iter().map(id).collect();
    sorted.sort();
    assert_eq!(sorted, all.iter().map(id).collect::<Vec<_>>());
    assert_eq!(sorted[0].len(), 37);
    let mut seen = Vec::new();
    let mut body = json!({"StreamArn": arn, "Limit": 2});
    loop {
        let page = server.must("DescribeStream", body.clone()).await["StreamDescription"].clone();
        let shards = page["Shards"].as_array().unwrap().clone();
        seen.extend(shards.iter().map(id));
        let Some(last) = page["LastEvaluatedShardId"].as_str() else {
            break;
        };
        assert_eq!(last, id(shards.last().unwrap()));
        body["ExclusiveStartShardId"] = json!(last);
    }
    assert_eq!(seen, sorted);
    for start in [
        sorted[4].as_str(),
        "shardId-00000001414576573621-f55eea83",
        "something of the right length",
    ] {
        let page = server
            .must(
                "DescribeStream",
                json!({"StreamArn": arn, "ExclusiveStartShardId": start}),
            )
            .await;
        assert_eq!(page["StreamDescription"]["Shards"], json!([]), "{start}");
    }
    let description = server
        .must("DescribeStream", json!({"StreamArn": arn}))
        .await["StreamDescription"]
        .clone();
    assert_eq!(description["StreamStatus"], "ENABLED");
    assert_eq!(description["StreamViewType"], "KEYS_ONLY");
    assert_eq!(description["TableName"], "ttt");
    assert_eq!(description["CreationRequestDateTime"], 1_760_000_000);
    assert_eq!(
        description["KeySchema"],
        json!([{"AttributeName": "pk", "KeyType": "HASH"}])
    );
    for filter in [
        json!({"ShardId": sorted[0]}),
        json!({"Type": "CHILD_SHARDS"}),
        json!({"Type": "OTHER", "ShardId": sorted[0]}),
        json!({"Type": "CHILD_SHARDS", "ShardId": "something of the right length"}),
    ] {
        let error = server
            .ask(
                "DescribeStream",
                json!({"StreamArn": arn, "ShardFilter": filter}),
            )
            .await
            .unwrap_err();
        assert!(error.starts_with("ValidationException"), "{filter} {error}");
    }
}

#[tokio::test]
async fn shards_leave_with_their_retention() {
    let server = Server::start();
    server.table("ttt", Some("KEYS_ONLY")).await;
    let arn = server.stream_arn("ttt").await;
    for _ in 0..9 {
        server.clock.advance_ms(4 * HOUR_MS);
        server.run_due().await;
    }
    let shards = server.shards(&arn).await;
    // Closed at 12 to 36 hours, where those of the last 24 hours are left, and the open one.
    assert_eq!(shards.len(), 8);
    assert!(shards[1]["ParentShardId"].is_string());
    assert!(!ended(&shards[7]));
}

/// A reader of pages whose last shard expired meanwhile gets those behind it; ids that never were the stream's give none.
#[tokio::test]
async fn a_page_goes_on_behind_a_shard_that_expired() {
    let server = with_shards(2);
    server.table("other", Some("KEYS_ONLY")).await;
    server.clock.advance_ms(1_000);
    server.table("ttt", Some("KEYS_ONLY")).await;
    let (other, arn) = (
        server.stream_arn("other").await,
        server.stream_arn("ttt").await,
    );
    let all_others: Vec<String> = server.shards(&other).await.iter().map(id).collect();
    let first = server.shards(&arn).await.iter().map(id).max().unwrap();
    let after = |arn: &str, id: &str| json!({"StreamArn": arn, "ExclusiveStartShardId": id});
    let page = async |body| {
        let page = server.must("DescribeStream", body).await;
        let shards = page["StreamDescription"]["Shards"]
            .as_array()
            .unwrap()
            .clone();
        shards.iter().map(id).collect::<Vec<String>>()
    };
    for _ in 0..8 {
        server.clock.advance_ms(4 * HOUR_MS);
        server.run_due().await;
    }
    let left: Vec<String> = server.shards(&arn).await.iter().map(id).collect();
    assert!(!left.contains(&first) && left.len() > 2);
    assert_eq!(page(after(&arn, &first)).await, left);

    let none = Vec::<String>::new();
    let number = &first[first.len() - 8..];
    let later = left.iter().max().unwrap();
    let too_late = format!("{}{number}", &later[..later.len() - 8]);
    assert_eq!(page(after(&arn, &too_late)).await, none);
    // Those of the other stream were opened before, and are not this one's.
    for theirs in all_others {
        assert_eq!(page(after(&arn, &theirs)).await, none, "{theirs}");
    }
    let theirs = server.shards(&other).await.iter().map(id).min().unwrap();
    assert_eq!(page(after(&arn, &theirs)).await, none);
}

#[tokio::test]
async fn followers_wake_up_for_new_records() {
    let server = with_shards(1);
    server.table("ttt", Some("KEYS_ONLY")).await;
    let arn = server.stream_arn("ttt").await;
    let stream = server.api.streams().find("", &arn).unwrap();
    let shard = server.api.database().shards_now(stream.id)[0].number;
    let mut follower = server
        .api
        .streams()
        .follow(stream.clone(), shard, Start::Latest)
        .unwrap();
    let waiting = tokio::spawn(async move { (follower.next(10).await.unwrap(), follower) });
    tokio::task::yield_now().await;
    server.put("ttt", json!({"pk": s("a")})).await;
    let (page, mut follower) = waiting.await.unwrap();
    assert_eq!(page.records.len(), 1);
    assert!(!page.ended && !page.lost);
    let mut resumed = server.api.streams().follow_from(stream, shard, page.next);
    server
        .must("DeleteTable", json!({"TableName": "ttt"}))
        .await;
    assert!(follower.next(10).await.unwrap().ended);
    assert!(resumed.next(10).await.unwrap().ended);
}
