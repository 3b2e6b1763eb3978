//! `cargo xtask compat`: writes docs/compat.md, the page of operations, from the operation table of crates/wire.
//!
//! The table is read as text. A dependency on the crate would be shorter, but then `cargo xtask wire`, which
//! generates the table, could not be built while that crate does not compile.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};

use crate::process::root;

#[derive(clap::Args)]
pub struct Args {
    /// Only tell whether the committed page is up to date.
    #[arg(long)]
    check: bool,
}

const TABLE: &str = "crates/wire/src/generated/operations.rs";
const PAGE: &str = "docs/compat.md";

/// The APIs in the order of the page: name in the table, and title.
const SERVICES: [(&str, &str); 3] = [
    ("DynamoDb", "DynamoDB"),
    ("DynamoDbStreams", "DynamoDB Streams"),
    ("Lambda", "Lambda"),
];

/// One operation of the table.
#[derive(Debug, PartialEq, Eq)]
struct Operation<'a> {
    name: &'a str,
    service: &'a str,
    /// Method and path, for those that are addressed so.
    path: Option<(&'a str, &'a str)>,
    served: bool,
}

/// The task.
pub fn run_task(args: &Args) -> Result<()> {
    let table = std::fs::read_to_string(root().join(TABLE)).context(TABLE)?;
    let text = page(&operations(&table)?);
    let path = root().join(PAGE);
    if std::fs::read_to_string(&path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    if args.check {
        bail!("{PAGE} is not up to date, run `cargo xtask compat`");
    }
    std::fs::write(&path, text).context(PAGE)?;
    println!("wrote {PAGE}");
    Ok(())
}

/// Every entry of the table; an entry that cannot be read is an error.
fn operations(table: &str) -> Result<Vec<Operation<'_>>> {
    let (_, entries) = table
        .split_once("OPERATIONS: &[OperationSpec] = &[")
        .context("the operation table is not where it was")?;
    let operations: Vec<_> = entries
        .split("OperationSpec {")
        .skip(1)
        .map(|entry| operation(entry).with_context(|| format!("cannot read the entry {entry}")))
        .collect::<Result<_>>()?;
    ensure!(!operations.is_empty(), "the operation table is empty");
    Ok(operations)
}

fn operation(entry: &str) -> Option<Operation<'_>> {
    let path = match entry.contains("Binding::Rest") {
        true => Some((
            between(entry, "method: \"", "\"")?,
            between(entry, "path: \"", "\"")?,
        )),
        false => None,
    };
    Some(Operation {
        name: between(entry, "name: \"", "\"")?,
        service: between(entry, "service: Service::", ",")?,
        path,
        served: between(entry, "served: ", ",")?.parse().ok()?,
    })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

fn page(operations: &[Operation<'_>]) -> String {
    let mut out = String::from(
        "# Operations\n\n\
         Written by `cargo xtask compat` from the table that also drives dispatch and metrics. An operation that is\n\
         not served answers `UnknownOperationException` and names itself. What differs within the operations that\n\
         are served stands in [guide/compatibility.md](guide/compatibility.md).\n",
    );
    for (service, title) in SERVICES {
        let of_service: Vec<_> = operations
            .iter()
            .filter(|operation| operation.service == service)
            .collect();
        let served = of_service
            .iter()
            .filter(|operation| operation.served)
            .count();
        let _ = write!(out, "\n## {title}\n\n");
        let _ = match service {
            "Lambda" => writeln!(
                out,
                "What is needed to attach functions to streams; other operations of Lambda are not known at all.\n"
            ),
            _ => writeln!(
                out,
                "{served} of {} operations are served.\n",
                of_service.len()
            ),
        };
        out.push_str(
            if of_service.iter().any(|operation| operation.path.is_some()) {
                "| Operation | Served | Request |\n|---|---|---|\n"
            } else {
                "| Operation | Served |\n|---|---|\n"
            },
        );
        for operation in of_service {
            let served = if operation.served { "yes" } else { "no" };
            let _ = write!(out, "| {} | {served} |", operation.name);
            if let Some((method, path)) = operation.path {
                let _ = write!(out, " `{method} {path}` |");
            }
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Operation, operations, page};

    const TABLE: &str = r#"
        pub const OPERATIONS: &[OperationSpec] = &[
            OperationSpec { name: "PutItem", service: Service::DynamoDb, binding: Binding::Target, served: true, errors: &[] },
            OperationSpec {
                name: "Invoke",
                service: Service::Lambda,
                binding: Binding::Rest { method: "POST", path: "/f/{FunctionName}", status: 200 },
                served: false,
                errors: &[],
            },
        ];"#;

    #[test]
    fn reads_both_forms_of_an_entry() -> anyhow::Result<()> {
        let put = Operation {
            name: "PutItem",
            service: "DynamoDb",
            path: None,
            served: true,
        };
        let invoke = Operation {
            name: "Invoke",
            service: "Lambda",
            path: Some(("POST", "/f/{FunctionName}")),
            served: false,
        };
        assert_eq!(operations(TABLE)?, [put, invoke]);
        assert!(operations("something else").is_err());
        assert!(operations(&TABLE.replace("served", "kept")).is_err());
        Ok(())
    }

    #[test]
    fn counts_what_is_served() -> anyhow::Result<()> {
        let page = page(&operations(TABLE)?);
        assert!(
            page.contains(
                "1 of 1 operations are served.\n\n| Operation | Served |\n|---|---|\n| PutItem | yes |\n"
            )
        );
        assert!(page.contains("| Invoke | no | `POST /f/{FunctionName}` |\n"));
        Ok(())
    }
}
