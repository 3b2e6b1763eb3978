//! `headwater apply` against a real server, with functions that run.

use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

use crate::process::{PATIENCE, Server, headwater, output, text, unread};

mod table_settings;

const TEMPLATE: &str = "
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev}
Globals:
  Function: {Timeout: 10, Environment: {Variables: {TABLE: !Ref Users}}}
Resources:
  Users:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub '${Stage}-users'
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
  OnChange:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: bootstrap
      Runtime: provided.al2023
      Policies: [AWSLambdaDynamoDBExecutionRole]
      Environment: {Variables: {OUT: !Ref Out}}
      Events:
        Changes:
          Type: DynamoDB
          Properties: {Stream: !GetAtt Users.StreamArn, StartingPosition: TRIM_HORIZON, BatchSize: 10}
";

/// A custom runtime that writes what it is told, and the table's name that it was given, to a file.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import http.client, json, os
base = "/2018-06-01/runtime/invocation/"
while True:
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request("GET", base + "next")
    answer = api.getresponse()
    event = json.loads(answer.read())
    request = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    with open(os.environ["OUT"], "a") as out:
        for record in event["Records"]:
            out.write(os.environ["TABLE"] + " " + record["dynamodb"]["Keys"]["id"]["S"] + "\n")
    api.request("POST", base + request + "/response", "{}")
    api.getresponse().read()
"#;

struct World {
    server: Server,
    folder: TempDir,
    _data: TempDir,
}

impl World {
    fn new() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let folder = tempfile::tempdir().expect("a folder");
        let source = folder.path().join("src");
        fs::create_dir(&source).expect("a folder");
        let bootstrap = source.join("bootstrap");
        fs::write(&bootstrap, BOOTSTRAP).expect("a file");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&bootstrap, executable).expect("executable");
        World {
            server: Server::start(data.path(), "127.0.0.1:0"),
            folder,
            _data: data,
        }
    }

    fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().expect("a path").to_owned()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), content).expect("written");
    }

    /// Applies a file of the folder, with more arguments.
    fn apply(&self, name: &str, arguments: &[&str]) -> Output {
        let (path, out) = (self.path(name), format!("Out={}", self.path("out")));
        let endpoint = self.server.url.as_str();
        let is_template = !name.starts_with("serverless");
        let common = ["apply", &path, "--endpoint", endpoint, "--stack", "shop"];
        let parameter = ["--parameter", &out];
        let parameter = if is_template { &parameter[..] } else { &[] };
        output(&[&common[..], parameter, arguments].concat())
    }

    /// Applies a file, which has to go well, and returns what was printed.
    fn applies(&self, name: &str, arguments: &[&str]) -> String {
        let output = self.apply(name, arguments);
        let (printed, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{printed}\n{errors}");
        printed
    }

    fn get(&self, path: &str) -> Value {
        let (status, answer) = self.server.request("GET", path, "", "");
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    fn function(&self, name: &str) -> Value {
        self.get(&format!("/2015-03-31/functions/{name}/configuration"))
    }

    fn mapping(&self) -> Value {
        let all = self.get("/2015-03-31/event-source-mappings");
        assert_eq!(all["EventSourceMappings"].as_array().map(Vec::len), Some(1));
        all["EventSourceMappings"][0].clone()
    }

    /// Waits until the function has written this line.
    fn received(&self, line: &str) {
        let begun = Instant::now();
        loop {
            let out = fs::read_to_string(self.folder.path().join("out")).unwrap_or_default();
            if out.lines().any(|written| written == line) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{line} is not in {out}");
            std::thread::yield_now();
        }
    }
}

/// The template with a parameter for the file that the function writes.
fn template() -> String {
    TEMPLATE.replace("Parameters:", "Parameters:\n  Out: {Type: String}")
}

#[test]
fn a_template_runs_and_is_updated() {
    let world = World::new();
    world.write("template.yaml", template());
    let planned = world.apply("template.yaml", &["--plan", "--detailed-exitcode"]);
    assert_eq!(planned.status.code(), Some(2), "{}", text(&planned.stderr));
    let tables = world.server.dynamodb("ListTables", &json!({}));
    assert_eq!(tables["TableNames"], json!([]));
    assert!(world.apply("template.yaml", &["--plan"]).status.success());

    let printed = world.applies("template.yaml", &[]);
    for line in [
        "+ table dev-users (Users): create",
        "+ function shop-OnChange (OnChange): create",
        "+ mapping OnChangeChanges from dev-users to shop-OnChange: create",
        "  ignored OnChange.Policies: permissions are not checked",
        "3 created, 0 updated, 0 unchanged, 1 ignored",
    ] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line}\nis not in\n{printed}"
        );
    }
    world.server.put("dev-users", "ann", 1);
    world.received("dev-users ann");

    let again = world.applies("template.yaml", &["--plan", "--detailed-exitcode"]);
    assert_eq!(again.matches(": unchanged").count(), 3, "{again}");

    let changed = template()
        .replace("Timeout: 10", "Timeout: 11, MemorySize: 256")
        .replace("BatchSize: 10", "BatchSize: 20, MaximumRetryAttempts: 4")
        .replace(
            "PAY_PER_REQUEST",
            "PAY_PER_REQUEST\n      DeletionProtectionEnabled: true",
        );
    world.write("template.yaml", &changed);
    let printed = world.applies("template.yaml", &[]);
    for line in [
        "    DeletionProtectionEnabled: false -> true",
        "    Timeout: 10 -> 11",
        "    MemorySize: 128 -> 256",
        "    BatchSize: 10 -> 20",
        "    MaximumRetryAttempts: -1 -> 4",
        "0 created, 3 updated, 0 unchanged, 1 ignored",
    ] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line}\nis not in\n{printed}"
        );
    }
    let function = world.function("shop-OnChange");
    assert_eq!(
        (&function["Timeout"], &function["MemorySize"]),
        (&json!(11), &json!(256))
    );
    let mapping = world.mapping();
    assert_eq!(
        (&mapping["BatchSize"], &mapping["MaximumRetryAttempts"]),
        (&json!(20), &json!(4))
    );
    world.server.put("dev-users", "bob", 1);
    world.received("dev-users bob");
    world.server.stop();
}

