//! Resources of CloudFormation and SAM to what is desired. What is not understood is named, never dropped silently.

mod coerce;
mod function;
mod mapping;
mod properties;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};

use super::desired::Desired;
use super::resolve::{Place, Scope};

/// Sections of a template that say nothing of resources by themselves.
const SECTIONS: [&str; 11] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
];
const SAM_TRANSFORM: &str = "AWS::Serverless-2016-10-31";

/// What a template asks for. `folder` is where its paths begin; `given` are parameters.
pub(super) fn read(
    template: &Value,
    folder: &Path,
    given: &BTreeMap<String, String>,
    place: &Place,
) -> Desired {
    let mut reader = Reader {
        scope: Scope::new(template, given, place),
        folder,
        globals: &template["Globals"],
        desired: Desired::default(),
        left_out: BTreeSet::new(),
    };
    reader.sections(template);
    let resources = template["Resources"].as_object();
    for (logical, resource) in resources.into_iter().flatten() {
        reader.resource(logical, resource);
    }
    reader.settle_mappings();
    reader.desired
}

struct Reader<'t> {
    scope: Scope<'t>,
    folder: &'t Path,
    globals: &'t Value,
    desired: Desired,
    /// Names of functions that are not applied.
    left_out: BTreeSet<String>,
}

impl Reader<'_> {
    fn sections(&mut self, template: &Value) {
        let members = template.as_object().into_iter().flatten();
        for (name, section) in members.filter(|(name, _)| !SECTIONS.contains(&name.as_str())) {
            match (name.as_str(), section) {
                ("Transform", Value::String(transform)) => self.transform(transform),
                ("Transform", Value::Array(transforms)) => {
                    for transform in transforms.iter().filter_map(Value::as_str) {
                        self.transform(transform);
                    }
                }
                _ => self
                    .desired
                    .ignore(name, "this part of a template is not understood"),
            }
        }
        let globals = self.globals.as_object().into_iter().flatten();
        for (name, _) in globals.filter(|(name, _)| *name != "Function" && *name != "SimpleTable") {
            let about = format!("Globals.{name}");
            self.desired
                .ignore(about, "only Function and SimpleTable are understood");
        }
    }

    fn transform(&mut self, name: &str) {
        if name != SAM_TRANSFORM {
            let about = format!("Transform {name}");
            self.desired
                .ignore(about, "transforms other than SAM's are not run");
        }
    }

    fn resource(&mut self, logical: &str, resource: &Value) {
        if let Some(condition) = resource["Condition"].as_str() {
            match self.scope.condition(condition) {
                Ok(true) => {}
                Ok(false) => {
                    let why = format!("its condition {condition} does not hold");
                    return self.desired.ignore(logical, why);
                }
                Err(why) => return self.desired.fault(logical, why.to_string()),
            }
        }
        let kind = resource["Type"].as_str().unwrap_or_default();
        match kind {
            "AWS::DynamoDB::Table" => self.table(logical, resource),
            "AWS::DynamoDB::GlobalTable" => self.global_table(logical, resource),
            "AWS::Serverless::SimpleTable" => self.simple_table(logical, resource),
            "AWS::Lambda::Function" => self.lambda_function(logical, resource),
            "AWS::Serverless::Function" => self.serverless_function(logical, resource),
            "AWS::Lambda::EventSourceMapping" => self.event_source_mapping(logical, resource),
            _ => {
                let about = format!("{logical} ({kind})");
                self.desired.ignore(about, why_not(kind));
            }
        }
    }

    /// Mappings of the functions that are not applied are not either. Of the template's functions there are no versions.
    fn settle_mappings(&mut self) {
        let mappings = std::mem::take(&mut self.desired.mappings);
        for mut mapping in mappings {
            let name = mapping.function.split(':').next().unwrap_or_default();
            let name = name.to_owned();
            if self.left_out.contains(&name) {
                self.desired
                    .ignore(mapping.logical, "its function is left out");
                continue;
            }
            let functions = &self.desired.functions;
            let is_ours = functions.iter().any(|function| function.name == name);
            if is_ours && mapping.function != name {
                let about = format!("{}.FunctionName {}", mapping.logical, mapping.function);
                self.desired.ignore(
                    about,
                    "the function itself is called, not a version or an alias of it",
                );
                mapping.function = name;
            }
            self.desired.mappings.push(mapping);
        }
    }
}

fn why_not(kind: &str) -> &'static str {
    match kind {
        "AWS::Lambda::Alias" | "AWS::Lambda::Version" => {
            "versions and aliases are not applied; what refers to one gets the function itself"
        }
        "AWS::Lambda::LayerVersion" | "AWS::Serverless::LayerVersion" => {
            "layers are not applied; put what they hold into the function's folder"
        }
        "AWS::Lambda::Permission" => "permissions are not checked",
        _ if kind.starts_with("AWS::IAM::") => "permissions are not checked",
        _ => "only tables, functions and event source mappings are applied",
    }
}

/// SAM's rule for `Globals`: maps are merged, lists are put together, and of two other values that of the resource
/// holds.
fn merged(global: &Value, own: &Value) -> Value {
    match (global, own) {
        (Value::Object(global), Value::Object(own)) => {
            let mut all: Map<String, Value> = global.clone();
            for (name, value) in own {
                let value = match global.get(name) {
                    Some(global) => merged(global, value),
                    None => value.clone(),
                };
                all.insert(name.clone(), value);
            }
            Value::Object(all)
        }
        (Value::Array(global), Value::Array(own)) => global.iter().chain(own).cloned().collect(),
        (global, Value::Null) => global.clone(),
        (_, own) => own.clone(),
    }
}

#[cfg(test)]
mod tests;
