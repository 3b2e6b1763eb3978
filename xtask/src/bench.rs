//! `cargo xtask bench`: builds the server and its load driver, then becomes the driver.

use anyhow::Result;

use crate::process::{cargo, command, run, target_dir};

/// Everything after `bench` goes to the driver.
#[derive(clap::Args)]
pub struct Args {
    /// Arguments of headwater-bench, for example `--quick`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    driver: Vec<String>,
}

/// Builds both in release mode and runs the driver against the server.
pub fn run_bench(driver_args: &[String]) -> Result<()> {
    run(cargo().args([
        "build",
        "--release",
        "-p",
        "headwater",
        "-p",
        "headwater-bench",
    ]))?;
    let driver = target_dir().join("release/headwater-bench");
    run(command(driver).args(driver_args))
}

/// The task.
pub fn run_task(args: &Args) -> Result<()> {
    run_bench(&args.driver)
}
