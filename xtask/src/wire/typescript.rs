//! The same shapes as types for the console.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, bail};

use super::SERVICES;
use super::botocore::{Model, Reference, Shape};
use super::rules::Rules;
use super::shapes::{Reached, is_enum, is_member};

/// Values are told apart by their one member, which a structure with optional members would not say.
const ATTRIBUTE_VALUE: &str =
    "/** A value of an attribute, as the API writes it. Numbers are texts, binary values are base64. */
export type AttributeValue =
  | { S: string }
  | { N: string }
  | { B: string }
  | { BOOL: boolean }
  | { NULL: boolean }
  | { SS: string[] }
  | { NS: string[] }
  | { BS: string[] }
  | { L: AttributeValue[] }
  | { M: { [name: string]: AttributeValue } };
";

/// An object without members.
const NOTHING: &str = "{ [name: string]: never }";

/// One file for all APIs; a shape that several of them have is there once.
pub fn emit(models: &[Model], rules: &Rules) -> Result<String> {
    let mut text = ATTRIBUTE_VALUE.to_owned();
    let mut seen = BTreeMap::new();
    for (service, model) in SERVICES.iter().zip(models) {
        let operations = &rules.api(service)?.operations;
        let reached = Reached::of(model, operations, rules)?;
        for name in &reached.names {
            let shape = model.shape(name)?;
            let Some(body) = declaration(model, rules, name, shape)? else {
                continue;
            };
            match seen.get(name) {
                None => {
                    write!(text, "\n{body}")?;
                    seen.insert(name.clone(), body);
                }
                Some(known) if *known == body => {}
                Some(_) => bail!("{name} means different things in two APIs"),
            }
        }
        // Lambda is called by paths, not by the names of operations.
        match *service {
            "dynamodb" => text.push_str(&operation_map("DynamoDB", model, operations)?),
            "streams" => text.push_str(&operation_map("Streams", model, operations)?),
            _ => {}
        }
    }
    Ok(text)
}

fn declaration(model: &Model, rules: &Rules, name: &str, shape: &Shape) -> Result<Option<String>> {
    if is_enum(shape, name, rules) {
        let words: Vec<_> = shape.words.iter().map(|word| format!("{word:?}")).collect();
        return Ok(Some(format!(
            "export type {name} = {};\n",
            words.join(" | ")
        )));
    }
    if shape.kind != "structure" {
        return Ok(None);
    }
    let mut members = String::new();
    for (member, reference) in shape.members.iter() {
        if is_member(rules, name, member) {
            let mark = if shape.required.iter().any(|one| one == member) {
                ""
            } else {
                "?"
            };
            let kind = type_of(model, rules, &reference.shape)?;
            writeln!(members, "  {member}{mark}: {kind};")?;
        }
    }
    Ok(Some(if members.is_empty() {
        format!("export type {name} = {NOTHING};\n")
    } else {
        format!("export interface {name} {{\n{members}}}\n")
    }))
}

fn operation_map(api: &str, model: &Model, operations: &[String]) -> Result<String> {
    let mut text =
        format!("\n/** Operations: input and output. */\nexport interface {api}Operations {{\n");
    for name in operations {
        let operation = model.operation(name)?;
        let shape = |reference: &Option<Reference>| {
            reference
                .as_ref()
                .map_or(NOTHING.to_owned(), |one| one.shape.clone())
        };
        let (input, output) = (shape(&operation.input), shape(&operation.output));
        writeln!(text, "  {name}: [{input}, {output}];")?;
    }
    text.push_str("}\n");
    Ok(text)
}

fn type_of(model: &Model, rules: &Rules, name: &str) -> Result<String> {
    if name == "AttributeValue" {
        return Ok(name.to_owned());
    }
    let shape = model.shape(name)?;
    let inner = |reference: &Option<Reference>| {
        let reference = reference
            .as_ref()
            .with_context(|| format!("{name} has no elements"))?;
        type_of(model, rules, &reference.shape)
    };
    Ok(match shape.kind.as_str() {
        "structure" => name.to_owned(),
        "string" if is_enum(shape, name, rules) => name.to_owned(),
        // Binary values are base64 in JSON.
        "string" | "blob" => "string".to_owned(),
        "boolean" => "boolean".to_owned(),
        // Times are seconds since 1970.
        "integer" | "long" | "double" | "float" | "timestamp" => "number".to_owned(),
        "list" => format!("{}[]", inner(&shape.member)?),
        "map" => format!("{{ [name: string]: {} }}", inner(&shape.value)?),
        other => bail!("{name} has the unknown type {other}"),
    })
}
