//! Aliases: names of versions, with a second version that gets some of the calls.

use serde_json::{Value, json};

use super::packages::{arn, create, found, refusal, update};
use super::world::{FUNCTIONS, MAPPINGS, World};

/// A function with the versions 1 (of the package `one`) and 2 (`two`).
async fn two_versions(world: &World) -> String {
    create(world, "f", "one").await;
    let versions = format!("{FUNCTIONS}/f/versions");
    world.post(&versions, json!({})).await;
    update(world, "f", "two").await;
    assert_eq!(world.post(&versions, json!({})).await.body["Version"], "2");
    format!("{FUNCTIONS}/f/aliases")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_an_alias() {
    let world = World::new().await;
    let aliases = two_versions(&world).await;
    let created = world
        .post(&aliases, json!({"Name": "live", "FunctionVersion": "1"}))
        .await;
    assert_eq!(created.status, 201, "{created:?}");
    let expected = json!({
        "AliasArn": arn("f:live"),
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "",
        "RevisionId": created.body["RevisionId"],
    });
    assert_eq!(created.body, expected);
    let path = format!("{aliases}/live");
    assert_eq!(world.get(&path).await.body, expected);
    assert_eq!(
        found(&world, "f:live", "").await,
        ("one".into(), "1".into())
    );
    let got = world
        .get(&format!("{FUNCTIONS}/f?Qualifier=live"))
        .await
        .body;
    assert_eq!(got["Configuration"]["FunctionArn"], arn("f:live"));
    assert_eq!(got["Configuration"]["Version"], "1");

    let again = world
        .post(&aliases, json!({"Name": "live", "FunctionVersion": "2"}))
        .await;
    let text = format!("Alias already exists: {}", arn("f:live"));
    assert_eq!(
        refusal(&again),
        (409, "ResourceConflictException", text.as_str())
    );

    let change = json!({
        "FunctionVersion": "2",
        "Description": "described",
        "RevisionId": created.body["RevisionId"],
    });
    let updated = world.put(&path, change.clone()).await;
    assert_eq!(updated.status, 200, "{updated:?}");
    assert_eq!(updated.body["Description"], "described");
    assert_eq!(
        found(&world, "f", "?Qualifier=live").await,
        ("two".into(), "2".into())
    );
    let stale = world.put(&path, change).await;
    assert_eq!(
        (refusal(&stale).0, refusal(&stale).1),
        (412, "PreconditionFailedException")
    );

    let in_use = world.delete(&format!("{FUNCTIONS}/f?Qualifier=2")).await;
    let text = "Unable to delete version because the following aliases reference it: [live]";
    assert_eq!(refusal(&in_use), (409, "ResourceConflictException", text));

    assert_eq!(world.delete(&path).await.status, 204);
    assert_eq!(world.delete(&path).await.status, 204);
    let text = format!("Cannot find alias arn: {}", arn("f:live"));
    for reply in [world.get(&path).await, world.put(&path, json!({})).await] {
        assert_eq!(
            refusal(&reply),
            (404, "ResourceNotFoundException", text.as_str())
        );
    }
    assert_eq!(world.get(&format!("{FUNCTIONS}/f:live")).await.status, 404);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_that_are_refused() {
    let world = World::new().await;
    let aliases = two_versions(&world).await;
    let weights = |weights: Value| json!({"AdditionalVersionWeights": weights});
    for (body, kind, part) in [
        (
            json!({"Name": "a", "FunctionVersion": "3"}),
            "ResourceNotFoundException",
            format!("Function not found: {}", arn("f:3")),
        ),
        (
            json!({"Name": "17", "FunctionVersion": "1"}),
            "ValidationException",
            "(?!^[0-9]+$)([a-zA-Z0-9-_]+)".to_owned(),
        ),
        (
            json!({"Name": "a"}),
            "ValidationException",
            "'functionVersion' failed to satisfy constraint: Member must not be null".to_owned(),
        ),
        (
            json!({"Name": "a", "FunctionVersion": "1", "RoutingConfig": weights(json!({"1": 0.1}))}),
            "InvalidParameterValueException",
            "Function version 1 is already included in routing configuration.".to_owned(),
        ),
        (
            json!({"Name": "a", "FunctionVersion": "1", "RoutingConfig": weights(json!({"2": 1.5}))}),
            "ValidationException",
            "Value '{2=1.5}' at 'routingConfig.additionalVersionWeights'".to_owned(),
        ),
        (
            json!({"Name": "a", "FunctionVersion": "1", "RoutingConfig": weights(json!({"x": 0.5}))}),
            "ValidationException",
            "Map keys must satisfy constraint".to_owned(),
        ),
        (
            json!({"Name": "a", "FunctionVersion": "1", "RoutingConfig": weights(json!({"2": 0.1, "3": 0.1}))}),
            "InvalidParameterValueException",
            "Number of items in AdditionalVersionWeights cannot be greater than 1".to_owned(),
        ),
        (
            json!({"Name": "a", "FunctionVersion": "$LATEST", "RoutingConfig": weights(json!({"2": 0.1}))}),
            "InvalidParameterValueException",
            "$LATEST is not supported for an alias pointing to more than 1 version".to_owned(),
        ),
        (
            json!({"Name": "a", "FunctionVersion": "1", "RoutingConfig": weights(json!({"9": 0.1}))}),
            "ResourceNotFoundException",
            format!("Function not found: {}", arn("f:9")),
        ),
    ] {
        let reply = world.post(&aliases, body).await;
        let (_, refused, message) = refusal(&reply);
        assert_eq!(refused, kind, "{message}");
        assert!(message.contains(&part), "{message}");
    }
    assert_eq!(world.get(&aliases).await.body, json!({"Aliases": []}));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_split_the_calls() {
    let world = World::new().await;
    let aliases = two_versions(&world).await;
    let path = format!("{aliases}/live");
    let routing = json!({"AdditionalVersionWeights": {"2": 0.5}});
    let body = json!({"Name": "live", "FunctionVersion": "1", "RoutingConfig": routing});
    let created = world.post(&aliases, body).await;
    assert_eq!(created.body["RoutingConfig"], routing);
    let mut seen = [0, 0];
    for _ in 0..64 {
        let (marker, version) = found(&world, "f:live", "").await;
        let place = usize::from(version == "2");
        assert_eq!(marker, ["one", "two"][place]);
        seen[place] += 1;
    }
    // By chance it fails once in 2^63 runs.
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");

    // Neither version may be deleted, and all of the calls may go to the second one.
    for version in ["1", "2"] {
        let reply = world
            .delete(&format!("{FUNCTIONS}/f?Qualifier={version}"))
            .await;
        assert_eq!(reply.status, 409);
    }
    let all = json!({"RoutingConfig": {"AdditionalVersionWeights": {"2": 1.0}}});
    world.put(&path, all).await;
    for _ in 0..8 {
        assert_eq!(found(&world, "f:live", "").await.1, "2");
    }
    let kept = world.put(&path, json!({"Description": "d"})).await;
    assert_eq!(
        kept.body["RoutingConfig"]["AdditionalVersionWeights"]["2"],
        1.0
    );
    let none = json!({"RoutingConfig": {"AdditionalVersionWeights": {}}});
    assert!(world.put(&path, none).await.body["RoutingConfig"].is_null());
    for _ in 0..8 {
        assert_eq!(found(&world, "f:live", "").await.1, "1");
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_are_listed() {
    let world = World::new().await;
    let aliases = two_versions(&world).await;
    for (name, version) in [("c", "1"), ("a", "2"), ("b", "1"), ("d", "$LATEST")] {
        let body = json!({"Name": name, "FunctionVersion": version});
        assert_eq!(world.post(&aliases, body).await.status, 201);
    }
    let names = |page: &Value| -> Vec<Value> {
        let listed = page["Aliases"].as_array().unwrap();
        listed.iter().map(|alias| alias["Name"].clone()).collect()
    };
    let page = world.get(&format!("{aliases}?MaxItems=3")).await.body;
    assert_eq!(names(&page), ["a", "b", "c"]);
    let marker = page["NextMarker"].as_str().unwrap();
    let page = world.get(&format!("{aliases}?Marker={marker}")).await.body;
    assert_eq!(
        (names(&page), page["NextMarker"].is_null()),
        (vec![json!("d")], true)
    );
    let page = world
        .get(&format!("{aliases}?FunctionVersion=1"))
        .await
        .body;
    assert_eq!(names(&page), ["b", "c"]);
    let page = world
        .get(&format!("{aliases}?FunctionVersion=%24LATEST"))
        .await
        .body;
    assert_eq!(names(&page), ["d"]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_may_be_mapped_to_a_function_and_to_its_alias() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    world
        .post(&format!("{FUNCTIONS}/f/versions"), json!({}))
        .await;
    let live = json!({"Name": "live", "FunctionVersion": "1"});
    let created = world.post(&format!("{FUNCTIONS}/f/aliases"), live).await;
    assert_eq!(created.status, 201, "{created:?}");
    let whole = world.map(&stream, "f", json!({})).await;
    let alias = world.map(&stream, "f:live", json!({})).await;
    world.put_items("items", 0..1).await;
    recorder.wait_for_ids(2).await;
    assert_eq!(recorder.ids(), ["item-0000", "item-0000"]);
    for (name, uuid) in [("f", &whole), ("f:live", &alias)] {
        let body = json!({
            "EventSourceArn": stream, "FunctionName": name, "StartingPosition": "LATEST",
        });
        let again = world.post(MAPPINGS, body).await;
        assert_eq!(again.status, 409, "{again:?}");
        let text = again.body["message"].as_str().unwrap();
        assert!(text.ends_with(&format!("with UUID {uuid}")), "{text}");
    }
    let moved = json!({"FunctionName": "f"});
    let moved = world.put(&format!("{MAPPINGS}/{alias}"), moved).await;
    assert_eq!(moved.status, 409, "{moved:?}");
    let kept = json!({"FunctionName": "f:live"});
    let kept = world.put(&format!("{MAPPINGS}/{alias}"), kept).await;
    assert_eq!(kept.status, 202, "{kept:?}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mappings_are_listed_by_their_qualifiers() {
    let world = World::new().await;
    let aliases = two_versions(&world).await;
    let live = json!({"Name": "live", "FunctionVersion": "1"});
    world.post(&aliases, live).await;
    let stream = world.table("items").await;
    let off = json!({"Enabled": false});
    let bare = world.map(&stream, "f", off.clone()).await;
    let alias = world.map(&stream, "f:live", off.clone()).await;
    let version = world.map(&stream, "f:2", off).await;
    let listed = async |name: &str| -> Vec<String> {
        let name = name.replace(':', "%3A").replace('$', "%24");
        let reply = world
            .get(&format!("{MAPPINGS}?FunctionName={name}"))
            .await
            .body;
        let found = reply["EventSourceMappings"].as_array().unwrap().iter();
        let uuids = found.map(|mapping| mapping["UUID"].as_str().unwrap().to_owned());
        let mut uuids: Vec<String> = uuids.collect();
        uuids.sort();
        uuids
    };
    let mut all = vec![bare.clone(), alias.clone(), version.clone()];
    all.sort();
    assert_eq!(listed("f").await, all);
    assert_eq!(listed(&arn("f")).await, all);
    assert_eq!(listed("f:live").await, listed(&arn("f:live")).await);
    assert_eq!(listed("f:live").await, [alias]);
    assert_eq!(listed("f:2").await, [version]);
    assert_eq!(listed("f:$LATEST").await, [bare]);
    assert_eq!(listed("f:1").await, [] as [String; 0]);
    world.close().await;
}
