//! `headwater functions invoke`: one call of a function. Its answer goes to standard output, its log to standard error.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::client::{Answer, Client};
use crate::stdout::write_said;

use super::{FUNCTIONS, explained, function, function_argument};

pub(super) fn command() -> Command {
    let option =
        |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("invoke")
        .about("Call a function; the exit status is 1 if it fails")
        .arg(function_argument())
        .arg(option("payload", "JSON").help("The event; {} if it is left out"))
        .arg(
            option("payload-file", "PATH")
                .conflicts_with("payload")
                .help("A file with the event; - is standard input"),
        )
        .arg(option("qualifier", "VERSION").help("A version or an alias"))
        .arg(switch("log").help("Write the end of the invocation's log to standard error"))
        .arg(
            switch("event")
                .conflicts_with("log")
                .help("Leave the event to the server, and wait for nothing"),
        )
}

pub(super) async fn run(
    matches: &ArgMatches,
    client: &Client,
    payload: Bytes,
) -> anyhow::Result<ExitCode> {
    let mut path = format!("{FUNCTIONS}/{}/invocations", function(matches));
    if let Some(qualifier) = matches.get_one::<String>("qualifier") {
        path.push_str("?Qualifier=");
        path.push_str(&qualifier.replace('$', "%24"));
    }
    let mut headers = Vec::new();
    if matches.get_flag("log") {
        headers.push(("x-amz-log-type", "Tail"));
    }
    if matches.get_flag("event") {
        headers.push(("x-amz-invocation-type", "Event"));
    }
    match client.invoke(&path, &headers, payload).await {
        Ok(answer) => Ok(show(&answer)?),
        Err(error) => Err(explained(error, client).await),
    }
}

/// The event; reads it from where the arguments say.
pub(super) fn payload(matches: &ArgMatches) -> anyhow::Result<Bytes> {
    if let Some(text) = matches.get_one::<String>("payload") {
        return Ok(text.clone().into());
    }
    let mut bytes = Vec::new();
    match matches
        .get_one::<String>("payload-file")
        .map(String::as_str)
    {
        None => {}
        Some("-") => {
            let read = std::io::stdin().read_to_end(&mut bytes);
            read.context("can't read standard input")?;
        }
        Some(path) => {
            let read = std::fs::read(Path::new(path));
            bytes = read.with_context(|| format!("can't read {path}"))?;
        }
    }
    Ok(bytes.into())
}

fn show(answer: &Answer) -> std::io::Result<ExitCode> {
    let header = |name: &str| {
        answer
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    if let Some(log) = header("x-amz-log-result").and_then(|log| STANDARD.decode(log).ok()) {
        write_said(&mut std::io::stderr(), &log)?;
    }
    if !answer.body.is_empty() {
        let mut out = std::io::stdout().lock();
        write_said(&mut out, &answer.body)?;
        out.write_all(b"\n")?;
    }
    match header("x-amz-function-error") {
        Some(error) => {
            crate::stdout::note(&format!("headwater: the function failed ({error})"));
            Ok(ExitCode::FAILURE)
        }
        None => Ok(ExitCode::SUCCESS),
    }
}
