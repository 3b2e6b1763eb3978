//! Functions: creation, reading, invocation, deletion (triggers.md section 10).

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::packages::{definition, package, with};
use super::world::{FUNCTIONS, ROLE, World, local};

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_function() {
    let world = World::new().await;
    let zip = package("");
    let created = world.post(FUNCTIONS, definition("f", &zip)).await;
    assert_eq!(created.status, 201, "{created:?}");
    let expected = json!({
        "Architectures": ["x86_64"],
        "CodeSha256": created.body["CodeSha256"],
        "CodeSize": zip.len(),
        "Description": "",
        "EphemeralStorage": {"Size": 512},
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "FunctionName": "f",
        "Handler": "any",
        "LastModified": created.body["LastModified"],
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
        "MemorySize": 128,
        "PackageType": "Zip",
        "RevisionId": created.body["RevisionId"],
        "Role": ROLE,
        "Runtime": "provided.al2023",
        "RuntimeVersionConfig": created.body["RuntimeVersionConfig"],
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "Timeout": 30,
        "TracingConfig": {"Mode": "PassThrough"},
        "Version": "$LATEST",
    });
    assert_eq!(created.body, expected);
    let modified = created.body["LastModified"].as_str().unwrap();
    assert!(
        modified.ends_with("+0000") && modified.len() == 28,
        "{modified}"
    );

    let got = world.get(&format!("{FUNCTIONS}/f")).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.body["Configuration"]["State"], "Active");
    assert_eq!(got.body["Configuration"]["LastUpdateStatus"], "Successful");
    assert!(got.body["Configuration"]["StateReason"].is_null());
    let location = got.body["Code"]["Location"].as_str().unwrap();
    let folder = location.strip_prefix("file://").unwrap().to_owned();
    assert!(fs::exists(format!("{folder}/bootstrap")).unwrap());
    let configuration = world
        .get(&format!("{FUNCTIONS}/f/configuration?Qualifier=%24LATEST"))
        .await;
    assert_eq!(
        configuration.body["FunctionArn"],
        "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
    );

    let again = world.post(FUNCTIONS, definition("f", &zip)).await;
    assert_eq!(again.status, 409);
    assert_eq!(
        again.header("x-amzn-ErrorType"),
        Some("ResourceConflictException")
    );
    assert_eq!(
        again.body,
        json!({"Type": "User", "message": "Function already exist: f"})
    );

    let deleted = world.delete(&format!("{FUNCTIONS}/f")).await;
    assert_eq!((deleted.status, deleted.bytes.len()), (204, 0));
    assert!(!fs::exists(folder).unwrap());
    for reply in [
        world.get(&format!("{FUNCTIONS}/f")).await,
        world.delete(&format!("{FUNCTIONS}/f")).await,
        world
            .post(&format!("{FUNCTIONS}/f/invocations"), json!({}))
            .await,
    ] {
        assert_eq!(reply.status, 404);
        assert_eq!(
            reply.header("x-amzn-ErrorType"),
            Some("ResourceNotFoundException")
        );
        let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f";
        assert_eq!(reply.body, json!({"Type": "User", "Message": message}));
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_is_not_taken() {
    let world = World::new().await;
    let zip = package("");
    let sound = || definition("f", &zip);
    let missing = world.folder.path().join("missing");
    for (body, part) in [
        (
            with(sound(), "Code", json!({})),
            "Please provide a source for function code.",
        ),
        (
            with(sound(), "Code", json!({"S3Bucket": "b-b", "S3Key": "k"})),
            "does not support code in S3",
        ),
        (
            with(sound(), "Code", json!({"ImageUri": "i"})),
            "parameters yet: ImageUri",
        ),
        (
            with(sound(), "Code", local(&missing)),
            "is not the absolute path of a folder",
        ),
        (
            with(sound(), "Code", json!({"ZipFile": "AAAA"})),
            "Could not unzip uploaded file.",
        ),
        (
            with(sound(), "PackageType", json!("Image")),
            "PackageType Image",
        ),
        (
            with(
                sound(),
                "SnapStart",
                json!({"ApplyOn": "PublishedVersions"}),
            ),
            "parameters yet: SnapStart",
        ),
        (
            with(sound(), "VpcConfig", json!({"SubnetIds": ["subnet-1"]})),
            "parameters yet: VpcConfig",
        ),
        (
            with(sound(), "Runtime", json!("java21")),
            "runtime java21 is not supported",
        ),
        (
            with(sound(), "Handler", Value::Null),
            "Runtime and Handler are mandatory",
        ),
        (
            with(
                sound(),
                "Environment",
                json!({"Variables": {"AWS_REGION": "x"}}),
            ),
            "reserved keys",
        ),
    ] {
        let reply = world.post(FUNCTIONS, body).await;
        assert_eq!(reply.status, 400, "{part}: {reply:?}");
        assert_eq!(
            reply.header("x-amzn-ErrorType"),
            Some("InvalidParameterValueException")
        );
        let message = reply.body["message"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(world.packages(), 0);
    let reply = world
        .post(FUNCTIONS, with(sound(), "Role", Value::Null))
        .await;
    assert_eq!(
        reply.header("x-amzn-ErrorType"),
        Some("ValidationException")
    );
    assert_eq!(world.get(FUNCTIONS).await.body, json!({"Functions": []}));
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_page() {
    let world = World::new().await;
    let zip = package("");
    for name in ["a", "b", "c"] {
        assert_eq!(
            world.post(FUNCTIONS, definition(name, &zip)).await.status,
            201
        );
    }
    let first = world.get(&format!("{FUNCTIONS}/?MaxItems=2")).await.body;
    let marker = first["NextMarker"].as_str().unwrap();
    let second = world
        .get(&format!("{FUNCTIONS}?Marker={marker}"))
        .await
        .body;
    assert!(second["NextMarker"].is_null());
    let names = |page: &Value| -> Vec<Value> {
        let functions = page["Functions"].as_array().unwrap();
        functions
            .iter()
            .map(|f| f["FunctionName"].clone())
            .collect()
    };
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(names(&second), ["c"]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invocations() {
    let world = World::new().await;
    world.post(FUNCTIONS, definition("f", &package(""))).await;
    let path = format!("{FUNCTIONS}/f/invocations");
    let invoke = async |headers: &[(&str, &str)], payload: &str| {
        world
            .request("POST", &path, headers, payload.to_owned())
            .await
    };

    let tail = [("x-amz-log-type", "Tail")];
    let reply = invoke(&tail, r#"{"a":1}"#).await;
    assert_eq!(
        (reply.status, &reply.body["event"]),
        (200, &json!({"a": 1}))
    );
    assert_eq!(reply.header("X-Amz-Executed-Version"), Some("$LATEST"));
    assert_eq!(reply.header("X-Amz-Function-Error"), None);
    let log = STANDARD
        .decode(reply.header("X-Amz-Log-Result").unwrap())
        .unwrap();
    let log = String::from_utf8(log).unwrap();
    let id = reply.header("x-amzn-RequestId").unwrap();
    assert!(
        log.starts_with(&format!("START RequestId: {id} Version: $LATEST\n")),
        "{log}"
    );

    assert_eq!(invoke(&[], "").await.body["event"], json!({}));
    let reply = invoke(&[], r#"{"do":"exit","status":127}"#).await;
    assert_eq!(
        (reply.status, reply.header("X-Amz-Function-Error")),
        (200, Some("Unhandled"))
    );
    assert_eq!(reply.body["errorType"], "Runtime.ExitError");
    assert_eq!(reply.header("X-Amz-Log-Result"), None);

    let dry = invoke(&[("x-amz-invocation-type", "DryRun")], "{}").await;
    assert_eq!((dry.status, dry.bytes.len()), (204, 0));
    let reply = invoke(&[], "{").await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.header("x-amzn-ErrorType"),
        Some("InvalidRequestContentException")
    );
    let message = reply.body["message"].as_str().unwrap();
    assert!(
        message.starts_with(
            "Could not parse request body into json: Could not parse payload into json: "
        ),
        "{message}"
    );
    let large = format!("\"{}\"", "x".repeat(6 * 1024 * 1024));
    let reply = invoke(&[], &large).await;
    assert_eq!(reply.status, 413);
    assert_eq!(
        reply.header("x-amzn-ErrorType"),
        Some("RequestTooLargeException")
    );
    let event = [("x-amz-invocation-type", "Event")];
    assert_eq!(
        invoke(&event, &large[5 * 1024 * 1024 - 1..].replacen('x', "\"", 1))
            .await
            .status,
        413
    );
    let context = [("x-amz-client-context", "!!")];
    assert_eq!(invoke(&context, "{}").await.status, 400);
    let context = STANDARD.encode(r#"{"custom":{"k":"v"}}"#);
    let reply = invoke(&[("x-amz-client-context", &context)], r#"{"do":"headers"}"#).await;
    assert_eq!(
        reply.body["lambda-runtime-client-context"],
        r#"{"custom":{"k":"v"}}"#
    );
    let reply = world
        .request("POST", &format!("{path}?Qualifier=1"), &[], "{}")
        .await;
    assert_eq!(
        reply.body["Message"],
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:1"
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_tried_three_times() {
    let world = World::new().await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"fail": true}));
    let path = format!("{FUNCTIONS}/f/invocations");
    let event = [("x-amz-invocation-type", "Event")];
    let reply = world.request("POST", &path, &event, r#"{"n":1}"#).await;
    assert_eq!((reply.status, reply.bytes.len()), (202, 0));
    recorder.wait_for_calls(1).await;
    for (calls, advance_ms) in [(2, 61_000), (3, 121_000)] {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert_eq!(recorder.events().len(), calls - 1);
        world.clock.advance_ms(advance_ms);
        recorder.wait_for_calls(calls).await;
    }
    world.clock.advance_ms(3_600_000);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(recorder.events(), vec![json!({"n": 1}); 3]);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths() {
    let world = World::new().await;
    let reply = world
        .request("PUT", &format!("{FUNCTIONS}/f/policy"), &[], "{}")
        .await;
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.body["Message"],
        "Headwater does not serve PUT /2015-03-31/functions/f/policy"
    );
    let reply = world.request("POST", FUNCTIONS, &[], "{").await;
    assert_eq!(
        reply.header("x-amzn-ErrorType"),
        Some("SerializationException")
    );
    world.close().await;
}
