//! What contributor insights count.

use headwater_engine::EngineOptions;
use headwater_operations::{ApiOptions, ContributorRule};
use serde_json::{Value, json};

use crate::support::{Server, n, s};

async fn enable(server: &Server, index: Option<&str>) {
    let mut body = json!({"TableName": "ttt", "ContributorInsightsAction": "ENABLE"});
    if let Some(index) = index {
        body["IndexName"] = index.into();
    }
    server.must("UpdateContributorInsights", body).await;
}

async fn rules(server: &Server, index: Option<&str>) -> Vec<ContributorRule> {
    let found = server.api.contributors("", "ttt", index, 100).await;
    found.unwrap().rules
}

/// Key and count of each contributor of a rule, sorted by key.
fn counts(rule: &ContributorRule) -> Vec<(Value, u64)> {
    let mut counts: Vec<(Value, u64)> = Vec::new();
    for one in &rule.top.contributors {
        assert_eq!(one.error, 0);
        let key = one.key.decode().unwrap();
        let shown = key.iter().map(|(_, value)| json!(format!("{value:?}")));
        counts.push((shown.collect(), one.count));
    }
    counts.sort_by_key(|(key, _)| key.to_string());
    counts
}

fn sum(rule: &ContributorRule) -> u64 {
    rule.top.contributors.iter().map(|one| one.count).sum()
}

#[tokio::test]
async fn accesses_of_items_count_for_their_keys() {
    let server = Server::start();
    server.sorted_table("ttt", "N").await;
    server
        .put("ttt", json!({"pk": s("before"), "sk": n(1)}))
        .await;
    enable(&server, None).await;
    for sk in [1, 1, 2] {
        server.put("ttt", json!({"pk": s("a"), "sk": n(sk)})).await;
    }
    let key = json!({"pk": s("a"), "sk": n(1)});
    let one = json!({"TableName": "ttt", "Key": key});
    server.must("GetItem", one.clone()).await;
    server.must("UpdateItem", one.clone()).await;
    let mut failing = one.clone();
    failing["ConditionExpression"] = "attribute_exists(nothing)".into();
    server.ask("DeleteItem", failing).await.unwrap_err();
    server
        .must(
            "BatchGetItem",
            json!({"RequestItems": {"ttt": {"Keys": [key]}}}),
        )
        .await;
    server
        .must("TransactGetItems", json!({"TransactItems": [{"Get": one}]}))
        .await;
    let query = json!({"TableName": "ttt", "KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": s("b")}});
    server.must("Query", query).await;
    // It names no key.
    server.must("Scan", json!({"TableName": "ttt"})).await;

    let rules = rules(&server, None).await;
    assert_eq!(rules.len(), 4);
    let partitions = counts(&rules[0]);
    assert_eq!(
        partitions
            .iter()
            .map(|(_, count)| *count)
            .collect::<Vec<_>>(),
        [8, 1]
    );
    assert!(partitions[0].0.to_string().contains("\\\"a\\\""));
    let mut keys: Vec<u64> = counts(&rules[1]).iter().map(|(_, count)| *count).collect();
    keys.sort_unstable();
    assert_eq!(keys, [1, 7]);
    assert_eq!((rules[0].top.total, rules[1].top.total), (9, 8));
    assert!(rules[0].name.contains("-PKC-") && rules[1].name.contains("-SKC-"));
    assert_eq!((sum(&rules[2]), sum(&rules[3])), (0, 0));
}

#[tokio::test]
async fn an_index_counts_its_queries_and_the_entries_that_change() {
    let server = Server::start();
    let body = json!({
        "TableName": "ttt", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "g", "AttributeType": "S"}],
        "GlobalSecondaryIndexes": [{"IndexName": "iii", "Projection": {"ProjectionType": "ALL"}, "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}]}],
    });
    server.must("CreateTable", body).await;
    enable(&server, Some("iii")).await;
    server.put("ttt", json!({"pk": s("a"), "g": s("x")})).await;
    server
        .put("ttt", json!({"pk": s("a"), "g": s("x"), "more": n(1)}))
        .await;
    server.put("ttt", json!({"pk": s("a"), "g": s("y")})).await;
    server.put("ttt", json!({"pk": s("sparse")})).await;
    let query = json!({"TableName": "ttt", "IndexName": "iii", "KeyConditionExpression": "g = :g", "ExpressionAttributeValues": {":g": s("y")}});
    server.must("Query", query).await;
    let of_index = rules(&server, Some("iii")).await;
    // Put, changed in its place, moved away; moved to, queried.
    let found: Vec<u64> = counts(&of_index[0])
        .iter()
        .map(|(_, count)| *count)
        .collect();
    assert_eq!(found, [3, 2]);
    assert_eq!(rules(&server, None).await, []);
}

