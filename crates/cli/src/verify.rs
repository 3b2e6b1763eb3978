//! `headwater verify`: checks a data folder that no server has open, or a running server.
//!
//! The exit status is 0 if nothing is wrong, 1 if something is, and 2 if that could not be found out.

mod live;
mod report;

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use headwater_engine::{Progress, UserKey, Verified};

use crate::keys::{self, KeySource};
use crate::stdout;

/// Time between two lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
const COULD_NOT_VERIFY: u8 = 2;

pub(crate) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    Command::new("verify")
        .about("Check a store: every checksum, the order of its log, and its state against its log")
        .arg(
            Arg::new("data")
                .long("data")
                .value_name("FOLDER")
                .default_value("./headwater-data")
                .value_parser(value_parser!(PathBuf))
                .help("The data folder of a stopped server; nothing in it is changed"),
        )
        .arg(flag(
            "live",
            "Check a running server instead, while it serves",
        ))
        .arg(
            Arg::new("endpoint")
                .long("endpoint")
                .value_name("URL")
                .default_value("http://127.0.0.1:8000")
                .requires("live")
                .help("Where the running server is"),
        )
        .arg(flag(
            "progress",
            "Show progress also when standard error is no terminal",
        ))
        .arg(flag("json", "Print the result as JSON"))
        .args(KeySource::args())
}

pub(crate) fn run(matches: &ArgMatches) -> ExitCode {
    let verified = match matches.get_flag("live") {
        true => live::verify(matches),
        false => stopped(matches),
    };
    match verified.and_then(|verified| report::print(&verified, matches.get_flag("json"))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            stdout::note(&format!("headwater: {error:#}"));
            ExitCode::from(COULD_NOT_VERIFY)
        }
    }
}

fn stopped(matches: &ArgMatches) -> anyhow::Result<serde_json::Value> {
    let Some(folder) = matches.get_one::<PathBuf>("data") else {
        anyhow::bail!("--data is missing");
    };
    let key = KeySource::of_matches(matches)?
        .map(|source| source.present(folder))
        .transpose()?;
    let verified = verify(folder, key.as_ref(), shows_progress(matches))?;
    Ok(serde_json::to_value(verified)?)
}

/// Verifies on this thread, while another one tells how far it is.
fn verify(folder: &Path, key: Option<&UserKey>, shows: bool) -> anyhow::Result<Verified> {
    let progress = Progress::new(None);
    let (done, ends) = channel::<()>();
    std::thread::scope(|scope| {
        let progress = &progress;
        if shows {
            scope.spawn(move || {
                while ends.recv_timeout(PROGRESS_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    show(progress.percent());
                }
            });
        }
        let verified = headwater_engine::verify(folder, key, progress);
        drop(done);
        verified.map_err(keys::explain)
    })
}

fn shows_progress(matches: &ArgMatches) -> bool {
    matches.get_flag("progress") || stderr().is_terminal()
}

fn show(percent: u64) {
    stdout::note(&format!("verified {percent} %"));
}
