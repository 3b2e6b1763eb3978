//! Event source mappings: `AWS::Lambda::EventSourceMapping` and the DynamoDB events of SAM's functions.

use serde_json::{Map, Value};

use super::Reader;
use super::properties::Properties;
use crate::apply::desired::Mapping;
use crate::apply::late;

/// Properties that CreateEventSourceMapping knows by the same name.
const SETTINGS: [&str; 13] = [
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "Enabled",
    "FilterCriteria",
    "FunctionResponseTypes",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "StartingPosition",
    "StartingPositionTimestamp",
    "TumblingWindowInSeconds",
];
const REASONS: &[(&str, &str)] = &[
    ("KmsKeyArn", "keys of KMS are not used"),
    ("MetricsConfig", "there are no metrics of mappings"),
    ("ProvisionedPollerConfig", "nothing polls"),
    ("Tags", "tags of mappings are not applied"),
];

impl Reader<'_> {
    pub(super) fn event_source_mapping(&mut self, logical: &str, resource: &Value) {
        let mut properties = Properties::new(logical, &resource["Properties"]);
        let faults = self.desired.faults.len();
        let source = properties.take(self, "EventSourceArn");
        let function = properties.take(self, "FunctionName");
        if self.desired.faults.len() > faults {
            return;
        }
        let Some(Value::String(function)) = function else {
            return self.desired.fault(logical, "it names no function");
        };
        // Of an ARN, the name with its qualifier.
        let name = function.split_once(":function:").map(|(_, name)| name);
        let function = name.unwrap_or(&function).to_owned();
        self.add_mapping(logical.to_owned(), function, source, properties);
    }

    /// The events of a function that is applied.
    pub(super) fn events(&mut self, function: &str, events: &Value) {
        for (event, written) in events.as_object().into_iter().flatten() {
            let kind = written["Type"].as_str().unwrap_or_default();
            let about = format!("{function}.Events.{event}");
            if kind != "DynamoDB" {
                let why =
                    format!("an event of type {kind}; only streams of tables call functions here");
                self.desired.ignore(about, why);
                continue;
            }
            let mut properties = Properties::new(&about, &written["Properties"]);
            let faults = self.desired.faults.len();
            let source = properties.take(self, "Stream");
            if self.desired.faults.len() > faults {
                continue;
            }
            // Its fault is noted with the function.
            if let Ok(name) = self.scope.name(function) {
                self.add_mapping(format!("{function}{event}"), name, source, properties);
            }
        }
    }

    fn add_mapping(
        &mut self,
        logical: String,
        function: String,
        source: Option<Value>,
        mut properties: Properties,
    ) {
        let Some(Value::String(source)) = source else {
            return self.desired.fault(logical, "it names no stream");
        };
        let Some(table) = self.table_of(&source) else {
            let why = format!("{source} is no stream of a table");
            return self.desired.ignore(logical, why);
        };
        let mut settings = properties.take_all(self, &SETTINGS);
        without_destination_type(&mut settings);
        properties.ignore_rest(self, REASONS);
        self.desired.mappings.push(Mapping {
            logical,
            function,
            source,
            table,
            settings,
        });
    }

    /// The name of the table whose stream an ARN or a mark names.
    fn table_of(&self, source: &str) -> Option<String> {
        if let Some(logical) = late::tables(source).next() {
            return self.scope.name(logical).ok();
        }
        let (_, resource) = source.split_once(":dynamodb:")?;
        let (_, rest) = resource.split_once(":table/")?;
        let (table, _) = rest.split_once("/stream/")?;
        Some(table.to_owned())
    }
}

/// SAM wants the type of a destination, for its permissions; the API does not take it.
fn without_destination_type(settings: &mut Map<String, Value>) {
    let on_failure = settings
        .get_mut("DestinationConfig")
        .and_then(|config| config.get_mut("OnFailure")?.as_object_mut());
    if let Some(on_failure) = on_failure {
        on_failure.remove("Type");
    }
}
