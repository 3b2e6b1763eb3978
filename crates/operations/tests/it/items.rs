//! PutItem, GetItem, UpdateItem, DeleteItem: replies.

use serde_json::{Value, json};

use crate::support::{Server, n, s};

#[tokio::test]
async fn put_get_delete() {
    let server = Server::start();
    server.table("ttt", None).await;
    let key = json!({"TableName": "ttt", "Key": {"pk": s("a")}});
    assert_eq!(server.must("GetItem", key.clone()).await, json!({}));
    let item = json!({"pk": s("a"), "n": {"N": "1.50"}, "l": {"L": [{"BOOL": true}, {"NULL": true}]},
        "m": {"M": {"b": {"B": "AAEC"}}}, "ss": {"SS": ["y", "x"]}});
    let put = server
        .must("PutItem", json!({"TableName": "ttt", "Item": item}))
        .await;
    assert_eq!(put, json!({}));
    let read = server.must("GetItem", key.clone()).await;
    assert_eq!(read["Item"]["n"], n("1.5"));
    assert_eq!(read["Item"]["l"], item["l"]);
    assert_eq!(read["Item"]["m"], item["m"]);
    assert_eq!(read["Item"]["ss"], json!({"SS": ["x", "y"]}));
    let by_arn = json!({"TableName": "arn:aws:dynamodb:us-east-1:000000000000:table/ttt",
        "Key": {"pk": s("a")}, "ProjectionExpression": "m.b, l[0]"});
    let read = server.must("GetItem", by_arn).await;
    assert_eq!(
        read["Item"],
        json!({"m": {"M": {"b": {"B": "AAEC"}}}, "l": {"L": [{"BOOL": true}]}})
    );
    let mut delete = key.clone();
    delete["ReturnValues"] = json!("ALL_OLD");
    let old = server.must("DeleteItem", delete.clone()).await;
    assert_eq!(old["Attributes"]["pk"], s("a"));
    assert_eq!(server.must("DeleteItem", delete).await, json!({}));
    assert_eq!(server.must("GetItem", key).await, json!({}));
}

#[tokio::test]
async fn return_values_of_updates() {
    let server = Server::start();
    server.table("ttt", None).await;
    let update = |returns: &str| {
        json!({"TableName": "ttt", "Key": {"pk": s("a")}, "ReturnValues": returns,
            "UpdateExpression": "SET n = if_not_exists(n, :zero) + :one",
            "ExpressionAttributeValues": {":zero": n(0), ":one": n(1)}})
    };
    for (returns, attributes) in [
        ("UPDATED_OLD", Value::Null),
        ("NONE", Value::Null),
        ("UPDATED_NEW", json!({"n": n(3)})),
        ("UPDATED_OLD", json!({"n": n(3)})),
        ("ALL_OLD", json!({"pk": s("a"), "n": n(4)})),
        ("ALL_NEW", json!({"pk": s("a"), "n": n(6)})),
    ] {
        let reply = server.must("UpdateItem", update(returns)).await;
        assert_eq!(reply["Attributes"], attributes, "{returns}");
    }
    let bare = json!({"TableName": "ttt", "Key": {"pk": s("b")}, "ReturnValues": "ALL_NEW"});
    let reply = server.must("UpdateItem", bare).await;
    assert_eq!(reply["Attributes"], json!({"pk": s("b")}));
    let remove = json!({"TableName": "ttt", "Key": {"pk": s("c")}, "UpdateExpression": "REMOVE x"});
    server.must("UpdateItem", remove).await;
    let read = server
        .must(
            "GetItem",
            json!({"TableName": "ttt", "Key": {"pk": s("c")}}),
        )
        .await;
    assert_eq!(read, json!({}));
}

#[tokio::test]
async fn conditions_and_their_failures() {
    let server = Server::start();
    server.table("ttt", None).await;
    let once = json!({"TableName": "ttt", "Item": {"pk": s("a"), "n": n(1)},
        "ConditionExpression": "attribute_not_exists(pk)"});
    server.must("PutItem", once.clone()).await;
    let error = server.try_ask("PutItem", once.clone()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ConditionalCheckFailedException: The conditional request failed"
    );
    assert_eq!(error.detail, None);
    let mut telling = once.clone();
    telling["ReturnValuesOnConditionCheckFailure"] = json!("ALL_OLD");
    let error = server.try_ask("PutItem", telling).await.unwrap_err();
    let mut body = Vec::new();
    error.write_dynamodb(&mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["Item"], json!({"pk": s("a"), "n": n(1)}));
    let delete = json!({"TableName": "ttt", "Key": {"pk": s("a")}, "ConditionExpression": "n > :n",
        "ExpressionAttributeValues": {":n": n(1)}});
    assert!(server.ask("DeleteItem", delete).await.is_err());
    let update = json!({"TableName": "ttt", "Key": {"pk": s("ghost")}, "UpdateExpression": "SET n = :n",
        "ConditionExpression": "n = :n", "ExpressionAttributeValues": {":n": n(1)}});
    assert!(server.ask("UpdateItem", update).await.is_err());
    let read = server
        .must(
            "GetItem",
            json!({"TableName": "ttt", "Key": {"pk": s("ghost")}}),
        )
        .await;
    assert_eq!(read, json!({}));
}

#[tokio::test]
async fn consumed_capacity() {
    let server = Server::start();
    server.table("ttt", None).await;
    let text = "x".repeat(2000);
    let put = json!({"TableName": "ttt", "Item": {"pk": s("a"), "x": s(&text)},
        "ReturnConsumedCapacity": "TOTAL", "ReturnItemCollectionMetrics": "SIZE"});
    let reply = server.must("PutItem", put).await;
    assert_eq!(
        reply,
        json!({"ConsumedCapacity": {"TableName": "ttt", "CapacityUnits": 2.0}})
    );
    for (consistent, wanted, capacity) in [
        (
            false,
            "TOTAL",
            json!({"TableName": "ttt", "CapacityUnits": 0.5}),
        ),
        (
            true,
            "TOTAL",
            json!({"TableName": "ttt", "CapacityUnits": 1.0}),
        ),
        (true, "NONE", Value::Null),
        (
            true,
            "INDEXES",
            json!({"TableName": "ttt", "CapacityUnits": 1.0, "Table": {"CapacityUnits": 1.0}}),
        ),
    ] {
        let get = json!({"TableName": "ttt", "Key": {"pk": s("a")}, "ConsistentRead": consistent,
            "ReturnConsumedCapacity": wanted});
        let reply = server.must("GetItem", get).await;
        assert_eq!(reply["ConsumedCapacity"], capacity, "{consistent} {wanted}");
    }
    let delete =
        json!({"TableName": "ttt", "Key": {"pk": s("a")}, "ReturnConsumedCapacity": "TOTAL"});
    let reply = server.must("DeleteItem", delete.clone()).await;
    assert_eq!(reply["ConsumedCapacity"]["CapacityUnits"], 2.0);
    let reply = server.must("DeleteItem", delete).await;
    assert_eq!(reply["ConsumedCapacity"]["CapacityUnits"], 1.0);
}
