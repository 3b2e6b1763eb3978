//! What references, pseudo parameters, conditions and intrinsic functions of a template stand for.
//!
//! Parameters without a value are a fault only where they are used. The ARN of a stream is not known before its
//! table is there: until then a mark stands for it ([`super::late`]).

mod names;
mod substitute;

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};
use thiserror::Error;

use super::yaml::DEPTH_MAX;

/// Bytes of text and values that resolving one template may make, so that functions within functions don't multiply
/// without end.
const WORK_MAX: usize = 8 * 1024 * 1024;
/// A function of this name is no function: its argument says why a value is not known.
pub(super) const UNKNOWN: &str = "Headwater::Unknown";

/// Why a value can't be known here.
#[derive(Debug, Error, PartialEq, Clone)]
#[error("{0}")]
pub(super) struct Unresolved(pub(super) String);

pub(super) type Resolved<T> = Result<T, Unresolved>;

pub(super) fn unresolved<T>(why: impl Into<String>) -> Resolved<T> {
    Err(Unresolved(why.into()))
}

/// Where a template is applied.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) stack: String,
    pub(super) region: String,
    pub(super) account: String,
}

/// A template with what its references are looked up in.
pub(super) struct Scope<'t> {
    template: &'t Value,
    given: &'t BTreeMap<String, String>,
    pub(super) place: &'t Place,
    work: Cell<usize>,
    depth: Cell<usize>,
}

impl<'t> Scope<'t> {
    /// `given` are parameters by name.
    pub(super) fn new(
        template: &'t Value,
        given: &'t BTreeMap<String, String>,
        place: &'t Place,
    ) -> Self {
        Scope {
            template,
            given,
            place,
            work: Cell::new(0),
            depth: Cell::new(0),
        }
    }