/// The API takes most of these changes in requests of their own only.
#[test]
fn a_change_that_needs_a_new_table_is_refused_before_anything_is_done() {
    let world = World::new();
    world.write("template.yaml", template());
    world.applies("template.yaml", &[]);
    let other = template()
        .replace("AttributeName: id", "AttributeName: key")
        .replace("Timeout: 10", "Timeout: 11");
    world.write("template.yaml", other);
    let output = world.apply("template.yaml", &[]);
    assert_eq!(output.status.code(), Some(1));
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(
        printed.contains("the key schema of a table can't be changed"),
        "{printed}"
    );
    assert!(errors.contains("nothing was changed"), "{errors}");
    assert_eq!(world.function("shop-OnChange")["Timeout"], 10);
    world.server.stop();
}

#[test]
fn what_the_server_refuses_is_shown_and_the_rest_goes_on() {
    let world = World::new();
    world.write(
        "template.yaml",
        template().replace("BatchSize: 10", "BatchSize: 10001"),
    );
    let output = world.apply("template.yaml", &[]);
    assert_eq!(output.status.code(), Some(1));
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(
        printed.contains("2 created, 0 updated, 0 unchanged, 1 ignored, 1 FAILED"),
        "{printed}"
    );
    assert!(
        errors.starts_with("FAILED mapping OnChangeChanges from dev-users to shop-OnChange: "),
        "{errors}"
    );
    assert!(errors.contains("10001"), "{errors}");
    // What waits for something that failed says so.
    let unusable = template().replace("NEW_AND_OLD_IMAGES", "NO_VIEW");
    world.write(
        "template.yaml",
        unusable.replace("${Stage}-users", "${Stage}-others"),
    );
    let errors = text(&world.apply("template.yaml", &[]).stderr);
    assert!(
        errors.contains("FAILED table dev-others (Users): ValidationException"),
        "{errors}"
    );
    assert!(
        errors.contains("it needs the stream of Users, which is not there"),
        "{errors}"
    );
    world.server.stop();
}

/// Three tables, of which the server refuses the second.
fn one_of_three_fails() -> String {
    let mut template = "Resources:\n".to_owned();
    for (name, definition) in [("a", "id"), ("b", "other"), ("c", "id")] {
        template.push_str(&format!(
            "  {name}:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      TableName: table-{name}\n      \
             BillingMode: PAY_PER_REQUEST\n      \
             AttributeDefinitions: [{{AttributeName: {definition}, AttributeType: S}}]\n      \
             KeySchema: [{{AttributeName: id, KeyType: HASH}}]\n"
        ));
    }
    template
}

#[test]
fn all_is_done_when_nobody_reads() {
    let world = World::new();
    world.write("template.yaml", one_of_three_fails());
    let (path, endpoint) = (world.path("template.yaml"), world.server.url.as_str());
    let arguments = ["apply", &path, "--endpoint", endpoint];
    let plan = [&arguments[..], &["--plan", "--detailed-exitcode"]].concat();
    assert_eq!(unread(&plan).code(), Some(2));
    assert_eq!(unread(&arguments).code(), Some(1));
    let tables = || world.server.dynamodb("ListTables", &json!({}))["TableNames"].clone();
    assert_eq!(tables(), json!(["table-a", "table-c"]));
    world.write("template.yaml", one_of_three_fails().replace("other", "id"));
    assert_eq!(unread(&arguments).code(), Some(0));
    assert_eq!(tables(), json!(["table-a", "table-b", "table-c"]));
}

