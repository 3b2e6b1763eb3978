//! `serverless.yml` as a SAM template: variables are put in, `resources` are taken as they are, and each function
//! becomes one of SAM's, with the defaults of the Serverless Framework.

mod variables;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::variables::Variables;
use super::desired::Note;
use super::resolve::{Place, UNKNOWN};

/// Defaults of the Serverless Framework, where they are not those of the API.
const STAGE: &str = "dev";
const TIMEOUT_S: u64 = 6;
const MEMORY_MB: u64 = 1024;
const BATCH_SIZE: u64 = 10;
const STARTING_POSITION: &str = "TRIM_HORIZON";

/// Parts of the file that say nothing of what is applied.
const NEUTRAL: [&str; 9] = [
    "configValidationMode",
    "custom",
    "frameworkVersion",
    "functions",
    "org",
    "params",
    "provider",
    "resources",
    "service",
];
/// Members of `provider` that are understood, or say nothing of what is applied.
const PROVIDER: [&str; 12] = [
    "architecture",
    "deploymentMethod",
    "environment",
    "logRetentionInDays",
    "memorySize",
    "name",
    "profile",
    "region",
    "runtime",
    "stackName",
    "stage",
    "timeout",
];
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

/// A file as a SAM template.
pub(super) struct Converted {
    pub(super) template: Value,
    /// Name of its stack: service and stage.
    pub(super) stack: String,
    pub(super) ignored: Vec<Note>,
}

/// Converts a file. `options` are what `${opt:...}` and `${param:...}` find, `environment` what `${env:...}` finds.
/// An error says why the file has no meaning.
pub(super) fn convert(
    tree: &Value,
    options: &BTreeMap<String, String>,
    environment: &dyn Fn(&str) -> Option<String>,
    place: &Place,
) -> Result<Converted, String> {
    let variables = Variables::new(tree, options, environment, place);
    let tree = variables.resolved()?;
    let mut converter = Converter {
        service: service(&tree),
        stage: variables.stage(),
        tree: &tree,
        resources: Map::new(),
        ignored: Vec::new(),
    };
    let mut sections = converter.sections();
    converter.functions();
    sections.insert("Resources".to_owned(), Value::Object(converter.resources));
    let stack_name = tree["provider"]["stackName"].as_str();
    let stack = format!("{}-{}", converter.service, converter.stage);
    Ok(Converted {
        template: Value::Object(sections),
        stack: stack_name.map_or(stack, str::to_owned),
        ignored: converter.ignored,
    })
}

/// The service's name; in older files it is a map.
fn service(tree: &Value) -> String {
    let service = &tree["service"];
    let name = service["name"].as_str().or(service.as_str());
    name.unwrap_or("service").to_owned()
}

struct Converter<'t> {
    tree: &'t Value,
    service: String,
    stage: String,
    resources: Map<String, Value>,
    ignored: Vec<Note>,
}

