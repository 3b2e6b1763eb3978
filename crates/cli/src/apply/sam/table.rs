//! Tables: `AWS::DynamoDB::Table`, `AWS::DynamoDB::GlobalTable` as one table, `AWS::Serverless::SimpleTable`.

use serde_json::{Map, Value, json};

use super::coerce::text;
use super::properties::Properties;
use super::{Reader, merged};
use crate::apply::desired::Table;

/// The recovery window without a number of days (API reference).
const RECOVERY_DAYS: u32 = 35;

/// Properties that CreateTable knows by the same name.
const SETTINGS: [&str; 9] = [
    "AttributeDefinitions",
    "BillingMode",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "OnDemandThroughput",
    "ProvisionedThroughput",
    "TableClass",
];
const REASONS: &[(&str, &str)] = &[
    (
        "ContributorInsightsSpecification",
        "call UpdateContributorInsights for it",
    ),
    ("ImportSourceSpecification", "call ImportTable for it"),
    (
        "KinesisStreamSpecification",
        "call EnableKinesisStreamingDestination for it",
    ),
    ("Replicas", "there is one table, in one region"),
    ("ResourcePolicy", "permissions are not checked"),
    (
        "SSESpecification",
        "a server encrypts all tables or none: serve --encryption-key-file",
    ),
    ("WarmThroughput", "there is nothing to warm up"),
];

impl Reader<'_> {
    pub(super) fn table(&mut self, logical: &str, resource: &Value) {
        let mut properties = Properties::new(logical, &resource["Properties"]);
        let mut settings = properties.take_all(self, &SETTINGS);
        self.stream(&mut properties, &mut settings);
        let tags = match properties.take(self, "Tags") {
            Some(Value::Array(tags)) => tags,
            _ => Vec::new(),
        };
        let recovery = self.recovery(&mut properties);
        self.add_table(logical, settings, tags, recovery, properties);
    }

    /// A global table is one table here, billed on demand. What its replicas say of their tables is taken from the
    /// first one.
    pub(super) fn global_table(&mut self, logical: &str, resource: &Value) {
        let mut properties = Properties::new(logical, &resource["Properties"]);
        let replica = properties.raw("Replicas").unwrap_or_default();
        let mut replica = Properties::new(&format!("{logical}.Replicas"), &replica[0]);
        let of_replica = ["DeletionProtectionEnabled", "TableClass"];
        let mut settings = replica.take_all(self, &of_replica);
        settings.extend(properties.take_all(self, &SETTINGS));
        settings.insert("BillingMode".to_owned(), json!("PAY_PER_REQUEST"));
        self.stream(&mut properties, &mut settings);
        let tags = match replica.take(self, "Tags") {
            Some(Value::Array(tags)) => tags,
            _ => Vec::new(),
        };
        let recovery = self.recovery(&mut replica);
        replica.skip("Region");
        replica.ignore_rest(self, REASONS);
        self.add_table(logical, settings, tags, recovery, properties);
    }

    /// SAM's table with a key of one attribute: `id`, a text, unless it says otherwise.
    pub(super) fn simple_table(&mut self, logical: &str, resource: &Value) {
        let own = merged(&self.globals["SimpleTable"], &resource["Properties"]);
        let mut properties = Properties::new(logical, &own);
        let key = properties.take(self, "PrimaryKey").unwrap_or_default();
        let name = key["Name"].as_str().unwrap_or("id");
        let kind = match key["Type"].as_str() {
            None | Some("String") => "S",
            Some("Number") => "N",
            Some("Binary") => "B",
            Some(other) => other,
        };
        let mut settings = Map::new();
        let definitions = json!([{"AttributeName": name, "AttributeType": kind}]);
        settings.insert("AttributeDefinitions".to_owned(), definitions);
        let schema = json!([{"AttributeName": name, "KeyType": "HASH"}]);
        settings.insert("KeySchema".to_owned(), schema);
        match properties.take(self, "ProvisionedThroughput") {
            Some(throughput) => settings.insert("ProvisionedThroughput".to_owned(), throughput),
            None => settings.insert("BillingMode".to_owned(), json!("PAY_PER_REQUEST")),
        };
        let tags = match properties.take(self, "Tags") {
            Some(Value::Object(tags)) => tags,
            _ => Map::new(),
        };
        let tags = tags.into_iter();
        let tags = tags.map(|(key, value)| json!({"Key": key, "Value": text(value)}));
        let recovery = self.recovery(&mut properties);
        self.add_table(logical, settings, tags.collect(), recovery, properties);
    }

    /// The days of the recovery window, if there is one; without a number the service's own.
    fn recovery(&mut self, properties: &mut Properties) -> Option<Value> {
        let given = properties.take(self, "PointInTimeRecoverySpecification")?;
        let days = given["RecoveryPeriodInDays"].clone();
        truth(&given["PointInTimeRecoveryEnabled"]).then_some(match days {
            Value::Null => json!(RECOVERY_DAYS),
            Value::String(text) => text.parse::<u32>().map_or(json!(text), Value::from),
            days => days,
        })
    }

    /// The attribute by which items expire, if they do.
    fn time_to_live(&mut self, properties: &mut Properties) -> Option<String> {
        let given = properties.take(self, "TimeToLiveSpecification")?;
        let name = given["AttributeName"].as_str()?.to_owned();
        truth(&given["Enabled"]).then_some(name)
    }

    /// A template gives a stream's view only; that there is one stands in the API's form beside it.
    fn stream(&mut self, properties: &mut Properties, settings: &mut Map<String, Value>) {
        const NAME: &str = "StreamSpecification";
        if let Some(given) = properties.take(self, NAME) {
            if !given["ResourcePolicy"].is_null() {
                let about = format!("{}.ResourcePolicy", properties.about(NAME));
                self.desired.ignore(about, "permissions are not checked");
            }
            let view = &given["StreamViewType"];
            let stream = json!({"StreamEnabled": true, "StreamViewType": view});
            settings.insert(NAME.to_owned(), stream);
        }
    }

    fn add_table(
        &mut self,
        logical: &str,
        settings: Map<String, Value>,
        tags: Vec<Value>,
        recovery: Option<Value>,
        mut properties: Properties,
    ) {
        let time_to_live = self.time_to_live(&mut properties);
        properties.skip("TableName");
        properties.ignore_rest(self, REASONS);
        match self.scope.name(logical) {
            Ok(name) => self.desired.tables.push(Table {
                logical: logical.to_owned(),
                name,
                settings,
                tags,
                time_to_live,
                recovery,
            }),
            Err(why) => self
                .desired
                .fault(format!("{logical}.TableName"), why.to_string()),
        }
    }
}

/// Templates write truth as a word of YAML or as a text.
fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}
