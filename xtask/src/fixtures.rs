//! `cargo xtask fixtures`: writes the data folder of today's disk format that tests open for ever.
//!
//! One folder for each format, `tests/fixtures/disk-N`, written by the version that introduced it. A folder
//! that is there is never written again: its age is its worth.

use std::path::Path;

use anyhow::{Result, bail};

use crate::process::{cargo, run};

/// Number of today's disk format; raised together with a change of the files of log or state.
const DISK_FORMAT: u32 = 1;

/// The task.
pub fn run_task() -> Result<()> {
    let folder = format!("tests/fixtures/disk-{DISK_FORMAT}");
    if Path::new(&folder).exists() {
        bail!("{folder} is there; a new disk format needs a new number in xtask/src/fixtures.rs");
    }
    let example = [
        "run",
        "-p",
        "headwater-engine",
        "--example",
        "fixture",
        "--",
    ];
    run(cargo().args(example).arg(&folder))
}
