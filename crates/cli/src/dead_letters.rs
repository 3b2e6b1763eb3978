//! `headwater dead-letters`: what mappings of a running server gave up.
//!
//! The exit status is 0 if everything was done, 1 if something was not (no such batch, or a function that failed
//! again), and 2 if the server could not be asked.

mod redrive;
mod report;
mod store;

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use serde_json::Value;

use self::store::Store;
use crate::triggers::{status, words};
use crate::{client, stdout};

const STATUSES: &str = "Exit status: 0 all was done, 1 something was not (no such batch, or its function failed \
                        again), 2 the server could not be asked.";

pub(crate) fn command() -> Command {
    let mapping = || {
        Arg::new("mapping").long("mapping").value_name("UUID").help(
            "What this mapping gave up; the beginning of its UUID is enough if it fits one only",
        )
    };
    let ids = || {
        Arg::new("id")
            .value_name("ID")
            .action(ArgAction::Append)
            .help("The batch; the beginning of its ID is enough if it fits one only")
    };
    let chosen = || {
        ArgGroup::new("chosen")
            .args(["id", "mapping"])
            .required(true)
    };
    let json = || {
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .help("Print JSON")
    };
    let subcommand = |name: &'static str, about: &'static str| {
        client::with_arguments(Command::new(name).about(about).after_help(STATUSES))
    };
    Command::new("dead-letters")
        .about("List, show, redrive and remove batches that mappings gave up")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            subcommand("list", "List the batches, the oldest first")
                .arg(mapping())
                .arg(
                    Arg::new("limit")
                        .long("limit")
                        .value_name("COUNT")
                        .value_parser(value_parser!(u64).range(1..))
                        .help("End after so many"),
                )
                .arg(json().help("Print one JSON object on a line for each")),
        )
        .subcommand(
            subcommand("show", "Show one batch with its records")
                .arg(ids().required(true).action(ArgAction::Set))
                .arg(json()),
        )
        .subcommand(
            subcommand(
                "redrive",
                "Call the function with batches once more, the oldest first; those that succeed are removed",
            )
            .arg(ids())
            .arg(mapping())
            .group(chosen())
            .arg(
                Arg::new("failures-max")
                    .long("failures-max")
                    .value_name("COUNT")
                    .default_value("1")
                    .value_parser(value_parser!(u64).range(1..))
                    .help("Stop after so many batches that failed again"),
            )
            .arg(json()),
        )
        .subcommand(
            subcommand("remove", "Remove batches for good")
                .arg(ids())
                .arg(mapping())
                .group(chosen())
                .arg(json()),
        )
}

pub(crate) async fn run(matches: &ArgMatches) -> ExitCode {
    let done = tokio::select! {
        done = act(matches) => done,
        _ = tokio::signal::ctrl_c() => Ok(false),
    };
    status(done)
}

async fn act(matches: &ArgMatches) -> anyhow::Result<bool> {
    let Some((name, matches)) = matches.subcommand() else {
        return Ok(false);
    };
    let store = Store::new(client::of(matches)?);
    match name {
        "list" => list(&store, matches).await,
        "show" => show(&store, matches).await,
        "redrive" => redrive::run(&store, matches).await,
        _ => remove(&store, matches).await,
    }
}

async fn list(store: &Store, matches: &ArgMatches) -> anyhow::Result<bool> {
    let Some(mapping) = mapping(store, matches).await? else {
        return Ok(false);
    };
    let limit = matches.get_one::<u64>("limit").copied();
    let letters = store.letters(mapping.as_deref(), limit).await?;
    let lines = match matches.get_flag("json") {
        true => letters.iter().map(Value::to_string).collect(),
        false => {
            let now_ms = store.now_ms().await?;
            report::all(&letters, now_ms, stdout::size().map(|size| size.columns))
        }
    };
    for line in lines {
        stdout::write(&(line + "\n"))?;
    }
    Ok(true)
}

async fn show(store: &Store, matches: &ArgMatches) -> anyhow::Result<bool> {
    let Some(id) = ids(store, matches).await?.into_iter().next() else {
        return Ok(false);
    };
    let Some(letter) = store.letter(&id).await? else {
        return Ok(missing(&id));
    };
    match matches.get_flag("json") {
        true => stdout::write(&format!("{letter}\n"))?,
        false => {
            let columns_max = stdout::size().map(|size| size.columns);
            stdout::write(&(report::one(&letter, columns_max).join("\n") + "\n"))?;
        }
    }
    Ok(true)
}

async fn remove(store: &Store, matches: &ArgMatches) -> anyhow::Result<bool> {
    let Some(chosen) = chosen(store, matches).await? else {
        return Ok(false);
    };
    let mut removed = 0;
    let mut is_whole = chosen.is_whole;
    for id in &chosen.ids {
        match store.remove(id).await? {
            true => removed += 1,
            // Who removes everything has what he wants.
            false if chosen.is_named => is_whole = missing(id),
            false => {}
        }
    }
    match matches.get_flag("json") {
        true => stdout::write(&format!("{}\n", serde_json::json!({ "removed": removed })))?,
        false => stdout::write(&format!("{removed} removed\n"))?,
    }
    Ok(is_whole)
}

/// What a command is to do something with.
struct Chosen {
    /// The oldest first.
    ids: Vec<String>,
    /// Whether each of them was named.
    is_named: bool,
    /// Whether everything that was named is there.
    is_whole: bool,
}

/// The batches that were named, or all of a mapping; `None` if there is no such mapping.
async fn chosen(store: &Store, matches: &ArgMatches) -> anyhow::Result<Option<Chosen>> {
    let Some(mapping) = mapping(store, matches).await? else {
        return Ok(None);
    };
    if let Some(mapping) = mapping {
        let letters = store.letters(Some(&mapping), None).await?;
        let ids = letters.iter().filter_map(|letter| letter["id"].as_str());
        return Ok(Some(Chosen {
            ids: ids.map(str::to_owned).collect(),
            is_named: false,
            is_whole: true,
        }));
    }
    let named = matches.get_many::<String>("id").map_or(0, |ids| ids.len());
    let mut ids = ids(store, matches).await?;
    let is_whole = ids.len() == named;
    ids.sort();
    ids.dedup();
    Ok(Some(Chosen {
        ids,
        is_named: true,
        is_whole,
    }))
}

/// The IDs that begin as those that were given; says which are none.
async fn ids(store: &Store, matches: &ArgMatches) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    for given in matches.get_many::<String>("id").into_iter().flatten() {
        match store.id(given).await? {
            Ok(id) => ids.push(id),
            Err(why) => stdout::note(&format!("headwater: {why}")),
        }
    }
    Ok(ids)
}

/// The mapping that was given, if one was. `None` if there is none like that, which is said.
async fn mapping(store: &Store, matches: &ArgMatches) -> anyhow::Result<Option<Option<String>>> {
    let Some(given) = matches.get_one::<String>("mapping") else {
        return Ok(Some(None));
    };
    Ok(match store.mapping(given).await? {
        Ok(uuid) => Some(Some(uuid)),
        Err(why) => {
            stdout::note(&format!("headwater: {why}"));
            None
        }
    })
}

fn missing(id: &str) -> bool {
    stdout::note(&format!("headwater: there is no dead letter {id}"));
    false
}
