//! Items that count little and are much as JSON: no answer has more of it than it may.

use headwater_wire::{ApiError, ErrorDetail, Operation, Service};
use serde_json::{Value, json};

use crate::support::Server;

/// Three of these items fit an answer.
const ITEMS: usize = 4;

/// A table whose items are numbers that are three bytes each as they are counted, and 142 as they are shown.
async fn start() -> Server {
    let server = Server::start();
    server.table("ttt", None).await;
    put_all(&server).await;
    server
}

async fn put_all(server: &Server) {
    let numbers = vec![r#"{"N":"1E-130"}"#; 130_000].join(",");
    for number in 0..ITEMS {
        let item = format!(
            r#"{{"pk":{{"S":"k{number}"}},"v":{{"L":[{{"N":"1"}}]}},"l":{{"L":[{numbers}]}}}}"#
        );
        let put = format!(r#"{{"TableName":"ttt","Item":{item}}}"#);
        ask(server, "PutItem", &put).await.unwrap();
    }
}

/// The JSON of an answer, which is too much for a tree.
async fn ask(server: &Server, name: &str, body: &str) -> Result<String, ApiError> {
    let operation = Operation::find(Service::DynamoDb, name).unwrap();
    let reply = server
        .api
        .dispatch(operation, body.as_bytes(), &server.context);
    let reply = String::from_utf8(reply.await?).unwrap();
    assert!(reply.len() < 65 << 20, "{} bytes", reply.len());
    Ok(reply)
}

fn key(number: usize) -> Value {
    json!({"pk": {"S": format!("k{number}")}})
}

fn statements(text: impl Fn(usize) -> String) -> Value {
    let statement = |number| json!({"Statement": text(number), "ReturnValuesOnConditionCheckFailure": "ALL_OLD"});
    json!((0..ITEMS).map(statement).collect::<Vec<_>>())
}

#[tokio::test]
async fn reasons_of_a_cancelled_transaction_leave_out_items() {
    let server = start().await;
    let check = |number| {
        json!({"ConditionCheck": {"TableName": "ttt", "Key": key(number),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}})
    };
    let checks: Vec<Value> = (0..ITEMS).map(check).collect();
    let writes = server.try_ask("TransactWriteItems", json!({"TransactItems": checks}));
    let exists = |number| format!("EXISTS(SELECT * FROM ttt WHERE pk = 'k{number}' AND a = 2)");
    let body = json!({"TransactStatements": statements(exists)});
    let partiql = server.try_ask("ExecuteTransaction", body);
    for answer in [writes.await, partiql.await] {
        let error = answer.unwrap_err();
        let Some(ErrorDetail::CancellationReasons(reasons)) = error.detail.as_deref() else {
            panic!("{error}");
        };
        assert_eq!(reasons.len(), ITEMS);
        let failed = |code: &str| code == "ConditionalCheckFailed";
        assert!(reasons.iter().all(|reason| failed(&reason.code)));
        assert!(reasons.iter().all(|reason| reason.message.is_some()));
        let items: Vec<bool> = reasons.iter().map(|reason| reason.item.is_some()).collect();
        assert_eq!(items, [true, true, true, false]);
    }
}

#[tokio::test]
async fn a_transaction_reads_no_more_json_than_it_may() {
    let server = start().await;
    let gets = |count| {
        let get = |number| json!({"Get": {"TableName": "ttt", "Key": key(number)}});
        json!({"TransactItems": (0..count).map(get).collect::<Vec<_>>()}).to_string()
    };
    let refused = ask(&server, "TransactGetItems", &gets(ITEMS)).await;
    let refusal = "ValidationException: The items of the transaction exceed the maximum of 67108864 bytes of an answer";
    assert_eq!(refused.unwrap_err().to_string(), refusal);
    let select = |number| format!("SELECT * FROM ttt WHERE pk = 'k{number}'");
    let body = json!({"TransactStatements": statements(select)}).to_string();
    let refused = ask(&server, "ExecuteTransaction", &body).await;
    assert_eq!(refused.unwrap_err().to_string(), refusal);
    let reply = ask(&server, "TransactGetItems", &gets(1)).await.unwrap();
    assert_eq!(reply.matches(r#""Item":"#).count(), 1);
}

#[tokio::test]
async fn a_search_shows_no_more_json_than_it_may() {
    let server = Server::start();
    let table = json!({
        "TableName": "ttt", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "VectorIndexes": [{
            "IndexName": "vectors", "VectorAttribute": {"AttributeName": "v"}, "Dimensions": 1,
            "DistanceFunction": "EUCLIDEAN", "Projection": {"ProjectionType": "ALL"},
        }],
    });
    server.must("CreateTable", table).await;
    put_all(&server).await;
    let mut search = json!({
        "TableName": "ttt", "IndexName": "vectors", "SearchVector": [{"N": "0"}], "TopK": ITEMS,
    });
    let refused = ask(&server, "SearchVectors", &search.to_string()).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "ValidationException: The results of the search exceed the maximum of 67108864 bytes. Use a narrower \
         projection or a smaller TopK"
    );
    search["ProjectionExpression"] = json!("pk");
    let reply = server.must("SearchVectors", search).await;
    assert_eq!(reply["SearchResults"].as_array().unwrap().len(), ITEMS);
}

/// Whoever reads gets the rest with another request; what is to be written and returned is not written without room.
#[tokio::test]
async fn statements_of_a_batch_return_no_more_json_than_they_may() {
    let server = start().await;
    // How many responses have an item, and how many this code.
    let outcomes = async |text: &dyn Fn(usize) -> String, code: &str| {
        let body = json!({"Statements": statements(text)}).to_string();
        let reply = ask(&server, "BatchExecuteStatement", &body).await.unwrap();
        let code = format!(r#""Code":"{code}""#);
        let count = |part: &str| reply.matches(part).count();
        (count(r#""Item":"#), count(&code))
    };
    let select = |number| format!("SELECT * FROM ttt WHERE pk = 'k{number}'");
    assert_eq!(outcomes(&select, "ThrottlingError").await, (3, 1));
    let update = |number| format!("UPDATE ttt SET a = 1 WHERE pk = 'k{number}' AND a = 2");
    let failed = outcomes(&update, "ConditionalCheckFailed").await;
    assert_eq!(failed, (3, ITEMS));
    let delete = |number| format!("DELETE FROM ttt WHERE pk = 'k{number}' RETURNING ALL OLD *");
    assert_eq!(outcomes(&delete, "ThrottlingError").await, (3, 1));
    let left = server.must("Scan", json!({"TableName": "ttt", "Select": "COUNT"}));
    assert_eq!(left.await["Count"], json!(1));
}
