//! `serverless.yml` as a SAM template: variables are put in, `resources` are taken as they are, and each function
//! becomes one of SAM's, with the defaults of the Serverless Framework.

mod function;
mod variables;

use serde_json::{Map, Value, json};

pub(super) use self::variables::Outside;
use self::variables::Variables;
use super::desired::Note;
use super::resolve::UNKNOWN;

/// The stage of a file that names none.
const STAGE: &str = "dev";

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

/// A file as a SAM template.
pub(super) struct Converted {
    pub(super) template: Value,
    /// Name of its stack: service and stage.
    pub(super) stack: String,
    pub(super) ignored: Vec<Note>,
}

/// Converts a file. An error says why the file has no meaning.
pub(super) fn convert(tree: &Value, outside: &Outside<'_>) -> Result<Converted, String> {
    let variables = Variables::new(tree, outside);
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

    /// Whether a part that should have members has a variable without a value in its place; then it is named.
    fn is_unknown(&mut self, about: &str, part: &Value) -> bool {
        let why = part.get(UNKNOWN).and_then(Value::as_str);
        if let Some(why) = why {
            self.ignore(about, why);
        }
        why.is_some()
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
        self.is_unknown(
            "provider.environment",
            &self.tree["provider"]["environment"],
        );
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
        if self.is_unknown("resources", part) {
            return;
        }
        for (name, section) in part.as_object().into_iter().flatten() {
            if self.is_unknown(&format!("resources.{name}"), section) {
                continue;
            }
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
            if self.is_unknown("functions", part) {
                continue;
            }
            for (name, function) in part.as_object().into_iter().flatten() {
                if !self.is_unknown(&format!("functions.{name}"), function) {
                    self.function(name, function);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
