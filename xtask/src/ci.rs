//! `cargo xtask ci`: everything that must hold, in order. CI runs exactly this.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::counts::Counts;
use crate::process::{cargo, command, run, target_dir};
use crate::suites::{Outcome, SUITES, build_server};

/// Runs each step, goes on after a failure, and sums up at the end.
pub fn run_task() -> ExitCode {
    let mut report = Report::default();
    report.check("format", || run(cargo().args(["fmt", "--all", "--check"])));
    report.check("tidy", crate::tidy::run_task);
    report.check("wire", || run(xtask()?.args(["wire", "--check"])));
    report.check("compat", || run(xtask()?.args(["compat", "--check"])));
    report.check("clippy", || run(&mut clippy()));
    for suite in SUITES.iter().filter(|suite| !suite.needs_server) {
        report.step(suite.name, || suite.run(&PathBuf::new()));
    }
    let mut server = PathBuf::new();
    let build = || {
        server = build_server(true)?;
        Ok(())
    };
    if report.check("release build", build) {
        with_server(&mut report, &server);
    }
    report.finish()
}

/// The steps that run the release binary.
fn with_server(report: &mut Report, server: &Path) {
    for suite in SUITES.iter().filter(|suite| suite.needs_server) {
        report.step(suite.name, || suite.run(server));
    }
    report.check("bench", || run(xtask()?.args(["bench", "--quick"])));
    let data = target_dir().join("ci-demo");
    report.check("demo", || {
        if data.exists() {
            std::fs::remove_dir_all(&data)?;
        }
        let mut demo = command(server);
        demo.args(["demo", "--once", "--listen", "127.0.0.1:0", "--data"]);
        run(demo.arg(&data))
    });
}

fn xtask() -> Result<Command> {
    Ok(command(std::env::current_exe()?))
}

fn clippy() -> Command {
    let mut clippy = cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--quiet"]);
    clippy.args(["--", "-D", "warnings"]);
    clippy
}

/// What each step came to.
#[derive(Default)]
struct Report {
    steps: Vec<(&'static str, Outcome, Duration)>,
}

impl Report {
    /// Runs and times a step that counts its tests; whether all of them passed.
    fn step(&mut self, name: &'static str, step: impl FnOnce() -> Outcome) -> bool {
        println!("=== {name}");
        let started = Instant::now();
        let outcome = step();
        let took = started.elapsed();
        println!(
            "=== {name}: {} ({:.1} s)",
            outcome.counts,
            took.as_secs_f64()
        );
        let passed = outcome.counts.failed == 0;
        self.steps.push((name, outcome, took));
        passed
    }

    /// Runs a step that holds or not, which counts as one.
    fn check(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) -> bool {
        self.step(name, || Outcome::of_check(name, step()))
    }

    /// Prints what failed, then the summary; its last line counts everything.
    fn finish(self) -> ExitCode {
        for (name, outcome, _) in &self.steps {
            if outcome.counts.failed > 0 {
                println!("\n=== failed in {name}\n{}", outcome.failures.join("\n"));
            }
        }
        println!();
        let mut total = Counts::default();
        let mut took_total = Duration::ZERO;
        for (name, Outcome { counts, .. }, took) in &self.steps {
            println!("{name:<14} {counts:<24} {:>7.1} s", took.as_secs_f64());
            total = total.plus(*counts);
            took_total += *took;
        }
        println!(
            "{:<14} {:<24} {:>7.1} s",
            "all",
            "",
            took_total.as_secs_f64()
        );
        println!("{total}");
        total.exit_code()
    }
}
