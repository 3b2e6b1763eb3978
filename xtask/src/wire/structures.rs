//! The structs and enums of one API, with their decoding and writing.

mod read;
mod write;

use std::fmt::Write;

use anyhow::{Context, Result, bail};

use super::botocore::{Model, Reference, Shape};
use super::names::{camel, snake};
use super::rules::Rules;
use super::shapes::{Reached, is_enum, is_member, rust_type};

/// What the emitters need to know of an API.
struct Api<'a> {
    service: &'a str,
    model: &'a Model,
    rules: &'a Rules,
    reached: Reached,
}

/// One structure on its way to Rust.
struct Structure<'a> {
    name: &'a str,
    shape: &'a Shape,
    fields: Vec<Field<'a>>,
    /// Members that are only noted when they are given.
    unsupported: &'a [String],
    /// Members that are only noted when they are given and hold something.
    unsupported_unless_empty: &'a [String],
}

impl Structure<'_> {
    /// Whether some members are refused by name.
    fn has_refused(&self) -> bool {
        !self.unsupported.is_empty() || !self.unsupported_unless_empty.is_empty()
    }

    /// Whether a member is refused by name.
    fn refuses(&self, member: &str) -> bool {
        let refused = self.unsupported.iter();
        let mut refused = refused.chain(self.unsupported_unless_empty);
        refused.any(|name| name == member)
    }
}

/// A member that becomes a field.
struct Field<'a> {
    /// The member's place in the model, which is its place among violations.
    place: usize,
    member: &'a str,
    reference: &'a Reference,
    required: bool,
    rust_type: String,
}

impl Field<'_> {
    fn name(&self) -> String {
        snake(self.member)
    }
}

/// The file of one API.
pub fn emit(service: &str, model: &Model, rules: &Rules) -> Result<String> {
    let served = rules.api(service)?;
    let api = Api {
        service,
        model,
        rules,
        reached: Reached::of(model, &served.operations, rules)?,
    };
    let mut body = String::new();
    let mut enums = String::new();
    for name in &api.reached.names {
        if served.shared.contains(name) {
            continue;
        }
        let shape = model.shape(name)?;
        if shape.kind == "structure" {
            emit_structure(&mut body, &api, name, shape)?;
        } else if is_enum(shape, name, rules) {
            emit_enum(&mut enums, name, shape, rules)?;
        }
    }
    let mut text = format!(
        "//! Inputs and outputs of the served operations of {}.\n\n",
        title(service)
    );
    text.push_str(&imports(&body, !enums.is_empty(), &served.shared));
    text.push_str(&body);
    if !enums.is_empty() {
        write!(text, "choices! {{\n{enums}}}\n")?;
    }
    Ok(text)
}

fn title(service: &str) -> &str {
    match service {
        "dynamodb" => "DynamoDB",
        "streams" => "DynamoDB Streams",
        _ => "Lambda",
    }
}

/// Only what the body uses.
fn imports(body: &str, has_enums: bool, shared: &[String]) -> String {
    let uses = |name: &str| match name {
        // These names mean other things as well.
        "Item" => body.contains("Option<Item>") || body.contains(": Item,"),
        "request" => body.contains("request(json, Self::read)"),
        _ => body
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == name),
    };
    let pick = |path: &str, names: &[&str]| {
        let used: Vec<&str> = names.iter().copied().filter(|name| uses(name)).collect();
        if used.is_empty() {
            String::new()
        } else {
            format!("use {path}::{{{}}};\n", used.join(", "))
        }
    };
    let mut text = String::new();
    text.push_str(&pick("std::collections", &["BTreeMap"]));
    text.push('\n');
    text.push_str(&pick("bytes", &["Bytes"]));
    text.push_str(&pick(
        "headwater_model",
        &["AttributeValue", "CorruptItem", "EncodedItem", "Item"],
    ));
    text.push('\n');
    if has_enums {
        text.push_str("use crate::decode::choices;\n");
    }
    text.push_str(&pick(
        "crate::decode",
        &[
            "DecodeError",
            "Decoder",
            "ElementEcho",
            "Length",
            "Manner",
            "Pattern",
            "Range",
            "Text",
            "request",
            "request_checked",
            "request_each",
            "request_in_order",
        ],
    ));
    text.push_str(&pick("crate::error", &["ApiError"]));
    let shared: Vec<&str> = shared.iter().map(String::as_str).collect();
    text.push_str(&pick("super::dynamodb", &shared));
    text.push_str(&pick("crate::json", &["Json", "ObjectWriter", "WriteJson"]));
    text.push_str(&pick("crate::rest", &["Place", "RestRequest"]));
    text.push_str(&pick("crate::timestamp", &["Timestamp"]));
    text.push('\n');
    text
}

