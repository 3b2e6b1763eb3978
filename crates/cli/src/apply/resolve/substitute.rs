//! `Fn::Sub`, in both of its forms.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Resolved, Scope, text_of, unresolved};

impl Scope<'_> {
    pub(super) fn sub(&self, argument: &Value) -> Resolved<String> {
        match argument {
            Value::String(text) => self.substituted(text, &BTreeMap::new()),
            Value::Array(arguments) => match arguments.as_slice() {
                [Value::String(text)] => self.substituted(text, &BTreeMap::new()),
                [Value::String(text), Value::Object(variables)] => {
                    let mut texts = BTreeMap::new();
                    for (name, value) in variables {
                        texts.insert(name.as_str(), self.text(value)?);
                    }
                    self.substituted(text, &texts)
                }
                _ => unresolved("Fn::Sub takes a text, and a map of its variables"),
            },
            _ => unresolved("Fn::Sub takes a text, or a list of a text and its variables"),
        }
    }

    /// The text with `${name}`, `${Resource.Attribute}` and `${!literal}` replaced.
    fn substituted(&self, text: &str, variables: &BTreeMap<&str, String>) -> Resolved<String> {
        let mut made = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            made.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                made.push_str("${");
                rest = after;
                continue;
            };
            let put = self.variable(name.trim(), variables)?;
            self.count(put.len())?;
            made.push_str(&put);
            rest = after;
        }
        made.push_str(rest);
        Ok(made)
    }

    fn variable(&self, name: &str, variables: &BTreeMap<&str, String>) -> Resolved<String> {
        if let Some(literal) = name.strip_prefix('!') {
            return Ok(format!("${{{literal}}}"));
        }
        if let Some(text) = variables.get(name) {
            return Ok(text.clone());
        }
        if let Some((resource, attribute)) = name.split_once('.') {
            return self.attribute(resource, attribute);
        }
        match self.reference(name)?.as_ref().and_then(text_of) {
            Some(text) => Ok(text),
            None => unresolved(format!("{name} is no text")),
        }
    }
}