impl Converter<'_> {
    fn ignore(&mut self, about: impl Into<String>, why: &str) {
        self.ignored.push(Note::new(about, why));
    }

    /// Resources as they are, and the other sections of CloudFormation beside them.
    fn sections(&mut self) -> Map<String, Value> {
        let members = self.tree.as_object().into_iter().flatten();
        for (name, _) in members {
            match name.as_str() {
                "plugins" => self.ignore(name, "plugins are not run"),
                "package" => {}
                name if NEUTRAL.contains(&name) => {}
                _ => self.ignore(name, "it is not understood"),
            }
        }
        let provider = self.tree["provider"].as_object().into_iter().flatten();
        for (name, _) in provider.filter(|(name, _)| !PROVIDER.contains(&name.as_str())) {
            let why = match name.as_str() {
                "iam" | "iamRoleStatements" => "permissions are not checked",
                _ => "it is not understood",
            };
            self.ignore(format!("provider.{name}"), why);
        }
        let mut sections = Map::new();
        let resources = &self.tree["resources"];
        let parts = match resources {
            Value::Array(parts) => parts.as_slice(),
            part => std::slice::from_ref(part),
        };
        for part in parts {
            self.section(part, &mut sections);
        }
        sections
    }

    fn section(&mut self, part: &Value, sections: &mut Map<String, Value>) {
        if let Some(why) = part[UNKNOWN].as_str() {
            return self.ignore("resources", why);
        }
        for (name, section) in part.as_object().into_iter().flatten() {
            let members = section.as_object().into_iter().flatten();
            let members = members.map(|(name, member)| (name.clone(), member.clone()));
            match name.as_str() {
                "Resources" => self.resources.extend(members),
                "Conditions" | "Mappings" | "Parameters" => {
                    let section = sections.entry(name.clone()).or_insert_with(|| json!({}));
                    if let Some(section) = section.as_object_mut() {
                        section.extend(members);
                    }
                }
                "Description" | "Outputs" => {}
                _ => self.ignore(format!("resources.{name}"), "it is not understood"),
            }
        }
    }

    fn functions(&mut self) {
        let functions = &self.tree["functions"];
        let parts = match functions {
            Value::Array(parts) => parts.as_slice(),
            part => std::slice::from_ref(part),
        };
        for part in parts {
            if let Some(why) = part[UNKNOWN].as_str() {
                self.ignore("functions", why);
                continue;
            }
            for (name, function) in part.as_object().into_iter().flatten() {
                self.function(name, function);
            }
        }
    }

    fn function(&mut self, name: &str, function: &Value) {
        let about = format!("functions.{name}");
        let mut properties = self.settings(name, function);
        let mut events = Map::new();
        for (place, event) in function["events"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            let about = format!("{about}.events[{place}]");
            match event.get("stream") {
                Some(stream) => {
                    if let Some(properties) = self.stream(&about, stream) {
                        let event = json!({"Type": "DynamoDB", "Properties": properties});
                        events.insert(format!("Stream{place}"), event);
                    }
                }
                None => self.ignore(about, "only streams of tables call functions here"),
            }
        }
        properties.insert("Events".to_owned(), Value::Object(events));
        if !function["image"].is_null() {
            properties.insert("PackageType".to_owned(), json!("Image"));
        }
        let known = [
            "architecture",
            "environment",
            "events",
            "image",
            "name",
            "package",
            "tags",
        ];
        let members = function.as_object().into_iter().flatten();
        for (member, _) in members {
            let is_setting = FUNCTION_SETTINGS
                .iter()
                .any(|(setting, _)| setting == member);
            if !is_setting && !known.contains(&member.as_str()) {
                self.ignore(format!("{about}.{member}"), "it is not understood");
            }
        }
        let resource = json!({"Type": "AWS::Serverless::Function", "Properties": properties});
        self.resources.insert(logical_id(name), resource);
    }

    /// The function's settings, then the provider's, then the framework's defaults.
    fn settings(&self, name: &str, function: &Value) -> Map<String, Value> {
        let provider = &self.tree["provider"];
        let mut properties = Map::new();
        for (member, property) in FUNCTION_SETTINGS {
            let own = function.get(member).or_else(|| provider.get(member));
            let value = match member {
                "memorySize" => own.cloned().or(Some(json!(MEMORY_MB))),
                "timeout" => own.cloned().or(Some(json!(TIMEOUT_S))),
                "ephemeralStorageSize" => own.map(|size| json!({"Size": size})),
                _ => own.cloned(),
            };
            properties.extend(value.map(|value| (property.to_owned(), value)));
        }
        let full_name = format!("{}-{}-{name}", self.service, self.stage);
        let full_name = function["name"].as_str().unwrap_or(&full_name);
        properties.insert("FunctionName".to_owned(), json!(full_name));
        let mut variables = provider["environment"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        variables.extend(
            function["environment"]
                .as_object()
                .cloned()
                .unwrap_or_default(),
        );
        properties.insert("Environment".to_owned(), json!({"Variables": variables}));
        let architecture = function
            .get("architecture")
            .or_else(|| provider.get("architecture"));
        if let Some(architecture) = architecture {
            properties.insert("Architectures".to_owned(), json!([architecture]));
        }
        if function["tags"].is_object() {
            properties.insert("Tags".to_owned(), function["tags"].clone());
        }
        let artifact = function["package"]["artifact"].as_str();
        let artifact = artifact.or(self.tree["package"]["artifact"].as_str());
        properties.insert("CodeUri".to_owned(), json!(artifact.unwrap_or(".")));
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
    if patterns.get(UNKNOWN).is_some() {
        return patterns.clone();
    }
    let patterns = patterns.as_array().into_iter().flatten();
    let filters: Vec<Value> = patterns
        .map(|pattern| json!({"Pattern": pattern.to_string()}))
        .collect();
    json!({"Filters": filters})
}

/// The logical id that the Serverless Framework gives a function, so that references to it work.
fn logical_id(name: &str) -> String {
    let name = name.replace('-', "Dash").replace('_', "Underscore");
    let mut chars = name.chars();
    let first: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    format!("{first}{}LambdaFunction", chars.as_str())
}

#[cfg(test)]
mod tests;
