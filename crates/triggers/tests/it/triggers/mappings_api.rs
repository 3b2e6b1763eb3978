//! Event source mappings: every answer and sentence of triggers.md section 1.

use serde_json::{Value, json};

use super::world::{FUNCTIONS, MAPPINGS, Reply, World};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

fn refused(reply: &Reply, status: u16, code: &str, message: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.header("x-amzn-ErrorType"), Some(code));
    let (member, other) = match code {
        "ResourceNotFoundException" | "ResourceInUseException" => ("Message", "message"),
        _ => ("message", "Message"),
    };
    assert_eq!(reply.body[member], message, "{reply:?}");
    assert!(reply.body[other].is_null(), "{reply:?}");
    let expected_type = if code == "ValidationException" {
        Value::Null
    } else {
        json!("User")
    };
    assert_eq!(reply.body["Type"], expected_type);
}

fn invalid(reply: &Reply, message: &str) {
    refused(reply, 400, "InvalidParameterValueException", message);
}

fn request(stream: &str) -> Value {
    json!({"EventSourceArn": stream, "FunctionName": "f", "StartingPosition": "LATEST"})
}

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_sentences() {
    let world = World::new().await;
    let stream = world.table("items").await;
    world.recorder("f").await;
    let post = async |body: Value| world.post(MAPPINGS, body).await;

    for reply in [
        world.get(&format!("{MAPPINGS}/{UNKNOWN}")).await,
        world.put(&format!("{MAPPINGS}/{UNKNOWN}"), json!({})).await,
        world.delete(&format!("{MAPPINGS}/{UNKNOWN}")).await,
    ] {
        let message = "The resource you requested does not exist.";
        refused(&reply, 404, "ResourceNotFoundException", message);
    }
    let no_source = json!({"FunctionName": "f", "StartingPosition": "LATEST"});
    invalid(&post(no_source).await, "Unrecognized event source.");
    let unknown_function = with(request(&stream), "FunctionName", json!("g"));
    invalid(&post(unknown_function).await, "Function does not exist");
    let other = stream.replace("table/items/", "table/absent/");
    let reply = post(request(&other)).await;
    invalid(&reply, &format!("Stream not found: {other}"));
    let no_position = with(request(&stream), "StartingPosition", Value::Null);
    invalid(
        &post(no_position).await,
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    );
    let reply = post(with(request(&stream), "StartingPosition", json!("invalid"))).await;
    refused(
        &reply,
        400,
        "ValidationException",
        "1 validation error detected: Value 'invalid' at 'startingPosition' failed to satisfy constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
    );
    let filter = |pattern: &str| json!({"Filters": [{"Pattern": pattern}]});
    for pattern in [
        "{",
        "[]",
        "{\"eventName\":\"INSERT\"}",
        "{\"a\":[{\"numeric\":[\">\"]}]}",
        "",
    ] {
        let reply = post(with(request(&stream), "FilterCriteria", filter(pattern))).await;
        invalid(&reply, "Invalid filter pattern definition.");
    }
    let on_success = json!({"OnSuccess": {"Destination": "arn:aws:sqs:us-east-1:000000000000:q"}});
    let reply = post(with(request(&stream), "DestinationConfig", on_success)).await;
    invalid(
        &reply,
        "Unsupported DestinationConfig parameter for given event source mapping type.",
    );

    let uuid = world.map(&stream, "f", json!({})).await;
    let message = format!(
        "The event source arn (\" {stream} \") and function (\" f \") provided mapping already exists. \
         Please update or delete the existing mapping with UUID {uuid}"
    );
    refused(
        &post(request(&stream)).await,
        409,
        "ResourceConflictException",
        &message,
    );
    // One stream, whatever region and account its ARN is given with.
    let elsewhere = stream.replacen("us-east-1:000000000000", "eu-west-1:111111111111", 1);
    assert_ne!(elsewhere, stream);
    refused(
        &post(request(&elsewhere)).await,
        409,
        "ResourceConflictException",
        &message,
    );
    // Without a qualifier the newest code is meant.
    let newest = with(request(&stream), "FunctionName", json!("f:$LATEST"));
    refused(
        &post(newest).await,
        409,
        "ResourceConflictException",
        &message,
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_setting_is_shown_as_it_was_given_and_changed() {
    let world = World::new().await;
    let stream = world.table("items").await;
    world.recorder("f").await;
    let queue = "arn:aws:sqs:us-east-1:000000000000:q";
    let key = "arn:aws:kms:us-east-1:000000000000:key/k";
    let settings = json!({
        "MaximumBatchingWindowInSeconds": 5,
        "ParallelizationFactor": 2,
        "DestinationConfig": {"OnFailure": {"Destination": queue}},
        "MaximumRecordAgeInSeconds": 60,
        "BisectBatchOnFunctionError": true,
        "TumblingWindowInSeconds": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "FilterCriteria": {"Filters": [{"Pattern": "{\"eventName\":[\"INSERT\"]}"}]},
        "KMSKeyArn": key,
        "MetricsConfig": {"Metrics": ["EventCount"]},
    });
    let uuid = world.map(&stream, "f", settings.clone()).await;
    let path = format!("{MAPPINGS}/{uuid}");
    let shown = world.get(&path).await.body;
    for (name, value) in settings.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    // Filters that are encrypted are not shown in lists.
    let listed = world.get(MAPPINGS).await.body;
    let listed = &listed["EventSourceMappings"][0];
    assert_eq!(listed["KMSKeyArn"], key);
    assert_eq!(listed["FilterCriteria"], Value::Null);
    // What an update leaves out stays.
    let updated = world.put(&path, json!({"ParallelizationFactor": 3})).await;
    assert_eq!(updated.status, 202, "{updated:?}");
    let shown = world.get(&path).await.body;
    assert_eq!(shown["ParallelizationFactor"], 3);
    assert_eq!(shown["MaximumRecordAgeInSeconds"], 60);
    let neutral = json!({
        "FilterCriteria": {"Filters": []},
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "DestinationConfig": {"OnFailure": {}},
        "MaximumRecordAgeInSeconds": -1,
        "BisectBatchOnFunctionError": false,
        "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "KMSKeyArn": "",
        "MetricsConfig": {"Metrics": []},
    });
    let updated = world.put(&path, neutral.clone()).await;
    assert_eq!(updated.status, 202, "{updated:?}");
    let shown = world.get(&path).await.body;
    for (name, value) in neutral.as_object().unwrap() {
        let is_absent = ["FilterCriteria", "KMSKeyArn", "MetricsConfig"].contains(&name.as_str());
        let expected = if is_absent { &Value::Null } else { value };
        assert_eq!(&shown[name], expected, "{name}");
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_streams_do_not_have_is_refused() {
    let world = World::new().await;
    let stream = world.table("items").await;
    world.recorder("f").await;
    let on_failure = |arn: &str| json!({"OnFailure": {"Destination": arn}});
    for arn in [
        "arn:aws:sqs:us-east-1:000000000000:q.fifo",
        "arn:aws:lambda:us-east-1:000000000000:function:g",
        "kafka://topic",
    ] {
        let reply = world
            .post(
                MAPPINGS,
                with(request(&stream), "DestinationConfig", on_failure(arn)),
            )
            .await;
        let message = format!(
            "The destination {arn} is not supported: give the ARN of a standard SQS queue, a standard SNS topic \
             or an S3 bucket"
        );
        invalid(&reply, &message);
    }
    let metrics = json!({"Metrics": ["EventCount", "KafkaMetrics"]});
    let reply = world
        .post(MAPPINGS, with(request(&stream), "MetricsConfig", metrics))
        .await;
    invalid(
        &reply,
        "MetricsConfig: DynamoDB streams have the metric EventCount only",
    );
    let scaling = json!({"MaximumConcurrency": 2});
    let reply = world
        .post(MAPPINGS, with(request(&stream), "ScalingConfig", scaling))
        .await;
    invalid(
        &reply,
        "Headwater does not support these parameters yet: ScalingConfig",
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_of_success_is_refused_only_where_one_is_named() {
    let world = World::new().await;
    let stream = world.table("items").await;
    world.recorder("f").await;
    let sentence = "Unsupported DestinationConfig parameter for given event source mapping type.";
    let named = json!({"OnSuccess": {"Destination": "arn:aws:sqs:us-east-1:000000000000:q"}});
    let none = json!({"OnSuccess": {}, "OnFailure": {}});
    let body = with(request(&stream), "DestinationConfig", none.clone());
    let created = world.post(MAPPINGS, body).await;
    assert_eq!(created.status, 202, "{created:?}");
    assert_eq!(created.body["DestinationConfig"], json!({"OnFailure": {}}));
    let uuid = created.body["UUID"].as_str().unwrap();
    let path = format!("{MAPPINGS}/{uuid}");
    let updated = world.put(&path, json!({"DestinationConfig": none})).await;
    assert_eq!(updated.status, 202, "{updated:?}");
    assert_eq!(updated.body["DestinationConfig"], json!({"OnFailure": {}}));
    let refused = world.put(&path, json!({"DestinationConfig": named})).await;
    invalid(&refused, sentence);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges() {
    let world = World::new().await;
    let stream = world.table("items").await;
    world.recorder("f").await;
    for (name, value, bound) in [
        ("BatchSize", 0, "greater than or equal to 1"),
        ("BatchSize", 10_001, "less than or equal to 10000"),
        (
            "MaximumBatchingWindowInSeconds",
            301,
            "less than or equal to 300",
        ),
        ("ParallelizationFactor", 0, "greater than or equal to 1"),
        ("ParallelizationFactor", 11, "less than or equal to 10"),
        (
            "MaximumRecordAgeInSeconds",
            604_801,
            "less than or equal to 604800",
        ),
        ("TumblingWindowInSeconds", 901, "less than or equal to 900"),
        ("MaximumRetryAttempts", -2, "greater than or equal to -1"),
        (
            "MaximumRetryAttempts",
            10_001,
            "less than or equal to 10000",
        ),
    ] {
        let reply = world
            .post(MAPPINGS, with(request(&stream), name, json!(value)))
            .await;
        let member = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
        let message = format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: \
             Member must have value {bound}"
        );
        refused(&reply, 400, "ValidationException", &message);
    }
    let unsupported_position = format!("Unsupported starting position for arn type: {stream}");
    for (position, message) in [
        (
            json!({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1}),
            unsupported_position.as_str(),
        ),
        (
            json!({"StartingPosition": "TRIM_HORIZON", "StartingPositionTimestamp": 1}),
            "StartingPositionTimestamp is for the StartingPosition AT_TIMESTAMP only",
        ),
        (
            json!({"StartingPosition": "LATEST", "StartingPositionTimestamp": 1}),
            "StartingPositionTimestamp is for the StartingPosition AT_TIMESTAMP only",
        ),
        (
            json!({"MaximumRecordAgeInSeconds": 59}),
            "MaximumRecordAgeInSeconds must be -1 or between 60 and 604800, not 59",
        ),
        (
            json!({"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q"}),
            "Unrecognized event source.",
        ),
    ] {
        let mut body = request(&stream);
        for (name, value) in position.as_object().unwrap() {
            body[name] = value.clone();
        }
        invalid(&world.post(MAPPINGS, body).await, message);
    }
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_mapping() {
    let world = World::new().await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let created = world.post(&format!("{MAPPINGS}/"), request(&stream)).await;
    assert_eq!(created.status, 202);
    let uuid = created.body["UUID"].as_str().unwrap().to_owned();
    let expected = json!({
        "BatchSize": 100,
        "BisectBatchOnFunctionError": false,
        "DestinationConfig": {"OnFailure": {}},
        "EventSourceArn": stream,
        "EventSourceMappingArn": format!("arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}"),
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "FunctionResponseTypes": [],
        "LastModified": created.body["LastModified"],
        "LastProcessingResult": "No records processed",
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
        "StartingPosition": "LATEST",
        "State": "Creating",
        "StateTransitionReason": "User action",
        "TumblingWindowInSeconds": 0,
        "UUID": uuid,
    });
    assert_eq!(created.body, expected);
    assert!(created.body["LastModified"].as_f64().unwrap() > 1.7e9);
    assert_eq!(uuid.len(), 36);
    let path = format!("{MAPPINGS}/{uuid}");
    let got = world.get(&path).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.body, with(expected, "State", json!("Enabled")));

    let updated = world
        .put(&path, json!({"BatchSize": 7, "MaximumRetryAttempts": 3}))
        .await;
    assert_eq!(
        (updated.status, &updated.body["State"]),
        (202, &json!("Updating"))
    );
    let got = world.get(&path).await.body;
    assert_eq!(
        (&got["BatchSize"], &got["MaximumRetryAttempts"]),
        (&json!(7), &json!(3))
    );

    recorder.control(json!({"hold": true}));
    world.put_item("items", "a").await;
    recorder.wait_for_calls(1).await;
    let disabled = world.put(&path, json!({"Enabled": false})).await;
    assert_eq!(
        (disabled.status, &disabled.body["State"]),
        (202, &json!("Disabling"))
    );
    assert_eq!(world.get(&path).await.body["State"], "Disabling");
    let update = world.put(&path, json!({"Enabled": true})).await;
    for (reply, verb) in [(update, "update"), (world.delete(&path).await, "delete")] {
        let message = format!("Cannot {verb} the event source mapping because it is in use.");
        refused(&reply, 400, "ResourceInUseException", &message);
    }
    recorder.control(json!({}));
    world.wait_for_state(&uuid, "Disabled").await;
    assert_eq!(world.mapping(&uuid).await["LastProcessingResult"], "OK");
    let enabled = world.put(&path, json!({"Enabled": true})).await;
    assert_eq!(enabled.body["State"], "Enabling");
    world.wait_for_state(&uuid, "Enabled").await;

    assert_eq!(world.delete(&format!("{FUNCTIONS}/f")).await.status, 204);
    assert_eq!(world.get(&path).await.status, 200);
    let deleted = world.delete(&path).await;
    assert_eq!(
        (deleted.status, &deleted.body["State"]),
        (202, &json!("Deleting"))
    );
    assert_eq!(world.get(&path).await.status, 404);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_qualifiers() {
    let world = World::new().await;
    world.recorder("f").await;
    for (number, (name, shown)) in [
        ("f", "function:f"),
        ("000000000000:function:f:$LATEST", "function:f:$LATEST"),
        (
            "arn:aws:lambda:us-east-1:000000000000:function:f",
            "function:f",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let stream = world.table(&format!("table-{number}")).await;
        let uuid = world.map(&stream, name, json!({})).await;
        let arn = &world.mapping(&uuid).await["FunctionArn"];
        assert_eq!(
            arn,
            &format!("arn:aws:lambda:us-east-1:000000000000:{shown}")
        );
    }
    let stream = world.table("items").await;
    let reply = world
        .post(
            MAPPINGS,
            with(request(&stream), "FunctionName", json!("f:1")),
        )
        .await;
    invalid(&reply, "Function does not exist");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_page_and_filter() {
    let world = World::new().await;
    let streams = [world.table("items").await, world.table("others").await];
    let mut all = Vec::new();
    for function in ["f", "g", "h"] {
        world.recorder(function).await;
        for stream in &streams {
            all.push(world.map(stream, function, json!({"Enabled": false})).await);
        }
    }
    let mut seen = Vec::new();
    let mut marker = String::new();
    loop {
        let page = world
            .get(&format!("{MAPPINGS}?MaxItems=4{marker}"))
            .await
            .body;
        let mappings = page["EventSourceMappings"].as_array().unwrap();
        seen.extend(
            mappings
                .iter()
                .map(|m| m["UUID"].as_str().unwrap().to_owned()),
        );
        match page["NextMarker"].as_str() {
            Some(next) => marker = format!("&Marker={next}"),
            None => break,
        }
        assert_eq!(mappings.len(), 4);
    }
    seen.sort();
    all.sort();
    assert_eq!(seen, all);
    let count = async |query: &str| {
        let reply = world.get(&format!("{MAPPINGS}?{query}")).await;
        reply.body["EventSourceMappings"].as_array().unwrap().len()
    };
    let source = streams[0].replace(':', "%3A");
    assert_eq!(count(&format!("EventSourceArn={source}")).await, 3);
    assert_eq!(count("FunctionName=g").await, 2);
    assert_eq!(
        count(&format!("EventSourceArn={source}&FunctionName=g")).await,
        1
    );
    assert_eq!(count("FunctionName=none").await, 0);
    invalid(
        &world.get(&format!("{MAPPINGS}?Marker=x%21")).await,
        "The provided Marker is invalid.",
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_a_hundred_mappings_whatever_is_asked_for() {
    let world = World::new().await;
    let streams = [world.table("items").await, world.table("others").await];
    for number in 0..101 {
        // Mappings of one stream are to different functions.
        let (stream, name) = (&streams[number % 2], format!("f{}", number / 2));
        if number % 2 == 0 {
            world.recorder(&name).await;
        }
        world.map(stream, &name, json!({"Enabled": false})).await;
    }
    let first = world.get(&format!("{MAPPINGS}?MaxItems=10000")).await.body;
    let length = |page: &Value| page["EventSourceMappings"].as_array().unwrap().len();
    assert_eq!(length(&first), 100);
    let marker = first["NextMarker"].as_str().unwrap();
    let query = format!("{MAPPINGS}?MaxItems=10000&Marker={marker}");
    let rest = world.get(&query).await.body;
    assert_eq!(length(&rest), 1);
    assert_eq!(rest["NextMarker"], Value::Null);
    world.close().await;
}
