//! Tags of functions, and what tools ask beside functions.

use serde_json::{Value, json};

use super::packages::{arn, create, definition, package, refusal, with};
use super::world::{FUNCTIONS, MAPPINGS, World};

fn path(resource: &str) -> String {
    format!("/2017-03-31/tags/{}", resource.replace(':', "%3A"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tags_of_a_function() {
    let world = World::new().await;
    let body = with(definition("f", &package("")), "Tags", json!({"a": "1"}));
    world.post(FUNCTIONS, body).await;
    let path = path(&arn("f"));
    let tags = async || world.get(&path).await.body["Tags"].clone();
    assert_eq!(tags().await, json!({"a": "1"}));

    let reply = world
        .post(&path, json!({"Tags": {"a": "2", "b": "x y"}}))
        .await;
    assert_eq!((reply.status, reply.bytes.len()), (204, 0));
    assert_eq!(tags().await, json!({"a": "2", "b": "x y"}));
    let got = world.get(&format!("{FUNCTIONS}/f")).await.body;
    assert_eq!(got["Tags"], json!({"a": "2", "b": "x y"}));

    let reply = world
        .delete(&format!("{path}?tagKeys=a&tagKeys=missing"))
        .await;
    assert_eq!((reply.status, reply.bytes.len()), (204, 0));
    assert_eq!(tags().await, json!({"b": "x y"}));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tags_of_a_mapping() {
    let world = World::new().await;
    let stream = world.table("items").await;
    world.recorder("f").await;
    let uuid = world.map(&stream, "f", json!({"Tags": {"a": "1"}})).await;
    let arn = world.mapping(&uuid).await["EventSourceMappingArn"].clone();
    let path = path(arn.as_str().unwrap());
    assert_eq!(world.get(&path).await.body, json!({"Tags": {"a": "1"}}));
    let reply = world.post(&path, json!({"Tags": {"b": "2"}})).await;
    assert_eq!((reply.status, reply.bytes.len()), (204, 0));
    assert_eq!(world.delete(&format!("{path}?tagKeys=a")).await.status, 204);
    assert_eq!(world.get(&path).await.body, json!({"Tags": {"b": "2"}}));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_that_are_refused() {
    let world = World::new().await;
    create(&world, "f", "").await;
    let tags = json!({"Tags": {"a": "1"}});
    let many: Value = (0..51)
        .map(|n| (n.to_string(), json!("")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let mapping = "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:6f1e0c0a-58b1-4d0e-9c55-0f6f0a3f6b8e";
    for (resource, body, status, part) in [
        (
            arn("missing"),
            tags.clone(),
            404,
            format!("Function not found: {}", arn("missing")),
        ),
        (
            arn("f:1"),
            tags.clone(),
            400,
            "Tags on function aliases and versions are not supported".to_owned(),
        ),
        (
            mapping.to_owned(),
            tags.clone(),
            404,
            format!("Event source mapping not found: {mapping}"),
        ),
        (
            arn("f"),
            json!({"Tags": {}}),
            400,
            "An error occurred".to_owned(),
        ),
        (
            arn("f"),
            json!({"Tags": many}),
            400,
            "Number of tags exceeds resource tag limit.".to_owned(),
        ),
        (arn("f"), json!({}), 400, "Value null at 'tags'".to_owned()),
        (
            "f".to_owned(),
            tags.clone(),
            400,
            "Value 'f' at 'resource'".to_owned(),
        ),
    ] {
        let reply = world.post(&path(&resource), body).await;
        let (refused, _, message) = refusal(&reply);
        assert_eq!(refused, status, "{message}");
        assert!(message.contains(&part), "{message}");
    }
    let reply = world.get(&path(mapping)).await;
    assert_eq!(
        refusal(&reply).2,
        format!("Event source mapping not found: {mapping}")
    );
    let reply = world.delete(&path(&arn("f"))).await;
    assert!(refusal(&reply).2.contains("Value null at 'tagKeys'"));
    world.close().await;
}

/// 50 long keys were more than there is room for beside the function.
#[tokio::test(flavor = "multi_thread")]
async fn tags_that_are_too_long_are_refused() {
    let world = World::new().await;
    create(&world, "f", "").await;
    let stream = world.table("items").await;
    let tags_of = |length: usize| -> Value {
        let tags = (0..50).map(|n| (format!("{n:0length$}"), json!("x".repeat(256))));
        tags.collect::<serde_json::Map<_, _>>().into()
    };
    let mapping = |tags: Value| json!({"EventSourceArn": stream, "FunctionName": "f", "StartingPosition": "LATEST", "Tags": tags});
    let keys = "at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less \
         than or equal to 128, Member must have length greater than or equal to 1]";
    for tags in [tags_of(10_000), tags_of(129), json!({"": "x"})] {
        let g = with(definition("g", &package("")), "Tags", tags.clone());
        for reply in [
            world.post(FUNCTIONS, g).await,
            world.post(MAPPINGS, mapping(tags.clone())).await,
            world.post(&path(&arn("f")), json!({"Tags": tags})).await,
        ] {
            let (status, _, message) = refusal(&reply);
            assert_eq!(status, 400);
            assert!(message.ends_with(keys), "{message}");
        }
    }
    let g = with(definition("g", &package("")), "Tags", tags_of(128));
    assert_eq!(world.post(FUNCTIONS, g).await.status, 201);
    let mapped = world.post(MAPPINGS, mapping(tags_of(128))).await;
    assert_eq!(mapped.status, 202);
    let tags = json!({"Tags": tags_of(128)});
    assert_eq!(world.post(&path(&arn("f")), tags).await.status, 204);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tools_ask_after_a_creation() {
    let world = World::new().await;
    let unused = json!({
        "VpcConfig": {},
        "Layers": [],
        "TracingConfig": {"Mode": "PassThrough"},
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None"},
        "DeadLetterConfig": {"TargetArn": ""},
        "KMSKeyArn": "",
        "FileSystemConfigs": [],
        "ImageConfig": {},
        "CodeSigningConfigArn": "",
        "Environment": {},
        "PackageType": "Zip",
        "Publish": false,
    });
    let mut body = definition("f", &package(""));
    for (name, value) in unused.as_object().unwrap() {
        body[name] = value.clone();
    }
    let created = world.post(FUNCTIONS, body).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.body["Environment"], json!({"Variables": {}}));
    let signing = world
        .get("/2020-06-30/functions/f/code-signing-config")
        .await;
    assert_eq!((signing.status, signing.body), (200, json!({})));
    let missing = world
        .get("/2020-06-30/functions/missing/code-signing-config")
        .await;
    assert_eq!(missing.status, 404);

    let reserved = json!({"ReservedConcurrentExecutions": 2});
    world
        .put("/2017-10-31/functions/f/concurrency", reserved)
        .await;
    let account = world.get("/2016-08-19/account-settings/").await;
    assert_eq!(account.status, 200, "{account:?}");
    let limit = &account.body["AccountLimit"];
    assert_eq!(
        limit["UnreservedConcurrentExecutions"].as_u64().unwrap() + 2,
        limit["ConcurrentExecutions"].as_u64().unwrap()
    );
    assert_eq!(account.body["AccountUsage"]["FunctionCount"], 1);
    assert_eq!(
        account.body["AccountUsage"]["TotalCodeSize"],
        created.body["CodeSize"]
    );
    world.close().await;
}
