//! Variables of the Serverless Framework, `${source:address, fallback}`: of the sources `self`, `opt`, `param`, `env`,
//! `file`, `sls` and `aws`. A value with another one becomes [`UNKNOWN`], with the reason, so that only what needs it suffers.
//!
//! Variables can stand for maps with variables in them: depth and the work of all together are bounded.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::STAGE;
use crate::apply::resolve::{Place, UNKNOWN, text_of};
use crate::apply::template;

/// Levels of values within values of variables.
const DEPTH_MAX: usize = 120;
/// Bytes that all variables of a file may make.
const WORK_MAX: usize = 4 * 1024 * 1024;
/// What a value counts as, beside its text.
const VALUE_BYTES: usize = 16;

/// What variables find outside of their file.
pub(in crate::apply) struct Outside<'o> {
    /// `${opt:...}` and `${param:...}`.
    pub(in crate::apply) options: &'o BTreeMap<String, String>,
    /// `${env:...}`.
    pub(in crate::apply) environment: &'o dyn Fn(&str) -> Option<String>,
    /// `${file(...)}`: the text of a YAML or JSON file beside the file, `None` if it is not there.
    pub(in crate::apply) file: &'o dyn Fn(&str) -> Result<Option<String>, String>,
    /// `${aws:...}`.
    pub(in crate::apply) place: &'o Place,
}

pub(super) struct Variables<'t> {
    tree: &'t Value,
    outside: &'t Outside<'t>,
    work: Cell<usize>,
}

/// Why a variable has no value.
type Reason = String;

impl<'t> Variables<'t> {
    pub(super) fn new(tree: &'t Value, outside: &'t Outside<'t>) -> Self {
        Variables {
            tree,
            outside,
            work: Cell::new(0),
        }
    }

    /// The whole file with its variables put in. Those without a value are no error, without an end they are.
    pub(super) fn resolved(&self) -> Result<Value, Reason> {
        let resolved = self.at(self.tree, 0)?;
        self.count(0)?;
        Ok(resolved)
    }

    /// The stage: the option, else the provider's, else `dev`.
    pub(super) fn stage(&self) -> String {
        self.stage_at(0)
    }

    fn stage_at(&self, depth: usize) -> String {
        let stage = self.outside.options.get("stage").cloned();
        let of_provider = || self.at(&self.tree["provider"]["stage"], depth + 1).ok();
        stage
            .or_else(|| of_provider().as_ref().and_then(text_of))
            .unwrap_or_else(|| STAGE.to_owned())
    }

    fn at(&self, value: &Value, depth: usize) -> Result<Value, Reason> {
        if depth > DEPTH_MAX {
            return Err("variables refer to each other without end".to_owned());
        }
        self.count(VALUE_BYTES)?;
        let resolved = |value| {
            self.at(value, depth + 1)
                .unwrap_or_else(|why| json!({ UNKNOWN: why }))
        };
        match value {
            Value::String(text) => self.text(text, depth),
            Value::Array(items) => Ok(items.iter().map(resolved).collect()),
            Value::Object(members) => Ok(members
                .iter()
                .map(|(name, member)| (name.clone(), resolved(member)))
                .collect()),
            scalar => Ok(scalar.clone()),
        }
    }

    /// A text with its variables put in, the innermost first. A text that is one variable has that one's value.
    fn text(&self, text: &str, depth: usize) -> Result<Value, Reason> {
        self.count(text.len())?;
        let mut text = text.to_owned();
        while let Some((start, end)) = innermost(&text) {
            let value = self.variable(&text[start + 2..end], depth)?;
            if start == 0 && end + 1 == text.len() {
                return Ok(value);
            }
            let Some(put) = text_of(&value) else {
                return Err(format!("{} is no text", &text[start..=end]));
            };
            self.count(text.len() + put.len())?;
            text.replace_range(start..=end, &put);
        }
        Ok(Value::String(text))
    }

    /// The first of a variable's sources that has a value.
    fn variable(&self, sources: &str, depth: usize) -> Result<Value, Reason> {
        for source in split(sources) {
            if let Some(literal) = literal(source) {
                return Ok(literal);
            }
            let found = match source.split_once(':') {
                Some((kind, address)) => self.source(kind, address.trim(), depth)?,
                None if source.ends_with(')') => self.source(source, "", depth)?,
                None => None,
            };
            if let Some(value) = found {
                return Ok(value);
            }
        }
        Err(format!("the variable ${{{sources}}} has no value here"))
    }

