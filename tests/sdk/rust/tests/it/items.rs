//! Items: every operation, and the errors that users meet.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};

use crate::server::Server;
use crate::tables::create;

/// A string value.
pub fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

/// A number value.
pub fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Puts the item with the key "a" and the number `v`.
pub async fn put(server: &Server, table: &str, v: i32) {
    let put = server.dynamodb.put_item().table_name(table);
    let put = put.item("pk", s("a")).item("v", n(v));
    put.send().await.expect("put");
}

#[tokio::test]
async fn items_of_every_type_come_back() {
    let server = Server::start().await;
    create(&server, "table", false).await;
    let item = HashMap::from([
        ("pk".to_string(), s("every")),
        ("n".to_string(), n("-12.5")),
        ("b".to_string(), AttributeValue::B(Blob::new([0, 255]))),
        ("bool".to_string(), AttributeValue::Bool(false)),
        ("null".to_string(), AttributeValue::Null(true)),
        (
            "l".to_string(),
            AttributeValue::L(vec![n(1), s("\u{4e16}")]),
        ),
        (
            "m".to_string(),
            AttributeValue::M(HashMap::from([("".to_string(), s(""))])),
        ),
        (
            "ss".to_string(),
            AttributeValue::Ss(vec!["a".into(), "b".into()]),
        ),
        (
            "ns".to_string(),
            AttributeValue::Ns(vec!["1".into(), "2".into()]),
        ),
        (
            "bs".to_string(),
            AttributeValue::Bs(vec![Blob::new([1]), Blob::new([2])]),
        ),
    ]);
    let put = server.dynamodb.put_item().table_name("table");
    put.set_item(Some(item.clone())).send().await.expect("put");
    let get = server.dynamodb.get_item().table_name("table");
    let get = get.key("pk", s("every")).consistent_read(true);
    let found = get.send().await.expect("get").item.expect("the item");
    assert_eq!(found, item);
    server.stop().await;
}

#[tokio::test]
async fn updates_return_what_was_asked_for() {
    let server = Server::start().await;
    create(&server, "table", false).await;
    put(&server, "table", 1).await;
    let update = |kind: ReturnValue| {
        let update = server.dynamodb.update_item().table_name("table");
        let update = update.key("pk", s("a")).return_values(kind);
        let update = update.update_expression("SET v = v + :one");
        let update = update.return_consumed_capacity(ReturnConsumedCapacity::Total);
        update.expression_attribute_values(":one", n(1)).send()
    };
    let v = |answer: &HashMap<String, AttributeValue>| answer["v"].clone();
    let old = update(ReturnValue::UpdatedOld).await.expect("update");
    assert_eq!(old.attributes().map(v), Some(n(1)));
    let new = update(ReturnValue::AllNew).await.expect("update");
    assert_eq!(new.attributes().map(v), Some(n(3)));
    assert_eq!(new.attributes().map(HashMap::len), Some(2));
    let units = new
        .consumed_capacity()
        .and_then(|used| used.capacity_units());
    assert_eq!(units, Some(1.0));
    let none = update(ReturnValue::None).await.expect("update");
    assert_eq!(none.attributes(), None);
    server.stop().await;
}

#[tokio::test]
async fn a_failed_condition_can_bring_the_item() {
    let server = Server::start().await;
    create(&server, "table", false).await;
    put(&server, "table", 1).await;
    let delete = server.dynamodb.delete_item().table_name("table");
    let delete = delete.key("pk", s("a")).condition_expression("v > :v");
    let delete = delete.expression_attribute_values(":v", n(1));
    let kind = ReturnValuesOnConditionCheckFailure::AllOld;
    let delete = delete.return_values_on_condition_check_failure(kind);
    let error = delete
        .send()
        .await
        .expect_err("must fail")
        .into_service_error();
    assert_eq!(error.message(), Some("The conditional request failed"));
    let aws_sdk_dynamodb::operation::delete_item::DeleteItemError::ConditionalCheckFailedException(
        failed,
    ) = error
    else {
        panic!("another error: {error}");
    };
    let item = failed.item.expect("the item");
    assert_eq!(item["v"], n(1));
    server.stop().await;
}

#[tokio::test]
async fn queries_and_scans_page() {
    let server = Server::start().await;
    create(&server, "table", true).await;
    for at in 0..25 {
        let put = server.dynamodb.put_item().table_name("table");
        let put = put.item("pk", s("q")).item("sk", n(at));
        put.send().await.expect("put");
    }
    let query = server.dynamodb.query().table_name("table");
    let query = query
        .key_condition_expression("pk = :p AND sk >= :from")
        .expression_attribute_values(":p", s("q"))
        .expression_attribute_values(":from", n(5))
        .scan_index_forward(false);
    let mut items = query.into_paginator().page_size(4).items().send();
    let mut found = Vec::new();
    while let Some(item) = items.next().await {
        found.push(
            item.expect("an item")["sk"]
                .as_n()
                .expect("a number")
                .clone(),
        );
    }
    let wanted: Vec<String> = (5..25).rev().map(|at| at.to_string()).collect();
    assert_eq!(found, wanted);
    let mut seen = HashSet::new();
    for segment in 0..3 {
        let scan = server.dynamodb.scan().table_name("table");
        let scan = scan.segment(segment).total_segments(3);
        let mut items = scan.into_paginator().page_size(4).items().send();
        while let Some(item) = items.next().await {
            let key = item.expect("an item")["sk"]
                .as_n()
                .expect("a number")
                .clone();
            assert!(seen.insert(key), "an item in two segments");
        }
    }
    assert_eq!(seen.len(), 25);
    server.stop().await;
}

#[tokio::test]
async fn validation_errors_are_worded_as_by_aws() {
    let server = Server::start().await;
    create(&server, "table", false).await;
    let put = || {
        server
            .dynamodb
            .put_item()
            .table_name("table")
            .item("pk", s("a"))
    };
    for (request, text) in [
        (
            put().item("v", n("1E126")),
            "1 validation error detected: Number overflow. Attempting to store a number with magnitude larger than \
             supported range",
        ),
        (
            put().item("v", AttributeValue::Ss(vec!["a".into(), "a".into()])),
            "1 validation error detected: One or more parameter values were invalid: Input collection [\"a\", \"a\"] \
             contains duplicates.",
        ),
        (
            put().condition_expression(""),
            "1 validation error detected: Invalid ConditionExpression: The expression can not be empty;",
        ),
        (
            put().condition_expression("attribute_exists(#missing)"),
            "1 validation error detected: Invalid ConditionExpression: An expression attribute name used in the \
             document path is not defined; attribute name: #missing",
        ),
        (
            put().item("pk", n(1)),
            "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N",
        ),
    ] {
        let error = request.send().await.expect_err(text);
        assert_eq!(error.code(), Some("ValidationException"));
        assert_eq!(error.message(), Some(text));
    }
    server.stop().await;
}

#[tokio::test]
async fn concurrent_updates_of_one_item_lose_nothing() {
    let server = Server::start().await;
    create(&server, "table", false).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let update = server.dynamodb.update_item().table_name("table");
        let update = update.key("pk", s("hot")).update_expression("ADD c :one");
        tasks.spawn(update.expression_attribute_values(":one", n(1)).send());
    }
    for outcome in tasks.join_all().await {
        outcome.expect("update");
    }
    let get = server.dynamodb.get_item().table_name("table");
    let get = get.key("pk", s("hot")).consistent_read(true);
    let item = get.send().await.expect("get").item.expect("the item");
    assert_eq!(item["c"], n(200));
    server.stop().await;
}
