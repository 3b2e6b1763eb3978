//! Decoding of inputs.

use std::fmt::Write;

use anyhow::{Context, Result, bail};

use super::{Api, Field, Structure};
use crate::wire::botocore::{Reference, Shape};
use crate::wire::names::{camel, snake};
use crate::wire::rules::MemberRule;
use crate::wire::shapes::{is_enum, is_item, is_member};

pub(super) fn emit(text: &mut String, api: &Api<'_>, structure: &Structure<'_>) -> Result<()> {
    writeln!(text, "impl {} {{", camel(structure.name))?;
    if is_operation_input(api, structure.name)? {
        if api.service == "lambda" {
            emit_rest_decode(text, api, structure)?;
        } else {
            text.push_str(
                "/// Decodes and checks a request.\n\
                 pub fn decode(json: &Json<'_>) -> Result<Self, ApiError> {\nrequest(json, Self::read)\n}\n\n",
            );
            if has_rule_each(api, structure.name) {
                text.push_str(
                    "/// As `decode`, but a refused attribute value is a fault of its element of the list alone: the faults by place.\n\
                     pub fn decode_each(json: &Json<'_>) -> Result<(Self, BTreeMap<usize, ApiError>), ApiError> {\n\
                     request_each(json, Self::read)\n}\n\n",
                );
            } else if has_actions(api, structure)? {
                text.push_str(
                    "/// As `decode`; `check` is asked for the actions up to the first one with a refused attribute value, before that \
                     is told.\n\
                     pub fn decode_in_order(json: &Json<'_>, check: impl FnOnce(&Self, usize) -> Result<(), ApiError>) \
                     -> Result<Self, ApiError> {\nrequest_in_order(json, Self::read, check)\n}\n\n",
                );
            } else if holds_attribute_values(api, structure)? {
                text.push_str(
                    "/// As `decode`, with a check between those of the request's form and that of its attribute values.\n\
                     pub fn decode_checked(json: &Json<'_>, check: impl FnOnce(&Self) -> Result<(), ApiError>) \
                     -> Result<Self, ApiError> {\nrequest_checked(json, Self::read, check)\n}\n\n",
                );
            }
        }
    }
    emit_read(text, api, structure)?;
    text.push_str("}\n\n");
    Ok(())
}

