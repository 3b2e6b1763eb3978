//! What is desired and what is there, and what is to be done.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{Action, Actual, plan, streams};
use crate::apply::desired::Desired;
use crate::apply::resolve::Place;
use crate::apply::{sam, yaml};

const STREAM: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/users/stream/2026";

const TEMPLATE: &str = "
Resources:
  Users:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: users
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Fn:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: fn
      Runtime: python3.12
      Handler: index.handler
      Code: {ZipFile: 'x = 1'}
      Timeout: 5
      Environment: {Variables: {A: a, S: !GetAtt Users.StreamArn}}
  Map:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: !GetAtt Users.StreamArn, FunctionName: !Ref Fn, StartingPosition: LATEST, BatchSize: 7}
";

fn desired(text: &str) -> Desired {
    let template = yaml::read(text).expect("a template");
    let place = Place {
        stack: "shop".to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
    };
    let desired = sam::read(&template, Path::new("/"), &BTreeMap::new(), &place);
    assert!(desired.faults.is_empty(), "{:?}", desired.faults);
    desired
}

fn table() -> Value {
    json!({
        "TableName": "users", "TableStatus": "ACTIVE",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0, "NumberOfDecreasesToday": 0},
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"},
        "LatestStreamArn": STREAM,
    })
}

fn function(desired: &Desired) -> Value {
    let code = &desired.functions[0].code.member()["ZipFile"];
    let zip = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        code.as_str().expect("a text"),
    );
    let hash = <sha2::Sha256 as sha2::Digest>::digest(zip.expect("base64"));
    let hash = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
    json!({
        "Configuration": {
            "Runtime": "python3.12", "Handler": "index.handler", "Timeout": 5, "MemorySize": 128, "Description": "",
            "Role": "arn:aws:iam::000000000000:role/headwater", "CodeSha256": hash, "Architectures": ["x86_64"],
            "Environment": {"Variables": {"A": "a", "S": STREAM}}, "EphemeralStorage": {"Size": 512},
            "TracingConfig": {"Mode": "PassThrough"},
        },
        "Code": {"Location": "file:///data/packages/1"},
    })
}

fn mapping() -> Value {
    json!({
        "UUID": "1", "EventSourceArn": STREAM, "StartingPosition": "LATEST", "State": "Enabled", "BatchSize": 7,
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:fn", "DestinationConfig": {"OnFailure": {}},
        "FunctionResponseTypes": [], "MaximumRetryAttempts": -1,
    })
}

fn actual(desired: &Desired) -> Actual {
    Actual {
        tables: BTreeMap::from([("users".to_owned(), table())]),
        functions: BTreeMap::from([("fn".to_owned(), function(desired))]),
        mappings: vec![mapping()],
    }
}

/// The plan for a template against what is there, as it is printed.
fn printed(template: &str, change: impl FnOnce(&mut Actual)) -> String {
    let mut desired = desired(template);
    let mut actual = actual(&self::desired(TEMPLATE));
    change(&mut actual);
    desired.fill(&streams(&desired, &actual));
    plan(&desired, &actual).to_string()
}

