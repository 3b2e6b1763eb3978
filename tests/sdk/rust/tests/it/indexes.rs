//! Secondary indexes, batches and transactions.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CancellationReason, Delete, Get, GlobalSecondaryIndex,
    KeySchemaElement, KeyType, KeysAndAttributes, LocalSecondaryIndex, Projection, ProjectionType,
    Put, PutRequest, ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TransactGetItem,
    TransactWriteItem, Update, WriteRequest,
};

use crate::items::{n, s};
use crate::server::Server;
use crate::tables::active;

const TABLE: &str = "scores";
/// Scores are equal by fives, so that pages of the index cut through equal keys.
const PLAYERS: i32 = 20;

fn keys(hash: &str, range: &str) -> Vec<KeySchemaElement> {
    [(hash, KeyType::Hash), (range, KeyType::Range)]
        .map(|(name, role)| {
            let key = KeySchemaElement::builder().attribute_name(name);
            key.key_type(role).build().expect("complete")
        })
        .to_vec()
}

fn all() -> Projection {
    Projection::builder()
        .projection_type(ProjectionType::All)
        .build()
}

/// A table of scores with an index of each kind, filled by a batch.
async fn scores(server: &Server) {
    let global = GlobalSecondaryIndex::builder().index_name("by-game");
    let global = global.set_key_schema(Some(keys("game", "score")));
    let local = LocalSecondaryIndex::builder().index_name("by-score");
    let local = local.set_key_schema(Some(keys("player", "score")));
    let mut request = server.dynamodb.create_table().table_name(TABLE);
    for (name, kind) in [
        ("player", ScalarAttributeType::S),
        ("game", ScalarAttributeType::S),
        ("score", ScalarAttributeType::N),
    ] {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        let attribute = attribute.attribute_type(kind).build().expect("complete");
        request = request.attribute_definitions(attribute);
    }
    let created = request
        .set_key_schema(Some(keys("player", "game")))
        .billing_mode(BillingMode::PayPerRequest)
        .global_secondary_indexes(global.projection(all()).build().expect("complete"))
        .local_secondary_indexes(local.projection(all()).build().expect("complete"));
    created.send().await.expect("create the table");
    active(server, TABLE).await;
    let puts = (0..PLAYERS).map(|at| {
        let item = PutRequest::builder()
            .item("player", s(&format!("p{at:02}")))
            .item("game", s("chess"))
            .item("score", n(at / 5));
        let put = item.build().expect("complete");
        WriteRequest::builder().put_request(put).build()
    });
    let write = server.dynamodb.batch_write_item();
    let write = write.request_items(TABLE, puts.collect());
    let answer = write.send().await.expect("write the batch");
    assert_eq!(answer.unprocessed_items().map(|left| left.len()), Some(0));
}

#[tokio::test]
async fn queries_of_an_index_page_both_ways() {
    let server = Server::start().await;
    scores(&server).await;
    let mut orders = Vec::new();
    for forward in [true, false] {
        let query = server.dynamodb.query().table_name(TABLE);
        let query = query
            .index_name("by-game")
            .key_condition_expression("game = :g AND score BETWEEN :a AND :b")
            .expression_attribute_values(":g", s("chess"))
            .expression_attribute_values(":a", n(1))
            .expression_attribute_values(":b", n(2))
            .scan_index_forward(forward);
        let mut items = query.into_paginator().page_size(3).items().send();
        let mut found = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.expect("an item");
            let score = item["score"].as_n().expect("a number").clone();
            let player = item["player"].as_s().expect("a string").clone();
            found.push((score, player));
        }
        assert!(found[..5].iter().all(|(score, _)| *score == found[0].0));
        orders.push(found);
    }
    let backwards = orders.pop().expect("two orders");
    let mut forwards = orders.pop().expect("two orders");
    assert_eq!(forwards[0].0, "1");
    assert_eq!(backwards[0].0, "2");
    let reversed: Vec<_> = backwards.into_iter().rev().collect();
    assert_eq!(forwards, reversed);
    forwards.sort();
    let players: Vec<_> = forwards.into_iter().map(|(_, player)| player).collect();
    let wanted: Vec<_> = (5..15).map(|at| format!("p{at:02}")).collect();
    assert_eq!(players, wanted);

    let query = server.dynamodb.query().table_name(TABLE);
    let query = query
        .index_name("by-score")
        .consistent_read(true)
        .key_condition_expression("player = :p AND score < :s")
        .expression_attribute_values(":p", s("p07"));
    for (score, count) in [(1, 0), (2, 1)] {
        let query = query.clone().expression_attribute_values(":s", n(score));
        assert_eq!(query.send().await.expect("query").count, count);
    }
    server.stop().await;
}

