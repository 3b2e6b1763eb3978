//! Items as values of Ion, a line each: `$ion_1_0 {Item:{pk:"a"}}`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use headwater_model::{AttributeValue, CorruptItem, Item, ItemRef, Number, ValueRef, limits};

use crate::ion_text::{Ion, IonValue, VERSION, read};
use crate::record::{GivenCondition, Record};

/// The annotations that tell sets from lists.
const STRING_SET: &str = "$dynamodb_SS";
const NUMBER_SET: &str = "$dynamodb_NS";
const BINARY_SET: &str = "$dynamodb_BS";

/// The record of a line, or why there is none.
pub(crate) fn record(line: &[u8]) -> Result<Record, String> {
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    let Ion::Struct(fields) = read(text)?.value else {
        return Err("the line is no struct".to_owned());
    };
    let (mut item, mut expression, mut names, mut values) = (None, None, None, None);
    for (name, given) in fields {
        match (name.as_ref(), given.value) {
            ("Item", Ion::Struct(fields)) => item = Some(checked(map(fields)?)?),
            ("ConditionExpression", Ion::String(text)) => expression = Some(text),
            ("ExpressionAttributeNames", Ion::Struct(fields)) => names = Some(texts(fields)?),
            ("ExpressionAttributeValues", Ion::Struct(fields)) => values = Some(map(fields)?),
            (
                "Item"
                | "ConditionExpression"
                | "ExpressionAttributeNames"
                | "ExpressionAttributeValues",
                _,
            ) => return Err(format!("{name} is of another type")),
            _ => {}
        }
    }
    Ok(Record {
        item: item.ok_or("the line has no struct Item")?,
        condition: expression.map(|expression| GivenCondition {
            expression,
            names,
            values,
        }),
    })
}

fn texts(fields: Vec<(Cow<'_, str>, IonValue<'_>)>) -> Result<BTreeMap<String, String>, String> {
    let text = |(name, given): (Cow<'_, str>, IonValue<'_>)| match given.value {
        Ion::String(text) => Ok((name.into_owned(), text)),
        _ => Err("a name of an attribute is no string".to_owned()),
    };
    fields.into_iter().map(text).collect()
}

/// An item, if it is none that requests may not have.
fn checked(item: Item) -> Result<Item, String> {
    if item.depth() > limits::NESTING_DEPTH_MAX {
        let most = limits::NESTING_DEPTH_MAX;
        return Err(format!("it nests deeper than {most} levels"));
    }
    let is_bad = |name: &str| name.is_empty() || name.len() > limits::ATTRIBUTE_NAME_BYTES_MAX;
    match item.iter().any(|(name, _)| is_bad(name)) {
        true => Err("the name of an attribute is empty or too long".to_owned()),
        false => Ok(item),
    }
}

fn map(fields: Vec<(Cow<'_, str>, IonValue<'_>)>) -> Result<Item, String> {
    // All at once: each that comes between others would move those behind it.
    let field =
        |(name, given): (Cow<'_, str>, IonValue<'_>)| Ok((name.into_owned(), value(given)?));
    fields.into_iter().map(field).collect()
}

fn value(given: IonValue<'_>) -> Result<AttributeValue, String> {
    let set = given
        .annotations
        .iter()
        .find(|name| [STRING_SET, NUMBER_SET, BINARY_SET].contains(&name.as_ref()));
    if let Some(set) = set {
        return set_of(set, given.value);
    }
    Ok(match given.value {
        Ion::Null => AttributeValue::Null,
        Ion::Bool(value) => AttributeValue::Bool(value),
        Ion::Number(text) => AttributeValue::N(number(&text)?),
        Ion::String(text) => AttributeValue::S(text),
        Ion::Blob(bytes) => AttributeValue::B(bytes.into()),
        Ion::List(elements) => {
            let elements = elements.into_iter().map(value);
            AttributeValue::L(elements.collect::<Result<_, _>>()?)
        }
        Ion::Struct(fields) => AttributeValue::M(map(fields)?),
    })
}

fn set_of(kind: &str, given: Ion<'_>) -> Result<AttributeValue, String> {
    let Ion::List(elements) = given else {
        return Err(format!("{kind} is no list"));
    };
    let (mut texts, mut numbers, mut blobs) = (Vec::new(), Vec::new(), Vec::<Bytes>::new());
    for element in elements {
        match (kind, element.value) {
            (STRING_SET, Ion::String(text)) => texts.push(text),
            (NUMBER_SET, Ion::Number(text)) => numbers.push(number(&text)?),
            (BINARY_SET, Ion::Blob(bytes)) => blobs.push(bytes.into()),
            _ => return Err(format!("{kind} has an element of another type")),
        }
    }
    let set = match kind {
        STRING_SET => AttributeValue::string_set(texts),
        NUMBER_SET => AttributeValue::number_set(numbers),
        _ => AttributeValue::binary_set(blobs),
    };
    set.map_err(|error| error.to_string())
}

fn number(text: &str) -> Result<Number, String> {
    Number::parse(text).map_err(|error| error.to_string())
}

/// Begins a line.
pub(crate) fn begin(line: &mut String) {
    line.push_str(VERSION);
    line.push(' ');
}

