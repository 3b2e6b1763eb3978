//! Texts of templates, and what their values stand for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Place, Scope};
use crate::apply::{late, yaml};

const TEMPLATE: &str = "
Parameters:
  Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}
  Count: {Type: Number, Default: 3}
  Names: {Type: CommaDelimitedList, Default: 'a, b'}
  Secret: {Type: String}
  Image: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /path}
Mappings:
  Sizes: {dev: {memory: 128}, prod: {memory: 512}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsDev: !Not [!Condition IsProd]
  Both: !And [!Condition IsProd, !Condition IsDev]
  Either: !Or [!Condition IsProd, !Condition IsDev]
  Loop: !Not [!Condition Loop]
Resources:
  Users:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: !Sub '${Stage}-users', StreamSpecification: {StreamViewType: NEW_IMAGE}}
  Plain: {Type: AWS::DynamoDB::Table, Properties: {}}
  Handler: {Type: AWS::Serverless::Function, Properties: {}}
  Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Handler}}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: dead}}
  Topic: {Type: AWS::SNS::Topic}
  Role: {Type: AWS::IAM::Role}
  Api: {Type: AWS::Serverless::Api}
  Absent: {Type: AWS::DynamoDB::Table, Condition: IsProd}
  Ring: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Ref Ring}}
";

fn resolved(given: &[(&str, &str)], text: &str) -> Result<Value, String> {
    let template = yaml::read(TEMPLATE).expect("a template");
    let given: BTreeMap<String, String> = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let place = Place {
        stack: "shop".to_owned(),
        region: "eu-west-1".to_owned(),
        account: "000000000000".to_owned(),
    };
    let scope = Scope::new(&template, &given, &place);
    let value = yaml::read(text).expect("a value");
    match scope.value(&value) {
        Ok(value) => Ok(value.unwrap_or(Value::Null)),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn references() {
    for (text, expected) in [
        ("!Ref Stage", json!("dev")),
        ("!Ref Count", json!("3")),
        ("!Ref Names", json!(["a", "b"])),
        ("!Ref AWS::Region", json!("eu-west-1")),
        ("!Ref AWS::NoValue", json!(null)),
        ("[1, !Ref AWS::NoValue]", json!([1])),
        ("{a: !Ref AWS::NoValue, b: 1}", json!({"b": 1})),
        ("!Ref Users", json!("dev-users")),
        ("!Ref Plain", json!("shop-Plain")),
        ("!Ref Api", json!("shop-Api")),
        (
            "!Ref Live",
            json!("arn:aws:lambda:eu-west-1:000000000000:function:shop-Handler"),
        ),
        (
            "!Ref Topic",
            json!("arn:aws:sns:eu-west-1:000000000000:shop-Topic"),
        ),
        (
            "!GetAtt Users.Arn",
            json!("arn:aws:dynamodb:eu-west-1:000000000000:table/dev-users"),
        ),
        ("!GetAtt Users.StreamArn", json!(late::mark("Users"))),
        (
            "!GetAtt Handler.Arn",
            json!("arn:aws:lambda:eu-west-1:000000000000:function:shop-Handler"),
        ),
        (
            "!GetAtt Queue.Arn",
            json!("arn:aws:sqs:eu-west-1:000000000000:dead"),
        ),
        (
            "!GetAtt Role.Arn",
            json!("arn:aws:iam::000000000000:role/shop-Role"),
        ),
    ] {
        assert_eq!(resolved(&[], text), Ok(expected), "{text}");
    }
    assert_eq!(
        resolved(&[("Stage", "prod")], "!Ref Absent"),
        Ok(json!("shop-Absent"))
    );
    assert_eq!(resolved(&[("Secret", "x")], "!Ref Secret"), Ok(json!("x")));
}

#[test]
fn functions() {
    for (text, expected) in [
        (
            "!Sub 'a ${Stage} ${Users.Arn} ${!Keep}'",
            json!("a dev arn:aws:dynamodb:eu-west-1:000000000000:table/dev-users ${Keep}"),
        ),
        ("!Sub ['${x}-${Stage}', {x: !Ref Count}]", json!("3-dev")),
        ("!Sub 'open ${'", json!("open ${")),
        ("!Join ['-', [a, !Ref Stage, 1]]", json!("a-dev-1")),
        ("!Join [',', !Ref Names]", json!("a,b")),
        ("!Select [1, !Split ['/', 'a/b/c']]", json!("b")),
        ("!FindInMap [Sizes, !Ref Stage, memory]", json!(128)),
        ("!If [IsProd, 1, 2]", json!(2)),
        ("{a: !If [IsDev, !Ref AWS::NoValue, 2]}", json!({})),
        ("!If [Both, 1, !If [Either, 2, 3]]", json!(2)),
        (
            "{Condition: {StringEquals: {a: b}}}",
            json!({"Condition": {"StringEquals": {"a": "b"}}}),
        ),
    ] {
        assert_eq!(resolved(&[], text), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_not_known_says_why() {
    for (text, expected) in [
        (
            "!Ref Nobody",
            "there is no parameter and no resource Nobody",
        ),
        (
            "!Ref Secret",
            "parameter Secret has no default; give it with --parameter Secret=VALUE",
        ),
        (
            "!Ref Image",
            "parameter Image is kept in SSM; give its value with --parameter Image=VALUE",
        ),
        ("!Ref Absent", "Absent is left out by its condition IsProd"),
        (
            "!GetAtt Plain.StreamArn",
            "table Plain has no stream: it needs a StreamSpecification",
        ),
        (
            "!GetAtt Api.Url",
            "Api.Url of a AWS::Serverless::Api is not known here",
        ),
        ("!ImportValue x", "Fn::ImportValue is not understood"),
        ("!Ref Ring", "it is nested too deeply, or refers to itself"),
        (
            "!If [Loop, 1, 2]",
            "it is nested too deeply, or refers to itself",
        ),
        ("!Join [a]", "Fn::Join can't be used with [\"a\"]"),
        ("!Select [7, [a]]", "Fn::Select names no item of its list"),
    ] {
        assert_eq!(resolved(&[], text), Err(expected.to_owned()), "{text}");
    }
    assert_eq!(
        resolved(&[("Stage", "test")], "!Ref Stage"),
        Err("parameter Stage may not be test".to_owned())
    );
}

#[test]
fn functions_within_functions_have_an_end() {
    let mut text = "x".repeat(1000);
    for _ in 0..20 {
        text = format!("{{'Fn::Sub': ['${{a}}${{a}}', {{a: {text}}}]}}");
    }
    let error = resolved(&[], &text).expect_err("too much");
    assert!(error.contains("make more than"), "{error}");
}