#[test]
fn all_is_done_before_it_is_said_that_nothing_could_be_printed() {
    let world = World::new();
    world.write("template.yaml", one_of_three_fails().replace("other", "id"));
    let path = world.path("template.yaml");
    let mut command = headwater(&["apply", &path, "--endpoint", &world.server.url]);
    let full = fs::File::options().write(true).open("/dev/full");
    command.stdout(full.expect("the device"));
    let output = command.output().expect("the program runs");
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("could not be written"), "{errors}");
    let tables = world.server.dynamodb("ListTables", &json!({}));
    let all = json!(["table-a", "table-b", "table-c"]);
    assert_eq!(tables["TableNames"], all);
}

#[test]
fn a_stream_that_is_enabled_later_gets_its_mapping() {
    let world = World::new();
    let stream = "      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}\n";
    let table_only = template()
        .split("  OnChange:")
        .next()
        .map(|text| text.replace(stream, ""));
    world.write("template.yaml", table_only.expect("a template"));
    world.applies("template.yaml", &[]);
    world.write("template.yaml", template());
    let printed = world.applies("template.yaml", &[]);
    assert!(
        printed.contains("    StreamSpecification: (none) -> NEW_AND_OLD_IMAGES\n"),
        "{printed}"
    );
    world.server.put("dev-users", "eve", 1);
    world.received("dev-users eve");
    world.server.stop();
}

#[test]
fn every_setting_of_a_mapping_is_applied_and_goes_back_to_its_default() {
    let world = World::new();
    let settings = "BatchSize: 10, MaximumBatchingWindowInSeconds: 1, ParallelizationFactor: 2, MaximumRetryAttempts: 3, \
                    MaximumRecordAgeInSeconds: 60, BisectBatchOnFunctionError: true, \
                    FunctionResponseTypes: [ReportBatchItemFailures], Enabled: false, \
                    FilterCriteria: {Filters: [{Pattern: '{\"eventName\":[\"INSERT\"]}'}]}, \
                    DestinationConfig: {OnFailure: {Type: SQS, Destination: 'arn:aws:sqs:us-east-1:000000000000:q'}}";
    let full = template().replace("BatchSize: 10", settings);
    let full = full.replace(
        "Timeout: 10",
        "ReservedConcurrentExecutions: 3, Timeout: 10",
    );
    world.write("template.yaml", full);
    world.applies("template.yaml", &[]);
    let mapping = world.mapping();
    for (property, value) in [
        ("MaximumBatchingWindowInSeconds", json!(1)),
        ("ParallelizationFactor", json!(2)),
        ("MaximumRetryAttempts", json!(3)),
        ("MaximumRecordAgeInSeconds", json!(60)),
        ("BisectBatchOnFunctionError", json!(true)),
        ("FunctionResponseTypes", json!(["ReportBatchItemFailures"])),
        ("State", json!("Disabled")),
        (
            "FilterCriteria",
            json!({"Filters": [{"Pattern": "{\"eventName\":[\"INSERT\"]}"}]}),
        ),
        (
            "DestinationConfig",
            json!({"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:q"}}),
        ),
    ] {
        assert_eq!(mapping[property], value, "{property}");
    }
    let reserved = || world.get("/2015-03-31/functions/shop-OnChange")["Concurrency"].clone();
    assert_eq!(reserved(), json!({"ReservedConcurrentExecutions": 3}));
    let again = world.applies("template.yaml", &["--plan", "--detailed-exitcode"]);
    assert_eq!(again.matches(": unchanged").count(), 3, "{again}");

    world.write("template.yaml", template().replace(", BatchSize: 10", ""));
    let printed = world.applies("template.yaml", &[]);
    assert!(
        printed.contains("0 created, 2 updated, 1 unchanged"),
        "{printed}"
    );
    let mapping = world.mapping();
    assert_eq!(
        (&mapping["BatchSize"], &mapping["State"]),
        (&json!(100), &json!("Enabled"))
    );
    assert_eq!(mapping["FilterCriteria"], json!(null));
    assert_eq!(mapping["MaximumRecordAgeInSeconds"], -1);
    assert_eq!(reserved(), json!(null));
    world.applies("template.yaml", &["--plan", "--detailed-exitcode"]);
    world.server.put("dev-users", "ann", 1);
    world.received("dev-users ann");
    world.server.stop();
}

fn zipped(bootstrap: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).expect("an entry");
    zip.write_all(bootstrap.as_bytes()).expect("written");
    zip.finish().expect("a zip").into_inner()
}

