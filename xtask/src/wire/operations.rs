//! The table of operations.

use std::fmt::Write;

use anyhow::{Result, bail};

use super::SERVICES;
use super::botocore::{Model, OperationModel};
use super::errors;
use super::names::camel;
use super::rules::{Rules, ServedApi};

pub fn emit(models: &[Model], rules: &Rules) -> Result<String> {
    let mut names: Vec<String> = Vec::new();
    let mut specs = String::new();
    for (service, model) in SERVICES.iter().zip(models) {
        let api = rules.api(service)?;
        for (name, operation) in model.operations.iter() {
            let served = api.operations.iter().any(|served| served == name);
            if *service == "lambda" && !served {
                continue;
            }
            // Both APIs can tag resources.
            let variant = match names.iter().any(|other| other == name) {
                true => format!("{}{name}", camel(service)),
                false => name.to_owned(),
            };
            if names.contains(&variant) {
                bail!("two operations are called {variant}");
            }
            names.push(variant);
            write_spec(&mut specs, service, name, operation, api, served)?;
        }
    }
    let mut text = String::from(
        "//! The operations: all of DynamoDB and DynamoDB Streams, and those of Lambda that are served.\n\n\
         use crate::error::ErrorKind;\n\
         use crate::operation::{Binding, OperationSpec, Service};\n\n\
         /// An operation of the API, served or not.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]\n\
         #[allow(missing_docs, reason = \"named and documented by the AWS API model\")]\n\
         pub enum Operation {\n",
    );
    let list = names.join(",\n");
    let all: Vec<String> = names
        .iter()
        .map(|name| format!("Operation::{name}"))
        .collect();
    write!(
        text,
        "{list},\n}}\n\nimpl Operation {{\n/// Every operation, in the order of the table.\npub const ALL: &'static [Operation] = &[{}];\n}}\n\n",
        all.join(", ")
    )?;
    write!(
        text,
        "/// The one table, in the order of [`Operation`].\npub const OPERATIONS: &[OperationSpec] = &[\n{specs}];\n"
    )?;
    Ok(text)
}

fn write_spec(
    text: &mut String,
    service: &str,
    name: &str,
    operation: &OperationModel,
    api: &ServedApi,
    served: bool,
) -> Result<()> {
    let (variant, binding) = match service {
        "dynamodb" => ("DynamoDb", "Binding::Target".to_owned()),
        "streams" => ("DynamoDbStreams", "Binding::Target".to_owned()),
        _ => {
            let http = &operation.http;
            let status = http.response_code.unwrap_or(200);
            let binding = format!(
                "Binding::Rest {{ method: {:?}, path: {:?}, status: {status} }}",
                http.method, http.request_uri
            );
            ("Lambda", binding)
        }
    };
    let errors: Vec<String> = operation
        .errors
        .iter()
        .filter(|error| api.errors.is_empty() || api.errors.contains(&error.shape))
        .map(|error| format!("ErrorKind::{}", errors::kind(service, &error.shape)))
        .collect();
    writeln!(
        text,
        "OperationSpec {{ name: {name:?}, service: Service::{variant}, binding: {binding}, served: {served}, errors: &[{}] }},",
        errors.join(", ")
    )?;
    Ok(())
}
