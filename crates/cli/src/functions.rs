//! `headwater functions`: what functions a server has, what they print, and calls of them.

mod invoke;
mod list;
mod logs;

use std::process::ExitCode;

use bytes::Bytes;
use clap::{Arg, ArgMatches, Command};

use crate::client::{self, Client, ClientError, text};
use crate::stdout::reader_gone;
use crate::tail::is_broken_pipe;

const FUNCTIONS: &str = "/2015-03-31/functions";

pub(crate) fn command() -> Command {
    let each = [list::command(), logs::command(), invoke::command()];
    Command::new("functions")
        .about("List the functions of a server, show what they print, call them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(each.map(client::with_arguments))
}

pub(crate) async fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let Some((name, matches)) = matches.subcommand() else {
        return Ok(ExitCode::FAILURE);
    };
    let client = client::of(matches)?;
    let payload = match name {
        // Before signals are caught: standard input may keep it waiting.
        "invoke" => invoke::payload(matches)?,
        _ => Bytes::new(),
    };
    let work = async {
        match name {
            "list" => list::run(matches, &client).await,
            "logs" => logs::run(matches, &client).await,
            _ => invoke::run(matches, &client, payload).await,
        }
    };
    tokio::select! {
        ended = work => match ended {
            Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
            other => other,
        },
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
        () = reader_gone() => Ok(ExitCode::SUCCESS),
    }
}

fn function_argument() -> Arg {
    Arg::new("function")
        .value_name("NAME")
        .required(true)
        .help("The function")
}

fn function(matches: &ArgMatches) -> &str {
    text(matches, "function")
}

/// The same error with what to do about it, if that is known.
async fn explained(error: ClientError, client: &Client) -> anyhow::Error {
    match error {
        ClientError::Unreachable { endpoint, source } => anyhow::anyhow!(
            "no server answers at {endpoint} ({source}); start one with `headwater serve`, or name another with \
             --endpoint"
        ),
        ClientError::Refused { status, .. } if status.as_u16() == 404 => {
            let names = list::names(client).await.unwrap_or_default();
            match names.is_empty() {
                true => anyhow::Error::from(error).context("there are no functions"),
                false => anyhow::Error::from(error)
                    .context(format!("the functions there are {}", names.join(", "))),
            }
        }
        error => error.into(),
    }
}