fn is_operation_input(api: &Api<'_>, name: &str) -> Result<bool> {
    for operation in &api.rules.api(api.service)?.operations {
        let input = &api.model.operation(operation)?.input;
        if input.as_ref().is_some_and(|input| input.shape == name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the elements of its list fail by themselves.
fn has_rule_each(api: &Api<'_>, structure: &str) -> bool {
    api.rules.structure(structure).is_some_and(|rule| rule.each)
}

/// Whether a member is a list of actions with attribute values.
fn has_actions(api: &Api<'_>, structure: &Structure<'_>) -> Result<bool> {
    for field in &structure.fields {
        let name = &field.reference.shape;
        if api.model.shape(name)?.kind == "list" && reaches_items(api, name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn holds_attribute_values(api: &Api<'_>, structure: &Structure<'_>) -> Result<bool> {
    for field in &structure.fields {
        if reaches_items(api, &field.reference.shape)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether there are items or keys anywhere in a shape.
fn reaches_items(api: &Api<'_>, name: &str) -> Result<bool> {
    let shape = api.model.shape(name)?;
    if is_item(shape) {
        return Ok(true);
    }
    let members = shape
        .members
        .iter()
        .filter(|(member, _)| is_member(api.rules, name, member))
        .map(|(_, reference)| reference);
    let inner = [&shape.member, &shape.value].into_iter().flatten();
    for reference in members.chain(inner) {
        if reference.shape != "AttributeValue" && reaches_items(api, &reference.shape)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A REST input comes from path, query and headers, and from the body.
fn emit_rest_decode(text: &mut String, api: &Api<'_>, structure: &Structure<'_>) -> Result<()> {
    let mut outside = Vec::new();
    let mut has_body = false;
    for (member, reference) in structure.shape.members.iter() {
        let is_field = structure.fields.iter().any(|field| field.member == member);
        if !is_field && !structure.refuses(member) {
            continue;
        }
        match (reference.location.as_deref(), &reference.location_name) {
            (None, _) => has_body |= structure.shape.payload.as_deref() != Some(member),
            (Some("uri"), Some(label)) if label == member => {
                outside.push(format!("(Place::Label, {member:?})"))
            }
            (Some("querystring"), Some(name)) if name == member => {
                outside.push(format!("(Place::Query, {member:?})"));
            }
            (Some("querystring"), Some(name))
                if api.model.shape(&reference.shape)?.kind == "list" =>
            {
                outside.push(format!("(Place::QueryList({name:?}), {member:?})"));
            }
            (Some("header"), Some(name)) => {
                outside.push(format!(
                    "(Place::Header({:?}), {member:?})",
                    name.to_ascii_lowercase()
                ));
            }
            _ => bail!("{}.{member} travels in an unknown way", structure.name),
        }
    }
    let decode = format!(
        "request.decode(&[{}], {has_body}, Self::read)",
        outside.join(", ")
    );
    text.push_str("/// Decodes and checks a request.\npub fn decode(request: &RestRequest) -> Result<Self, ApiError> {\n");
    match &structure.shape.payload {
        Some(payload) => {
            let field = snake(payload);
            writeln!(
                text,
                "let mut input = {decode}?;\ninput.{field} = request.body.clone();\nOk(input)"
            )?;
        }
        None => writeln!(text, "{decode}")?,
    }
    text.push_str("}\n\n");
    Ok(())
}

/// Members are read in the order of the body, as AWS does; places tell the order of the model.
fn emit_read(text: &mut String, api: &Api<'_>, structure: &Structure<'_>) -> Result<()> {
    let payload = structure.shape.payload.as_deref();
    let fields: Vec<&Field<'_>> = structure
        .fields
        .iter()
        .filter(|field| Some(field.member) != payload)
        .collect();
    text.push_str("pub(crate) fn read<'j>(json: &'j Json<'j>, at: &mut Decoder<'j>) -> Result<Self, DecodeError> {\n");
    let rule = api.rules.structure(structure.name);
    if let Some(manner) = rule.and_then(|rule| rule.manner.as_deref()) {
        writeln!(text, "at.speak(Manner::{});", camel(manner))?;
    }
    for field in &fields {
        writeln!(text, "let mut {} = None;", field.name())?;
    }
    if structure.has_refused() {
        text.push_str("let mut unsupported = Vec::new();\n");
    }
    emit_members(text, api, structure, &fields)?;
    text.push_str("Ok(Self {\n");
    for field in &fields {
        let (place, member, name) = (field.place, field.member, field.name());
        let rule = api.rules.member(structure.name, member);
        match (field.required, rule.is_some_and(|rule| rule.parameter)) {
            (true, true) => writeln!(text, "{name}: at.required_parameter({member:?}, {name}),")?,
            (true, false) => writeln!(text, "{name}: at.required({place}, {member:?}, {name}),")?,
            (false, _) => writeln!(text, "{name},")?,
        }
    }
    if let Some(payload) = payload {
        writeln!(text, "{}: Bytes::new(),", snake(payload))?;
    }
    if structure.has_refused() {
        text.push_str("unsupported,\n");
    }
    text.push_str("})\n}\n");
    Ok(())
}

/// The loop over the members that are given.
fn emit_members(
    text: &mut String,
    api: &Api<'_>,
    structure: &Structure<'_>,
    fields: &[&Field<'_>],
) -> Result<()> {
    let mut arms = Vec::new();
    for field in fields {
        let (place, member, name) = (field.place, field.member, field.name());
        let reader = reader(api, structure.name, field)?;
        arms.push((
            member,
            format!("at.member({place}, {member:?}, given, &mut {name}, {reader})?"),
        ));
    }
    for member in structure.unsupported {
        arms.push((
            member,
            format!("at.unsupported({member:?}, given, &mut unsupported)"),
        ));
    }
    for member in structure.unsupported_unless_empty {
        arms.push((
            member,
            format!("at.unsupported_unless_empty({member:?}, given, &mut unsupported)"),
        ));
    }
    if arms.is_empty() {
        writeln!(text, "at.structure(json, {:?})?;", structure.name)?;
        return Ok(());
    }
    writeln!(
        text,
        "for (member, given) in at.structure(json, {:?})? {{",
        structure.name
    )?;
    if let [(member, read)] = arms.as_slice() {
        writeln!(text, "if member == {member:?} {{ {read}; }}")?;
    } else {
        text.push_str("match member.as_ref() {\n");
        for (member, read) in arms {
            writeln!(text, "{member:?} => {read},")?;
        }
        text.push_str("_ => {}\n}\n");
    }
    text.push_str("}\n");
    Ok(())
}

/// The expression that reads a member: a function of `json` and `at`.
fn reader(api: &Api<'_>, structure: &str, field: &Field<'_>) -> Result<String> {
    let rule = api.rules.member(structure, field.member);
    match rule.and_then(|rule| rule.reader.as_deref()) {
        Some("table_name") => {
            let min = rule.and_then(|rule| rule.min).unwrap_or(1);
            Ok(format!("|json, at| at.table_name(json, {min})"))
        }
        Some(method @ ("keys_by_table" | "writes_by_table")) => {
            let element = element_structure(api, &field.reference.shape)?;
            Ok(format!("|json, at| at.{method}(json, {element}::read)"))
        }
        Some(method) => Ok(format!("|json, at| at.{method}(json)")),
        None => shape_reader(api, field.reference, rule),
    }
}

/// The structures that a map holds, in lists or not.
fn element_structure(api: &Api<'_>, name: &str) -> Result<String> {
    let shape = api.model.shape(name)?;
    match shape.value.as_ref().or(shape.member.as_ref()) {
        Some(inner) => element_structure(api, &inner.shape),
        None if shape.kind == "structure" => Ok(camel(name)),
        None => bail!("{name} holds no structures"),
    }
}

fn shape_reader(api: &Api<'_>, reference: &Reference, rule: Option<&MemberRule>) -> Result<String> {
    let name = reference.shape.as_str();
    if name == "AttributeValue" {
        return Ok("|json, at| at.attribute_value(json)".to_owned());
    }
    if name == "ExpressionAttributeValueMap" {
        return Ok("|json, at| at.expression_values(json)".to_owned());
    }
    let shape = api.model.shape(name)?;
    if is_item(shape) {
        return Ok("|json, at| at.item(json)".to_owned());
    }
    let method = match shape.kind.as_str() {
        "structure" => return Ok(format!("{}::read", camel(name))),
        "string" if is_enum(shape, name, api.rules) => "choice(json)".to_owned(),
        "string" if !shape.words.is_empty() => format!("word(json, &{:?})", shape.words),
        "string" => format!("text(json, {})", text_rule(api, shape, rule)?),
        "blob" => "blob(json)".to_owned(),
        "boolean" => "boolean(json)".to_owned(),
        "timestamp" => "timestamp(json)".to_owned(),
        "double" => "double(json)".to_owned(),
        "integer" | "long" => {
            let source = if reference.location.is_some() {
                "integer_text"
            } else {
                "integer"
            };
            format!("{source}(json, {})", range_rule(shape, rule))
        }
        "list" => {
            let element = shape
                .member
                .as_ref()
                .with_context(|| format!("{name} has no elements"))?;
            let read = shape_reader(api, element, None)?;
            format!(
                "list(json, {}, {read})",
                length_rule(api, shape, element, rule)?
            )
        }
        "map" => {
            let value = shape
                .value
                .as_ref()
                .with_context(|| format!("{name} has no values"))?;
            let read = shape_reader(api, value, None)?;
            format!("map(json, {:?}, {read})", java_class(api, &value.shape)?)
        }
        other => bail!("{name}: inputs of type {other} are not read"),
    };
    Ok(format!("|json, at| at.{method}"))
}

/// The bounds of a shape, with what an override says.
fn bounds(shape: &Shape, rule: Option<&MemberRule>) -> String {
    let own = |value: Option<f64>| value.map(|value| value as i64);
    let min = rule.and_then(|rule| rule.min).or(own(shape.min));
    let max = rule.and_then(|rule| rule.max).or(own(shape.max));
    let mut text = String::new();
    // A least length of 0 says nothing; a least value of 0 does.
    if let Some(min) =
        min.filter(|&min| min != 0 || shape.kind == "integer" || shape.kind == "long")
    {
        text.push_str(&format!(".min({min})"));
    }
    if let Some(max) = max {
        text.push_str(&format!(".max({max})"));
    }
    text
}

fn text_rule(api: &Api<'_>, shape: &Shape, rule: Option<&MemberRule>) -> Result<String> {
    let mut text = format!("Text::ANY{}", bounds(shape, rule));
    if let Some(pattern) = &shape.pattern
        && let Some(name) = api.rules.pattern(pattern)?
    {
        text.push_str(&format!(".pattern(Pattern::{name})"));
    }
    Ok(text)
}

fn range_rule(shape: &Shape, rule: Option<&MemberRule>) -> String {
    let kind = if shape.kind == "integer" {
        "INTEGER"
    } else {
        "LONG"
    };
    let label = rule.and_then(|rule| rule.label.as_ref());
    let label = label
        .map(|label| format!(".labelled({label:?})"))
        .unwrap_or_default();
    format!("Range::{kind}{}{label}", bounds(shape, rule))
}

/// A bounded list of structures also says how its elements are shown.
fn length_rule(
    api: &Api<'_>,
    shape: &Shape,
    element: &Reference,
    rule: Option<&MemberRule>,
) -> Result<String> {
    let bounds = bounds(shape, rule);
    if rule.is_some_and(|rule| rule.hidden) {
        return Ok(format!("Length::ANY{bounds}.hidden()"));
    }
    let element_shape = api.model.shape(&element.shape)?;
    if bounds.is_empty() || element_shape.kind != "structure" {
        return Ok(format!("Length::ANY{bounds}"));
    }
    let members: Vec<&str> = element_shape
        .members
        .iter()
        .map(|(member, _)| member)
        .collect();
    Ok(format!(
        "Length::ANY{bounds}.of(ElementEcho {{ name: {:?}, members: &{members:?} }})",
        element.shape
    ))
}

/// How AWS's Java names a value type in errors.
fn java_class(api: &Api<'_>, name: &str) -> Result<String> {
    Ok(match api.model.shape(name)?.kind.as_str() {
        "string" => "java.lang.String".to_owned(),
        _ => format!("com.amazonaws.dynamodb.v20120810.{name}"),
    })
}
