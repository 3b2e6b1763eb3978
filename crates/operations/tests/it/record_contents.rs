//! What stands in a record, and which writes make one (streams.md sections 3 and 4).

use serde_json::{Value, json};

use crate::support::{START_MS, Server, n, s};

#[tokio::test]
async fn a_record_in_full() {
    let server = Server::start();
    server.table("ttt", Some("NEW_AND_OLD_IMAGES")).await;
    server.clock.advance_ms(1_999);
    server.put("ttt", json!({"pk": s("a")})).await;
    let records = server.records("ttt").await;
    let again = server.records("ttt").await;
    assert_eq!(records, again);
    let record = &records[0];
    assert_eq!(record["eventName"], "INSERT");
    assert_eq!(record["eventVersion"], "1.1");
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["userIdentity"], Value::Null);
    let event_id = record["eventID"].as_str().unwrap();
    assert_eq!(event_id.len(), 32);
    assert!(
        event_id
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    );
    let change = &record["dynamodb"];
    assert_eq!(change["ApproximateCreationDateTime"], START_MS / 1000 + 1);
    assert_eq!(change["Keys"], json!({"pk": s("a")}));
    assert_eq!(change["SequenceNumber"].as_str().unwrap().len(), 25);
    assert_eq!(change["StreamViewType"], "NEW_AND_OLD_IMAGES");
}

#[tokio::test]
async fn images_by_view_and_event() {
    for (view, new, old) in [
        ("KEYS_ONLY", false, false),
        ("NEW_IMAGE", true, false),
        ("OLD_IMAGE", false, true),
        ("NEW_AND_OLD_IMAGES", true, true),
    ] {
        let server = Server::start();
        server.table("ttt", Some(view)).await;
        let (one, two) = (
            json!({"pk": s("a"), "n": n(1)}),
            json!({"pk": s("a"), "n": n(2)}),
        );
        server.put("ttt", one.clone()).await;
        server.put("ttt", two.clone()).await;
        server.delete("ttt", json!({"pk": s("a")})).await;
        let shown = |wanted: bool, image: Option<&Value>| match image {
            Some(image) if wanted => image.clone(),
            _ => Value::Null,
        };
        let expected = [
            ("INSERT", shown(new, Some(&one)), shown(old, None)),
            ("MODIFY", shown(new, Some(&two)), shown(old, Some(&one))),
            ("REMOVE", shown(new, None), shown(old, Some(&two))),
        ];
        let records = server.records("ttt").await;
        assert_eq!(records.len(), 3, "{view}");
        for (record, (name, new, old)) in records.iter().zip(expected) {
            assert_eq!(record["eventName"], name, "{view}");
            assert_eq!(record["dynamodb"]["NewImage"], new, "{view} {name}");
            assert_eq!(record["dynamodb"]["OldImage"], old, "{view} {name}");
            assert_eq!(record["dynamodb"]["Keys"], json!({"pk": s("a")}));
            // Absent, not null.
            let members = record["dynamodb"].as_object().unwrap();
            assert_eq!(members.contains_key("NewImage"), !new.is_null());
            assert_eq!(members.contains_key("OldImage"), !old.is_null());
        }
    }
}

