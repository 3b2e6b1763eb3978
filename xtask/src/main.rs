//! `cargo xtask`: the development tasks. One file per task; this one only dispatches.

mod bench;
mod ci;
mod compat;
mod counts;
mod failures;
mod fixtures;
mod fuzz;
mod process;
mod suites;
mod tidy;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that must hold, as CI runs it.
    Ci,
    /// Run the test suites, or one of them.
    Test(suites::Args),
    /// Check what the compiler does not: arrows, dead files, links, licences and the like.
    Tidy,
    /// Make the API shapes of crates/wire from the pinned API models.
    Wire(wire::Args),
    /// Write the page of served operations, docs/compat.md.
    Compat(compat::Args),
    /// Write the data folder of a new disk format, which tests open for ever.
    Fixtures,
    /// Run fuzz targets under libFuzzer.
    Fuzz(fuzz::Args),
    /// Build the release binaries and run the load driver with the given arguments.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Ci => return ci::run_task(),
        Task::Test(args) => match suites::run_task(&args) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Task::Tidy => tidy::run_task(),
        Task::Wire(args) => wire::run_task(&args),
        Task::Compat(args) => compat::run_task(&args),
        Task::Fixtures => fixtures::run_task(),
        Task::Fuzz(args) => fuzz::run_task(&args),
        Task::Bench(args) => bench::run_task(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
