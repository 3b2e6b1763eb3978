//! `headwater apply` on what tables have: settings, indexes, times, throughput.

use serde_json::json;

use super::{World, template};
use crate::process::{output, text};

#[test]
fn settings_of_a_table_change_together() {
    let world = World::new();
    let table = |settings: &str| {
        format!(
            "Resources:\n  Users:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      TableName: users\n      \
             AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}]\n      \
             KeySchema: [{{AttributeName: id, KeyType: HASH}}]\n{settings}"
        )
    };
    let applies = |settings: &str| {
        world.write("table.yaml", table(settings));
        let path = world.path("table.yaml");
        let output = output(&["apply", &path, "--endpoint", world.server.url.as_str()]);
        let (printed, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{printed}\n{errors}");
        let there = world
            .server
            .dynamodb("DescribeTable", &json!({"TableName": "users"}));
        there["Table"].clone()
    };
    applies("      BillingMode: PAY_PER_REQUEST\n");
    let there = applies(
        "      ProvisionedThroughput: {ReadCapacityUnits: 3, WriteCapacityUnits: 4}\n      \
         DeletionProtectionEnabled: true\n      TableClass: STANDARD_INFREQUENT_ACCESS\n      \
         StreamSpecification: {StreamViewType: KEYS_ONLY}\n",
    );
    assert_eq!(there["ProvisionedThroughput"]["WriteCapacityUnits"], 4);
    assert_eq!(there["DeletionProtectionEnabled"], true);
    assert_eq!(
        there["TableClassSummary"]["TableClass"],
        "STANDARD_INFREQUENT_ACCESS"
    );
    assert_eq!(there["StreamSpecification"]["StreamViewType"], "KEYS_ONLY");
    let there = applies(
        "      BillingMode: PAY_PER_REQUEST\n      OnDemandThroughput: {MaxReadRequestUnits: 7}\n      \
         StreamSpecification: {StreamViewType: KEYS_ONLY}\n",
    );
    assert_eq!(there["OnDemandThroughput"]["MaxReadRequestUnits"], 7);
    assert_eq!(there["DeletionProtectionEnabled"], false);
    assert_eq!(there["TableClassSummary"]["TableClass"], "STANDARD");
    world.server.stop();
}

#[test]
fn indexes_time_to_live_and_recovery_come_and_go() {
    let world = World::new();
    let table = |more: &str| {
        format!(
            "Resources:\n  Users:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      \
             TableName: users\n      BillingMode: PAY_PER_REQUEST\n      \
             AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}, {{AttributeName: team, AttributeType: S}}]\n      \
             KeySchema: [{{AttributeName: id, KeyType: HASH}}]\n{more}"
        )
    };
    let index = |name: &str| {
        format!(
            "        - IndexName: {name}\n          KeySchema: [{{AttributeName: team, KeyType: HASH}}]\n          \
             Projection: {{ProjectionType: ALL}}\n"
        )
    };
    let apply = |more: &str| {
        world.write("table.yaml", table(more));
        output(&[
            "apply",
            &world.path("table.yaml"),
            "--endpoint",
            world.server.url.as_str(),
        ])
    };
    let applies = |more: &str| {
        let output = apply(more);
        let (printed, errors) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{printed}\n{errors}");
        printed
    };
    let ask = |operation: &str| {
        world
            .server
            .dynamodb(operation, &json!({"TableName": "users"}))
    };
    let ttl = || ask("DescribeTimeToLive")["TimeToLiveDescription"].clone();
    let recovery = || {
        ask("DescribeContinuousBackups")["ContinuousBackupsDescription"]
            ["PointInTimeRecoveryDescription"]
            .clone()
    };
    let names = || {
        let described = ask("DescribeTable");
        let indexes = described["Table"]["GlobalSecondaryIndexes"].as_array();
        let indexes = indexes.cloned().unwrap_or_default().into_iter();
        indexes
            .map(|mut index| index["IndexName"].take())
            .collect::<Vec<_>>()
    };
    let first = format!(
        "      GlobalSecondaryIndexes:\n{}      \
         TimeToLiveSpecification: {{AttributeName: expires, Enabled: true}}\n      \
         PointInTimeRecoverySpecification: {{PointInTimeRecoveryEnabled: true}}\n",
        index("byTeam")
    );
    applies(&first);
    assert_eq!(names(), ["byTeam"]);
    assert_eq!(ttl()["AttributeName"], "expires");
    assert_eq!(recovery()["RecoveryPeriodInDays"], 35);
    let again = applies(&first);
    assert!(again.contains("1 unchanged"), "{again}");

    let second = format!(
        "      GlobalSecondaryIndexes:\n{}{}      \
         TimeToLiveSpecification: {{AttributeName: until, Enabled: true}}\n      \
         PointInTimeRecoverySpecification: {{PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 7}}\n",
        index("teams"),
        index("more")
    );
    let printed = applies(&second);
    for line in [
        "    GlobalSecondaryIndexes: [\"byTeam\"] -> [\"more\",\"teams\"]",
        "    TimeToLiveSpecification: expires -> until",
        "    PointInTimeRecoverySpecification: 35 -> 7",
    ] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line}\nis not in\n{printed}"
        );
    }
    assert_eq!(names(), ["teams", "more"]);
    assert_eq!(ttl()["AttributeName"], "until");
    assert_eq!(recovery()["RecoveryPeriodInDays"], 7);

    let other_key = second.replacen("AttributeName: team,", "AttributeName: id,", 1);
    let refused = apply(&other_key);
    assert_eq!(refused.status.code(), Some(1));
    let printed = text(&refused.stdout) + &text(&refused.stderr);
    assert!(printed.contains("it needs another name"), "{printed}");

    let bare = table("").replace(", {AttributeName: team, AttributeType: S}", "");
    world.write("table.yaml", bare);
    let last = output(&[
        "apply",
        &world.path("table.yaml"),
        "--endpoint",
        world.server.url.as_str(),
    ]);
    assert!(last.status.success(), "{}", text(&last.stderr));
    assert!(names().is_empty());
    assert_eq!(ttl()["TimeToLiveStatus"], "DISABLED");
    assert_eq!(recovery()["PointInTimeRecoveryStatus"], "DISABLED");
    world.server.stop();
}

#[test]
fn throughput_is_switched_both_ways() {
    let world = World::new();
    let with = |billing: &str| template().replace("BillingMode: PAY_PER_REQUEST", billing);
    let units = |read: u8| {
        format!("ProvisionedThroughput: {{ReadCapacityUnits: {read}, WriteCapacityUnits: 2}}")
    };
    for billing in [
        &units(1),
        &units(3),
        "BillingMode: PAY_PER_REQUEST",
        &units(1),
    ] {
        world.write("template.yaml", with(billing));
        world.applies("template.yaml", &[]);
        world.applies("template.yaml", &["--plan", "--detailed-exitcode"]);
    }
    let table = world
        .server
        .dynamodb("DescribeTable", &json!({"TableName": "dev-users"}));
    assert_eq!(
        table["Table"]["ProvisionedThroughput"]["ReadCapacityUnits"],
        1
    );
    world.server.stop();
}