/// SizeBytes of the records that puts of these items make, by the vectors of streams.md section 3.
#[tokio::test]
async fn size_bytes_vectors() {
    let bytes6 = json!({"B": "AAECAwQF"});
    let cases = [
        (
            "NEW_IMAGE",
            vec![("id", "S")],
            vec![json!({"id": s("test")})],
            vec![12],
        ),
        (
            "KEYS_ONLY",
            vec![("ForumName", "S"), ("Subject", "S")],
            vec![json!({"ForumName": s("DynamoDB"), "Subject": s("DynamoDB Thread 3"), "x": n(1)})],
            vec![41],
        ),
        (
            "KEYS_ONLY",
            vec![("Username", "S")],
            vec![json!({"Username": s("Fred")})],
            vec![12],
        ),
        (
            "NEW_IMAGE",
            vec![("my_partition_key", "S")],
            vec![json!({"my_partition_key": s("hello world"), "binary_key": bytes6})],
            vec![70],
        ),
        (
            "NEW_IMAGE",
            vec![("my_partition_key", "S")],
            vec![json!({"my_partition_key": s("hello world")})],
            vec![54],
        ),
        (
            "NEW_IMAGE",
            vec![("my_partition_key", "S")],
            vec![json!({"my_partition_key": s("testId0"), "should_fail": {"BOOL": true}})],
            vec![58],
        ),
        (
            "NEW_AND_OLD_IMAGES",
            vec![("id", "S")],
            vec![
                json!({"id": s("id_value")}),
                json!({"id": s("id_value"), "id2": s("id2_new_value")}),
            ],
            vec![20, 46],
        ),
        (
            "NEW_AND_OLD_IMAGES",
            vec![("id", "S")],
            vec![
                json!({"id": s("Fred")}),
                json!({"id": s("Fred"), "name": s("Fred")}),
            ],
            vec![12, 26],
        ),
        (
            "NEW_AND_OLD_IMAGES",
            vec![("id", "S")],
            vec![json!({"id": s("id_value_1"), "numericFilter": n(42)})],
            vec![39],
        ),
        (
            "NEW_AND_OLD_IMAGES",
            vec![("Id", "N")],
            vec![
                json!({"Id": n(101), "Message": s("New item!")}),
                json!({"Id": n(101), "Message": s("This item has changed")}),
            ],
            vec![26, 59],
        ),
    ];
    for (view, keys, items, sizes) in cases {
        let server = Server::start();
        let definitions: Vec<Value> = keys
            .iter()
            .map(|(name, kind)| json!({"AttributeName": name, "AttributeType": kind}))
            .collect();
        let schema: Vec<Value> = keys
            .iter()
            .zip(["HASH", "RANGE"])
            .map(|((name, _), kind)| json!({"AttributeName": name, "KeyType": kind}))
            .collect();
        server
            .must(
                "CreateTable",
                json!({"TableName": "ttt", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": definitions, "KeySchema": schema,
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": view}}),
            )
            .await;
        for item in &items {
            server.put("ttt", item.clone()).await;
        }
        let records = server.records("ttt").await;
        let got: Vec<i64> = records
            .iter()
            .map(|record| record["dynamodb"]["SizeBytes"].as_i64().unwrap())
            .collect();
        assert_eq!(got, sizes, "{view} {items:?}");
    }
}

#[tokio::test]
async fn writes_that_change_nothing_make_no_record() {
    let server = Server::start();
    server.table("ttt", Some("NEW_AND_OLD_IMAGES")).await;
    let item = json!({"pk": s("a"), "n": {"N": "1"}, "m": {"M": {"x": n(1), "y": n(2)}}, "ss": {"SS": ["a", "b"]}});
    server.put("ttt", item.clone()).await;
    let same = json!({"pk": s("a"), "n": {"N": "1.0"}, "m": {"M": {"y": n(2), "x": n(1)}}, "ss": {"SS": ["b", "a"]}});
    server.put("ttt", item).await;
    server.put("ttt", same).await;
    let update = |key: &str, expression: &str, values: Value| {
        let mut body =
            json!({"TableName": "ttt", "Key": {"pk": s(key)}, "UpdateExpression": expression});
        if !values.is_null() {
            body["ExpressionAttributeValues"] = values;
        }
        body
    };
    for body in [
        update("a", "SET n = :n", json!({":n": n(1)})),
        update("a", "ADD n :zero", json!({":zero": n(0)})),
        update("a", "REMOVE nothing", Value::Null),
        update("missing", "REMOVE nothing", Value::Null),
    ] {
        server.must("UpdateItem", body).await;
    }
    server.delete("ttt", json!({"pk": s("missing")})).await;
    let failing = json!({"TableName": "ttt", "Item": {"pk": s("a")}, "ConditionExpression": "attribute_not_exists(pk)"});
    assert!(server.ask("PutItem", failing).await.is_err());
    server
        .must(
            "UpdateItem",
            json!({"TableName": "ttt", "Key": {"pk": s("only key")}}),
        )
        .await;
    let records = server.records("ttt").await;
    let seen: Vec<(&str, &Value)> = records
        .iter()
        .map(|record| {
            (
                record["eventName"].as_str().unwrap(),
                &record["dynamodb"]["NewImage"]["pk"]["S"],
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("INSERT", &json!("a")), ("INSERT", &json!("only key"))]
    );
}
