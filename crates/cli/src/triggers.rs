//! `headwater triggers`: how the mappings of a running server are doing.
//!
//! The exit status is 0 if they were shown, 1 if there is no such mapping, and 2 if that could not be found out.

mod report;
pub(crate) mod words;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use headwater_engine::SystemClock;
use headwater_model::Clock;
use serde_json::Value;

use crate::client::{self, Client, ClientError};
use crate::grid::cut;
use crate::stdout;

/// Time between two looks of `--watch`.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// Moves to the upper left corner and clears the terminal.
const CLEAR: &str = "\x1b[H\x1b[2J";
const COULD_NOT_ASK: u8 = 2;

pub(crate) fn command() -> Command {
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let command = Command::new("triggers")
        .about("Show how the event source mappings are doing")
        .arg(Arg::new("uuid").value_name("UUID").help(
            "Show one mapping with its shards; the beginning of its UUID is enough if it fits one only",
        ))
        .arg(switch("watch").help("Show it anew each second, until Ctrl-C"))
        .arg(switch("json").help("Print the server's answer as JSON, on one line"))
        .after_help("Exit status: 0 shown, 1 no such mapping, 2 it could not be found out.");
    client::with_arguments(command)
}

pub(crate) async fn run(matches: &ArgMatches) -> ExitCode {
    let shown = tokio::select! {
        shown = show(matches) => shown,
        _ = tokio::signal::ctrl_c() => Ok(true),
        () = stdout::reader_gone() => Ok(true),
    };
    status(shown)
}

/// The exit status of something that was done, was not, or about which the server could not be asked.
pub(crate) fn status(done: anyhow::Result<bool>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            stdout::note(&format!("headwater: {error:#}"));
            ExitCode::from(COULD_NOT_ASK)
        }
    }
}

async fn show(matches: &ArgMatches) -> anyhow::Result<bool> {
    let client = client::of(matches)?;
    let wanted = matches.get_one::<String>("uuid").map(String::as_str);
    let is_json = matches.get_flag("json");
    let watches = matches.get_flag("watch");
    let mut has_shown = false;
    loop {
        let lines = match found(&client, wanted).await {
            Ok(found) if is_json => found.map(|found| vec![found.json()]),
            Ok(found) => found.map(|found| found.lines(stdout::size().map(|size| size.columns))),
            // It may be there again soon.
            Err(error) if has_shown && error.is_passing() => Ok(vec![error.to_string()]),
            Err(error) => return Err(error.into()),
        };
        let lines = match lines {
            Ok(lines) => lines,
            Err(missing) => {
                stdout::note(&format!("headwater: {missing}"));
                return Ok(false);
            }
        };
        if !watches {
            stdout::write(&(lines.join("\n") + "\n"))?;
            return Ok(true);
        }
        stdout::write(&frame(lines, is_json, &client))?;
        has_shown = true;
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

/// One look of several. A terminal shows the newest alone, as much of it as there is room for.
fn frame(mut lines: Vec<String>, is_json: bool, client: &Client) -> String {
    if is_json {
        return lines.join("\n") + "\n";
    }
    let now = words::moment(SystemClock.now_ms());
    let heading = format!("{}  {now}", client.endpoint());
    let Some(size) = stdout::size() else {
        return format!("{heading}\n{}\n\n", lines.join("\n"));
    };
    let room = size.rows.saturating_sub(3).max(1);
    if lines.len() > room {
        let more = lines.len() - room;
        lines.truncate(room);
        lines.push(format!("and {more} more lines"));
    }
    let heading = cut(&heading, size.columns);
    format!("{CLEAR}{heading}\n{}\n", lines.join("\n"))
}

/// What the server tells.
enum Found {
    All(Value),
    One(Value),
}

impl Found {
    fn json(self) -> String {
        match self {
            Found::All(body) | Found::One(body) => body.to_string(),
        }
    }

    fn lines(self, columns_max: Option<usize>) -> Vec<String> {
        match self {
            Found::All(body) => report::all(mappings(&body), columns_max),
            Found::One(body) => report::one(&body, columns_max),
        }
    }
}

fn mappings(body: &Value) -> &[Value] {
    body["triggers"].as_array().map_or(&[], Vec::as_slice)
}

/// All mappings, or the one whose UUID begins so; the inner error says why there is none.
async fn found(
    client: &Client,
    wanted: Option<&str>,
) -> Result<Result<Found, String>, ClientError> {
    let body = client.own("/_headwater/triggers").await?;
    let Some(wanted) = wanted else {
        return Ok(Ok(Found::All(body)));
    };
    Ok(one_of(mappings(&body), wanted).map(|one| Found::One(one.clone())))
}

/// The mapping whose UUID begins so.
pub(crate) fn one_of<'a>(mappings: &'a [Value], wanted: &str) -> Result<&'a Value, String> {
    let wanted = wanted.to_ascii_lowercase();
    let mut fitting = mappings.iter().filter(|mapping| {
        let uuid = mapping["uuid"].as_str();
        !wanted.is_empty() && uuid.is_some_and(|uuid| uuid.starts_with(&wanted))
    });
    match (fitting.next(), fitting.count()) {
        (Some(one), 0) => Ok(one),
        (None, _) => Err(format!("there is no mapping {wanted}")),
        (Some(_), more) => Err(format!(
            "{wanted} fits {} mappings; give more of the UUID",
            more + 1
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::one_of;
    use serde_json::json;

    #[test]
    fn the_beginning_of_a_uuid_is_enough_if_it_fits_one() {
        let mappings = [json!({"uuid": "ab12-1"}), json!({"uuid": "ab34-2"})];
        assert_eq!(one_of(&mappings, "AB12"), Ok(&mappings[0]));
        assert_eq!(one_of(&mappings, "ab34-2"), Ok(&mappings[1]));
        let several = one_of(&mappings, "ab").expect_err("it fits two");
        assert!(several.contains("fits 2 mappings"), "{several}");
        for none in ["", "c", "ab12-11"] {
            assert_eq!(
                one_of(&mappings, none),
                Err(format!("there is no mapping {none}"))
            );
        }
    }
}
