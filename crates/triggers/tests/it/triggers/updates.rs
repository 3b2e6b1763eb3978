//! Updates of code and configuration (triggers.md section 10).

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::packages::{arn, create, definition, found, invoke, package, refusal, update, with};
use super::world::{FUNCTIONS, World, local};

fn folder_of(configuration: &Value) -> String {
    let location = configuration["Code"]["Location"].as_str().unwrap();
    location.strip_prefix("file://").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_code_is_run_and_the_old_package_goes() {
    let world = World::new().await;
    let created = create(&world, "f", "one").await;
    let path = format!("{FUNCTIONS}/f");
    assert_eq!(found(&world, "f", "").await.0, "one");
    let old_folder = folder_of(&world.get(&path).await.body);

    world.clock.advance_ms(5_000);
    let updated = update(&world, "f", "two").await;
    assert_eq!(updated["State"], "Active");
    assert_eq!(updated["LastUpdateStatus"], "InProgress");
    assert_eq!(updated["LastUpdateStatusReasonCode"], "Creating");
    assert_eq!(updated["Version"], "$LATEST");
    assert_eq!(updated["FunctionArn"], arn("f"));
    for changed in ["CodeSha256", "RevisionId", "LastModified"] {
        assert_ne!(updated[changed], created[changed], "{changed}");
    }
    let configuration = world.get(&path).await.body["Configuration"].clone();
    assert_eq!(configuration["LastUpdateStatus"], "Successful");
    assert_eq!(configuration["RevisionId"], updated["RevisionId"]);
    assert_eq!(
        found(&world, "f", "").await,
        ("two".into(), "$LATEST".into())
    );
    assert!(!Path::new(&old_folder).exists());
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_invocation_finishes_with_the_old_code() {
    let world = World::new().await;
    create(&world, "f", "one").await;
    let old_folder = folder_of(&world.get(&format!("{FUNCTIONS}/f")).await.body);
    let begun = world.folder.path().join("begun");
    let go_on = world.folder.path().join("go-on");
    let event = json!({"do": "wait", "begun": begun, "file": go_on});
    let running = invoke(&world, "f", "", event);
    let others = async {
        crate::bench::until("the invocation", || begun.exists()).await;
        update(&world, "f", "two").await;
        assert_eq!(found(&world, "f", "").await.0, "two");
        // It may still load modules.
        assert!(Path::new(&old_folder).join("bootstrap").exists());
        fs::write(&go_on, "").unwrap();
    };
    let (reply, ()) = tokio::join!(running, others);
    assert!(
        reply.body["files"]
            .as_array()
            .unwrap()
            .contains(&json!("one"))
    );
    assert_eq!(found(&world, "f", "").await.0, "two");

    // The next change finds the old package without a user.
    update(&world, "f", "three").await;
    assert!(!Path::new(&old_folder).exists());
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_updates_that_change_nothing() {
    let world = World::new().await;
    let created = create(&world, "f", "one").await;
    let path = format!("{FUNCTIONS}/f/code");
    let code = |extra: Value| {
        let mut body = json!({"ZipFile": STANDARD.encode(package("two"))});
        for (name, value) in extra.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };

    let dry = world.put(&path, code(json!({"DryRun": true}))).await;
    assert_eq!(dry.status, 200, "{dry:?}");
    assert_ne!(dry.body["CodeSha256"], created["CodeSha256"]);
    assert_eq!(dry.body["RevisionId"], created["RevisionId"]);

    let stale = world.put(&path, code(json!({"RevisionId": "stale"}))).await;
    let text = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                retrieve the latest Revision Id";
    assert_eq!(refusal(&stale), (412, "PreconditionFailedException", text));

    let missing = format!("{FUNCTIONS}/missing/code");
    let text = format!("Function not found: {}", arn("missing"));
    let reply = world.put(&missing, code(json!({}))).await;
    assert_eq!(
        refusal(&reply),
        (404, "ResourceNotFoundException", text.as_str())
    );

    for (body, part) in [
        (json!({}), "Please provide a source for function code."),
        (json!({"ImageUri": "i"}), "Please don't provide ImageUri"),
        (json!({"ZipFile": "AAAA"}), "Could not unzip uploaded file."),
        (
            json!({"S3Bucket": "b-b", "S3Key": "k"}),
            "does not support code in S3",
        ),
        (
            code(json!({"S3ObjectVersion": "1"})),
            "parameters yet: S3ObjectVersion",
        ),
    ] {
        let reply = world.put(&path, body).await;
        let (status, kind, message) = refusal(&reply);
        assert_eq!((status, kind), (400, "InvalidParameterValueException"));
        assert!(message.contains(part), "{message}");
    }
    let reply = world
        .put(&format!("{FUNCTIONS}/f:1/code"), code(json!({})))
        .await;
    assert!(
        refusal(&reply)
            .2
            .contains("Aliases and versions do not support")
    );

    assert_eq!(found(&world, "f", "").await.0, "one");
    let now = world.get(&format!("{FUNCTIONS}/f/configuration")).await;
    assert_eq!(now.body["CodeSha256"], created["CodeSha256"]);
    assert_eq!(world.packages(), 1);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_of_other_kinds() {
    let world = World::new().await;
    let created = create(&world, "f", "one").await;
    let folder = world.folder.path().join("local");
    fs::create_dir(&folder).unwrap();
    let zip = zip::ZipArchive::new(std::io::Cursor::new(package("local"))).unwrap();
    let mut zip = zip;
    zip.extract(&folder).unwrap();
    let mut body = local(&folder);
    body["Architectures"] = json!(["arm64"]);
    body["RevisionId"] = created["RevisionId"].clone();
    let updated = world.put(&format!("{FUNCTIONS}/f/code"), body).await;
    assert_eq!(updated.status, 200, "{updated:?}");
    assert_eq!(updated.body["Architectures"], json!(["arm64"]));
    assert_eq!(updated.body["CodeSize"], 0);
    assert_eq!(found(&world, "f", "").await.0, "local");
    assert_eq!(
        update(&world, "f", "zip").await["Architectures"],
        json!(["arm64"])
    );
    assert_eq!(found(&world, "f", "").await.0, "zip");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_changes_what_is_given() {
    let world = World::new().await;
    let body = definition("f", &package("one"));
    let body = with(
        body,
        "Environment",
        json!({"Variables": {"A": "old", "B": "old"}}),
    );
    let created = world.post(FUNCTIONS, body).await.body;
    let path = format!("{FUNCTIONS}/f/configuration");

    let same = world.put(&path, json!({})).await;
    assert_eq!(same.status, 200, "{same:?}");
    assert_ne!(same.body["RevisionId"], created["RevisionId"]);
    for kept in [
        "Environment",
        "Timeout",
        "MemorySize",
        "Handler",
        "CodeSha256",
    ] {
        assert_eq!(same.body[kept], created[kept], "{kept}");
    }

    world.clock.advance_ms(5_000);
    let changes = json!({
        "RevisionId": same.body["RevisionId"],
        "Role": "arn:aws:iam::000000000000:role/other",
        "Handler": "other",
        "Description": "described",
        "Timeout": 17,
        "MemorySize": 512,
        "Runtime": "provided.al2",
        "Environment": {"Variables": {"A": "new"}},
        "TracingConfig": {"Mode": "Active"},
        "EphemeralStorage": {"Size": 1024},
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "/mine"},
        "SnapStart": {"ApplyOn": "None"},
        "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": false},
        "Layers": [],
        "DeadLetterConfig": {},
        "KMSKeyArn": "",
        "FileSystemConfigs": [],
    });
    let updated = world.put(&path, changes.clone()).await;
    assert_eq!(updated.status, 200, "{updated:?}");
    assert_eq!(updated.body["LastUpdateStatus"], "InProgress");
    for changed in [
        "Role",
        "Handler",
        "Description",
        "Timeout",
        "MemorySize",
        "Runtime",
        "Environment",
        "TracingConfig",
        "EphemeralStorage",
        "LoggingConfig",
    ] {
        assert_eq!(updated.body[changed], changes[changed], "{changed}");
    }
    assert_ne!(updated.body["LastModified"], created["LastModified"]);
    assert_eq!(updated.body["CodeSha256"], created["CodeSha256"]);
    assert!(updated.body["VpcConfig"].is_null());

    let reply = invoke(&world, "f", "", json!({"do": "environment"})).await;
    assert_eq!(reply.body["A"], "new");
    assert!(reply.body["B"].is_null());
    assert_eq!(reply.body["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "512");
    for (name, value) in [
        ("FORMAT", "JSON"),
        ("LEVEL", "INFO"),
        ("GROUP_NAME", "/mine"),
    ] {
        assert_eq!(
            reply.body[format!("AWS_LAMBDA_LOG_{name}")],
            value,
            "{name}"
        );
    }
    let cleared = world.put(&path, json!({"Environment": {}})).await.body;
    assert_eq!(cleared["Environment"], Value::Null);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn configurations_that_are_refused() {
    let world = World::new().await;
    let created = create(&world, "f", "one").await;
    let path = format!("{FUNCTIONS}/f/configuration");
    let long = "x".repeat(4_096);
    for (body, kind, part) in [
        (
            json!({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]}),
            "InvalidParameterValueException",
            "parameters yet: Layers",
        ),
        (
            json!({"SnapStart": {"ApplyOn": "PublishedVersions"}}),
            "InvalidParameterValueException",
            "parameters yet: SnapStart",
        ),
        (
            json!({"Runtime": "java21"}),
            "InvalidParameterValueException",
            "runtime java21 is not supported",
        ),
        (
            json!({"Environment": {"Variables": {"LONG": long}}}),
            "InvalidParameterValueException",
            "exceeded the 4KB limit. String measured: {\"LONG\":\"xxx",
        ),
        (
            json!({"Timeout": 0}),
            "ValidationException",
            "greater than or equal to 1",
        ),
        (
            json!({"RevisionId": "stale"}),
            "PreconditionFailedException",
            "The Revision Id provided does not match",
        ),
    ] {
        let reply = world.put(&path, body).await;
        let (_, refused, message) = refusal(&reply);
        assert_eq!(refused, kind, "{message}");
        assert!(message.contains(part), "{message}");
    }
    let now = world.get(&path).await.body;
    assert_eq!(now["RevisionId"], created["RevisionId"]);
    let reply = world
        .put(&format!("{FUNCTIONS}/missing/configuration"), json!({}))
        .await;
    let text = format!("Function not found: {}", arn("missing"));
    assert_eq!(
        refusal(&reply),
        (404, "ResourceNotFoundException", text.as_str())
    );
    world.close().await;
}