/// Writes an item as a struct.
pub(crate) fn write_item(line: &mut String, item: ItemRef<'_>) -> Result<(), CorruptItem> {
    line.push('{');
    for (place, attribute) in item.iter().enumerate() {
        let (name, value) = attribute?;
        write_field(line, place, name, value)?;
    }
    line.push('}');
    Ok(())
}

fn write_field(
    line: &mut String,
    place: usize,
    name: &str,
    value: ValueRef<'_>,
) -> Result<(), CorruptItem> {
    separate(line, place);
    write_name(line, name);
    line.push(':');
    write_value(line, value)
}

fn write_value(line: &mut String, value: ValueRef<'_>) -> Result<(), CorruptItem> {
    match value {
        ValueRef::S(text) => write_quoted(line, text, '"'),
        ValueRef::N(number) => write_number(line, &number),
        ValueRef::B(bytes) => write_blob(line, bytes),
        ValueRef::Bool(value) => line.push_str(if value { "true" } else { "false" }),
        ValueRef::Null => line.push_str("null"),
        ValueRef::L(list) => {
            line.push('[');
            for (place, element) in list.iter().enumerate() {
                separate(line, place);
                write_value(line, element?)?;
            }
            line.push(']');
        }
        ValueRef::M(map) => {
            line.push('{');
            for (place, attribute) in map.iter().enumerate() {
                let (name, value) = attribute?;
                write_field(line, place, name, value)?;
            }
            line.push('}');
        }
        ValueRef::Ss(set) => {
            begin_set(line, STRING_SET);
            for (place, text) in set.iter().enumerate() {
                separate(line, place);
                write_quoted(line, text?, '"');
            }
            line.push(']');
        }
        ValueRef::Ns(set) => {
            begin_set(line, NUMBER_SET);
            for (place, number) in set.iter().enumerate() {
                separate(line, place);
                write_number(line, &number?);
            }
            line.push(']');
        }
        ValueRef::Bs(set) => {
            begin_set(line, BINARY_SET);
            for (place, bytes) in set.iter().enumerate() {
                separate(line, place);
                write_blob(line, bytes?);
            }
            line.push(']');
        }
    }
    Ok(())
}

fn separate(line: &mut String, place: usize) {
    if place > 0 {
        line.push(',');
    }
}

fn begin_set(line: &mut String, annotation: &str) {
    line.push_str(annotation);
    line.push_str("::[");
}

/// A name as a symbol, in quotes unless it is a word that means nothing else.
fn write_name(line: &mut String, name: &str) {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_word = name.starts_with(is_start)
        && name
            .chars()
            .all(|c| is_start(c) || c.is_ascii_digit() || c == '$');
    match is_word && !matches!(name, "null" | "true" | "false" | "nan") {
        true => line.push_str(name),
        false => write_quoted(line, name, '\''),
    }
}

fn write_quoted(line: &mut String, text: &str, quote: char) {
    line.push(quote);
    for c in text.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if c == quote => {
                line.push('\\');
                line.push(c);
            }
            c if c.is_control() => {
                // Writing into a string cannot fail.
                let _ = write!(line, "\\u{:04x}", u32::from(c));
            }
            c => line.push(c),
        }
    }
    line.push(quote);
}

/// A number as a decimal, which tells it from whole and floating-point numbers.
pub(crate) fn write_number(line: &mut String, number: &Number) {
    let text = number.to_string();
    match text.split_once('E') {
        Some((coefficient, exponent)) => {
            let _ = write!(line, "{coefficient}d{exponent}");
        }
        None if text.contains('.') => line.push_str(&text),
        None => {
            let _ = write!(line, "{text}.");
        }
    }
}

fn write_blob(line: &mut String, bytes: &[u8]) {
    line.push_str("{{");
    STANDARD.encode_string(bytes, line);
    line.push_str("}}");
}

#[cfg(test)]
mod tests {
    use headwater_model::{AttributeValue, EncodedItem, Item, Number};

    use super::{begin, record, write_item};
    use crate::record::Record;

    #[test]
    fn what_is_written_is_read() {
        let number = |text| AttributeValue::N(Number::parse(text).unwrap());
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let given = Item::from([
            ("pk", text("a \"b\" 'c' \\ \n\r\t\u{1}\u{e9}\u{1f600}")),
            ("null", AttributeValue::Null),
            ("odd name's", AttributeValue::Bool(true)),
            ("$d", number("-0.000001")),
            ("n", number("1234567890123456789012345678901234567e80")),
            ("w", number("600")),
            ("b", AttributeValue::B(vec![0, 255].into())),
            (
                "l",
                AttributeValue::L(vec![text(""), AttributeValue::L(Vec::new())]),
            ),
            ("m", AttributeValue::M(Item::from([("x", number("1"))]))),
            (
                "ss",
                AttributeValue::string_set(vec!["x".to_owned(), "y".to_owned()]).unwrap(),
            ),
            (
                "ns",
                AttributeValue::number_set(vec![Number::from_i64(-5)]).unwrap(),
            ),
            (
                "bs",
                AttributeValue::binary_set(vec![vec![1].into()]).unwrap(),
            ),
        ]);
        let mut line = String::new();
        begin(&mut line);
        line.push_str("{Item:");
        write_item(&mut line, EncodedItem::encode(&given).as_ref()).unwrap();
        line.push('}');
        assert!(!line.contains('\n'));
        assert_eq!(
            record(line.as_bytes()),
            Ok(Record::of_item(given)),
            "{line}"
        );
    }
}
