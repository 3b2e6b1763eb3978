//! PartiQL: pages of SELECT, against one that reads everything; and writes, which reach the stream as those of item
//! operations do.

use std::sync::Arc;

use headwater_model::SeededRng;
use serde_json::{Value, json};

use crate::support::{Server, n, s};

/// All items of a SELECT, in pages of `limit`. No page evaluates more than that.
async fn all_pages(server: &Server, statement: &str, limit: usize) -> Result<Vec<Value>, String> {
    let mut body = json!({"Statement": statement, "Limit": limit});
    let mut items = Vec::new();
    loop {
        let page = server.ask("ExecuteStatement", body.clone()).await?;
        let shown = page["Items"].as_array().unwrap();
        assert!(shown.len() <= limit, "{statement}");
        items.extend(shown.iter().cloned());
        match &page["NextToken"] {
            Value::Null => {
                assert_eq!(page["LastEvaluatedKey"], Value::Null);
                return Ok(items);
            }
            token => body["NextToken"] = token.clone(),
        }
    }
}

/// Conditions on keys and on `v`, as random as the tree that `depth` lets grow.
fn condition(rng: &SeededRng, depth: u64) -> String {
    let letter = || ["a", "b", "c"][rng.below(3) as usize];
    let number = || rng.below(5);
    let by = || ["=", "<>", "<", "<=", ">", ">="][rng.below(6) as usize];
    match rng.below(if depth == 0 { 7 } else { 12 }) {
        0..=2 => format!("pk = '{}'", letter()),
        3 => format!("pk IN ('{}', '{}')", letter(), letter()),
        4 => format!("sk {} {}", by(), number()),
        5 => format!("sk BETWEEN {} AND {}", number(), 5),
        6 => format!("v {} {}", by(), number()),
        7 => format!("NOT ({})", condition(rng, depth - 1)),
        8..=9 => format!(
            "({} AND {})",
            condition(rng, depth - 1),
            condition(rng, depth - 1)
        ),
        _ => format!(
            "({} OR {})",
            condition(rng, depth - 1),
            condition(rng, depth - 1)
        ),
    }
}

