//! The maps from tables to requests that the batch operations take. AWS checks their keys and values as a whole, and
//! shows the whole map for it, in one of two forms (conformance suite; dynamodb-api.md section 7).

use std::collections::BTreeMap;

use headwater_model::limits::BATCH_WRITE_REQUESTS_MAX;

use super::Decoder;
use super::constraint::{self, Length, MAP_KEY_CHARS_MIN, MAP_KEY_RULES};
use super::mismatch::DecodeError;
use super::violation::{self, Echo, Rule, Shown, Violation};
use crate::json::Json;
use crate::messages;

/// The Java classes of the values.
const KEYS_AND_ATTRIBUTES: &str = "com.amazonaws.dynamodb.v20120810.KeysAndAttributes";
const WRITE_REQUESTS: &str = "java.util.List<com.amazonaws.dynamodb.v20120810.WriteRequest>";

impl<'j> Decoder<'j> {
    /// `RequestItems` of BatchGetItem.
    pub(crate) fn keys_by_table<T>(
        &mut self,
        json: &'j Json<'j>,
        read: impl Fn(&'j Json<'j>, &mut Self) -> Result<T, DecodeError>,
    ) -> Result<BTreeMap<String, T>, DecodeError> {
        if breaks_key_rules(json) {
            let echo = Echo::Value(Shown::of(|out| push_json(out, json)));
            self.violate(echo, Rule::MapKeys(MAP_KEY_RULES));
        }
        self.map(json, KEYS_AND_ATTRIBUTES, read)
    }

    /// `RequestItems` of BatchWriteItem. A bad name of a table gives way to all other constraints, as a bad attribute
    /// value does.
    pub(crate) fn writes_by_table<T>(
        &mut self,
        json: &'j Json<'j>,
        read: impl Fn(&'j Json<'j>, &mut Self) -> Result<T, DecodeError>,
    ) -> Result<BTreeMap<String, Vec<T>>, DecodeError> {
        let allowed = 1..=BATCH_WRITE_REQUESTS_MAX;
        let has_wrong_length = members(json).any(|(_, requests)| match requests {
            Json::Array(requests) => !allowed.contains(&requests.len()),
            _ => false,
        });
        if has_wrong_length {
            let rule = Rule::MapValues(BATCH_WRITE_REQUESTS_MAX, 1);
            self.violate(write_requests_echo(json), rule);
        } else if breaks_key_rules(json) {
            let violation = Violation {
                path: self.path_text(),
                value: write_requests_echo(json),
                rule: Rule::MapKeys(MAP_KEY_RULES),
            };
            self.note_value_fault(messages::violations(&[violation]).message);
        }
        self.map(json, WRITE_REQUESTS, |json, at| {
            at.list(json, Length::ANY, &read)
        })
    }
}

fn members<'j>(json: &'j Json<'j>) -> impl Iterator<Item = (&'j str, &'j Json<'j>)> {
    let members = match json {
        Json::Object(members) => members.as_slice(),
        _ => &[],
    };
    members.iter().map(|(name, value)| (name.as_ref(), value))
}

fn breaks_key_rules(json: &Json<'_>) -> bool {
    members(json).any(|(name, _)| constraint::table_name_rule(name, MAP_KEY_CHARS_MIN).is_some())
}

/// `{users=[WriteRequest(putRequest=PutRequest(item={id={S=ann}}), deleteRequest=null)]}`.
fn write_requests_echo(json: &Json<'_>) -> Echo {
    Echo::Value(Shown::of(|out| {
        out.push("{");
        out.joined(", ", members(json), |out, (table, requests)| {
            out.push(table);
            out.push("=");
            match requests {
                Json::Array(requests) => {
                    out.push("[");
                    out.joined(", ", requests.iter(), push_write_request);
                    out.push("]");
                }
                other => violation::echo(out, other, None),
            }
        });
        out.push("}");
    }))
}

fn push_write_request(out: &mut Shown, request: &Json<'_>) {
    let part = |out: &mut Shown, member: &str, inner: &str, name: &str| match request.get(member) {
        None | Some(Json::Null) => out.push("null"),
        Some(given) => {
            out.push(member);
            out.push("(");
            out.push(name);
            out.push("=");
            violation::echo(out, given.get(inner).unwrap_or(&Json::Null), None);
            out.push(")");
        }
    };
    out.push("WriteRequest(putRequest=");
    part(out, "PutRequest", "Item", "item");
    out.push(", deleteRequest=");
    part(out, "DeleteRequest", "Key", "key");
    out.push(")");
}

/// Appends a value as JSON without spaces, as it came.
fn push_json(out: &mut Shown, json: &Json<'_>) {
    match json {
        Json::Null => out.push("null"),
        Json::Bool(value) => out.push(if *value { "true" } else { "false" }),
        Json::Number(text) => out.push(text),
        Json::String(text) => push_string(out, text),
        Json::Array(elements) => {
            out.push("[");
            out.joined(",", elements.iter(), push_json);
            out.push("]");
        }
        Json::Object(members) => {
            out.push("{");
            out.joined(",", members.iter(), |out, (name, value)| {
                push_string(out, name);
                out.push(":");
                push_json(out, value);
            });
            out.push("}");
        }
    }
}

fn push_string(out: &mut Shown, text: &str) {
    out.push("\"");
    for letter in text.chars() {
        match letter {
            _ if out.is_full() => return,
            '"' => out.push("\\\""),
            '\\' => out.push("\\\\"),
            control if control < ' ' => out.push(&format!("\\u{:04x}", control as u32)),
            other => out.push(other.encode_utf8(&mut [0; 4])),
        }
    }
    out.push("\"");
}
