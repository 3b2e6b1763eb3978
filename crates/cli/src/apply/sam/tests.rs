//! Texts of templates, and what they ask for.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::read;
use crate::apply::code::Code;
use crate::apply::desired::{Desired, Note};
use crate::apply::resolve::Place;
use crate::apply::{late, yaml};

fn desired(folder: &Path, text: &str) -> Desired {
    let template = yaml::read(text).expect("a template");
    let place = Place {
        stack: "shop".to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
    };
    read(&template, folder, &BTreeMap::new(), &place)
}

fn lines(notes: &[Note]) -> Vec<String> {
    notes.iter().map(Note::to_string).collect()
}

/// A folder with `src/`, `code.zip` and an asset of CDK in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("src")).expect("a folder");
    std::fs::create_dir(folder.path().join("asset.0a1b")).expect("a folder");
    std::fs::write(folder.path().join("code.zip"), "zip").expect("a file");
    folder
}

#[test]
fn a_table_in_the_words_of_the_api() {
    let desired = desired(
        Path::new("/"),
        "
Resources:
  Users:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      ProvisionedThroughput: {ReadCapacityUnits: '1', WriteCapacityUnits: 2}
      DeletionProtectionEnabled: 'true'
      StreamSpecification: {StreamViewType: NEW_IMAGE}
      Tags: [{Key: a, Value: b}]
      SSESpecification: {SSEEnabled: true}
      Novelty: 1
      Nothing: !Ref AWS::NoValue
",
    );
    let [table] = desired.tables.as_slice() else {
        panic!("{desired:?}")
    };
    assert_eq!(table.name, "shop-Users");
    let expected = json!({
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2},
        "DeletionProtectionEnabled": true,
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"},
    });
    assert_eq!(Value::Object(table.settings.clone()), expected);
    assert_eq!(table.tags, [json!({"Key": "a", "Value": "b"})]);
    assert_eq!(
        lines(&desired.ignored),
        [
            "Users.Novelty: it is not understood",
            "Users.SSESpecification: a server encrypts all tables or none: serve --encryption-key-file",
        ]
    );
}

#[test]
fn simple_and_global_tables() {
    let desired = desired(
        Path::new("/"),
        "
Resources:
  Bare: {Type: AWS::Serverless::SimpleTable}
  Keyed:
    Type: AWS::Serverless::SimpleTable
    Properties: {TableName: k, PrimaryKey: {Name: n, Type: Number}, Tags: {a: 1}}
  Wide:
    Type: AWS::DynamoDB::GlobalTable
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: KEYS_ONLY}
      Replicas: [{Region: !Ref AWS::Region, DeletionProtectionEnabled: true, TableClass: STANDARD}]
",
    );
    let of = |place: usize, name: &str| desired.tables[place].settings.get(name).cloned();
    assert_eq!(of(0, "BillingMode"), Some(json!("PAY_PER_REQUEST")));
    assert_eq!(
        of(0, "KeySchema"),
        Some(json!([{"AttributeName": "id", "KeyType": "HASH"}]))
    );
    let number = json!([{"AttributeName": "n", "AttributeType": "N"}]);
    assert_eq!(of(1, "AttributeDefinitions"), Some(number));
    assert_eq!(desired.tables[1].tags, [json!({"Key": "a", "Value": "1"})]);
    assert_eq!(desired.tables[2].stream_view(), Some("KEYS_ONLY"));
    assert_eq!(of(2, "BillingMode"), Some(json!("PAY_PER_REQUEST")));
    assert_eq!(of(2, "DeletionProtectionEnabled"), Some(json!(true)));
    assert_eq!(lines(&desired.ignored), Vec::<String>::new());
}

#[test]
fn a_function_of_sam_with_globals_and_an_event() {
    let folder = folder();
    let desired = desired(
        folder.path(),
        "
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.12, Timeout: 9, Environment: {Variables: {A: 1, B: !GetAtt Users.StreamArn}}}
  Api: {Cors: '*'}
Resources:
  Users:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: users, StreamSpecification: {StreamViewType: NEW_IMAGE}}
  Fn:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      Timeout: 20
      Tracing: Active
      Environment: {Variables: {A: true, C: !ImportValue other}}
      Layers: [x]
      Events:
        Changes:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Users.StreamArn
            StartingPosition: LATEST
            BatchSize: '10'
            MaximumBatchingWindowInSeconds: 1
            ParallelizationFactor: 2
            MaximumRetryAttempts: 3
            MaximumRecordAgeInSeconds: 60
            BisectBatchOnFunctionError: true
            TumblingWindowInSeconds: 30
            FunctionResponseTypes: [ReportBatchItemFailures]
            FilterCriteria: {Filters: [{Pattern: '{\"eventName\":[\"INSERT\"]}'}]}
            DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Dead.Arn}}
            Enabled: false
            MetricsConfig: {Metrics: [EventCount]}
        Timer: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}
  Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: dead}}
