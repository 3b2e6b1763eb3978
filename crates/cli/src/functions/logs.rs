//! `headwater functions logs`: the kept log of a function, and what it prints from now on.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use headwater_model::UtcTime;
use serde_json::Value;

use crate::client::Client;
use crate::stdout::write_said;

use super::{explained, function, function_argument};

/// Pause after an error that may pass.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the server is to hold a call that waits for a line.
const WAIT_MS: u64 = 5_000;
/// Lines of one call.
const LINES: u64 = 1_000;

pub(super) fn command() -> Command {
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("logs")
        .about("Show what a function printed, of all its versions")
        .arg(function_argument())
        .arg(
            switch("follow")
                .short('f')
                .help("Go on with what it prints from now on"),
        )
        .arg(
            Arg::new("lines")
                .long("lines")
                .short('n')
                .value_name("COUNT")
                .default_value("100")
                .value_parser(value_parser!(u64).range(0..=1_000))
                .help("Begin with so many of the newest lines"),
        )
        .arg(switch("json").help("Write lines as JSON, with their invocation and process"))
}

pub(super) async fn run(matches: &ArgMatches, client: &Client) -> anyhow::Result<ExitCode> {
    let path = format!("/_headwater/functions/{}/logs", function(matches));
    let lines = matches.get_one::<u64>("lines").copied().unwrap_or(LINES);
    let is_json = matches.get_flag("json");
    let page = match client.own(&format!("{path}?limit={lines}")).await {
        Ok(page) => page,
        Err(error) => return Err(explained(error, client).await),
    };
    show(&page, is_json)?;
    if !matches.get_flag("follow") {
        return Ok(ExitCode::SUCCESS);
    }
    let mut next = page["next"].as_u64().unwrap_or(0);
    let mut is_troubled = false;
    loop {
        let query = format!("{path}?after={next}&limit={LINES}&wait-ms={WAIT_MS}");
        match client.own(&query).await {
            Ok(page) => {
                if std::mem::take(&mut is_troubled) {
                    crate::stdout::note("headwater: it works again");
                }
                show(&page, is_json)?;
                next = page["next"].as_u64().unwrap_or(next);
            }
            Err(error) if error.is_passing() => {
                if !std::mem::replace(&mut is_troubled, true) {
                    crate::stdout::note(&format!(
                        "headwater: {error}; trying again until it works"
                    ));
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(explained(error, client).await),
        }
    }
}

fn show(page: &Value, is_json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in page["lines"].as_array().into_iter().flatten() {
        match is_json {
            true => writeln!(out, "{line}")?,
            false => {
                let at = UtcTime::of_ms(line["atMs"].as_u64().unwrap_or(0));
                write!(out, "{at}Z  ")?;
                let said = line["text"].as_str().unwrap_or_default();
                write_said(&mut out, said.as_bytes())?;
                out.write_all(b"\n")?;
            }
        }
    }
    out.flush()
}