#[test]
fn cloudformation_as_json_with_a_zip_file() {
    let world = World::new();
    world.write("code.zip", zipped(BOOTSTRAP));
    let template = json!({
        "Parameters": {"Out": {"Type": "String"}},
        "Resources": {
            "Users": {"Type": "AWS::DynamoDB::Table", "Properties": {
                "TableName": "users", "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
            }},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {}},
            "Fn": {"Type": "AWS::Lambda::Function", "Properties": {
                "FunctionName": "fn", "Runtime": "provided.al2023", "Handler": "bootstrap", "Code": "code.zip",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Environment": {"Variables": {"TABLE": {"Ref": "Users"}, "OUT": {"Ref": "Out"}}},
            }},
            "Map": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {
                "EventSourceArn": {"Fn::GetAtt": ["Users", "StreamArn"]}, "FunctionName": {"Fn::GetAtt": ["Fn", "Arn"]},
                "StartingPosition": "TRIM_HORIZON", "BatchSize": "5",
            }},
        },
    });
    world.write("template.json", template.to_string());
    world.applies("template.json", &[]);
    world.server.put("users", "ann", 1);
    world.received("users ann");
    let again = world.applies("template.json", &[]);
    assert!(
        again.contains("0 created, 0 updated, 3 unchanged, 1 ignored"),
        "{again}"
    );
    world.write(
        "code.zip",
        zipped(&BOOTSTRAP.replace("[\"S\"] +", "[\"S\"] + \" anew\" +")),
    );
    let updated = world.applies("template.json", &[]);
    assert!(updated.contains("    Code: "), "{updated}");
    assert!(
        updated.contains("0 created, 1 updated, 2 unchanged"),
        "{updated}"
    );
    world.server.put("users", "bob", 1);
    world.received("users bob anew");
    world.server.stop();
}

#[test]
fn a_service_of_the_serverless_framework() {
    let world = World::new();
    let file = format!(
        "
service: shop
provider:
  name: aws
  runtime: provided.al2023
  stage: ${{opt:stage, 'dev'}}
  environment: {{TABLE: '${{self:custom.table}}', OUT: '{}'}}
custom: {{table: 'users-${{sls:stage}}'}}
functions:
  change:
    handler: bootstrap
    package: {{artifact: code.zip}}
    events:
      - stream: {{type: dynamodb, arn: !GetAtt Users.StreamArn, batchSize: 3, startingPosition: TRIM_HORIZON}}
resources:
  Resources:
    Users:
      Type: AWS::DynamoDB::Table
      Properties:
        TableName: ${{self:custom.table}}
        BillingMode: PAY_PER_REQUEST
        AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}]
        KeySchema: [{{AttributeName: id, KeyType: HASH}}]
        StreamSpecification: {{StreamViewType: NEW_IMAGE}}
",
        world.path("out")
    );
    world.write("serverless.yml", file);
    world.write("code.zip", zipped(BOOTSTRAP));
    let printed = world.applies("serverless.yml", &["--parameter", "stage=test"]);
    assert!(
        printed.contains("+ function shop-test-change (ChangeLambdaFunction): create"),
        "{printed}"
    );
    world.server.put("users-test", "ann", 1);
    world.received("users-test ann");
    assert_eq!(world.mapping()["BatchSize"], 3);
    assert_eq!(world.function("shop-test-change")["Timeout"], 6);
    world.server.stop();
}

#[test]
fn files_and_arguments_that_make_no_sense() {
    let world = World::new();
    for (content, arguments, expected) in [
        ("a: [", &[][..], "is no template"),
        (
            "a: 1",
            &[],
            "neither Resources (CloudFormation, SAM) nor service and provider",
        ),
        (
            "Resources: {}",
            &["--parameter", "x"],
            "expected NAME=VALUE",
        ),
        (
            "Resources: {}",
            &["--parameter", "x=1"],
            "the template has no parameter x",
        ),
        (
            "Parameters: {Out: {Type: String}}\nResources: {T: {Type: AWS::DynamoDB::Table, Properties: {TableName: !Ref Nobody}}}",
            &[],
            "T.TableName: there is no parameter and no resource Nobody",
        ),
    ] {
        let content = match content {
            "Resources: {}" => "Parameters: {Out: {Type: String}}\nResources: {}",
            content => content,
        };
        world.write("template.yaml", content);
        let output = world.apply("template.yaml", arguments);
        assert_eq!(output.status.code(), Some(1), "{content}");
        let errors = text(&output.stderr);
        assert!(errors.contains(expected), "{expected}\nis not in\n{errors}");
    }
    let missing = world.apply("none.yaml", &[]);
    assert!(text(&missing.stderr).contains("can't be read"));
    let nowhere = output(&[
        "apply",
        &world.path("template.yaml"),
        "--endpoint",
        "http://127.0.0.1:9",
    ]);
    assert!(text(&nowhere.stderr).contains("start one with `headwater serve`"));
    world.server.stop();
}
