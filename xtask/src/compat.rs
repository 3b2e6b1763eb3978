//! `cargo xtask compat`: writes docs/compat.md, the page of operations, from the operation table of crates/wire, the cases
//! in `tests/cases` and the suites in `tests/sdk`.
//!
//! The table is read as text. A dependency on the crate would be shorter, but then `cargo xtask wire`, which
//! generates the table, could not be built while that crate does not compile.

mod cases;
mod clients;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};

use crate::process::root;
use cases::Expected;
use clients::Suites;

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

/// What the suites say of an operation: numbers of cases, and the clients that call it.
type Proof = (Expected, Vec<&'static str>);

/// The task.
pub fn run_task(args: &Args) -> Result<()> {
    let table = std::fs::read_to_string(root().join(TABLE)).context(TABLE)?;
    let operations = operations(&table)?;
    let (cases, suites) = (cases::by_operation()?, Suites::read()?);
    let proof = |operation: &Operation<'_>| {
        let expected = cases.get(operation.name).copied().unwrap_or_default();
        (
            operation.name.to_owned(),
            (expected, suites.calling(operation.name)),
        )
    };
    let proofs = operations.iter().map(proof).collect();
    let text = page(&operations, &proofs, &clients::pinned()?);
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

fn page(
    operations: &[Operation<'_>],
    proofs: &BTreeMap<String, Proof>,
    pinned: &[(&str, String)],
) -> String {
    let mut out = String::from(
        "# Operations\n\n\
         Written by `cargo xtask compat` from the table that also drives dispatch and metrics. An operation that is\n\
         not served answers `UnknownOperationException` and names itself; CreateGlobalTable and UpdateGlobalTable are\n\
         refused as AWS refuses them. What differs within the operations that are served stands in\n\
         [guide/compatibility.md](guide/compatibility.md).\n\n\
         **Answers** and **Errors** are the requests in `tests/cases` whose answer or error is written down. The test\n\
         `the_specification_sheets` runs them all over HTTP, and fails if one is answered otherwise, or if these numbers\n\
         are not those of what passed. **Clients** are those whose suites in `tests/sdk` call the operation.\n",
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
                "| Operation | Served | Request | Clients |\n|---|---|---|---|\n"
            } else {
                "| Operation | Served | Answers | Errors | Clients |\n|---|---|---|---|---|\n"
            },
        );
        for operation in of_service {
            let (expected, clients) = proofs.get(operation.name).cloned().unwrap_or_default();
            let served = if operation.served { "yes" } else { "no" };
            let _ = write!(out, "| {} | {served} |", operation.name);
            let _ = match operation.path {
                Some((method, path)) => write!(out, " `{method} {path}` |"),
                None => write!(out, " {} | {} |", expected.answers, expected.errors),
            };
            let _ = writeln!(out, " {} |", clients.join(", "));
        }
    }
    out.push_str(
        "\n## Clients\n\n\
         What the suites in `tests/sdk` run unchanged against the server, in the versions that are pinned there; what each\n\
         does is in [guide/compatibility.md](guide/compatibility.md#libraries-that-are-tried).\n\n\
         | Client | Version |\n|---|---|\n",
    );
    for (name, version) in pinned {
        let _ = writeln!(out, "| {name} | {version} |");
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Expected, Operation, operations, page};

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
        let expected = Expected {
            answers: 3,
            errors: 2,
        };
        let proofs = BTreeMap::from([("PutItem".to_owned(), (expected, vec!["boto3", "CLI"]))]);
        let page = page(&operations(TABLE)?, &proofs, &[("boto3", "1.2".to_owned())]);
        assert!(page.contains("1 of 1 operations are served.\n\n| Operation |"));
        assert!(page.contains("|\n| PutItem | yes | 3 | 2 | boto3, CLI |\n"));
        assert!(page.contains("| Invoke | no | `POST /f/{FunctionName}` |  |\n"));
        assert!(page.ends_with("| boto3 | 1.2 |\n"));
        Ok(())
    }
}