#[test]
fn projected_attributes_are_in_no_order() {
    let index = |names: [&str; 2]| {
        json!([{"IndexName": "iii", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": names}}])
    };
    let wanted = format!(
        "GlobalSecondaryIndexes: {}\n      StreamSpecification",
        index(["zz", "aa"])
    );
    let template = TEMPLATE.replace("StreamSpecification", &wanted);
    let there = |names| {
        printed(&template, |actual| {
            let table = actual.tables.get_mut("users").expect("the table");
            table["GlobalSecondaryIndexes"] = index(names);
        })
    };
    let same = there(["aa", "zz"]);
    assert!(same.contains("table users (Users): unchanged"), "{same}");
    let other = there(["aa", "yy"]);
    assert!(other.contains("it needs another name"), "{other}");
}

#[test]
fn nothing_is_there() {
    let desired = desired(TEMPLATE);
    let actual = Actual::default();
    let plan = plan(&desired, &actual);
    assert!(plan.has_changes() && !plan.is_refused());
    assert_eq!(
        plan.to_string(),
        "+ table users (Users): create\n+ function fn (Fn): create\n+ mapping Map from users to fn: create\n"
    );
}

#[test]
fn all_is_there() {
    let expected = "= table users (Users): unchanged\n= function fn (Fn): unchanged\n\
                    = mapping Map from users to fn: unchanged\n";
    assert_eq!(printed(TEMPLATE, |_| {}), expected);
    // A server that knows fewer settings of mappings, and tables that show less.
    let lean = printed(TEMPLATE, |actual| {
        actual.mappings[0] = json!({
            "UUID": "1", "EventSourceArn": STREAM, "State": "Creating", "BatchSize": 7,
            "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:fn",
        });
    });
    assert_eq!(lean, expected);
}

#[test]
fn changed_properties_are_named() {
    let changed = TEMPLATE
        .replace("Timeout: 5", "MemorySize: 256\n      ReservedConcurrentExecutions: '2'")
        .replace("A: a", "B: b")
        .replace("x = 1", "x = 2")
        .replace("BatchSize: 7", "Enabled: false, FilterCriteria: {Filters: [{Pattern: '{}'}]}")
        .replace("PAY_PER_REQUEST", "PROVISIONED\n      ProvisionedThroughput: {ReadCapacityUnits: 1, WriteCapacityUnits: 2}");
    let plan = printed(&changed, |_| {});
    for line in [
        "~ table users (Users): update\n",
        "    BillingMode: PAY_PER_REQUEST -> PROVISIONED\n",
        "    ProvisionedThroughput: {\"ReadCapacityUnits\":0,\"WriteCapacityUnits\":0} -> \
         {\"ReadCapacityUnits\":1,\"WriteCapacityUnits\":2}\n",
        "~ function fn (Fn): update\n    Code: /data/packages/1 -> the template (",
        "    Environment.A: a -> (none)\n    Environment.B: (none) -> b\n",
        "    MemorySize: 128 -> 256\n    Timeout: 5 -> 3\n    ReservedConcurrentExecutions: (none) -> 2\n",
        "    BatchSize: 7 -> 100\n    Enabled: true -> false\n    FilterCriteria: {\"Filters\":[]} -> \
         {\"Filters\":[{\"Pattern\":\"{}\"}]}\n",
    ] {
        assert!(plan.contains(line), "{line}\nis not in\n{plan}");
    }
    assert!(
        !plan.contains("Environment.S") && !plan.contains("Handler:"),
        "{plan}"
    );
}

#[test]
fn a_stream_is_enabled_and_disabled() {
    let without = printed(TEMPLATE, |actual| {
        let table = actual.tables.get_mut("users").expect("a table");
        table["StreamSpecification"] = Value::Null;
    });
    assert!(
        without.contains("    StreamSpecification: (none) -> NEW_IMAGE\n"),
        "{without}"
    );
    // Its old stream is another one.
    assert!(without.contains("+ mapping Map"), "{without}");
    assert!(without.contains("Environment.S: arn:aws:dynamodb:us-east-1:000000000000:table/users/stream/2026 -> (stream of Users)"), "{without}");
    assert!(without.contains("mapping 1 from arn:"), "{without}");
    let template = TEMPLATE.split("  Fn:").next().map(|users| {
        users.replace(
            "      StreamSpecification: {StreamViewType: NEW_IMAGE}\n",
            "",
        )
    });
    let disabled = printed(&template.expect("a template"), |actual| {
        actual.mappings.clear()
    });
    assert_eq!(
        disabled,
        "~ table users (Users): update\n    StreamSpecification: NEW_IMAGE -> (none)\n"
    );
}

#[test]
fn what_needs_a_replacement_is_refused() {
    let other = TEMPLATE
        .replace(
            "KeySchema: [{AttributeName: id",
            "KeySchema: [{AttributeName: key",
        )
        .replace(
            "AttributeName: id, AttributeType",
            "AttributeName: key, AttributeType",
        )
        .replace("NEW_IMAGE", "KEYS_ONLY")
        .replace("LATEST", "TRIM_HORIZON");
    let plan = printed(&other, |_| {});
    for line in [
        "! table users (Users): refused\n    the key schema of a table can't be changed: it needs a new table\n",
        "    the view of a stream can't be changed from NEW_IMAGE to KEYS_ONLY: it needs a new stream. Apply without \
         StreamSpecification first, which disables the stream\n",
        "    the starting position of a mapping can't be changed from LATEST to TRIM_HORIZON: it needs a new mapping\n",
    ] {
        assert!(plan.contains(line), "{line}\nis not in\n{plan}");
    }
    let kind = printed(
        &TEMPLATE.replace("AttributeType: S", "AttributeType: N"),
        |_| {},
    );
    assert!(
        kind.contains("the type of a key attribute can't be changed"),
        "{kind}"
    );
}

#[test]
fn members_that_the_service_fills_in_are_no_change() {
    let mut desired = desired(TEMPLATE);
    let settings = &mut desired.functions[0].settings;
    settings.insert("LoggingConfig".to_owned(), json!({"LogFormat": "Text"}));
    let mut actual = actual(&desired);
    desired.fill(&streams(&desired, &actual));
    let there = actual.functions.get_mut("fn").expect("a function");
    there["Configuration"]["LoggingConfig"] =
        json!({"LogFormat": "Text", "LogGroup": "/aws/lambda/fn"});
    assert_eq!(plan(&desired, &actual).steps[1].action, Action::Nothing);
}