fn sorted(mut items: Vec<Value>) -> Vec<String> {
    let mut texts: Vec<String> = items.drain(..).map(|item| item.to_string()).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn pages_of_partitions_are_what_a_scan_finds() {
    let server = Server::start();
    server.sorted_table("ttt", "N").await;
    for partition in ["a", "b", "c"] {
        for sort in 0..5 {
            let item = json!({"pk": s(partition), "sk": n(sort), "v": n(4 - sort)});
            server.put("ttt", item).await;
        }
    }
    let rng = SeededRng::new(3);
    let (mut found, mut refused) = (0, 0);
    for _ in 0..600 {
        let condition = condition(&rng, 3);
        let limit = 1 + rng.below(7) as usize;
        let keyed = format!("SELECT * FROM ttt WHERE {condition}");
        // Nothing below NOT is looked at for keys.
        let scanned = format!("SELECT * FROM ttt WHERE NOT (NOT ({condition}))");
        let expected = all_pages(&server, &scanned, 100).await.unwrap();
        match all_pages(&server, &keyed, limit).await {
            Ok(items) => {
                found += items.len();
                assert_eq!(
                    sorted(items),
                    sorted(expected),
                    "{condition} in pages of {limit}"
                );
            }
            Err(error) => {
                refused += 1;
                let overlap =
                    "Overlapping conditions with range keys are not supported in where clause";
                assert!(error.ends_with(overlap), "{condition}: {error}");
            }
        }
    }
    assert!(found > 1000 && refused < 100, "{found} {refused}");
}

#[tokio::test]
async fn pages_keep_their_order() {
    let server = Server::start();
    server.sorted_table("ttt", "N").await;
    for partition in ["a", "b"] {
        for sort in 0..3 {
            server
                .put("ttt", json!({"pk": s(partition), "sk": n(sort)}))
                .await;
        }
    }
    for (order, expected) in [
        ("", "b0 b1 b2 a0 a1 a2"),
        ("ORDER BY pk", "a0 a1 a2 b0 b1 b2"),
        ("ORDER BY sk DESC", "b2 b1 b0 a2 a1 a0"),
        ("ORDER BY pk DESC, sk DESC", "b2 b1 b0 a2 a1 a0"),
    ] {
        for limit in [1, 2, 4, 9] {
            let statement = format!("SELECT * FROM ttt WHERE pk IN ('b', 'a') {order}");
            let items = all_pages(&server, &statement, limit).await.unwrap();
            let shown = items.iter().map(|item| {
                format!(
                    "{}{}",
                    item["pk"]["S"].as_str().unwrap(),
                    item["sk"]["N"].as_str().unwrap()
                )
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{statement}");
        }
    }
}

/// Ranges of one partition come in the order of their keys if one is asked for, else in that of the statement.
#[tokio::test]
async fn pages_of_ranges_keep_their_order() {
    let server = Server::start();
    server.sorted_table("ttt", "N").await;
    for partition in ["a", "b"] {
        for sort in 0..6 {
            let item = json!({"pk": s(partition), "sk": n(sort)});
            server.put("ttt", item).await;
        }
    }
    let ranges = "(pk = 'a' AND sk > 3) OR (pk = 'b' AND sk = 2) OR (pk = 'a' AND sk < 2) OR (pk = 'a' AND sk = 3)";
    for (order, expected) in [
        ("", "a4 a5 a0 a1 a3 b2"),
        ("ORDER BY pk", "a4 a5 a0 a1 a3 b2"),
        ("ORDER BY sk", "a0 a1 a3 a4 a5 b2"),
        ("ORDER BY sk DESC", "a5 a4 a3 a1 a0 b2"),
        ("ORDER BY pk DESC, sk", "b2 a0 a1 a3 a4 a5"),
    ] {
        for limit in 1..8 {
            let statement = format!("SELECT * FROM ttt WHERE {ranges} {order}");
            let items = all_pages(&server, &statement, limit).await.unwrap();
            let shown = items.iter().map(|item| {
                let (pk, sk) = (item["pk"]["S"].as_str(), item["sk"]["N"].as_str());
                format!("{}{}", pk.unwrap(), sk.unwrap())
            });
            let shown = shown.collect::<Vec<_>>().join(" ");
            assert_eq!(shown, expected, "{statement}, {limit}");
        }
    }
}

/// A page ends at 1 MB over all partitions together.
#[tokio::test]
async fn pages_end_at_a_megabyte() {
    let server = Server::start();
    server.sorted_table("ttt", "N").await;
    let filler = "x".repeat(200_000);
    for partition in ["a", "b", "c"] {
        for sort in 0..3 {
            let item = json!({"pk": s(partition), "sk": n(sort), "v": s(&filler)});
            server.put("ttt", item).await;
        }
    }
    let mut body = json!({"Statement": "SELECT pk FROM ttt WHERE pk IN ('a', 'b', 'c')"});
    let mut counts = Vec::new();
    loop {
        let page = server.must("ExecuteStatement", body.clone()).await;
        counts.push(page["Items"].as_array().unwrap().len());
        match &page["NextToken"] {
            Value::Null => break,
            token => body["NextToken"] = token.clone(),
        }
    }
    assert_eq!(counts, [6, 3]);
}

/// Items that a local index does not hold count, too.
#[tokio::test]
async fn pages_of_fetched_items_end_at_a_megabyte() {
    let server = Server::start();
    server.table_with_local_index("ttt").await;
    let filler = "x".repeat(300_000);
    for partition in ["a", "b"] {
        for sort in 0..4 {
            let item = json!({"pk": s(partition), "sk": n(sort), "x": n(-sort), "v": s(&filler)});
            server.put("ttt", item).await;
        }
    }
    let mut body = json!({"Statement": r#"SELECT sk, v FROM "ttt"."byX" WHERE pk IN ('a', 'b')"#});
    let mut counts = Vec::new();
    loop {
        let page = server.must("ExecuteStatement", body.clone()).await;
        counts.push(page["Items"].as_array().unwrap().len());
        match &page["NextToken"] {
            Value::Null => break,
            token => body["NextToken"] = token.clone(),
        }
    }
    assert_eq!(counts, [4, 4, 0]);
}

#[tokio::test]
async fn tokens_belong_to_their_statement() {
    let server = Server::start();
    server.table("ttt", None).await;
    server.table("uuu", None).await;
    for key in ["a", "b", "c"] {
        server.put("ttt", json!({"pk": s(key)})).await;
        server.put("uuu", json!({"pk": s(key)})).await;
    }
    let statement = "SELECT * FROM ttt WHERE pk <> ?";
    let page = |limit: u64| json!({"Statement": statement, "Parameters": [s("x")], "Limit": limit});
    let first = server.must("ExecuteStatement", page(1)).await;
    let with = |mut body: Value| {
        body["NextToken"] = first["NextToken"].clone();
        body
    };
    // Limit and consistency may change.
    let mut rest = with(page(9));
    rest["ConsistentRead"] = json!(true);
    let rest = server.must("ExecuteStatement", rest).await;
    assert_eq!(rest["Items"].as_array().unwrap().len(), 2);
    for other in [
        json!({"Statement": statement, "Parameters": [s("y")]}),
        json!({"Statement": "SELECT * FROM ttt"}),
        json!({"Statement": "SELECT * FROM uuu WHERE pk <> ?", "Parameters": [s("x")]}),
    ] {
        let error = server
            .ask("ExecuteStatement", with(other))
            .await
            .unwrap_err();
        assert_eq!(
            error,
            "ValidationException: NextToken does not match request"
        );
    }
    // A table made anew is another one.
    server
        .must("DeleteTable", json!({"TableName": "ttt"}))
        .await;
    server.run_due().await;
    server.table("ttt", None).await;
    let error = server
        .ask("ExecuteStatement", with(page(1)))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        "ValidationException: NextToken does not match request"
    );
}

/// The same changes by statements and by item operations: the streams say the same.
#[tokio::test]
async fn writes_reach_the_stream_as_those_of_items_do() {
    let server = Arc::new(Server::start());
    server.table("by_items", Some("NEW_AND_OLD_IMAGES")).await;
    server
        .table("by_statements", Some("NEW_AND_OLD_IMAGES"))
        .await;
    let statement = |text: &str| json!({"Statement": text.replace("ttt", "by_statements")});
    let execute = async |text: &str| {
        server.must("ExecuteStatement", statement(text)).await;
    };
    let key = json!({"pk": s("a")});
    let update = async |text: &str, values: Value| {
        let body = json!({"TableName": "by_items", "Key": key, "UpdateExpression": text,
            "ExpressionAttributeValues": values});
        server.must("UpdateItem", body).await;
    };

    server
        .put(
            "by_items",
            json!({"pk": s("a"), "n": n(1), "l": {"L": [n(1)]}}),
        )
        .await;
    execute("INSERT INTO ttt VALUE {'pk': 'a', 'n': 1, 'l': [1]}").await;
    update(
        "SET n = n + :n, m = :m",
        json!({":n": n(1), ":m": {"M": {}}}),
    )
    .await;
    execute("UPDATE ttt SET n = n + 1, m = {} WHERE pk = 'a'").await;
    // Nothing changes, so that nothing is told.
    update("SET n = :n", json!({":n": n(2)})).await;
    execute("UPDATE ttt SET n = 2 WHERE pk = 'a'").await;
    server.delete("by_items", key.clone()).await;
    execute("DELETE FROM ttt WHERE pk = 'a' AND n = 2").await;
    // Of what is refused there is nothing in either.
    let refused = statement("UPDATE ttt SET n = 3 WHERE pk = 'a'");
    server.ask("ExecuteStatement", refused).await.unwrap_err();
    execute("DELETE FROM ttt WHERE pk = 'a'").await;
    server.delete("by_items", key.clone()).await;

    server.put("by_items", json!({"pk": s("b")})).await;
    let batch = json!({"Statements": [statement("INSERT INTO ttt VALUE {'pk': 'b'}")]});
    server.must("BatchExecuteStatement", batch).await;
    server.put("by_items", json!({"pk": s("c")})).await;
    server.delete("by_items", json!({"pk": s("b")})).await;
    let transaction = json!({"TransactStatements": [
        statement("INSERT INTO ttt VALUE {'pk': 'c'}"), statement("DELETE FROM ttt WHERE pk = 'b'")]});
    server.must("ExecuteTransaction", transaction).await;

    let told = async |table: &str| -> Vec<Value> {
        let records = server.records(table).await.into_iter();
        let shown = records.map(|record| {
            let change = &record["dynamodb"];
            json!([
                record["eventName"],
                change["Keys"],
                change["OldImage"],
                change["NewImage"],
                change["SizeBytes"]
            ])
        });
        shown.collect()
    };
    let by_items = told("by_items").await;
    assert_eq!(by_items.len(), 6);
    assert_eq!(told("by_statements").await, by_items);
}
