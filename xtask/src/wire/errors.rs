//! The table of error types.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;

use super::SERVICES;
use super::botocore::{Model, Shape};
use super::rules::Rules;

/// Everything that the table says of one error.
struct Entry {
    code: String,
    namespace: String,
    status: u16,
    member: String,
}

/// The Rust name of an error type. Lambda's have a prefix, since names occur in both APIs with other statuses.
pub fn kind(service: &str, code: &str) -> String {
    let name = code.strip_suffix("Exception").unwrap_or(code);
    if service == "lambda" {
        format!("Lambda{name}")
    } else {
        name.to_owned()
    }
}

pub fn emit(models: &[Model], rules: &Rules) -> Result<String> {
    let entries = entries(models, rules)?;
    let mut text = String::from(
        "//! The error types: names, namespaces, statuses, and the spelling of the message's member.\n\n\
         use crate::error::{ErrorSpec, Namespace};\n\n\
         /// Every error type that a client can see.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\n\
         #[allow(missing_docs, reason = \"named and documented by the AWS API model\")]\n\
         pub enum ErrorKind {\n",
    );
    for kind in entries.keys() {
        writeln!(text, "{kind},")?;
    }
    text.push_str("}\n\nconst fn spec(code: &'static str, namespace: Namespace, status: u16, message_member: &'static str) -> ErrorSpec {\nErrorSpec { code, namespace, status, message_member }\n}\n\n");
    writeln!(
        text,
        "/// In the order of [`ErrorKind`].\npub(crate) const SPECS: [ErrorSpec; {}] = [",
        entries.len()
    )?;
    for Entry {
        code,
        namespace,
        status,
        member,
    } in entries.values()
    {
        writeln!(
            text,
            "spec({code:?}, Namespace::{namespace}, {status}, {member:?}),"
        )?;
    }
    text.push_str("];\n");
    Ok(text)
}

fn entries(models: &[Model], rules: &Rules) -> Result<BTreeMap<String, Entry>> {
    let mut entries = BTreeMap::new();
    for (service, model) in SERVICES.iter().zip(models) {
        let listed = &rules.api(service)?.errors;
        for (code, shape) in model.shapes.iter().filter(|(_, shape)| shape.exception) {
            if *service != "lambda" || listed.iter().any(|name| name == code) {
                entries
                    .entry(kind(service, code))
                    .or_insert_with(|| entry(service, code, shape));
            }
        }
    }
    for rule in rules.errors() {
        let entry = Entry {
            code: rule.code.clone(),
            namespace: rule.namespace.clone(),
            status: rule.status,
            member: rule.member.clone(),
        };
        entries.insert(kind("", &rule.code), entry);
    }
    Ok(entries)
}

fn entry(service: &str, code: &str, shape: &Shape) -> Entry {
    let modelled = shape
        .error
        .as_ref()
        .and_then(|error| error.http_status_code);
    let capital = shape.members.get("Message").is_some();
    Entry {
        code: code.to_owned(),
        namespace: if service == "lambda" {
            "Lambda"
        } else {
            "DynamoDb"
        }
        .to_owned(),
        status: modelled.unwrap_or(if shape.fault { 500 } else { 400 }),
        member: if capital { "Message" } else { "message" }.to_owned(),
    }
}
