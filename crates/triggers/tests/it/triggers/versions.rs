//! Published versions: PublishVersion, ListVersionsByFunction, and qualifiers everywhere.

use std::fs;
use std::io::Cursor;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::packages::{arn, create, definition, found, invoke, package, refusal, update, with};
use super::world::{FUNCTIONS, World, local};

async fn publish(world: &World, name: &str, body: Value) -> Value {
    let published = world
        .post(&format!("{FUNCTIONS}/{name}/versions"), body)
        .await;
    assert_eq!(published.status, 201, "{published:?}");
    published.body
}

async fn versions(world: &World, query: &str) -> Vec<String> {
    let listed = world.get(&format!("{FUNCTIONS}/f/versions{query}")).await;
    let listed = listed.body["Versions"].as_array().unwrap().clone();
    listed
        .iter()
        .map(|version| version["Version"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_stays_as_it_was_published() {
    let world = World::new().await;
    let created = create(&world, "f", "one").await;
    let first = publish(&world, "f", json!({"Description": "the first"})).await;
    assert_eq!(first["Version"], "1");
    assert_eq!(first["FunctionArn"], arn("f:1"));
    assert_eq!(first["Description"], "the first");
    assert_eq!(first["CodeSha256"], created["CodeSha256"]);
    assert_ne!(first["RevisionId"], created["RevisionId"]);

    // Nothing has changed since.
    let again = publish(&world, "f", json!({"Description": "other"})).await;
    assert_eq!(
        (&again["Version"], &again["RevisionId"]),
        (&json!("1"), &first["RevisionId"])
    );
    assert_eq!(again["Description"], "the first");

    update(&world, "f", "two").await;
    world
        .put(
            &format!("{FUNCTIONS}/f/configuration"),
            json!({"Timeout": 9}),
        )
        .await;
    let second = publish(&world, "f", json!({})).await;
    assert_eq!(
        (&second["Version"], &second["Timeout"]),
        (&json!("2"), &json!(9))
    );
    update(&world, "f", "three").await;

    let pair = |marker: &str, version: &str| (marker.to_owned(), version.to_owned());
    // In turns: no version ends the processes of another one.
    for _ in 0..2 {
        assert_eq!(found(&world, "f", "").await, pair("three", "$LATEST"));
        assert_eq!(found(&world, "f", "?Qualifier=1").await, pair("one", "1"));
        assert_eq!(found(&world, "f:2", "").await, pair("two", "2"));
        assert_eq!(
            found(&world, "f", "?Qualifier=%24LATEST").await,
            pair("three", "$LATEST")
        );
    }
    assert_eq!(world.runtimes.processes().len(), 3);
    assert_eq!(versions(&world, "").await, ["$LATEST", "1", "2"]);

    let got = world.get(&format!("{FUNCTIONS}/f?Qualifier=1")).await.body;
    assert_eq!(got["Configuration"]["FunctionArn"], arn("f:1"));
    assert_eq!(got["Configuration"]["Timeout"], 30);
    assert_eq!(got["Configuration"]["State"], "Active");
    let told = invoke(&world, "f", "?Qualifier=1", json!({"do": "environment"})).await;
    assert_eq!(told.body["AWS_LAMBDA_FUNCTION_VERSION"], "1");
    let told = invoke(&world, "f", "?Qualifier=1", json!({"do": "headers"})).await;
    assert_eq!(told.body["lambda-runtime-invoked-function-arn"], arn("f:1"));
    let told = invoke(&world, "f", "", json!({"do": "headers"})).await;
    assert_eq!(told.body["lambda-runtime-invoked-function-arn"], arn("f"));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_of_publishing() {
    let world = World::new().await;
    let created = create(&world, "f", "one").await;
    let path = format!("{FUNCTIONS}/f/versions");
    let sha = created["CodeSha256"].as_str().unwrap();
    let reply = world.post(&path, json!({"CodeSha256": "other"})).await;
    let text = format!(
        "CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({sha}). Please try again with the \
         CodeSHA256 in $LATEST."
    );
    assert_eq!(
        refusal(&reply),
        (400, "InvalidParameterValueException", text.as_str())
    );
    let reply = world.post(&path, json!({"RevisionId": "stale"})).await;
    assert_eq!(refusal(&reply).1, "PreconditionFailedException");
    let reply = world
        .post(&format!("{FUNCTIONS}/missing/versions"), json!({}))
        .await;
    let text = format!("Function not found: {}", arn("missing"));
    assert_eq!(
        refusal(&reply),
        (404, "ResourceNotFoundException", text.as_str())
    );
    let body = json!({"CodeSha256": sha, "RevisionId": created["RevisionId"]});
    assert_eq!(publish(&world, "f", body).await["Version"], "1");
    for (method, path) in [
        ("GET", "/f?Qualifier=2"),
        ("GET", "/f/configuration?Qualifier=live"),
        ("POST", "/f/invocations?Qualifier=2"),
    ] {
        let reply = world
            .request(method, &format!("{FUNCTIONS}{path}"), &[], "")
            .await;
        let (status, _, message) = refusal(&reply);
        assert_eq!(status, 404);
        let text = format!("Function not found: {}:", arn("f"));
        assert!(message.starts_with(&text), "{message}");
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_with_a_creation_or_an_update() {
    let world = World::new().await;
    let body = with(definition("f", &package("one")), "Publish", json!(true));
    let created = world.post(FUNCTIONS, body).await;
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(
        (&created.body["Version"], &created.body["State"]),
        (&json!("1"), &json!("Pending"))
    );
    let code = |marker: &str| json!({"ZipFile": STANDARD.encode(package(marker)), "Publish": true});
    let path = format!("{FUNCTIONS}/f/code");
    let same = world.put(&path, code("one")).await.body;
    assert_eq!(
        (&same["Version"], &same["FunctionArn"]),
        (&json!("1"), &json!(arn("f:1")))
    );
    let next = world.put(&path, code("two")).await.body;
    assert_eq!(
        (&next["Version"], &next["FunctionArn"]),
        (&json!("2"), &json!(arn("f:2")))
    );
    assert_eq!(found(&world, "f:1", "").await.0, "one");
    assert_eq!(found(&world, "f:2", "").await.0, "two");

    let listed = world
        .get(&format!("{FUNCTIONS}?FunctionVersion=ALL&MaxItems=2"))
        .await
        .body;
    let marker = listed["NextMarker"].as_str().unwrap();
    let rest = world
        .get(&format!("{FUNCTIONS}?FunctionVersion=ALL&Marker={marker}"))
        .await
        .body;
    let arns: Vec<Value> = [&listed, &rest]
        .iter()
        .flat_map(|page| page["Functions"].as_array().unwrap())
        .map(|function| function["FunctionArn"].clone())
        .collect();
    assert_eq!(arns, [arn("f:$LATEST"), arn("f:1"), arn("f:2")]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_page_and_are_deleted() {
    let world = World::new().await;
    create(&world, "f", "one").await;
    for (marker, version) in [("one", "1"), ("two", "2"), ("three", "3")] {
        update(&world, "f", marker).await;
        assert_eq!(publish(&world, "f", json!({})).await["Version"], version);
    }
    let listed = world
        .get(&format!("{FUNCTIONS}/f/versions?MaxItems=2"))
        .await
        .body;
    assert_eq!(listed["Versions"][0]["FunctionArn"], arn("f:$LATEST"));
    let marker = listed["NextMarker"].as_str().unwrap();
    assert_eq!(
        versions(&world, &format!("?Marker={marker}")).await,
        ["2", "3"]
    );

    let got = world.get(&format!("{FUNCTIONS}/f:2")).await.body;
    let folder = got["Code"]["Location"]
        .as_str()
        .unwrap()
        .replace("file://", "");
    assert!(fs::exists(&folder).unwrap());
    let path = format!("{FUNCTIONS}/f");
    let deleted = world.delete(&format!("{path}?Qualifier=2")).await;
    assert_eq!(deleted.status, 204);
    assert!(!fs::exists(&folder).unwrap());
    assert_eq!(versions(&world, "").await, ["$LATEST", "1", "3"]);
    assert_eq!(
        world.delete(&format!("{path}?Qualifier=2")).await.status,
        204
    );
    for (qualifier, text) in [
        (
            "%24LATEST",
            "$LATEST version cannot be deleted without deleting the function.",
        ),
        ("live", "Deletion of aliases is not currently supported."),
    ] {
        let reply = world.delete(&format!("{path}?Qualifier={qualifier}")).await;
        assert_eq!(
            refusal(&reply),
            (400, "InvalidParameterValueException", text)
        );
    }

    // The last one does not come again under its number.
    assert_eq!(
        world.delete(&format!("{path}?Qualifier=3")).await.status,
        204
    );
    assert_eq!(publish(&world, "f", json!({})).await["Version"], "4");

    assert_eq!(world.delete(&path).await.status, 204);
    assert_eq!(world.get(&format!("{path}?Qualifier=1")).await.status, 404);
    create(&world, "f", "one").await;
    assert_eq!(versions(&world, "").await, ["$LATEST"]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_outlive_a_restart() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::on_disk(folder.clone()).await;
    create(&world, "f", "one").await;
    publish(&world, "f", json!({})).await;
    update(&world, "f", "two").await;
    let alias = json!({"Name": "live", "FunctionVersion": "1"});
    world.post(&format!("{FUNCTIONS}/f/aliases"), alias).await;
    let before = world.get(&format!("{FUNCTIONS}/f:live")).await.body;
    world.close().await;

    let world = World::on_disk(folder.clone()).await;
    assert_eq!(world.get(&format!("{FUNCTIONS}/f:live")).await.body, before);
    assert_eq!(
        found(&world, "f:live", "").await,
        ("one".into(), "1".into())
    );
    assert_eq!(found(&world, "f", "").await.0, "two");
    assert_eq!(publish(&world, "f", json!({})).await["Version"], "2");
    world.delete(&format!("{FUNCTIONS}/f")).await;
    create(&world, "f", "three").await;
    world.close().await;

    let world = World::on_disk(folder).await;
    assert_eq!(versions(&world, "").await, ["$LATEST"]);
    assert_eq!(found(&world, "f", "").await.0, "three");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_a_folder_is_a_copy() {
    let world = World::new().await;
    let folder = world.folder.path().join("local");
    fs::create_dir(&folder).unwrap();
    let mut zip = zip::ZipArchive::new(Cursor::new(package("one"))).unwrap();
    zip.extract(&folder).unwrap();
    let body = with(definition("f", b""), "Code", local(&folder));
    assert_eq!(world.post(FUNCTIONS, body).await.status, 201);
    let first = publish(&world, "f", json!({})).await;
    assert!(first["CodeSize"].as_u64().unwrap() > 0);
    assert_eq!(publish(&world, "f", json!({})).await["Version"], "1");

    fs::rename(folder.join("one"), folder.join("two")).unwrap();
    assert_eq!(found(&world, "f:1", "").await.0, "one");
    let second = publish(&world, "f", json!({})).await;
    assert_eq!(second["Version"], "2");
    assert_ne!(second["CodeSha256"], first["CodeSha256"]);
    assert_eq!(found(&world, "f:2", "").await.0, "two");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_delivers_to_the_version_that_it_names() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let old = world.recorder("f").await;
    publish(&world, "f", json!({})).await;
    let alias = json!({"Name": "live", "FunctionVersion": "1"});
    let aliases = format!("{FUNCTIONS}/f/aliases");
    assert_eq!(world.post(&aliases, alias).await.status, 201);
    let new = world.recorder_files("g");
    let environment = new.definition("g")["Environment"].clone();
    world
        .put(
            &format!("{FUNCTIONS}/f/configuration"),
            json!({"Environment": environment}),
        )
        .await;

    let uuid = world.map(&stream, "f:live", json!({})).await;
    assert_eq!(world.mapping(&uuid).await["FunctionArn"], arn("f:live"));
    world.put_item("items", "a").await;
    assert_eq!(old.wait_for_ids(1).await, ["a"]);
    world.wait_for_result(&uuid, "OK").await;

    publish(&world, "f", json!({})).await;
    let moved = world
        .put(&format!("{aliases}/live"), json!({"FunctionVersion": "2"}))
        .await;
    assert_eq!(moved.status, 200, "{moved:?}");
    world.put_item("items", "b").await;
    assert_eq!(new.wait_for_ids(1).await, ["b"]);
    assert_eq!(old.ids(), ["a"]);

    // Without the alias nothing is reached, and nothing is lost.
    world.delete(&format!("{aliases}/live")).await;
    world.put_item("items", "c").await;
    world
        .wait_for_result(&uuid, "PROBLEM: Function does not exist")
        .await;
    let again = json!({"Name": "live", "FunctionVersion": "1"});
    assert_eq!(world.post(&aliases, again).await.status, 201);
    assert_eq!(old.wait_for_ids(2).await, ["a", "c"]);
    world.close().await;
}