    /// A resource of the template, as it is written.
    pub(super) fn resource(&self, logical: &str) -> Option<&'t Value> {
        self.template.get("Resources")?.get(logical)
    }

    /// A value with all that it refers to. `None` stands for `AWS::NoValue`.
    pub(super) fn value(&self, value: &Value) -> Resolved<Option<Value>> {
        self.deeper(|| match value {
            Value::Array(items) => Ok(Some(self.list(items)?)),
            Value::Object(members) => match function(members) {
                Some((name, argument)) => self.call(name, argument),
                None => Ok(Some(self.map(members)?)),
            },
            scalar => {
                self.count(scalar.as_str().map_or(8, str::len))?;
                Ok(Some(scalar.clone()))
            }
        })
    }

    /// As [`Scope::value`], for what has to be a text, a number or a switch.
    pub(super) fn text(&self, value: &Value) -> Resolved<String> {
        let value = self.value(value)?;
        match value.as_ref().and_then(text_of) {
            Some(text) => Ok(text),
            None => unresolved("a text is needed there"),
        }
    }

    /// Whether a condition of the template holds.
    pub(super) fn condition(&self, name: &str) -> Resolved<bool> {
        let condition = self.template.get("Conditions");
        match condition.and_then(|conditions| conditions.get(name)) {
            Some(condition) => self.deeper(|| self.holds(condition)),
            None => unresolved(format!("there is no condition {name}")),
        }
    }

    fn holds(&self, condition: &Value) -> Resolved<bool> {
        let malformed = || Unresolved(format!("{condition} is no condition"));
        if let Some(known) = condition.as_bool() {
            return Ok(known);
        }
        let members = condition.as_object().ok_or_else(malformed)?;
        let (name, argument) = function(members).ok_or_else(malformed)?;
        if name == "Condition" {
            return self.condition(argument.as_str().ok_or_else(malformed)?);
        }
        let arguments = argument.as_array().ok_or_else(malformed)?;
        let each = |condition| self.deeper(|| self.holds(condition));
        match (name, arguments.as_slice()) {
            ("Fn::Equals", [left, right]) => Ok(self.value(left)? == self.value(right)?),
            ("Fn::Not", [condition]) => Ok(!each(condition)?),
            ("Fn::And", conditions) => conditions
                .iter()
                .try_fold(true, |all, condition| Ok(each(condition)? && all)),
            ("Fn::Or", conditions) => conditions
                .iter()
                .try_fold(false, |any, condition| Ok(each(condition)? || any)),
            _ => Err(malformed()),
        }
    }

    fn list(&self, items: &[Value]) -> Resolved<Value> {
        let mut resolved = Vec::with_capacity(items.len());
        for item in items {
            resolved.extend(self.value(item)?);
        }
        Ok(Value::Array(resolved))
    }

    fn map(&self, members: &Map<String, Value>) -> Resolved<Value> {
        let mut resolved = Map::new();
        for (name, member) in members {
            self.count(name.len())?;
            if let Some(value) = self.value(member)? {
                resolved.insert(name.clone(), value);
            }
        }
        Ok(Value::Object(resolved))
    }

    fn call(&self, name: &str, argument: &Value) -> Resolved<Option<Value>> {
        let malformed = || Unresolved(format!("{name} can't be used with {}", short(argument)));
        let arguments = argument.as_array().map_or(&[][..], Vec::as_slice);
        let text = match (name, arguments) {
            ("Ref", _) => return self.reference(argument.as_str().ok_or_else(malformed)?),
            ("Fn::GetAtt", _) => self.get_att(argument)?,
            ("Fn::Sub", _) => self.sub(argument)?,
            ("Fn::Join", [delimiter, list]) => self.join(delimiter, list)?,
            ("Fn::Split", [delimiter, text]) => return self.split(delimiter, text).map(Some),
            ("Fn::Select", [index, list]) => return self.select(index, list).map(Some),
            ("Fn::FindInMap", keys) => return self.find_in_map(keys),
            ("Fn::If", [condition, yes, no]) => {
                let condition = condition.as_str().ok_or_else(malformed)?;
                return self.value(if self.condition(condition)? { yes } else { no });
            }
            ("Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Equals", _) => {
                let condition = Map::from_iter([(name.to_owned(), argument.clone())]);
                let holds = self.holds(&Value::Object(condition))?;
                return Ok(Some(Value::Bool(holds)));
            }
            (UNKNOWN, _) => return unresolved(argument.as_str().unwrap_or_default()),
            ("Fn::Join" | "Fn::Split" | "Fn::Select" | "Fn::If", _) => return Err(malformed()),
            _ => return unresolved(format!("{name} is not understood")),
        };
        self.count(text.len())?;
        Ok(Some(Value::String(text)))
    }

    fn join(&self, delimiter: &Value, list: &Value) -> Resolved<String> {
        let delimiter = self.text(delimiter)?;
        let Some(Value::Array(items)) = self.value(list)? else {
            return unresolved("Fn::Join takes a list");
        };
        let texts: Option<Vec<String>> = items.iter().map(text_of).collect();
        match texts {
            Some(texts) => {
                self.count(delimiter.len().saturating_mul(texts.len()))?;
                Ok(texts.join(&delimiter))
            }
            None => unresolved("Fn::Join takes a list of texts"),
        }
    }

    fn split(&self, delimiter: &Value, text: &Value) -> Resolved<Value> {
        let (delimiter, text) = (self.text(delimiter)?, self.text(text)?);
        if delimiter.is_empty() {
            return unresolved("Fn::Split takes a delimiter that is not empty");
        }
        Ok(text.split(&delimiter).map(Value::from).collect())
    }

    fn select(&self, index: &Value, list: &Value) -> Resolved<Value> {
        let index = self.text(index)?.parse::<usize>().ok();
        let list = self.value(list)?;
        let items = list.as_ref().and_then(Value::as_array);
        let item = items.zip(index).and_then(|(items, index)| items.get(index));
        match item {
            Some(item) => Ok(item.clone()),
            None => unresolved("Fn::Select names no item of its list"),
        }
    }

    fn find_in_map(&self, keys: &[Value]) -> Resolved<Option<Value>> {
        let [map, first, second] = keys else {
            return unresolved("Fn::FindInMap takes a map and two keys");
        };
        let (map, first, second) = (self.text(map)?, self.text(first)?, self.text(second)?);
        let found = self
            .template
            .get("Mappings")
            .and_then(|maps| maps.get(&map)?.get(&first)?.get(&second));
        match found {
            Some(value) => self.value(value),
            None => unresolved(format!("Mappings have no {map}.{first}.{second}")),
        }
    }

    /// Counts what is made, so that it has an end.
    fn count(&self, bytes: usize) -> Resolved<()> {
        self.work.set(self.work.get().saturating_add(bytes));
        if self.work.get() > WORK_MAX {
            return unresolved(format!(
                "the template's functions make more than {WORK_MAX} bytes"
            ));
        }
        Ok(())
    }

    /// Goes a level deeper, so that what refers to itself comes to an end.
    fn deeper<T>(&self, go_on: impl FnOnce() -> Resolved<T>) -> Resolved<T> {
        if self.depth.get() > 2 * DEPTH_MAX {
            return unresolved("it is nested too deeply, or refers to itself");
        }
        self.depth.set(self.depth.get() + 1);
        let result = go_on();
        self.depth.set(self.depth.get() - 1);
        result
    }
}

/// The function that a map of one member calls.
fn function(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = members.iter().next().filter(|_| members.len() == 1)?;
    let is_function = name == "Ref" || name == UNKNOWN || name.starts_with("Fn::");
    // `Condition` is a function only if a text follows: in policies it is a map.
    let is_condition = name == "Condition" && argument.is_string();
    (is_function || is_condition).then_some((name.as_str(), argument))
}

/// A scalar as a text.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A value in an error, not at any length.
fn short(value: &Value) -> String {
    const CHARS_MAX: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests;