",
    );
    assert_eq!(lines(&desired.faults), Vec::<String>::new());
    let [function] = desired.functions.as_slice() else {
        panic!("{desired:?}")
    };
    let of = |name: &str| function.settings[name].clone();
    assert_eq!(function.name, "shop-Fn");
    let source = folder.path().join("src").canonicalize().expect("a path");
    assert_eq!(function.code, Code::Folder(source));
    assert_eq!((of("Timeout"), of("MemorySize")), (json!(20), json!(128)));
    assert_eq!(of("TracingConfig"), json!({"Mode": "Active"}));
    assert_eq!(
        of("Role"),
        json!("arn:aws:iam::000000000000:role/headwater")
    );
    let variables = json!({"Variables": {"A": "true", "B": late::mark("Users")}});
    assert_eq!(of("Environment"), variables);
    let [mapping] = desired.mappings.as_slice() else {
        panic!("{desired:?}")
    };
    assert_eq!(
        (
            mapping.logical.as_str(),
            mapping.function.as_str(),
            mapping.table.as_str()
        ),
        ("FnChanges", "shop-Fn", "users")
    );
    let expected = json!({
        "BatchSize": 10, "BisectBatchOnFunctionError": true,
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:dead"}},
        "Enabled": false, "FilterCriteria": {"Filters": [{"Pattern": "{\"eventName\":[\"INSERT\"]}"}]},
        "FunctionResponseTypes": ["ReportBatchItemFailures"], "MaximumBatchingWindowInSeconds": 1,
        "MaximumRecordAgeInSeconds": 60, "MaximumRetryAttempts": 3, "ParallelizationFactor": 2,
        "StartingPosition": "LATEST", "TumblingWindowInSeconds": 30,
    });
    assert_eq!(Value::Object(mapping.settings.clone()), expected);
    assert_eq!(
        lines(&desired.ignored),
        [
            "Globals.Api: only Function and SimpleTable are understood",
            "Dead (AWS::SQS::Queue): only tables, functions and event source mappings are applied",
            "Fn.Environment.C: Fn::ImportValue is not understood",
            "Fn.Layers: layers are not applied; put what they hold into the function's folder",
            "Fn.Events.Changes.MetricsConfig: there are no metrics of mappings",
            "Fn.Events.Timer: an event of type Schedule; only streams of tables call functions here",
        ]
    );
}

#[test]
fn functions_and_mappings_of_cloudformation() {
    let folder = folder();
    let desired = desired(
        folder.path(),
        "
Resources:
  Inline:
    Type: AWS::Lambda::Function
    Properties: {Runtime: python3.12, Handler: index.handler, Role: !GetAtt Role.Arn, Code: {ZipFile: 'x = 1'}, Tags: [{Key: a, Value: b}]}
  Packed:
    Type: AWS::Lambda::Function
    Properties: {FunctionName: packed, Runtime: nodejs22.x, Handler: index.handler, Code: code.zip}
  Asset:
    Type: AWS::Lambda::Function
    Metadata: {'aws:asset:path': src, 'aws:asset:property': Code}
    Properties: {Runtime: nodejs22.x, Handler: index.handler, Code: {S3Bucket: assets, S3Key: 123.zip}}
  Hashed:
    Type: AWS::Lambda::Function
    Properties: {Runtime: nodejs22.x, Handler: index.handler, Code: {S3Bucket: !Sub 'cdk-${AWS::Region}', S3Key: 0a1b.zip}}
  Hook:
    Type: AWS::Lambda::Function
    Properties: {Code: {S3Bucket: headwater-webhook, S3Key: 'http://127.0.0.1:9/hook'}}
  Far:
    Type: AWS::Lambda::Function
    Properties: {FunctionName: far, Runtime: nodejs22.x, Handler: index.handler, Code: {S3Bucket: b, S3Key: k}}
  Image:
    Type: AWS::Lambda::Function
    Properties: {PackageType: Image, Code: {ImageUri: x}}
  Role: {Type: AWS::IAM::Role}
  Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Packed, Name: live}}
  One:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: 'arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/x', FunctionName: !Ref Live, StartingPosition: LATEST}
  Aliased:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: 'arn:aws:dynamodb:us-east-1:000000000000:table/u/stream/x', FunctionName: !Sub 'packed:live'}
  OfFar:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: 'arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/x', FunctionName: !GetAtt Far.Arn}
  OfQueue:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {EventSourceArn: 'arn:aws:sqs:us-east-1:000000000000:q', FunctionName: packed}
