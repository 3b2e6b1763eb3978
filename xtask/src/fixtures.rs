//! `cargo xtask fixtures`: writes the data folders of today's disk format that tests open for ever.
//!
//! For each format one folder `tests/fixtures/disk-N` and an encrypted one beside it (the key, which protects nothing,
//! stands in the program that writes it), written by the version that introduced the format. A folder
//! that is there is never written again: its age is its worth.

use std::path::Path;

use anyhow::{Result, bail};

use crate::process::{cargo, run};

/// Number of today's disk format; raised together with a change of the files of log or state.
const DISK_FORMAT: u32 = 6;

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
    run(cargo().args(example).arg(&folder))?;
    let encrypted = format!("{folder}-encrypted");
    run(cargo().args(example).args([&encrypted, "encrypted"]))
}
