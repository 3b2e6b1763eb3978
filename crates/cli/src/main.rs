//! `headwater`: DynamoDB tables, DynamoDB Streams and Lambda triggers on your own machine.
//!
//! The composition root: clocks, randomness, files and signals are real here and injected from here.

mod apply;
mod client;
mod cold_reads;
mod dead_letters;
mod demo;
mod filter;
mod function_logs;
mod functions;
mod grid;
mod huge_pages;
mod key;
mod keys;
mod open_files;
mod serve;
mod settings;
mod signals;
mod stdout;
mod tail;
mod temporary_folder;
mod triggers;
mod verify;

use std::process::ExitCode;
use std::time::Duration;

use clap::Command;

use crate::huge_pages::SmallPages;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    // Function processes are started through this; it must not start a runtime.
    if arguments
        .nth(1)
        .is_some_and(|first| first == headwater_triggers::functions::LAUNCH_COMMAND)
    {
        return headwater_triggers::functions::launch(arguments);
    }
    open_files::raise_limit();
    match run() {
        Ok(code) => code,
        Err(error) => {
            stdout::note(&format!("headwater: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The version, and the commit of a build that knows it.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("HEADWATER_COMMIT"));

fn command() -> Command {
    Command::new("headwater")
        .about("DynamoDB tables, DynamoDB Streams and Lambda triggers on your own machine")
        .version(VERSION)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(serve::command())
        .subcommand(demo::command())
        .subcommand(apply::command())
        .subcommand(tail::command())
        .subcommand(triggers::command())
        .subcommand(dead_letters::command())
        .subcommand(filter::command())
        .subcommand(functions::command())
        .subcommand(verify::command())
        .subcommand(key::command())
        .subcommand(Command::new("settings").about("Print the page of all settings (Markdown)"))
        .subcommand(Command::new("version").about("Print the version"))
}

/// Threads that wait for the disk, at most.
const BLOCKING_THREADS_MAX: usize = 256;
/// How long the end waits for such threads. What must be kept is on the disk by then; who looks for the address of another
/// server may do so for a minute.
const END_MAX: Duration = Duration::from_secs(1);

fn run() -> anyhow::Result<ExitCode> {
    // Before anything touches much memory.
    let pages = SmallPages::begin();
    let matches = command().get_matches();
    let serves = matches!(matches.subcommand_name(), Some("serve" | "demo"));
    let pages = pages.filter(|_| serves);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()?;
    let done = match matches.subcommand() {
        Some(("serve", matches)) => runtime.block_on(serve::run(matches, pages)),
        Some(("demo", matches)) => runtime.block_on(demo::run(matches, pages)),
        Some(("apply", matches)) => runtime.block_on(apply::run(matches)),
        Some(("tail", matches)) => runtime.block_on(tail::run(matches)),
        Some(("triggers", matches)) => Ok(runtime.block_on(triggers::run(matches))),
        Some(("dead-letters", matches)) => Ok(runtime.block_on(dead_letters::run(matches))),
        Some(("filter", matches)) => Ok(filter::run(matches)),
        Some(("functions", matches)) => runtime.block_on(functions::run(matches)),
        Some(("verify", matches)) => Ok(verify::run(matches)),
        Some(("key", matches)) => key::run(matches),
        Some(("settings", _)) => {
            stdout::write(&settings::markdown())?;
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            stdout::write(&format!("headwater {VERSION}\n"))?;
            Ok(ExitCode::SUCCESS)
        }
    };
    runtime.shutdown_timeout(END_MAX);
    done
}
