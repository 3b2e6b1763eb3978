//! `cargo run -p headwater-sim -- --seeds A..B`: longer campaigns, and repeating a seed that failed.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use headwater_sim::campaign::{Report, run_interval_seed, run_seed, run_trimming_seed};
use headwater_sim::{consistency, kill, soak};

/// Crash proofs: power losses by seed in this process, or `kill -9` of the real server.
#[derive(Parser)]
struct Args {
    /// Seeds to run, as FIRST..BEHIND.
    #[arg(long, default_value = "0..100")]
    seeds: String,
    /// Run each seed so often: threads meet in another order each time.
    #[arg(long, default_value_t = 1)]
    times: u64,
    /// Sync only now and then: a power loss may take the end of the log.
    #[arg(long)]
    interval: bool,
    /// Keep the log for a short time only: it is trimmed while it is used and followed.
    #[arg(long)]
    trimming: bool,
    /// Instead of seeds: kill a server under load so often.
    #[arg(long)]
    kills: Option<u64>,
    /// Instead of seeds: so many changes through eight triggers, with --kills among them (8 if absent).
    #[arg(long, value_name = "CHANGES")]
    soak: Option<u64>,
    /// Instead of seeds: so many histories of concurrent clients that must have an order, with --kills among them (as
    /// many if absent).
    #[arg(long)]
    histories: Option<u64>,
    /// The seed of --kills, --soak and --histories.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The server's binary for --kills, --soak and --histories; target/{release,debug}/headwater if absent.
    #[arg(long, env = "HEADWATER_BIN")]
    binary: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if let Some(changes) = args.soak {
        let binary = args.binary.map_or_else(kill::binary, Ok)?;
        println!(
            "{}",
            soak::run(&binary, changes, args.kills.unwrap_or(8), args.seed)?
        );
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(histories) = args.histories {
        let binary = args.binary.map_or_else(kill::binary, Ok)?;
        let kills = args.kills.unwrap_or(histories);
        println!(
            "{}",
            consistency::run(&binary, histories, kills, args.seed)?
        );
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(kills) = args.kills {
        let binary = args.binary.map_or_else(kill::binary, Ok)?;
        let report = kill::run(&binary, kills, args.seed)?;
        println!("{report}");
        return Ok(ExitCode::SUCCESS);
    }
    let (first, behind) = args.seeds.split_once("..").context("--seeds takes A..B")?;
    let (first, behind): (u64, u64) = (first.parse()?, behind.parse()?);
    let (mut total, mut lost, mut failed) = (Report::default(), 0, 0);
    for seed in first..behind {
        for _ in 0..args.times {
            let run = match args.interval {
                true => run_interval_seed(seed).map(|changes| lost += changes),
                false if args.trimming => run_trimming_seed(seed).map(|report| total.add(report)),
                false => run_seed(seed).map(|report| total.add(report)),
            };
            match run {
                Ok(()) => {}
                Err(error) => {
                    failed += 1;
                    println!("{error:#}\n");
                }
            }
        }
    }
    match args.interval {
        true => println!("{lost} acknowledged changes were lost, all of them from the log's end"),
        false => println!("{total}"),
    }
    println!("{failed} failed");
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}
