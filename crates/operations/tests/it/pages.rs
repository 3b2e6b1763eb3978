//! Query and Scan: ranges, order, pages, segments, filters.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Server, n, s};

async fn filled() -> Server {
    let server = Server::start();
    server.sorted_table("ttt", "N").await;
    for partition in ["a", "b"] {
        for sort in -5..5 {
            let item = json!({"pk": s(partition), "sk": n(sort), "even": {"BOOL": sort % 2 == 0}});
            server.put("ttt", item).await;
        }
    }
    server
}

fn sort_keys(items: &Value) -> Vec<i64> {
    let items = items.as_array().unwrap().iter();
    items
        .map(|item| item["sk"]["N"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn sort_conditions() {
    let server = filled().await;
    for (condition, expected) in [
        ("sk = :x", vec![2]),
        ("sk < :x", vec![-5, -4, -3, -2, -1, 0, 1]),
        ("sk <= :x", vec![-5, -4, -3, -2, -1, 0, 1, 2]),
        ("sk > :x", vec![3, 4]),
        ("sk >= :x", vec![2, 3, 4]),
        ("sk BETWEEN :y AND :x", vec![-1, 0, 1, 2]),
        ("sk > :x AND pk = :p", vec![3, 4]),
    ] {
        let condition = match condition.contains("pk") {
            true => condition.to_owned(),
            false => format!("(pk = :p) AND ({condition})"),
        };
        let mut values = json!({":p": s("a"), ":x": n(2)});
        if condition.contains(":y") {
            values[":y"] = n(-1);
        }
        let mut body = json!({"TableName": "ttt", "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values});
        let reply = server.must("Query", body.clone()).await;
        assert_eq!(sort_keys(&reply["Items"]), expected, "{condition}");
        assert_eq!(reply["Count"], expected.len());
        assert_eq!(reply["LastEvaluatedKey"], Value::Null);
        body["ScanIndexForward"] = json!(false);
        let reply = server.must("Query", body).await;
        let reversed: Vec<i64> = expected.into_iter().rev().collect();
        assert_eq!(sort_keys(&reply["Items"]), reversed, "{condition}");
    }
}

#[tokio::test]
async fn prefixes_of_strings_and_bytes() {
    let server = Server::start();
    for (table, kind) in [("strings", "S"), ("bytes", "B")] {
        server.sorted_table(table, kind).await;
        // AA==, AAE=, //8=, //8A: 00, 00 01, ff ff, ff ff 00
        let values = match kind {
            "S" => ["a", "ab", "b", "ba"],
            _ => ["AA==", "AAE=", "//8=", "//8A"],
        };
        for value in values {
            server
                .put(table, json!({"pk": s("p"), "sk": {kind: value}}))
                .await;
        }
        for (prefix, expected) in [(values[0], &values[..2]), (values[2], &values[2..])] {
            let body = json!({"TableName": table,
                "KeyConditionExpression": "pk = :p AND begins_with(sk, :b)",
                "ExpressionAttributeValues": {":p": s("p"), ":b": {kind: prefix}}});
            let reply = server.must("Query", body).await;
            let got: Vec<&str> = reply["Items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["sk"][kind].as_str().unwrap())
                .collect();
            assert_eq!(got, expected);
        }
    }
}

#[tokio::test]
async fn pages_of_queries_lose_and_repeat_nothing() {
    let server = filled().await;
    for forward in [true, false] {
        for limit in [1, 3, 10, 11] {
            let mut body = json!({"TableName": "ttt", "KeyConditionExpression": "pk = :p", "Limit": limit,
                "ScanIndexForward": forward, "ExpressionAttributeValues": {":p": s("b")}});
            let mut all = Vec::new();
            let mut pages = 0;
            loop {
                let page = server.must("Query", body.clone()).await;
                all.extend(sort_keys(&page["Items"]));
                pages += 1;
                if page["LastEvaluatedKey"].is_null() {
                    break;
                }
                body["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
            }
            let mut expected: Vec<i64> = (-5..5).collect();
            if !forward {
                expected.reverse();
            }
            assert_eq!(all, expected, "limit {limit}");
            // A page that is full by its limit tells where it ended, though nothing may follow.
            assert_eq!(pages, 10 / limit + 1, "limit {limit}");
        }
    }
}

#[tokio::test]
async fn filters_come_after_the_page_and_counts_tell_it() {
    let server = filled().await;
    let body = json!({"TableName": "ttt", "KeyConditionExpression": "pk = :p", "Limit": 5,
        "FilterExpression": "even = :yes", "ProjectionExpression": "sk", "ReturnConsumedCapacity": "TOTAL",
        "ExpressionAttributeValues": {":p": s("a"), ":yes": {"BOOL": true}}});
    let page = server.must("Query", body).await;
    assert_eq!(page["Items"], json!([{"sk": n(-4)}, {"sk": n(-2)}]));
    assert_eq!(
        (page["Count"].clone(), page["ScannedCount"].clone()),
        (json!(2), json!(5))
    );
    assert_eq!(page["LastEvaluatedKey"], json!({"pk": s("a"), "sk": n(-1)}));
    assert_eq!(page["ConsumedCapacity"]["CapacityUnits"], 0.5);
    let body = json!({"TableName": "ttt", "Select": "COUNT", "FilterExpression": "even = :yes",
        "ExpressionAttributeValues": {":yes": {"BOOL": true}}});
    let page = server.must("Scan", body).await;
    assert_eq!(page, json!({"Count": 10, "ScannedCount": 20}));
}

#[tokio::test]
async fn pages_end_at_1_mb() {
    let server = Server::start();
    server.sorted_table("ttt", "N").await;
    let text = "x".repeat(300_000);
    for sort in 0..8 {
        server
            .put("ttt", json!({"pk": s("a"), "sk": n(sort), "x": s(&text)}))
            .await;
    }
    let page = server.must("Scan", json!({"TableName": "ttt"})).await;
    assert_eq!(page["Count"], 4);
    assert_eq!(page["LastEvaluatedKey"]["sk"], n(3));
}

#[tokio::test]
async fn segments_hold_each_item_once() {
    let server = Server::start();
    server.table("ttt", None).await;
    for number in 0..100 {
        server
            .put("ttt", json!({"pk": s(&number.to_string())}))
            .await;
    }
    for total in [1, 3, 7] {
        let mut seen = BTreeSet::new();
        for segment in 0..total {
            let mut body =
                json!({"TableName": "ttt", "Segment": segment, "TotalSegments": total, "Limit": 9});
            loop {
                let page = server.must("Scan", body.clone()).await;
                for item in page["Items"].as_array().unwrap() {
                    assert!(seen.insert(item["pk"]["S"].as_str().unwrap().to_owned()));
                }
                if page["LastEvaluatedKey"].is_null() {
                    break;
                }
                body["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
            }
        }
        assert_eq!(seen.len(), 100);
    }
}

#[tokio::test]
async fn a_starting_key_of_another_segment_is_refused() {
    let server = filled().await;
    let page = |segment: u32, more: Value| {
        let mut body = json!({"TableName": "ttt", "Segment": segment, "TotalSegments": 1000});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let mut found = None;
    for segment in 0..1000 {
        let reply = server.must("Scan", page(segment, json!({}))).await;
        if reply["Count"] != 0 {
            let item = reply["Items"][0].clone();
            found = Some((segment, json!({"pk": item["pk"], "sk": item["sk"]})));
        }
    }
    let (segment, key) = found.unwrap();
    let start = json!({"ExclusiveStartKey": key});
    assert_eq!(
        server.must("Scan", page(segment, start.clone())).await["Count"],
        9
    );
    let error = server
        .ask("Scan", page((segment + 1) % 1000, start))
        .await
        .unwrap_err();
    assert!(error.contains("with correct Segment"), "{error}");
}

/// Items that a local index does not hold count for the end of a page, and cost what they did.
#[tokio::test]
async fn pages_of_fetched_items_end_at_a_megabyte() {
    let server = Server::start();
    server.table_with_local_index("ttt").await;
    let filler = "x".repeat(300_000);
    for sort in 0..8 {
        let item = json!({"pk": s("a"), "sk": n(sort), "x": n(-sort), "v": s(&filler)});
        server.put("ttt", item).await;
    }
    let mut body = json!({"TableName": "ttt", "IndexName": "byX", "Select": "ALL_ATTRIBUTES",
        "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": s("a")},
        "ReturnConsumedCapacity": "INDEXES"});
    let mut pages = Vec::new();
    let mut all = Vec::new();
    loop {
        let page = server.must("Query", body.clone()).await;
        pages.push(page["Count"].as_u64().unwrap());
        all.extend(sort_keys(&page["Items"]));
        if page["LastEvaluatedKey"].is_null() {
            break;
        }
        let used = &page["ConsumedCapacity"];
        assert_eq!(used["LocalSecondaryIndexes"]["byX"]["CapacityUnits"], 0.5);
        // 74 for each item that is fetched, and half of that as it is not read consistently.
        assert_eq!(used["Table"]["CapacityUnits"], 4.0 * 37.0);
        body["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
    }
    assert_eq!(pages, [4, 4, 0]);
    assert_eq!(all, (0..8).rev().collect::<Vec<i64>>());
    // Nothing is fetched for keys alone.
    body["Select"] = json!("ALL_PROJECTED_ATTRIBUTES");
    body["ExclusiveStartKey"] = Value::Null;
    assert_eq!(server.must("Query", body).await["Count"], 8);
}
