//! Walking the shapes of a model, and what Rust makes of them.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::botocore::{Model, Shape};
use super::names::camel;
use super::rules::Rules;

/// The members of a JSON object in the order of the file.
pub struct Ordered<T>(Vec<(String, T)>);

impl<T> Ordered<T> {
    pub fn get(&self, name: &str) -> Option<&T> {
        self.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Ordered(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Ordered(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData))
    }
}

/// The shapes that the served operations reach, in the order in which they are reached.
pub struct Reached {
    pub names: Vec<String>,
    pub inputs: BTreeSet<String>,
    pub outputs: BTreeSet<String>,
}

impl Reached {
    pub fn of(model: &Model, operations: &[String], rules: &Rules) -> Result<Reached> {
        let mut reached = Reached {
            names: Vec::new(),
            inputs: BTreeSet::new(),
            outputs: BTreeSet::new(),
        };
        for name in operations {
            let operation = model.operation(name)?;
            if let Some(input) = &operation.input {
                reached.walk(model, &input.shape, false, rules)?;
            }
            if let Some(output) = &operation.output {
                reached.walk(model, &output.shape, true, rules)?;
            }
        }
        Ok(reached)
    }

    fn walk(&mut self, model: &Model, name: &str, output: bool, rules: &Rules) -> Result<()> {
        let side = if output {
            &mut self.outputs
        } else {
            &mut self.inputs
        };
        if !side.insert(name.to_owned()) || name == "AttributeValue" {
            return Ok(());
        }
        if !self.names.iter().any(|seen| seen == name) {
            self.names.push(name.to_owned());
        }
        let shape = model.shape(name)?;
        for (member, reference) in shape.members.iter() {
            if is_member(rules, name, member) {
                self.walk(model, &reference.shape, output, rules)?;
            }
        }
        for reference in [&shape.member, &shape.value].into_iter().flatten() {
            self.walk(model, &reference.shape, output, rules)?;
        }
        Ok(())
    }
}

/// Whether a member becomes a field.
pub fn is_member(rules: &Rules, structure: &str, member: &str) -> bool {
    rules.structure(structure).is_none_or(|rule| {
        let refused = rule
            .unsupported
            .iter()
            .chain(&rule.unsupported_unless_empty);
        !refused.chain(&rule.omit).any(|name| name == member)
    })
}

/// Whether the shape is an item or a key: a map of attribute values.
pub fn is_item(shape: &Shape) -> bool {
    shape.kind == "map"
        && shape
            .value
            .as_ref()
            .is_some_and(|value| value.shape == "AttributeValue")
}

/// Whether the shape becomes a Rust enum.
pub fn is_enum(shape: &Shape, name: &str, rules: &Rules) -> bool {
    !shape.words.is_empty() && !rules.enumeration(name).is_some_and(|rule| rule.text)
}

/// The Rust type of a shape.
pub fn rust_type(model: &Model, name: &str, output: bool, rules: &Rules) -> Result<String> {
    if name == "AttributeValue" {
        return Ok("AttributeValue".to_owned());
    }
    let shape = model.shape(name)?;
    if is_item(shape) {
        return Ok(if output { "EncodedItem" } else { "Item" }.to_owned());
    }
    let inner = |reference: &Option<super::botocore::Reference>| {
        let reference = reference
            .as_ref()
            .with_context(|| format!("{name} has no elements"))?;
        rust_type(model, &reference.shape, output, rules)
    };
    Ok(match shape.kind.as_str() {
        "string" if is_enum(shape, name, rules) => camel(name),
        "structure" => camel(name),
        "string" => "String".to_owned(),
        "blob" => "Bytes".to_owned(),
        "boolean" => "bool".to_owned(),
        "integer" | "long" => "i64".to_owned(),
        "double" | "float" => "f64".to_owned(),
        "timestamp" => "Timestamp".to_owned(),
        "list" => format!("Vec<{}>", inner(&shape.member)?),
        "map" => format!("BTreeMap<String, {}>", inner(&shape.value)?),
        other => bail!("{name} has the unknown type {other}"),
    })
}