    fn source(&self, kind: &str, address: &str, depth: usize) -> Result<Option<Value>, Reason> {
        let Outside { options, place, .. } = self.outside;
        let option = |name: &str| options.get(name).map(|text| json!(text));
        if let Some(path) = kind
            .strip_prefix("file(")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            return self.file(path.trim(), address, depth);
        }
        Ok(match (kind, address) {
            ("self", "provider.stage") => Some(json!(self.stage_at(depth))),
            ("self", _) => {
                let is_region = address == "provider.region";
                let found = self.find(self.tree, address, depth)?;
                found.or_else(|| is_region.then(|| json!(place.region)))
            }
            ("opt", _) => option(address),
            ("param", _) => {
                let stage = self.stage_at(depth);
                let params = &self.tree["params"];
                let found = [stage.as_str(), "default"]
                    .iter()
                    .find_map(|of| params[*of].get(address));
                let found = found.map(|value| self.at(value, depth + 1)).transpose()?;
                option(address).or(found)
            }
            ("env", _) => (self.outside.environment)(address).map(Value::from),
            ("sls", "stage") => Some(json!(self.stage_at(depth))),
            ("sls", "instanceId") => Some(json!("headwater")),
            ("aws", "accountId") => Some(json!(place.account)),
            ("aws", "region") => Some(json!(place.region)),
            (_, "") => return Err(format!("the variable ${{{kind}}} is not understood")),
            _ => {
                return Err(format!(
                    "the variable ${{{kind}:{address}}} is not understood"
                ));
            }
        })
    }

    /// A file, or what stands in it at an address.
    fn file(&self, path: &str, address: &str, depth: usize) -> Result<Option<Value>, Reason> {
        let is_data = [".yml", ".yaml", ".json"]
            .iter()
            .any(|end| path.ends_with(end));
        if !is_data {
            return Err(format!(
                "{path} is not understood: only YAML and JSON files are"
            ));
        }
        let Some(text) = (self.outside.file)(path)? else {
            return Ok(None);
        };
        self.count(text.len())?;
        let tree = template::parse(&text).map_err(|error| format!("{path}: {error:#}"))?;
        match address {
            "" => self.at(&tree, depth + 1).map(Some),
            address => self.find(&tree, address, depth),
        }
    }

    /// What stands at an address, which may lead through variables.
    fn find(&self, root: &Value, address: &str, depth: usize) -> Result<Option<Value>, Reason> {
        let mut found = Cow::Borrowed(root);
        for name in address.split('.') {
            if found.is_string() {
                found = Cow::Owned(self.at(&found, depth + 1)?);
            }
            let next = match found {
                Cow::Borrowed(value) => member(value, name).map(Cow::Borrowed),
                Cow::Owned(value) => member(&value, name).cloned().map(Cow::Owned),
            };
            match next {
                Some(next) => found = next,
                None => return Ok(None),
            }
        }
        self.at(&found, depth + 1).map(Some)
    }

    fn count(&self, bytes: usize) -> Result<(), Reason> {
        self.work.set(self.work.get().saturating_add(bytes));
        match self.work.get() > WORK_MAX {
            true => Err(format!("variables make more than {WORK_MAX} bytes")),
            false => Ok(()),
        }
    }
}

fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    }
}

/// The first variable without another one in it. `${AWS::Region}` and `${Name}` are CloudFormation's.
fn innermost(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(end) = text[from..].find('}').map(|place| from + place) {
        let start = text[from..end].rfind("${").map(|place| from + place);
        if let Some(start) = start.filter(|start| is_variable(&text[start + 2..end])) {
            return Some((start, end));
        }
        from = end + 1;
    }
    None
}

/// Whether this is `source:address` or `source(argument)`, perhaps with an address.
fn is_variable(inner: &str) -> bool {
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric());
    let (source, rest) = inner.split_at(end.unwrap_or(inner.len()));
    let is_address = rest.starts_with(':') && !rest.starts_with("::");
    !source.is_empty() && (is_address || rest.starts_with('('))
}

/// The sources of a variable: parts between commas outside of quotes.
fn split(sources: &str) -> Vec<&str> {
    let mut quote = None;
    let parts = sources.split(|c: char| {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
        c == ',' && quote.is_none()
    });
    parts.map(str::trim).collect()
}

/// A fallback that stands for itself.
fn literal(source: &str) -> Option<Value> {
    for quote in ['\'', '"'] {
        let inner = source
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return Some(json!(inner));
        }
    }
    match source {
        "true" => Some(json!(true)),
        "false" => Some(json!(false)),
        "null" => Some(Value::Null),
        _ => source.parse::<i64>().ok().map(Value::from),
    }
}