",
    );
    assert_eq!(lines(&desired.faults), Vec::<String>::new());
    let names: Vec<&str> = desired
        .functions
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "shop-Asset",
            "shop-Hashed",
            "shop-Hook",
            "shop-Inline",
            "packed"
        ]
    );
    assert!(matches!(&desired.functions[0].code, Code::Folder(path) if path.ends_with("src")));
    assert!(matches!(&desired.functions[3].code, Code::Zip { from, .. } if from == "the template"));
    assert_eq!(
        desired.functions[3].settings["Role"],
        "arn:aws:iam::000000000000:role/shop-Role"
    );
    assert_eq!(desired.functions[3].tags["a"], "b");
    assert!(matches!(&desired.functions[4].code, Code::Zip { bytes, .. } if bytes == b"zip"));
    let mappings = desired.mappings.iter();
    let mappings: Vec<(&str, &str)> = mappings
        .map(|mapping| (mapping.function.as_str(), mapping.table.as_str()))
        .collect();
    assert_eq!(mappings, [("packed", "u"), ("packed", "t")]);
    assert_eq!(
        lines(&desired.ignored),
        [
            "Far: its code is in S3, which is not here",
            "Image: its code is a container image, which is not run here",
            "Live (AWS::Lambda::Alias): versions and aliases are not applied; what refers to one gets the function itself",
            "OfQueue: arn:aws:sqs:us-east-1:000000000000:q is no stream of a table",
            "Role (AWS::IAM::Role): permissions are not checked",
            "Aliased.FunctionName packed:live: the function itself is called, not a version or an alias of it",
            "OfFar: its function is left out",
        ]
    );
}

/// Every text that is one mistake away from a template is read to an end.
#[test]
fn mistakes_are_no_panics() {
    let text = "
Globals: {Function: {Runtime: python3.12, Environment: {Variables: {A: &a 1, B: *a}}}}
Conditions: {C: !Equals [!Ref P, b]}
Parameters: {P: {Default: b}}
Resources:
  T: {Type: AWS::DynamoDB::Table, Condition: C, Properties: {StreamSpecification: {StreamViewType: X}, Tags: [{Key: a, Value: b}]}}
  S: {Type: AWS::Serverless::SimpleTable, Properties: {PrimaryKey: {Name: n, Type: Number}}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: x
      Handler: !Sub ['${A}-${T}', {A: !Join ['', [a, !If [C, !GetAtt T.StreamArn, 'b']]]}]
      Events: {E: {Type: DynamoDB, Properties: {Stream: !GetAtt T.StreamArn, FilterCriteria: {Filters: [{Pattern: '{}'}]}}}}
  M: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: !Ref F, EventSourceArn: !GetAtt T.StreamArn}}
";
    let place_of = Place {
        stack: "shop".to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
    };
    let mut readable = 0;
    let mistakes = [
        "", "[", "]", "{", "}", ":", "!", "&a ", "*a", "$", "'", "\n", "-", "\u{fc}", "T",
    ];
    // Each place gets some of them, which is quick and leaves none out.
    for (place, (start, old)) in text.char_indices().enumerate() {
        for new in mistakes.iter().skip(place % 15).step_by(15) {
            let mutated = format!("{}{new}{}", &text[..start], &text[start + old.len_utf8()..]);
            if let Ok(template) = yaml::read(&mutated) {
                read(&template, Path::new("/none"), &BTreeMap::new(), &place_of);
                readable += 1;
            }
        }
    }
    assert!(readable > 200, "{readable}");
}

#[test]
fn what_can_not_be_known_is_a_fault_of_the_resource() {
    let desired = desired(
        Path::new("/"),
        "
Parameters: {View: {Type: String}}
Conditions: {Never: !Equals [a, b]}
Resources:
  Users:
    Type: AWS::DynamoDB::Table
    Properties: {StreamSpecification: {StreamViewType: !Ref View}}
  Absent: {Type: AWS::DynamoDB::Table, Condition: Never}
  Odd: {Type: AWS::DynamoDB::Table, Condition: Nowhere}
  Fn: {Type: AWS::Serverless::Function, Properties: {CodeUri: no/such/folder, Runtime: x, Handler: y}}
",
    );
    assert_eq!(
        lines(&desired.faults),
        [
            "Fn (its code): /no/such/folder can't be read: No such file or directory (os error 2)",
            "Odd: there is no condition Nowhere",
            "Users.StreamSpecification: parameter View has no default; give it with --parameter View=VALUE",
        ]
    );
    assert_eq!(
        lines(&desired.ignored),
        ["Absent: its condition Never does not hold"]
    );
}
