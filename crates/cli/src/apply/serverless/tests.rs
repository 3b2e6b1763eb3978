//! Texts of `serverless.yml`, and the templates that they become.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::function::logical_id;
use super::{Converted, Outside, UNKNOWN, convert};
use crate::apply::desired::Note;
use crate::apply::resolve::Place;
use crate::apply::yaml;

const FILE: &str = "
service: shop
frameworkVersion: '4'
plugins: [serverless-esbuild]
provider:
  name: aws
  runtime: nodejs22.x
  stage: ${opt:stage, 'dev'}
  environment: {TABLE: '${self:custom.table}', REGION: '${aws:region}', HOME: '${env:HOME, env:NONE, \"none\"}'}
  iam: {role: {statements: []}}
custom:
  table: users-${sls:stage}
  sizes: {dev: 5, prod: 50}
functions:
  on-change:
    handler: src/index.handler
    timeout: 3
    environment: {SECRET: '${ssm:/secret}', STREAM: !Sub 'x-${AWS::Region}'}
    events:
      - stream:
          type: dynamodb
          arn: !GetAtt Users.StreamArn
          batchSize: ${self:custom.sizes.${sls:stage}}
          batchWindow: 2
          functionResponseType: ReportBatchItemFailures
          filterPatterns: [{eventName: [INSERT]}, {dynamodb: {NewImage: {n: {N: ['1']}}}}]
          destinations: {onFailure: {type: sqs, arn: !GetAtt Dead.Arn}}
      - http: {path: /, method: get}
      - stream: arn:aws:kinesis:us-east-1:000000000000:stream/x
      - stream: arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/x
    vpc: {}
resources:
  - Resources:
      Users: {Type: AWS::DynamoDB::Table, Properties: {TableName: '${self:custom.table}'}}
  - ${file(more.yml)}
  - Conditions: {C: !Equals [a, a]}
";

/// A file beside the service's.
const TABLE: &str = "
Users: {Type: AWS::DynamoDB::Table, Properties: {TableName: 'x-${sls:stage}'}}
variables: {dev: {A: 1}}
";

fn try_converted(options: &[(&str, &str)], text: &str) -> Result<Converted, String> {
    let tree = yaml::read(text).expect("YAML");
    let options: BTreeMap<String, String> = options
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let place = Place {
        stack: String::new(),
        region: "eu-west-1".to_owned(),
        account: "000000000000".to_owned(),
    };
    let environment = |name: &str| (name == "HOME").then(|| "/srv/ann".to_owned());
    let file = |path: &str| match path {
        "table.yml" => Ok(Some(TABLE.to_owned())),
        "bad.yml" => Ok(Some("a: [".to_owned())),
        _ => Ok(None),
    };
    let outside = Outside {
        options: &options,
        environment: &environment,
        file: &file,
        place: &place,
    };
    convert(&tree, &outside)
}

fn converted(options: &[(&str, &str)], text: &str) -> Converted {
    try_converted(options, text).expect("a template")
}

#[test]
fn a_service_is_a_template() {
    let converted = converted(&[], FILE);
    assert_eq!(converted.stack, "shop-dev");
    let resources = &converted.template["Resources"];
    assert_eq!(resources["Users"]["Properties"]["TableName"], "users-dev");
    assert_eq!(
        converted.template["Conditions"]["C"],
        json!({"Fn::Equals": ["a", "a"]})
    );
    let function = &resources["OnDashchangeLambdaFunction"];
    assert_eq!(function["Type"], "AWS::Serverless::Function");
    let events = json!({
        "Stream0": {"Type": "DynamoDB", "Properties": {
            "Stream": {"Fn::GetAtt": ["Users", "StreamArn"]}, "BatchSize": 5, "StartingPosition": "TRIM_HORIZON",
            "MaximumBatchingWindowInSeconds": 2, "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "FilterCriteria": {"Filters": [
                {"Pattern": "{\"eventName\":[\"INSERT\"]}"},
                {"Pattern": "{\"dynamodb\":{\"NewImage\":{\"n\":{\"N\":[\"1\"]}}}}"},
            ]},
            "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Dead", "Arn"]}}},
        }},
        "Stream3": {"Type": "DynamoDB", "Properties": {
            "Stream": "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/x", "BatchSize": 10,
            "StartingPosition": "TRIM_HORIZON",
        }},
    });
    let expected = json!({
        "CodeUri": ".", "FunctionName": "shop-dev-on-change", "Handler": "src/index.handler", "MemorySize": 1024,
        "Runtime": "nodejs22.x", "Timeout": 3, "Events": events,
        "Environment": {"Variables": {
            "TABLE": "users-dev", "REGION": "eu-west-1", "HOME": "/srv/ann",
            "SECRET": {UNKNOWN: "the variable ${ssm:/secret} is not understood"},
            "STREAM": {"Fn::Sub": "x-${AWS::Region}"},
        }},
    });
    assert_eq!(function["Properties"], expected);
    let ignored: Vec<String> = converted.ignored.iter().map(Note::to_string).collect();
    assert_eq!(
        ignored,
        [
            "plugins: plugins are not run",
            "provider.iam: permissions are not checked",
            "resources: the variable ${file(more.yml)} has no value here",
            "functions.on-change.events[1]: only streams of tables call functions here",
            "functions.on-change.events[2]: a stream of Kinesis",
            "functions.on-change.vpc: it is not understood",
        ]
    );
}