#[tokio::test]
async fn batches_read_what_is_there() {
    let server = Server::start().await;
    scores(&server).await;
    let mut wanted = KeysAndAttributes::builder().projection_expression("score");
    for player in ["p19", "nobody"] {
        let key = [
            ("player".to_string(), s(player)),
            ("game".to_string(), s("chess")),
        ];
        wanted = wanted.keys(key.into());
    }
    let get = server.dynamodb.batch_get_item();
    let get = get.request_items(TABLE, wanted.build().expect("complete"));
    let answer = get.send().await.expect("read the batch");
    let found = &answer.responses().expect("responses")[TABLE];
    assert_eq!(found, &vec![[("score".to_string(), n(3))].into()]);
    assert_eq!(answer.unprocessed_keys().map(|left| left.len()), Some(0));
    server.stop().await;
}

/// Takes one point from the player and keeps a note of it, if the player has a point.
fn lose(player: &str) -> Vec<TransactWriteItem> {
    let note = Put::builder().table_name(TABLE).item("player", s(player));
    let note = note.item("game", s("note")).build().expect("complete");
    let update = Update::builder()
        .table_name(TABLE)
        .key("player", s(player))
        .key("game", s("chess"))
        .update_expression("ADD score :minus")
        .condition_expression("score > :zero")
        .expression_attribute_values(":minus", n(-1))
        .expression_attribute_values(":zero", n(0))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    vec![
        TransactWriteItem::builder().put(note).build(),
        TransactWriteItem::builder()
            .update(update.build().expect("complete"))
            .build(),
    ]
}

/// What one transaction reads of the player's score and note.
async fn read(server: &Server, player: &str) -> [bool; 2] {
    let mut request = server.dynamodb.transact_get_items();
    for game in ["chess", "note"] {
        let get = Get::builder().table_name(TABLE).key("player", s(player));
        let get = get.key("game", s(game)).build().expect("complete");
        request = request.transact_items(TransactGetItem::builder().get(get).build());
    }
    let answer = request.send().await.expect("read");
    let found: Vec<bool> = answer
        .responses()
        .iter()
        .map(|r| r.item.is_some())
        .collect();
    found.try_into().expect("two answers")
}

#[tokio::test]
async fn transactions_happen_whole_or_say_why_not() {
    let server = Server::start().await;
    scores(&server).await;
    let write = |items| {
        let write = server.dynamodb.transact_write_items();
        write.set_transact_items(Some(items))
    };
    for _ in 0..2 {
        let once = write(lose("p05")).client_request_token("once");
        once.send().await.expect("the transaction");
    }
    assert_eq!(read(&server, "p05").await, [true, true]);

    let error = write(lose("p00")).send().await.expect_err("must fail");
    let TransactWriteItemsError::TransactionCanceledException(cancelled) =
        error.into_service_error()
    else {
        panic!("another error");
    };
    assert_eq!(
        cancelled.message(),
        Some(
            "Transaction cancelled, please refer cancellation reasons for specific reasons \
             [None, ConditionalCheckFailed]"
        )
    );
    let reasons = cancelled.cancellation_reasons();
    let codes: Vec<_> = reasons.iter().map(CancellationReason::code).collect();
    assert_eq!(codes, [Some("None"), Some("ConditionalCheckFailed")]);
    let item = reasons[1].item().expect("the item");
    assert_eq!(item["score"], n(0));
    assert_eq!(read(&server, "p00").await, [true, false]);

    let delete = Delete::builder().table_name(TABLE).key("player", s("p05"));
    let delete = delete.key("game", s("note")).build().expect("complete");
    let delete = TransactWriteItem::builder().delete(delete).build();
    write(vec![delete]).send().await.expect("the deletion");
    assert_eq!(read(&server, "p05").await, [true, false]);
    server.stop().await;
}
