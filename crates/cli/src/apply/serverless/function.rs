//! Functions of `serverless.yml`, and their events, as those of SAM.

use serde_json::{Map, Value, json};

use super::Converter;
use crate::apply::resolve::UNKNOWN;

/// Defaults of the Serverless Framework, where they are not those of the API.
const TIMEOUT_S: u64 = 6;
const MEMORY_MB: u64 = 1024;
const BATCH_SIZE: u64 = 10;
const STARTING_POSITION: &str = "TRIM_HORIZON";
/// Members of a stream event and what they are called in the API.
const STREAM_SETTINGS: [(&str, &str); 10] = [
    ("batchSize", "BatchSize"),
    ("batchWindow", "MaximumBatchingWindowInSeconds"),
    ("bisectBatchOnFunctionError", "BisectBatchOnFunctionError"),
    ("enabled", "Enabled"),
    ("maximumRecordAgeInSeconds", "MaximumRecordAgeInSeconds"),
    ("maximumRetryAttempts", "MaximumRetryAttempts"),
    ("parallelizationFactor", "ParallelizationFactor"),
    ("startingPosition", "StartingPosition"),
    ("startingPositionTimestamp", "StartingPositionTimestamp"),
    ("tumblingWindowInSeconds", "TumblingWindowInSeconds"),
];
/// Members of a function and what SAM calls them.
const FUNCTION_SETTINGS: [(&str, &str); 7] = [
    ("description", "Description"),
    ("ephemeralStorageSize", "EphemeralStorage"),
    ("handler", "Handler"),
    ("memorySize", "MemorySize"),
    ("reservedConcurrency", "ReservedConcurrentExecutions"),
    ("runtime", "Runtime"),
    ("timeout", "Timeout"),
];
/// Members of a function that are understood in another way.
const OTHERS: [&str; 7] = [
    "architecture",
    "environment",
    "events",
    "image",
    "name",
    "package",
    "tags",
];

