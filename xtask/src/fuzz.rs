//! `cargo xtask fuzz`: the fuzz targets under libFuzzer, one after the other.
//!
//! Built by the stable toolchain: what `cargo fuzz` adds is the instrumentation that stands in [`FLAGS`], and the
//! sanitizers, which need another toolchain and would look for what safe Rust does not do. What is found goes
//! to `target/fuzz/TARGET/`, as does the corpus that grows; the one in `fuzz/corpus/` is only read.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process::{cargo, command, root, run, target_dir};

/// Coverage of edges and comparisons, as libFuzzer reads it.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
     -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares";
const MEMORY_MB_MAX: u32 = 2048;
/// One input may take no longer.
const INPUT_SECONDS_MAX: u32 = 20;

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub struct Args {
    /// A folder of fuzz/corpus; all of them if none is named.
    target: Option<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Take what was found to reach something new into fuzz/corpus, as few inputs as will do.
    #[arg(long)]
    merge: bool,
}

/// The task.
pub fn run_task(args: &Args) -> Result<()> {
    let mut targets = folders(&root().join("fuzz/corpus"))?;
    if let Some(wanted) = &args.target {
        if !targets.contains(wanted) {
            bail!("no such target; there are: {}", targets.join(", "));
        }
        targets = vec![wanted.clone()];
    }
    let triple = host()?;
    let build_dir = target_dir().join("libfuzzer");
    let mut build = cargo();
    // Named, so that the flags are not those of build scripts.
    build.args(["build", "--release", "--target", &triple]);
    build.args(["--manifest-path", "fuzz/libfuzzer/Cargo.toml"]);
    build
        .env("RUSTFLAGS", FLAGS)
        .env("CARGO_TARGET_DIR", &build_dir);
    run(&mut build)?;
    let program = build_dir.join(triple).join("release/headwater-libfuzzer");
    for target in targets {
        fuzz(&program, &target, args).with_context(|| format!("fuzzing {target}"))?;
    }
    Ok(())
}

fn fuzz(program: &Path, target: &str, args: &Args) -> Result<()> {
    let seeds = root().join("fuzz/corpus").join(target);
    let work = target_dir().join("fuzz").join(target);
    let grown = work.join("corpus");
    std::fs::create_dir_all(&grown)?;
    let mut fuzzer = command(program);
    fuzzer.env("HEADWATER_FUZZ_TARGET", target);
    fuzzer.arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"));
    fuzzer.arg(format!("-timeout={INPUT_SECONDS_MAX}"));
    fuzzer.arg(format!("-artifact_prefix={}/", work.display()));
    if args.merge {
        return run(fuzzer.arg("-merge=1").arg(seeds).arg(grown));
    }
    fuzzer.arg(format!("-max_total_time={}", args.seconds));
    run(fuzzer.args(["-print_final_stats=1"]).arg(grown).arg(seeds))
}

/// The triple of this machine.
fn host() -> Result<String> {
    let told = command("rustc").arg("-vV").output()?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let line = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc names no host")?.to_owned())
}

fn folders(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in folder.read_dir()? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
