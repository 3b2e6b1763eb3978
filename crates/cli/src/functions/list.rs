//! `headwater functions list`.

use std::io::Write;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use hyper::Method;
use serde_json::Value;

use crate::client::{Client, ClientError};

use super::{FUNCTIONS, explained};

pub(super) fn command() -> Command {
    Command::new("list").about("List the functions").arg(
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("Write the configurations as JSON, one on a line"),
    )
}

pub(super) async fn run(matches: &ArgMatches, client: &Client) -> anyhow::Result<ExitCode> {
    let functions = match all(client).await {
        Ok(functions) => functions,
        Err(error) => return Err(explained(error, client).await),
    };
    let mut out = std::io::stdout().lock();
    if matches.get_flag("json") {
        for function in &functions {
            writeln!(out, "{function}")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = vec![
        [
            "NAME", "RUNTIME", "HANDLER", "TIMEOUT", "MEMORY", "MODIFIED",
        ]
        .map(str::to_owned),
    ];
    rows.extend(functions.iter().map(row));
    for row in &rows {
        writeln!(out, "{}", line(row, &rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(function: &Value) -> [String; 6] {
    let text = |name: &str| function[name].as_str().unwrap_or_default().to_owned();
    let modified = text("LastModified");
    [
        text("FunctionName"),
        text("Runtime"),
        text("Handler"),
        format!("{} s", function["Timeout"]),
        format!("{} MB", function["MemorySize"]),
        modified.replace("+0000", "Z"),
    ]
}

/// A row with each of its columns as wide as the widest cell.
fn line<const N: usize>(row: &[String; N], rows: &[[String; N]]) -> String {
    let mut line = String::new();
    for (column, cell) in row.iter().enumerate() {
        let width = rows.iter().map(|row| row[column].len()).max();
        line.push_str(&format!("{cell:width$}  ", width = width.unwrap_or(0)));
    }
    line.trim_end().to_owned()
}

/// The names of all functions.
pub(super) async fn names(client: &Client) -> Result<Vec<String>, ClientError> {
    let functions = all(client).await?;
    let names = functions
        .iter()
        .filter_map(|function| function["FunctionName"].as_str());
    Ok(names.map(str::to_owned).collect())
}

async fn all(client: &Client) -> Result<Vec<Value>, ClientError> {
    let mut functions = Vec::new();
    let mut path = FUNCTIONS.to_owned();
    loop {
        let mut page = client.lambda(Method::GET, &path, None).await?;
        if let Value::Array(page) = page["Functions"].take() {
            functions.extend(page);
        }
        match page["NextMarker"].as_str() {
            Some(marker) => path = format!("{FUNCTIONS}?Marker={marker}"),
            None => return Ok(functions),
        }
    }
}
