//! Functions: `AWS::Lambda::Function`, `AWS::Serverless::Function` with its events.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::coerce::text;
use super::properties::Properties;
use super::{Reader, merged};
use crate::apply::code::Code;
use crate::apply::desired::Function;
use headwater_triggers::LOCAL_DIRECTORY;

/// Properties that CreateFunction knows by the same name.
const SETTINGS: [&str; 9] = [
    "Architectures",
    "Description",
    "EphemeralStorage",
    "Handler",
    "LoggingConfig",
    "MemorySize",
    "Runtime",
    "Timeout",
    "TracingConfig",
];
const PERMISSIONS: &str = "permissions are not checked";
const VERSIONS: &str = "versions and aliases are not applied";
const REASONS: &[(&str, &str)] = &[
    ("AssumeRolePolicyDocument", PERMISSIONS),
    ("AutoPublishAlias", VERSIONS),
    ("AutoPublishAliasAllProperties", VERSIONS),
    ("AutoPublishCodeSha256", VERSIONS),
    ("CodeSigningConfigArn", "signatures of code are not checked"),
    ("DeploymentPreference", VERSIONS),
    ("FunctionUrlConfig", "functions have no URLs here"),
    ("KmsKeyArn", "keys of KMS are not used"),
    (
        "Layers",
        "layers are not applied; put what they hold into the function's folder",
    ),
    ("PermissionsBoundary", PERMISSIONS),
    ("Policies", PERMISSIONS),
    (
        "ProvisionedConcurrencyConfig",
        "processes are started when they are needed",
    ),
    ("RolePath", PERMISSIONS),
    ("SnapStart", "there are no snapshots of processes"),
    ("VpcConfig", "functions run in this machine's network"),
    ("VersionDescription", VERSIONS),
];
/// What an `S3Bucket` begins with that says what is called in place of code.
const TARGETS: &str = "headwater-";
/// Where CDK says where the code of a function is, if its command line asks for that.
const ASSET_PATH: &str = "aws:asset:path";

/// Defaults of the API, so that a property that is taken out of a template goes back to them.
fn defaults(role: String) -> Map<String, Value> {
    let defaults = json!({
        "Architectures": ["x86_64"],
        "Description": "",
        "EphemeralStorage": {"Size": 512},
        "Environment": {"Variables": {}},
        "MemorySize": 128,
        "Role": role,
        "Timeout": 3,
        "TracingConfig": {"Mode": "PassThrough"},
    });
    match defaults {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    }
}

