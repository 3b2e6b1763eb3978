//! `served.toml`, `overrides.toml` and `patterns.toml`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What to generate, and where it differs from the models.
pub struct Rules {
    pub served: Served,
    overrides: Overrides,
    patterns: Patterns,
    used: RefCell<BTreeSet<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    pub pin: Pin,
    pub dynamodb: ServedApi,
    pub streams: ServedApi,
    pub lambda: ServedApi,
}

/// The package that holds the models.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    pub package: String,
    pub version: String,
    pub sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedApi {
    pub model: String,
    pub operations: Vec<String>,
    #[serde(default)]
    pub shared: Vec<String>,
    #[serde(default)]
    pub errors: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Overrides {
    enums: BTreeMap<String, EnumRule>,
    members: BTreeMap<String, MemberRule>,
    structures: BTreeMap<String, StructureRule>,
    errors: Vec<ErrorRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patterns {
    patterns: Vec<PatternRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnumRule {
    #[serde(default)]
    pub order: Vec<String>,
    #[serde(default)]
    pub text: bool,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternRule {
    text: String,
    name: Option<String>,
    #[serde(rename = "unchecked")]
    _unchecked: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct MemberRule {
    pub reader: Option<String>,
    pub told_before: Option<String>,
    pub min: Option<i64>,
    pub max: Option<i64>,
    pub label: Option<String>,
    #[serde(default)]
    pub hidden: bool,
    #[serde(default)]
    pub parameter: bool,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct StructureRule {
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default)]
    pub unsupported: Vec<String>,
    #[serde(default)]
    pub unsupported_unless_empty: Vec<String>,
    #[serde(default)]
    pub omit: Vec<String>,
    pub manner: Option<String>,
    #[serde(default)]
    pub each: bool,
    #[serde(rename = "source")]
    _source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    pub code: String,
    pub namespace: String,
    pub status: u16,
    pub member: String,
    #[serde(rename = "source")]
    _source: String,
}

impl Rules {
    pub fn load(folder: &Path) -> Result<Rules> {
        Ok(Rules {
            served: read(&folder.join("served.toml"))?,
            overrides: read(&folder.join("overrides.toml"))?,
            patterns: read(&folder.join("patterns.toml"))?,
            used: RefCell::default(),
        })
    }

    pub fn api(&self, service: &str) -> Result<&ServedApi> {
        Ok(match service {
            "dynamodb" => &self.served.dynamodb,
            "streams" => &self.served.streams,
            "lambda" => &self.served.lambda,
            _ => bail!("no API {service}"),
        })
    }

    pub fn errors(&self) -> &[ErrorRule] {
        &self.overrides.errors
    }

    pub fn enumeration(&self, shape: &str) -> Option<&EnumRule> {
        self.look_up(&self.overrides.enums, "enums", shape)
    }

    pub fn member(&self, structure: &str, member: &str) -> Option<&MemberRule> {
        self.look_up(
            &self.overrides.members,
            "members",
            &format!("{structure}.{member}"),
        )
    }

    pub fn structure(&self, shape: &str) -> Option<&StructureRule> {
        self.look_up(&self.overrides.structures, "structures", shape)
    }

    /// The Rust name of a pattern; `None` for one that is not checked.
    pub fn pattern(&self, text: &str) -> Result<Option<&str>> {
        let rule = self
            .patterns
            .patterns
            .iter()
            .find(|rule| rule.text == text)
            .with_context(|| format!("patterns.toml says nothing of the pattern {text}"))?;
        self.used.borrow_mut().insert(format!("patterns {text}"));
        Ok(rule.name.as_deref())
    }

    fn look_up<'r, T>(
        &self,
        table: &'r BTreeMap<String, T>,
        kind: &str,
        key: &str,
    ) -> Option<&'r T> {
        let rule = table.get(key);
        if rule.is_some() {
            self.used.borrow_mut().insert(format!("{kind} {key}"));
        }
        rule
    }

    /// An override that nothing asked for is a mistake.
    pub fn refuse_unused(&self) -> Result<()> {
        let all = keys(&self.overrides.enums, "enums")
            .chain(keys(&self.overrides.members, "members"))
            .chain(keys(&self.overrides.structures, "structures"))
            .chain(
                self.patterns
                    .patterns
                    .iter()
                    .map(|rule| format!("patterns {}", rule.text)),
            );
        let used = self.used.borrow();
        let unused: Vec<String> = all.filter(|key| !used.contains(key)).collect();
        if !unused.is_empty() {
            bail!(
                "overrides.toml, patterns.toml: nothing matches {}",
                unused.join(", ")
            );
        }
        Ok(())
    }
}

fn keys<'r, T>(table: &'r BTreeMap<String, T>, kind: &'r str) -> impl Iterator<Item = String> + 'r {
    table.keys().map(move |key| format!("{kind} {key}"))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("in {}", path.display()))
}
