//! The patterns and the records of a file, in the forms in which people have them.

use std::fs::File;
use std::io::{BufReader, Read, stdin};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

/// Longest file of patterns; ten of them, with all escapes, are far below it.
const PATTERNS_BYTES_MAX: u64 = 1 << 20;

/// The texts of the patterns: the file is one, or a `FilterCriteria` that holds them as strings.
pub(super) fn patterns(file: &str) -> Result<Vec<String>> {
    let mut text = String::new();
    let read = open(file)?
        .take(PATTERNS_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("{file} can't be read"))?;
    if read as u64 > PATTERNS_BYTES_MAX {
        bail!("{file} is longer than {PATTERNS_BYTES_MAX} bytes");
    }
    let patterns = serde_json::from_str::<Value>(&text).ok();
    match patterns.as_ref().and_then(criteria) {
        Some(filters) => filters.iter().map(pattern).collect(),
        None => Ok(vec![text.trim().to_owned()]),
    }
}

/// The list of a `FilterCriteria`, or of what holds one, such as the answer of GetEventSourceMapping.
fn criteria(value: &Value) -> Option<&Vec<Value>> {
    let criteria = value.get("FilterCriteria").unwrap_or(value);
    criteria.get("Filters")?.as_array()
}

fn pattern(filter: &Value) -> Result<String> {
    let pattern = filter.get("Pattern").and_then(Value::as_str);
    let pattern =
        pattern.context("each of Filters holds its pattern as a string: {\"Pattern\": \"...\"}")?;
    Ok(pattern.to_owned())
}

/// The JSON values of a file, one after the other, read as they are asked for.
pub(super) fn values(file: &str) -> Result<impl Iterator<Item = Result<Value>>> {
    let reader = BufReader::new(open(file)?);
    let values = serde_json::Deserializer::from_reader(reader).into_iter::<Value>();
    let file = file.to_owned();
    Ok(values.map(move |value| value.with_context(|| format!("{file} is not JSON"))))
}

/// The records of a value: those of an event, of an answer of GetRecords or of an array, or the value itself.
pub(super) fn records(mut value: Value) -> Vec<Value> {
    let records = match &mut value {
        Value::Object(members) => members.get_mut("Records").and_then(Value::as_array_mut),
        Value::Array(records) => Some(records),
        _ => None,
    };
    let records = match records {
        Some(records) => std::mem::take(records),
        None => vec![value],
    };
    records.into_iter().map(as_delivered).collect()
}

/// Functions get the names of the user's identity in lower case, GetRecords shows them in upper case.
fn as_delivered(mut record: Value) -> Value {
    if let Some(Value::Object(identity)) = record.get_mut("userIdentity") {
        let lower = |(name, value): (String, Value)| {
            let name = match name.as_str() {
                "Type" => "type".to_owned(),
                "PrincipalId" => "principalId".to_owned(),
                _ => name,
            };
            (name, value)
        };
        *identity = std::mem::take(identity)
            .into_iter()
            .map(lower)
            .collect::<Map<_, _>>();
    }
    record
}

fn open(file: &str) -> Result<Box<dyn Read>> {
    match file {
        "-" => Ok(Box::new(stdin())),
        file => {
            let opened = File::open(file).with_context(|| format!("{file} can't be opened"))?;
            Ok(Box::new(opened))
        }
    }
}
