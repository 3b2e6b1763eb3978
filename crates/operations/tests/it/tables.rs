//! Table operations: descriptions, changes, refusals (dynamodb-api.md sections 7 and 15, streams.md 2).

use headwater_engine::EngineOptions;
use headwater_operations::{ApiOptions, RequestContext};
use serde_json::{Value, json};

use crate::support::{Server, n, s};

fn create(more: Value) -> Value {
    let mut body = json!({
        "TableName": "users", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn descriptions() {
    let server = Server::start();
    let made = server.table("users", Some("KEYS_ONLY")).await;
    assert_eq!(made["TableStatus"], "CREATING");
    assert_eq!(
        made["TableArn"],
        "arn:aws:dynamodb:us-east-1:000000000000:table/users"
    );
    assert_eq!(made["LatestStreamLabel"], "2025-10-09T08:53:20.000");
    assert_eq!(
        made["StreamSpecification"],
        json!({"StreamEnabled": true, "StreamViewType": "KEYS_ONLY"})
    );
    assert_eq!(made["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(made["ProvisionedThroughput"]["ReadCapacityUnits"], 0);
    assert_eq!(made["WarmThroughput"], Value::Null);
    assert_eq!(made["DeletionProtectionEnabled"], false);
    assert_eq!(made["TableId"].as_str().unwrap().len(), 36);
    server.put("users", json!({"pk": s("a"), "n": n(12)})).await;
    let table = server
        .must("DescribeTable", json!({"TableName": "users"}))
        .await;
    let table = &table["Table"];
    assert_eq!(table["TableStatus"], "ACTIVE");
    assert_eq!(table["ItemCount"], 1);
    assert_eq!(table["TableSizeBytes"], 6);
    assert_eq!(table["CreationDateTime"], 1_760_000_000);
    assert_eq!(
        table["KeySchema"],
        json!([{"AttributeName": "pk", "KeyType": "HASH"}])
    );
    assert_eq!(
        table["AttributeDefinitions"],
        json!([{"AttributeName": "pk", "AttributeType": "S"}])
    );
    assert_eq!(
        table["WarmThroughput"],
        json!({"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000, "Status": "ACTIVE"})
    );
}

#[tokio::test]
async fn refusals_of_create_table() {
    let server = Server::start();
    let provisioned = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 5});
    let invalid = "ValidationException: One or more parameter values were invalid: ";
    for (more, expected) in [
        (json!({"ProvisionedThroughput": provisioned}), format!("{invalid}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")),
        (json!({"BillingMode": null}), format!("{invalid}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")),
        (json!({"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "pk", "KeyType": "RANGE"}]}),
            "ValidationException: Invalid KeySchema: Some index key attribute have no definition".into()),
        (json!({"KeySchema": [{"AttributeName": "pk", "KeyType": "RANGE"}]}),
            "ValidationException: Invalid KeySchema: The first KeySchemaElement is not a HASH key type".into()),
        (json!({"KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}]}),
            format!("{invalid}Some index key attributes are not defined in AttributeDefinitions. Keys: [other], AttributeDefinitions: [pk]")),
        (json!({"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "x", "AttributeType": "S"}]}),
            format!("{invalid}Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")),
        (json!({"TableName": null}), "ValidationException: The parameter 'TableName' is required but was not present in the request".into()),
        (json!({"StreamSpecification": {"StreamEnabled": true}}), format!("{invalid}Table is being created with a stream enabled, UpdateViewType is required")),
        (json!({"VectorIndexes": []}), "ValidationException: One or more parameter values were invalid: List of VectorIndexes is empty".into()),
        (json!({"GlobalSecondaryIndexes": []}), format!("{invalid}List of GlobalSecondaryIndexes is empty")),
        (json!({"Tags": [{"Key": "headwater:stream-retention-hours", "Value": "0"}]}),
            format!("{invalid}the tag headwater:stream-retention-hours must be a number of hours between 1 and 8760, not \"0\"")),
    ] {
        let got = server.ask("CreateTable", create(more.clone())).await;
        assert_eq!(got, Err(expected), "{more}");
    }
    server
        .must(
            "CreateTable",
            create(json!({"SSESpecification": {"Enabled": false}})),
        )
        .await;
    assert_eq!(
        server.ask("CreateTable", create(json!({}))).await,
        Err("ResourceInUseException: Table already exists: users".into())
    );
}

#[tokio::test]
async fn settings_change() {
    let server = Server::start();
    server.table("users", None).await;
    let update = |more: Value| {
        let mut body = json!({"TableName": "users"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    assert_eq!(
        server.ask("UpdateTable", update(json!({}))).await,
        Err("ValidationException: At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required".into())
    );
    let provisioned = json!({"BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}});
    let reply = server.must("UpdateTable", update(provisioned)).await;
    let protected = update(json!({"DeletionProtectionEnabled": true}));
    server.must("UpdateTable", protected).await;
    assert_eq!(reply["TableDescription"]["TableStatus"], "UPDATING");
    let same = json!({"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}});
    let error = server.ask("UpdateTable", update(same)).await.unwrap_err();
    assert!(
        error.starts_with(
            "ValidationException: The provisioned throughput for the table will not change."
        ),
        "{error}"
    );
    let protected = server
        .ask("DeleteTable", json!({"TableName": "users"}))
        .await
        .unwrap_err();
    assert!(
        protected.contains("protected against deletion"),
        "{protected}"
    );
    for change in [
        json!({"DeletionProtectionEnabled": false}),
        json!({"TableClass": "STANDARD_INFREQUENT_ACCESS"}),
    ] {
        server.must("UpdateTable", update(change)).await;
    }
    let table = server
        .must("DescribeTable", json!({"TableName": "users"}))
        .await;
    assert_eq!(
        table["Table"]["TableClassSummary"]["TableClass"],
        "STANDARD_INFREQUENT_ACCESS"
    );
    assert_eq!(
        table["Table"]["ProvisionedThroughput"]["WriteCapacityUnits"],
        6
    );
    let gone = server
        .must("DeleteTable", json!({"TableName": "users"}))
        .await;
    assert_eq!(gone["TableDescription"]["TableStatus"], "DELETING");
    assert_eq!(
        server
            .ask("DescribeTable", json!({"TableName": "users"}))
            .await,
        Err(
            "ResourceNotFoundException: Requested resource not found: Table: users not found"
                .into()
        )
    );
}

#[tokio::test]
async fn streams_on_and_off() {
    let server = Server::start();
    server.table("users", None).await;
    let stream =
        |specification: Value| json!({"TableName": "users", "StreamSpecification": specification});
    let on = stream(json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}));
    let off = stream(json!({"StreamEnabled": false}));
    assert_eq!(
        server.ask("UpdateTable", off.clone()).await,
        Err("ValidationException: Table has no stream to disable: TableName: users".into())
    );
    let first =
        server.must("UpdateTable", on.clone()).await["TableDescription"]["LatestStreamArn"].clone();
    assert_eq!(
        server.ask("UpdateTable", on.clone()).await,
        Err("ValidationException: Table already has an enabled stream: TableName: users".into())
    );
    server.put("users", json!({"pk": s("a")})).await;
    server.must("UpdateTable", off).await;
    let table = server
        .must("DescribeTable", json!({"TableName": "users"}))
        .await;
    assert_eq!(table["Table"]["StreamSpecification"], Value::Null);
    assert_eq!(table["Table"]["LatestStreamArn"], first);
    server.put("users", json!({"pk": s("b")})).await;
    server.clock.advance_ms(1000);
    let second =
        server.must("UpdateTable", on).await["TableDescription"]["LatestStreamArn"].clone();
    assert_ne!(first, second);
    let listed = server
        .must("ListStreams", json!({"TableName": "users"}))
        .await;
    let arns: Vec<&Value> = listed["Streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stream| &stream["StreamArn"])
        .collect();
    assert_eq!(arns, [&first, &second]);
    let old = server
        .must("DescribeStream", json!({"StreamArn": first}))
        .await;
    assert_eq!(old["StreamDescription"]["StreamStatus"], "DISABLED");
    let shard = &old["StreamDescription"]["Shards"][0];
    assert!(shard["SequenceNumberRange"]["EndingSequenceNumber"].is_string());
    let (records, ended) = server
        .drain(first.as_str().unwrap(), shard["ShardId"].as_str().unwrap())
        .await;
    assert_eq!(records.len(), 1);
    assert!(ended);
    server.clock.advance_ms(25 * 3_600_000);
    let listed = server.must("ListStreams", json!({})).await;
    assert_eq!(listed["Streams"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn phases_take_their_time() {
    let options = EngineOptions {
        transition_ms: 500,
        ..EngineOptions::default()
    };
    let server = Server::with(options, ApiOptions::default());
    server.table("users", None).await;
    let put = json!({"TableName": "users", "Item": {"pk": s("a")}});
    assert_eq!(
        server.ask("PutItem", put.clone()).await,
        Err("ResourceNotFoundException: Requested resource not found".into())
    );
    assert_eq!(
        server.ask("DeleteTable", json!({"TableName": "users"})).await,
        Err("ResourceInUseException: Attempt to change a resource which is still in use: Table is being created: users".into())
    );
    server.clock.advance_ms(500);
    server.must("PutItem", put).await;
    let on = json!({"TableName": "users", "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"}});
    server.must("UpdateTable", on.clone()).await;
    assert!(
        server
            .ask("UpdateTable", on)
            .await
            .unwrap_err()
            .starts_with("ResourceInUseException")
    );
    let arn = server.stream_arn("users").await;
    let stream = server
        .must("DescribeStream", json!({"StreamArn": arn}))
        .await;
    assert_eq!(stream["StreamDescription"]["StreamStatus"], "ENABLING");
}

#[tokio::test]
async fn names_are_listed_in_pages_and_by_namespace() {
    let mut server = Server::start();
    for name in ["bbb", "aaa", "ccc"] {
        server.table(name, None).await;
    }
    let page = server.must("ListTables", json!({"Limit": 2})).await;
    assert_eq!(
        page,
        json!({"TableNames": ["aaa", "bbb"], "LastEvaluatedTableName": "bbb"})
    );
    let page = server
        .must(
            "ListTables",
            json!({"Limit": 2, "ExclusiveStartTableName": "bbb"}),
        )
        .await;
    assert_eq!(page, json!({"TableNames": ["ccc"]}));
    server.context = RequestContext {
        namespace: "000000000000/eu-west-1".to_owned(),
        region: "eu-west-1".to_owned(),
        ..RequestContext::local()
    };
    assert_eq!(
        server.must("ListTables", json!({})).await,
        json!({"TableNames": []})
    );
    let made = server.table("aaa", None).await;
    assert_eq!(
        made["TableArn"],
        "arn:aws:dynamodb:eu-west-1:000000000000:table/aaa"
    );
}

/// Two requests that each fit the table as it was, and not what the other one makes of it: one of them is refused, as if
/// it had come later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_changes_at_once_are_checked_against_each_other() {
    let server = std::sync::Arc::new(Server::start());
    let ask = |body: Value| {
        let server = server.clone();
        tokio::spawn(async move { server.ask("UpdateTable", body).await })
    };
    for round in 0..200 {
        let name = format!("table{round}");
        server.table(&name, None).await;
        let provisioned = json!({"TableName": name, "BillingMode": "PROVISIONED",
            "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}});
        let indexed = json!({"TableName": name,
            "AttributeDefinitions": [{"AttributeName": "g", "AttributeType": "S"}],
            "GlobalSecondaryIndexUpdates": [{"Create": {"IndexName": "iii",
                "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"}}}]});
        let (first, second) = (ask(provisioned), ask(indexed));
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        let told = server
            .must("DescribeTable", json!({"TableName": name}))
            .await;
        let table = &told["Table"];
        let is_provisioned = table["ProvisionedThroughput"]["WriteCapacityUnits"] == 5;
        let is_indexed = table.get("GlobalSecondaryIndexes").is_some();
        assert!(first.is_ok() || second.is_ok());
        assert!(
            !(is_provisioned && is_indexed),
            "an index without throughput: {table}"
        );
    }
}