impl Reader<'_> {
    pub(super) fn lambda_function(&mut self, logical: &str, resource: &Value) {
        let mut properties = Properties::new(logical, &resource["Properties"]);
        let code = properties.raw("Code").unwrap_or_default();
        let tags = match properties.take(self, "Tags") {
            Some(Value::Array(tags)) => tags
                .into_iter()
                .filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].clone())))
                .collect(),
            _ => Map::new(),
        };
        let asset = resource["Metadata"][ASSET_PATH].as_str().map(Value::from);
        let code = asset.unwrap_or(code);
        let inline = code["ZipFile"].is_null().then_some(Value::Null);
        let inline = inline.unwrap_or_else(|| code["ZipFile"].clone());
        self.add_function(logical, properties, &code, &inline, tags);
    }

    pub(super) fn serverless_function(&mut self, logical: &str, resource: &Value) {
        let own = merged(&self.globals["Function"], &resource["Properties"]);
        let mut properties = Properties::new(logical, &own);
        if let Some(method) = resource["Metadata"]["BuildMethod"].as_str() {
            self.desired.ignore(
                format!("{logical}.Metadata.BuildMethod {method}"),
                "nothing is built: run `sam build` and apply .aws-sam/build/template.yaml, or build into CodeUri",
            );
        }
        let code = properties.raw("CodeUri").unwrap_or_default();
        let inline = properties.raw("InlineCode").unwrap_or_default();
        let tags = match properties.take(self, "Tags") {
            Some(Value::Object(tags)) => tags
                .into_iter()
                .map(|(key, value)| (key, text(value)))
                .collect(),
            _ => Map::new(),
        };
        let events = properties.raw("Events").unwrap_or_default();
        // SAM's word for TracingConfig.
        if let Some(mode) = properties.take(self, "Tracing") {
            let is_active = mode == "Active";
            let mode = if is_active { "Active" } else { "PassThrough" };
            properties.put("TracingConfig", json!({"Mode": mode}));
        }
        if self.add_function(logical, properties, &code, &inline, tags) {
            self.events(logical, &events);
        }
    }

    /// Adds the function, unless its code is of a kind that is not run here. Says whether it did.
    fn add_function(
        &mut self,
        logical: &str,
        mut properties: Properties,
        code: &Value,
        inline: &Value,
        tags: Map<String, Value>,
    ) -> bool {
        let name = match self.scope.name(logical) {
            Ok(name) => name,
            Err(why) => {
                self.desired
                    .fault(format!("{logical}.FunctionName"), why.to_string());
                return false;
            }
        };
        properties.skip("FunctionName");
        let package = properties.take(self, "PackageType").unwrap_or_default();
        properties.skip("ImageConfig");
        properties.skip("ImageUri");
        if package == "Image" {
            return self.leave_out(
                logical,
                name,
                "its code is a container image, which is not run here",
            );
        }
        let mut settings = defaults(self.role(&mut properties));
        settings.extend(properties.take_all(self, &SETTINGS));
        let variables = self.variables(&mut properties);
        settings.insert("Environment".to_owned(), json!({"Variables": variables}));
        let runtime = settings
            .get("Runtime")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let code = match self.code(code, inline, runtime) {
            Ok(Some(code)) => code,
            Ok(None) => {
                return self.leave_out(logical, name, "its code is in S3, which is not here");
            }
            Err(problem) => {
                self.desired.fault(format!("{logical} (its code)"), problem);
                return false;
            }
        };
        let reserved = properties.take(self, "ReservedConcurrentExecutions");
        properties.ignore_rest(self, REASONS);
        self.desired.functions.push(Function {
            logical: logical.to_owned(),
            name,
            code,
            settings,
            reserved,
            tags,
        });
        true
    }

    fn leave_out(&mut self, logical: &str, name: String, why: &str) -> bool {
        self.desired.ignore(logical, why);
        self.left_out.insert(name);
        false
    }

    /// Roles mean nothing here, but the API wants one.
    fn role(&mut self, properties: &mut Properties) -> String {
        let role = properties.raw("Role").unwrap_or_default();
        let role = self.scope.text(&role).ok();
        role.filter(|role| role.starts_with("arn:"))
            .unwrap_or_else(|| format!("arn:aws:iam::{}:role/headwater", self.scope.place.account))
    }

    /// Environment variables. One whose value can't be known is left out by name.
    fn variables(&mut self, properties: &mut Properties) -> Map<String, Value> {
        let environment = properties.raw("Environment").unwrap_or_default();
        let mut variables = Map::new();
        for (name, raw) in environment["Variables"].as_object().into_iter().flatten() {
            match self.scope.value(raw) {
                Ok(Some(value)) => {
                    variables.insert(name.clone(), text(value));
                }
                Ok(None) => {}
                Err(why) => {
                    let about = properties.about(&format!("Environment.{name}"));
                    self.desired.ignore(about, why.to_string());
                }
            }
        }
        variables
    }

    /// The code: `None` if it is somewhere else than on this machine.
    fn code(&self, code: &Value, inline: &Value, runtime: &str) -> Result<Option<Code>, String> {
        let resolved = |value: &Value| match self.scope.value(value) {
            Ok(value) => Ok(value.unwrap_or_default()),
            Err(why) => Err(why.to_string()),
        };
        if let Value::String(text) = resolved(inline)? {
            return Code::inline(&text, runtime).map(Some);
        }
        match resolved(code)? {
            Value::String(path) if path.contains("://") => Ok(None),
            Value::String(path) => Code::at(&self.folder.join(path)).map(Some),
            // SAM's default: the template's own folder.
            Value::Null => Code::at(self.folder).map(Some),
            Value::Object(members) => {
                let member = |names: [&str; 2]| {
                    let mut found = names.iter().filter_map(|name| members.get(*name)?.as_str());
                    found.next()
                };
                match (member(["S3Bucket", "Bucket"]), member(["S3Key", "Key"])) {
                    (Some(LOCAL_DIRECTORY), Some(folder)) => {
                        Code::at(&self.folder.join(folder)).map(Some)
                    }
                    (Some(kind), Some(place)) if kind.starts_with(TARGETS) => {
                        Ok(Some(Code::Target {
                            kind: kind.to_owned(),
                            place: place.to_owned(),
                        }))
                    }
                    (_, Some(key)) => match self.asset(key) {
                        Some(asset) => Code::at(&asset).map(Some),
                        None => Ok(None),
                    },
                    _ => Ok(None),
                }
            }
            other => Err(format!("{other} is no place of code")),
        }
    }

    /// What CDK would put into S3 under a key: it lies beside the template under its hash.
    fn asset(&self, key: &str) -> Option<PathBuf> {
        let hash = key.strip_suffix(".zip").unwrap_or(key);
        let is_hash = !hash.is_empty() && hash.chars().all(|c| c.is_ascii_hexdigit());
        let names = [format!("asset.{hash}"), format!("asset.{hash}.zip")];
        let mut paths = names.iter().map(|name| self.folder.join(name));
        paths.find(|path| is_hash && path.exists())
    }
}
