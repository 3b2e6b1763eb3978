//! `headwater verify`: checks a data folder that no server has open.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::keys::{self, KeySource};
use crate::serve::SystemRng;

pub(crate) fn command() -> Command {
    Command::new("verify")
        .about("Check every checksum of a stopped store, and its state against its log")
        .arg(
            Arg::new("data")
                .long("data")
                .value_name("FOLDER")
                .default_value("./headwater-data")
                .value_parser(value_parser!(PathBuf))
                .help("The data folder"),
        )
        .args(KeySource::args())
}

pub(crate) fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let Some(folder) = matches.get_one::<PathBuf>("data") else {
        anyhow::bail!("--data is missing");
    };
    let key = KeySource::of_matches(matches)?
        .map(|source| source.key(Some(folder), &SystemRng))
        .transpose()?;
    let verified = headwater_engine::verify(folder, key.as_ref()).map_err(keys::explain)?;
    println!(
        "{} segments, {} blocks, {} entries; log ends at {}, state holds {}; {} keys compared",
        verified.segments,
        verified.blocks,
        verified.entries,
        verified.log_end,
        verified.applied,
        verified.keys_compared
    );
    for finding in &verified.findings {
        println!("damage: {finding}");
    }
    if verified.findings.is_empty() {
        println!("no damage found");
        Ok(ExitCode::SUCCESS)
    } else {
        println!("{} findings", verified.findings.len());
        Ok(ExitCode::FAILURE)
    }
}