impl Converter<'_> {
    pub(super) fn function(&mut self, name: &str, function: &Value) {
        let about = format!("functions.{name}");
        let mut properties = self.settings(name, function);
        properties.insert(
            "Events".to_owned(),
            self.events(&about, &function["events"]),
        );
        self.is_unknown(&format!("{about}.environment"), &function["environment"]);
        if !function["image"].is_null() {
            properties.insert("PackageType".to_owned(), json!("Image"));
        }
        let members = function.as_object().into_iter().flatten();
        for (member, _) in members {
            let mut settings = FUNCTION_SETTINGS.iter();
            let is_setting = settings.any(|(setting, _)| setting == member);
            if !is_setting && !OTHERS.contains(&member.as_str()) {
                self.ignore(format!("{about}.{member}"), "it is not understood");
            }
        }
        let resource = json!({"Type": "AWS::Serverless::Function", "Properties": properties});
        self.resources.insert(logical_id(name), resource);
    }

    fn events(&mut self, about: &str, events: &Value) -> Value {
        let mut converted = Map::new();
        self.is_unknown(&format!("{about}.events"), events);
        for (place, event) in events.as_array().into_iter().flatten().enumerate() {
            let about = format!("{about}.events[{place}]");
            if self.is_unknown(&about, event) {
                continue;
            }
            let Some(stream) = event.get("stream") else {
                self.ignore(about, "only streams of tables call functions here");
                continue;
            };
            if let Some(properties) = self.stream(&about, stream) {
                let event = json!({"Type": "DynamoDB", "Properties": properties});
                converted.insert(format!("Stream{place}"), event);
            }
        }
        Value::Object(converted)
    }

    /// The function's settings, then the provider's, then the framework's defaults.
    fn settings(&self, name: &str, function: &Value) -> Map<String, Value> {
        let provider = &self.tree["provider"];
        let mut properties = Map::new();
        let mut put = |property: &str, value: Value| {
            properties.insert(property.to_owned(), value);
        };
        put("MemorySize", json!(MEMORY_MB));
        put("Timeout", json!(TIMEOUT_S));
        for (member, property) in FUNCTION_SETTINGS {
            let given = function.get(member).or_else(|| provider.get(member));
            match given {
                Some(size) if member == "ephemeralStorageSize" => {
                    put(property, json!({"Size": size}));
                }
                Some(value) => put(property, value.clone()),
                None => {}
            }
        }
        let full_name = json!(format!("{}-{}-{name}", self.service, self.stage));
        put(
            "FunctionName",
            function.get("name").cloned().unwrap_or(full_name),
        );
        let mut variables = Map::new();
        for environment in [&provider["environment"], &function["environment"]] {
            let members = environment
                .as_object()
                .filter(|_| environment.get(UNKNOWN).is_none());
            variables.extend(members.cloned().unwrap_or_default());
        }
        put("Environment", json!({"Variables": variables}));
        let architecture = function
            .get("architecture")
            .or_else(|| provider.get("architecture"));
        if let Some(architecture) = architecture {
            put("Architectures", json!([architecture]));
        }
        if function["tags"].is_object() {
            put("Tags", function["tags"].clone());
        }
        let artifacts = [
            &function["package"]["artifact"],
            &self.tree["package"]["artifact"],
        ];
        let artifact = artifacts.into_iter().find(|artifact| !artifact.is_null());
        put("CodeUri", artifact.cloned().unwrap_or_else(|| json!(".")));
        properties
    }

    /// The properties of a SAM event, unless it is of another kind of stream.
    fn stream(&mut self, about: &str, stream: &Value) -> Option<Map<String, Value>> {
        let arn = stream.get("arn").unwrap_or(stream);
        let is_kinesis = stream["type"] == "kinesis"
            || arn.as_str().is_some_and(|arn| arn.contains(":kinesis:"));
        if is_kinesis {
            self.ignore(about, "a stream of Kinesis");
            return None;
        }
        let mut properties = Map::new();
        properties.insert("Stream".to_owned(), arn.clone());
        properties.insert("BatchSize".to_owned(), json!(BATCH_SIZE));
        properties.insert("StartingPosition".to_owned(), json!(STARTING_POSITION));
        if !stream.is_object() || stream.get("arn").is_none() {
            return Some(properties);
        }
        for (name, value) in stream.as_object().into_iter().flatten() {
            let setting = STREAM_SETTINGS.iter().find(|(member, _)| member == name);
            match (name.as_str(), setting) {
                (_, Some((_, property))) => {
                    properties.insert((*property).to_owned(), value.clone());
                }
                ("functionResponseType", _) => {
                    properties.insert("FunctionResponseTypes".to_owned(), json!([value]));
                }
                ("filterPatterns", _) => {
                    properties.insert("FilterCriteria".to_owned(), filters(value));
                }
                ("destinations", _) => {
                    let target = &value["onFailure"];
                    let target = target.get("arn").unwrap_or(target);
                    let config = json!({"OnFailure": {"Destination": target}});
                    properties.insert("DestinationConfig".to_owned(), config);
                }
                ("arn" | "type", _) => {}
                _ => self.ignore(format!("{about}.{name}"), "it is not understood"),
            }
        }
        Some(properties)
    }
}

/// Patterns are written as YAML; the API takes their JSON.
fn filters(patterns: &Value) -> Value {
    if let Some(unknown) = first_unknown(patterns) {
        return unknown.clone();
    }
    let patterns = patterns.as_array().into_iter().flatten();
    let filters: Vec<Value> = patterns
        .map(|pattern| json!({"Pattern": pattern.to_string()}))
        .collect();
    json!({"Filters": filters})
}

/// The logical id that the Serverless Framework gives a function, so that references to it work.
pub(super) fn logical_id(name: &str) -> String {
    let name = name.replace('-', "Dash").replace('_', "Underscore");
    let mut chars = name.chars();
    let first: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}LambdaFunction", chars.as_str())
}

/// A variable without a value, anywhere in a value.
fn first_unknown(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(members) if members.contains_key(UNKNOWN) => Some(value),
        Value::Object(members) => members.values().find_map(first_unknown),
        Value::Array(items) => items.iter().find_map(first_unknown),
        _ => None,
    }
}
