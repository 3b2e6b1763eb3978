//! What the console asks for beside the API, and who may ask.

use serde_json::{Value, json};

use crate::support::{Running, body_of, settings, start, status};

async fn get(server: &Running, path: &str, headers: &str) -> (u16, String) {
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
    let answer = server.exchange(request.as_bytes()).await;
    (status(&answer), answer)
}

async fn json_of(server: &Running, path: &str) -> Value {
    let (status, answer) = get(server, path, "").await;
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(body_of(&answer)).unwrap()
}

async fn history(server: &Running, body: Value) -> (u16, Value) {
    let body = body.to_string();
    let request = format!(
        "POST /_headwater/history HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = server.exchange(request.as_bytes()).await;
    let body = serde_json::from_str(body_of(&answer)).unwrap();
    (status(&answer), body)
}

async fn must(server: &Running, operation: &str, body: Value) {
    let target = format!("DynamoDB_20120810.{operation}");
    let (status, body) = server.post(&target, body.to_string().as_bytes()).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn the_overview_counts_what_happens() {
    let server = start(settings()).await;
    server.create_table().await;
    let item = json!({"pk": {"S": "a"}, "v": {"N": "1"}});
    must(
        &server,
        "PutItem",
        json!({"TableName": "table", "Item": item}),
    )
    .await;
    must(
        &server,
        "PutItem",
        json!({"TableName": "table", "Item": item}),
    )
    .await;
    must(
        &server,
        "GetItem",
        json!({"TableName": "table", "Key": {"pk": {"S": "a"}}}),
    )
    .await;
    must(&server, "Scan", json!({"TableName": "table"})).await;
    let overview = json_of(&server, "/_headwater/overview").await;
    let table = &overview["tables"][0];
    assert_eq!(table["name"], "table");
    assert_eq!((&table["items"], &table["bytes"]), (&json!(1), &json!(6)));
    // The second put changed nothing.
    assert_eq!((&table["writes"], &table["reads"]), (&json!(1), &json!(2)));
    assert_eq!(table["stream"], Value::Null);
    assert_eq!(overview["health"], json!({"status": "ok"}));
    assert_eq!(overview["encrypted"], false);
    assert!(overview["log"]["durable"].as_str().unwrap().len() == 25);
    server.stop().await;
}

async fn create_streamed_table(server: &Running) {
    server.create_table().await;
    let stream = json!({"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"});
    must(
        server,
        "UpdateTable",
        json!({"TableName": "table", "StreamSpecification": stream}),
    )
    .await;
}

#[tokio::test]
async fn the_overview_counts_the_mappings_of_a_table() {
    let server = start(settings()).await;
    create_streamed_table(&server).await;
    let arn = server.database.streams().await.unwrap()[0].arn();
    let function = json!({
        "FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/any",
        "Code": {"S3Bucket": "headwater-webhook", "S3Key": "http://127.0.0.1:9/hook"},
    });
    let mapping = json!({"FunctionName": "f", "EventSourceArn": arn, "StartingPosition": "LATEST"});
    for (path, body) in [("functions", function), ("event-source-mappings", mapping)] {
        let body = body.to_string();
        let request = format!(
            "POST /2015-03-31/{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = server.exchange(request.as_bytes()).await;
        assert!((200..300).contains(&status(&answer)), "{answer}");
    }
    let overview = json_of(&server, "/_headwater/overview").await;
    assert_eq!(overview["tables"][0]["mappings"], 1);
    assert_eq!(overview["mappings"][0]["streamArn"], json!(arn));
    server.stop().await;
}

#[tokio::test]
async fn an_items_history_is_every_change_of_it() {
    let server = start(settings()).await;
    server.create_table().await;
    for value in ["1", "2", "2", "3"] {
        for key in ["a", "b"] {
            let item = json!({"pk": {"S": key}, "v": {"N": value}});
            must(
                &server,
                "PutItem",
                json!({"TableName": "table", "Item": item}),
            )
            .await;
        }
    }
    let key = json!({"pk": {"S": "a"}});
    must(
        &server,
        "DeleteItem",
        json!({"TableName": "table", "Key": key}),
    )
    .await;
    let (status, page) = history(&server, json!({"TableName": "table", "Key": key})).await;
    assert_eq!(status, 200, "{page}");
    let versions = page["Versions"].as_array().unwrap();
    let seen: Vec<(&Value, &Value)> = versions
        .iter()
        .map(|version| (&version["EventName"], &version["Item"]["v"]["N"]))
        .collect();
    assert_eq!(
        seen,
        [
            (&json!("INSERT"), &json!("1")),
            (&json!("MODIFY"), &json!("2")),
            (&json!("MODIFY"), &json!("3")),
            (&json!("REMOVE"), &Value::Null),
        ]
    );
    assert_eq!(page["Cursor"], Value::Null);
    // Behind any of them comes the rest.
    let cursor = &versions[1]["SequenceNumber"];
    let more = json!({"TableName": "table", "Key": key, "Cursor": cursor});
    let (_, page) = history(&server, more).await;
    assert_eq!(page["Versions"].as_array().unwrap()[..], versions[2..]);
    for bad in [
        json!({"TableName": "table", "Key": key, "Cursor": "x"}),
        json!({"TableName": "table", "Key": {"other": {"S": "a"}}}),
        json!({"TableName": "none", "Key": key}),
        json!([]),
    ] {
        let (status, _) = history(&server, bad.clone()).await;
        assert_eq!(status, 400, "{bad}");
    }
    server.stop().await;
}

#[tokio::test]
async fn shards_are_ranges_over_time() {
    let server = start(settings()).await;
    create_streamed_table(&server).await;
    let record = server.database.streams().await.unwrap()[0].clone();
    let first = server.database.shards(record.id).await.unwrap()[0].clone();
    let split = server
        .database
        .split_shard(record.id, first.number, 2)
        .await;
    split.unwrap();
    let path = format!("/_headwater/shards?stream={}", record.arn());
    let shards = json_of(&server, &path).await;
    assert_eq!(shards["view"], "KEYS_ONLY");
    let shards = shards["shards"].as_array().unwrap();
    assert_eq!(shards.len(), 6);
    let closed = &shards[0];
    assert_eq!(closed["id"], json!(first.id()));
    assert!(closed["closed_ms"].is_u64() && closed["last"].is_string());
    let children: Vec<&Value> = shards
        .iter()
        .filter(|shard| shard["parent"] == closed["id"])
        .collect();
    assert_eq!(children.len(), 2);
    assert_eq!(children[0]["hash_from"], closed["hash_from"]);
    assert_eq!(children[1]["hash_to"], closed["hash_to"]);
    let (status, _) = get(&server, "/_headwater/shards?stream=none", "").await;
    assert_eq!(status, 400);
    server.stop().await;
}

#[tokio::test]
async fn browsers_that_open_the_address_get_to_the_console() {
    let server = start(settings()).await;
    let (status, answer) = get(&server, "/", "accept: text/html,*/*\r\n").await;
    assert_eq!(status, 303, "{answer}");
    assert!(answer.contains("location: /console/"), "{answer}");
    let (status, answer) = get(&server, "/", "").await;
    assert_eq!(status, 200);
    assert!(answer.contains("healthy: dynamodb"), "{answer}");
    let (status, _) = get(&server, "/console/../secret", "").await;
    assert_eq!(status, 404);
    server.stop().await;
}

#[tokio::test]
async fn the_console_is_part_of_the_program() {
    let server = start(settings()).await;
    let (status, page) = get(&server, "/console/", "").await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("content-security-policy: default-src 'none'"));
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../console/dist");
    let index = std::fs::read_to_string(format!("{built}/index.html")).unwrap();
    assert_eq!(body_of(&page), index);
    let (_, script) = get(&server, "/console/assets/app.js", "").await;
    let etag = script
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap();
    let plain = std::fs::read_to_string(format!("{built}/assets/app.js")).unwrap();
    assert_eq!(body_of(&script), plain);
    // Compressed for who takes that, and not sent again to who has it.
    let (status, packed) = get(
        &server,
        "/console/assets/app.js",
        "accept-encoding: br, gzip\r\n",
    )
    .await;
    assert_eq!(status, 200);
    assert!(packed.contains("content-encoding: gzip"), "{packed}");
    assert!(packed.len() < plain.len());
    let known = format!("if-none-match: {etag}\r\n");
    let (status, again) = get(&server, "/console/assets/app.js", &known).await;
    assert_eq!((status, body_of(&again)), (304, ""), "{again}");
    server.stop().await;
}

#[tokio::test]
async fn files_of_a_folder_are_served_with_the_policy_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("dist");
    std::fs::create_dir_all(inner.join("assets")).unwrap();
    std::fs::write(inner.join("index.html"), "<p>page</p>").unwrap();
    std::fs::write(inner.join("assets/app.js"), "run()").unwrap();
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    let mut settings = settings();
    settings.console.folder = Some(inner);
    let server = start(settings).await;
    let (status, answer) = get(&server, "/console/", "").await;
    assert_eq!((status, body_of(&answer)), (200, "<p>page</p>"));
    for header in [
        "content-type: text/html",
        "content-security-policy: default-src 'none'; script-src 'self';",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
    ] {
        assert!(answer.contains(header), "{header}: {answer}");
    }
    let (_, answer) = get(&server, "/console/assets/app.js", "").await;
    assert!(answer.contains("content-type: text/javascript"), "{answer}");
    for path in [
        "../secret",
        "..%2fsecret",
        "assets/../../secret",
        "/secret",
        "none.js",
    ] {
        let (status, answer) = get(&server, &format!("/console/{path}"), "").await;
        assert_eq!(status, 404, "{path}: {answer}");
    }
    server.stop().await;
}
