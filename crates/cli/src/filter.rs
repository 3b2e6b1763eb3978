//! `headwater filter explain`: says which records match filter patterns, and why others don't.
//!
//! The exit status is 0 if all records match, 1 if some don't, and 2 if the input is bad. No server is needed.

mod input;
mod report;

use std::io::{ErrorKind, Write, stdout};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use headwater_expression::filter::Filters;

use self::report::Form;

const BAD_INPUT: u8 = 2;

pub(crate) fn command() -> Command {
    Command::new("filter")
        .about("Try the filter patterns of event source mappings")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("explain")
                .about("Say which records match patterns, and why others don't")
                .arg(
                    Arg::new("pattern")
                        .long("pattern")
                        .value_name("FILE")
                        .required(true)
                        .help("A pattern, or a FilterCriteria; - reads standard input"),
                )
                .arg(
                    Arg::new("event")
                        .long("event")
                        .value_name("FILE")
                        .help(
                            "Records: an event with Records, single records, or lines of `headwater tail --json`; - \
                             reads standard input. Without it the patterns are only checked",
                        ),
                )
                .arg(
                    Arg::new("json")
                        .long("json")
                        .action(ArgAction::SetTrue)
                        .help("Print a line of JSON for each record"),
                ),
        )
}

pub(crate) fn run(matches: &ArgMatches) -> ExitCode {
    let Some(("explain", matches)) = matches.subcommand() else {
        return ExitCode::from(BAD_INPUT);
    };
    match explain(matches) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            crate::stdout::note(&format!("headwater: {error:#}"));
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Whether all records match.
fn explain(matches: &ArgMatches) -> anyhow::Result<bool> {
    let file = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let form = match matches.get_flag("json") {
        true => Form::Json,
        false => Form::Text,
    };
    let pattern = file("pattern").context("--pattern is missing")?;
    let event = file("event");
    if pattern == "-" && event == Some("-") {
        bail!("only one of --pattern and --event can be standard input");
    }
    let filters = Filters::parse(&input::patterns(pattern)?)
        .with_context(|| format!("the filter of {pattern} is refused"))?;
    let Some(event) = event else {
        write!(stdout(), "{}", report::checked(&filters, form))?;
        return Ok(true);
    };
    records(&filters, event, form)
}

fn records(filters: &Filters, event: &str, form: Form) -> anyhow::Result<bool> {
    let (mut all, mut matching) = (0_u64, 0_u64);
    let mut out = stdout().lock();
    for value in input::values(event)? {
        for record in input::records(value?) {
            all += 1;
            let text = serde_json::to_vec(&record)?;
            let explained = filters
                .explain(&text)
                .with_context(|| format!("record {all} of {event} is no record"))?;
            matching += u64::from(explained.matches);
            // Line by line, for those who pipe a stream through this.
            let written = out
                .write_all(report::record(all, &record, &explained, form)?.as_bytes())
                .and_then(|()| out.flush());
            match written {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(all == matching),
                written => written?,
            }
        }
    }
    if form == Form::Text {
        writeln!(out, "{matching} of {all} records match")?;
    }
    Ok(all == matching)
}