fn emit_structure(text: &mut String, api: &Api<'_>, name: &str, shape: &Shape) -> Result<()> {
    let (input, output) = (
        api.reached.inputs.contains(name),
        api.reached.outputs.contains(name),
    );
    // What is read and written is kept as it is read.
    let structure = structure(api, name, shape, output && !input)?;
    let rust = camel(name);
    writeln!(
        text,
        "#[derive(Clone, Debug, Default, PartialEq)]\npub struct {rust} {{"
    )?;
    for field in &structure.fields {
        let kind = &field.rust_type;
        if field.required {
            writeln!(text, "pub {}: {kind},", field.name())?;
        } else {
            writeln!(text, "pub {}: Option<{kind}>,", field.name())?;
        }
    }
    if structure.has_refused() {
        writeln!(
            text,
            "/// The members given that are not served.\npub unsupported: Vec<&'static str>,"
        )?;
    }
    text.push_str("}\n\n");
    if input {
        read::emit(text, api, &structure)?;
    }
    if output {
        write::emit(text, &structure)?;
    }
    Ok(())
}

fn structure<'a>(
    api: &Api<'a>,
    name: &'a str,
    shape: &'a Shape,
    output: bool,
) -> Result<Structure<'a>> {
    let rule = api.rules.structure(name);
    let left_out: &[String] = rule.map_or(&[], |rule| &rule.unsupported);
    let unless_empty: &[String] = rule.map_or(&[], |rule| &rule.unsupported_unless_empty);
    let omitted: &[String] = rule.map_or(&[], |rule| &rule.omit);
    let also: &[String] = rule.map_or(&[], |rule| &rule.required);
    let named = left_out.iter().chain(unless_empty).chain(omitted);
    for member in named.chain(also) {
        if shape.members.get(member).is_none() {
            bail!("overrides.toml: {name} has no member {member}");
        }
    }
    let order = order_of_violations(api, name, shape)?;
    let mut fields = Vec::new();
    for (member, reference) in shape.members.iter() {
        if !is_member(api.rules, name, member) {
            continue;
        }
        let place = order.iter().position(|other| *other == member);
        let place = place.with_context(|| format!("{name}.{member} has no place"))?;
        let is_payload = shape.payload.as_deref() == Some(member);
        fields.push(Field {
            place,
            member,
            reference,
            required: is_payload
                || shape
                    .required
                    .iter()
                    .chain(also)
                    .any(|required| required == member),
            rust_type: rust_type(api.model, &reference.shape, output, api.rules)?,
        });
    }
    Ok(Structure {
        name,
        shape,
        fields,
        unsupported: left_out,
        unsupported_unless_empty: unless_empty,
    })
}

/// The members in the order in which their broken constraints are told.
fn order_of_violations<'a>(api: &Api<'a>, name: &str, shape: &'a Shape) -> Result<Vec<&'a str>> {
    let mut order: Vec<&str> = shape.members.iter().map(|(member, _)| member).collect();
    for (member, _) in shape.members.iter() {
        let rule = api.rules.member(name, member);
        if let Some(next) = rule.and_then(|rule| rule.told_before.as_deref()) {
            order.retain(|other| *other != member);
            let place = order.iter().position(|other| *other == next);
            let place =
                place.with_context(|| format!("overrides.toml: {name} has no member {next}"))?;
            order.insert(place, member);
        }
    }
    Ok(order)
}

fn emit_enum(text: &mut String, name: &str, shape: &Shape, rules: &Rules) -> Result<()> {
    let order = match rules.enumeration(name) {
        Some(rule) if !rule.order.is_empty() => &rule.order,
        _ => &shape.words,
    };
    let sorted = |words: &[String]| {
        let mut words = words.to_vec();
        words.sort();
        words
    };
    if sorted(order) != sorted(&shape.words) {
        bail!("overrides.toml: {name} has other words");
    }
    writeln!(text, "    {} {{", camel(name))?;
    for word in &shape.words {
        writeln!(text, "        {} = {word:?},", camel(word))?;
    }
    writeln!(text, "    }} listed {order:?};")?;
    Ok(())
}