#[test]
fn files_are_read_and_what_is_not_there_is_named() {
    let text = "
service: s
provider: {name: aws, environment: '${file(none.yml):dev}'}
custom: {all: '${file(table.yml)}'}
functions:
  one:
    handler: a
    environment: ${self:custom.all.variables.${sls:stage}}
    events: ['${file(none.yml):x}', {stream: {arn: x, filterPatterns: [{a: ['${ssm:x}']}]}}]
    package: {artifact: '${ssm:y}'}
  two: ${file(one.js)}
  three: {handler: a, events: '${file(bad.yml):events}'}
resources:
  Resources:
    Users: ${file(table.yml):Users}
    Other: ${file(none.yml):Other, file(table.yml):Users}
  Outputs: ${file(none.yml)}
";
    let converted = converted(&[], text);
    let resources = &converted.template["Resources"];
    assert_eq!(resources["Users"]["Properties"]["TableName"], "x-dev");
    assert_eq!(resources["Other"], resources["Users"]);
    let one = &resources["OneLambdaFunction"]["Properties"];
    assert_eq!(one["Environment"], json!({"Variables": {"A": 1}}));
    let unknown =
        |name: &str| json!({UNKNOWN: format!("the variable ${{ssm:{name}}} is not understood")});
    assert_eq!(one["CodeUri"], unknown("y"));
    assert_eq!(
        one["Events"]["Stream1"]["Properties"]["FilterCriteria"],
        unknown("x")
    );
    let ignored: Vec<String> = converted.ignored.iter().map(Note::to_string).collect();
    assert_eq!(
        ignored[..5],
        [
            "provider.environment: the variable ${file(none.yml):dev} has no value here",
            "resources.Outputs: the variable ${file(none.yml)} has no value here",
            "functions.one.events[0]: the variable ${file(none.yml):x} has no value here",
            "functions.three.events: bad.yml: line 1: unclosed bracket '['",
            "functions.two: one.js is not understood: only YAML and JSON files are",
        ]
    );
}

#[test]
fn options_choose() {
    let converted = converted(&[("stage", "prod")], FILE);
    assert_eq!(converted.stack, "shop-prod");
    let function = &converted.template["Resources"]["OnDashchangeLambdaFunction"]["Properties"];
    assert_eq!(function["FunctionName"], "shop-prod-on-change");
    assert_eq!(function["Events"]["Stream0"]["Properties"]["BatchSize"], 50);
}

#[test]
fn variables_that_refer_to_each_other_come_to_an_end() {
    let value = |text: &str| {
        let converted = converted(&[], text);
        converted.template["Resources"]["X"].clone()
    };
    let header =
        "service: s\nprovider: {name: aws}\nresources: {Resources: {X: '${self:custom.a}'}}\n";
    let unknown = |value: &Value| value.to_string().contains(UNKNOWN);
    assert!(unknown(&value(&format!(
        "{header}custom: {{a: '${{self:custom.a}}'}}"
    ))));
    let mut laughs = "a9: x".to_owned();
    for level in 0..9 {
        let next = vec![format!("'${{self:custom.a{}}}'", level + 1); 10].join(", ");
        laughs.push_str(&format!(", a{level}: [{next}]"));
    }
    let laughs = try_converted(
        &[],
        &format!("{header}custom: {{a: '${{self:custom.a0}}', {laughs}}}"),
    );
    assert_eq!(
        laughs.err().as_deref(),
        Some("variables make more than 4194304 bytes")
    );
    assert_eq!(
        value(&format!("{header}custom: {{a: {{b: 1}}}}")),
        json!({"b": 1})
    );
    assert_eq!(
        value(&format!("{header}custom: {{a: 'x ${{Users}} y'}}")),
        "x ${Users} y"
    );
    // Without an end, and with a letter of more than one byte.
    assert_eq!(
        value(&format!("{header}custom: {{a: '\u{fc} ${{self:'}}")),
        "\u{fc} ${self:"
    );
}

#[test]
fn ids_of_functions() {
    assert_eq!(
        logical_id("on-change_2"),
        "OnDashchangeUnderscore2LambdaFunction"
    );
}