#[tokio::test]
async fn turned_off_they_forget_and_in_the_other_mode_count_nothing() {
    let server = Server::start();
    server.table("ttt", None).await;
    enable(&server, None).await;
    server.put("ttt", json!({"pk": s("a")})).await;
    assert_eq!(sum(&rules(&server, None).await[0]), 1);
    let body = json!({"TableName": "ttt", "ContributorInsightsAction": "DISABLE"});
    server.must("UpdateContributorInsights", body).await;
    server.put("ttt", json!({"pk": s("a")})).await;
    assert_eq!(rules(&server, None).await, []);
    enable(&server, None).await;
    assert_eq!(sum(&rules(&server, None).await[0]), 0);
    let body = json!({"TableName": "ttt", "ContributorInsightsAction": "ENABLE", "ContributorInsightsMode": "THROTTLED_KEYS"});
    server.must("UpdateContributorInsights", body).await;
    server.put("ttt", json!({"pk": s("a")})).await;
    let rules = rules(&server, None).await;
    assert_eq!((rules.len(), sum(&rules[0])), (1, 0));
}

#[tokio::test]
async fn throttled_keys_count_by_themselves() {
    let engine = EngineOptions {
        enforce_throughput: true,
        shards: Some(1),
        ..EngineOptions::default()
    };
    let server = Server::with(engine, ApiOptions::default());
    let units = |units: u64| json!({"ReadCapacityUnits": units, "WriteCapacityUnits": units});
    let key = |name: &str| json!([{"AttributeName": name, "KeyType": "HASH"}]);
    let attribute = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
    let table = json!({
        "TableName": "ttt",
        "KeySchema": key("pk"),
        "AttributeDefinitions": [attribute("pk"), attribute("g")],
        "ProvisionedThroughput": units(3),
        "GlobalSecondaryIndexes": [{
            "IndexName": "iii",
            "KeySchema": key("g"),
            "Projection": {"ProjectionType": "ALL"},
            "ProvisionedThroughput": units(1),
        }],
    });
    server.must("CreateTable", table).await;
    enable(&server, None).await;
    enable(&server, Some("iii")).await;
    let put = |pk: &str, g: &str| json!({"TableName": "ttt", "Item": {"pk": s(pk), "g": s(g)}});
    server.must("PutItem", put("a", "x")).await;
    // By the index, then by the table.
    server.ask("PutItem", put("b", "y")).await.unwrap_err();
    let alone = json!({"TableName": "ttt", "Item": {"pk": s("c")}});
    server.must("PutItem", alone.clone()).await;
    server.must("PutItem", alone.clone()).await;
    server.ask("PutItem", alone.clone()).await.unwrap_err();
    server.ask("PutItem", alone).await.unwrap_err();
    let rules_of_table = rules(&server, None).await;
    let [accessed, throttled] = &rules_of_table[..] else {
        panic!("{rules_of_table:?}");
    };
    assert!(throttled.name.contains("-PKT-"));
    assert_eq!(sum(accessed), 4);
    let counts_of = |rule: &ContributorRule| {
        let counts = counts(rule).into_iter();
        counts.map(|(_, count)| count).collect::<Vec<_>>()
    };
    assert_eq!(counts_of(throttled), [2]);
    let rules_of_index = rules(&server, Some("iii")).await;
    assert_eq!(counts_of(&rules_of_index[0]), [1]);
    assert_eq!(counts_of(&rules_of_index[1]), [1]);
    assert_ne!(
        counts(&rules_of_index[0])[0].0,
        counts(&rules_of_index[1])[0].0
    );
}
