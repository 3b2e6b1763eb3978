//! `cargo xtask test`: the suites, by name. Those of real clients start the built binary.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::counts::{self, Counts, LineReader};
use crate::failures::{self, Excerpt};
use crate::process::{cargo, command, root, run, shown, target_dir};

/// The npm package that holds DynamoDB Local 1.25.1; it needs Java.
const DYNAMODB_LOCAL: &str = "amplify-dynamodb-simulator@2.9.30";

/// The suites to run.
#[derive(clap::Args)]
pub struct Args {
    /// One of: workspace, console, sdk-python, sdk-cli, sdk-js, sdk-rust, browser. All of them if none is named.
    suite: Option<String>,
    /// Test the release binary instead of the debug one.
    #[arg(long)]
    release: bool,
}

/// One suite: its name, and how it runs against the given server binary.
pub struct Suite {
    /// The name on the command line and in the summary.
    pub name: &'static str,
    /// Whether it starts the server binary.
    pub needs_server: bool,
    run: fn(server: &Path) -> Result<Outcome>,
}

/// What a suite came to.
#[derive(Default)]
pub struct Outcome {
    /// How many tests passed and failed.
    pub counts: Counts,
    /// What the runners said of the failed ones, shortened.
    pub failures: Vec<String>,
}

impl Outcome {
    /// Both together.
    fn plus(mut self, other: Self) -> Self {
        self.counts = self.counts.plus(other.counts);
        self.failures.extend(other.failures);
        self
    }

    /// A check that is not made of tests counts as one.
    pub fn of_check(name: &str, outcome: Result<()>) -> Self {
        let counts = Counts::of_check(outcome.is_ok());
        let failures = outcome.err().map(|error| said(name, &error));
        Self {
            counts,
            failures: failures.into_iter().collect(),
        }
    }
}

/// Says what failed at once, and gives the line for the end.
fn said(name: &str, error: &anyhow::Error) -> String {
    let line = format!("error: {name}: {error:#}");
    eprintln!("{line}");
    line
}

/// Every suite, in the order in which they run.
pub const SUITES: &[Suite] = &[
    suite("workspace", false, workspace),
    suite("console", false, console),
    suite("sdk-python", true, sdk_python),
    suite("sdk-cli", true, sdk_cli),
    suite("sdk-js", true, sdk_js),
    suite("sdk-rust", true, sdk_rust),
    suite("browser", true, browser),
];

const fn suite(name: &'static str, needs_server: bool, run: fn(&Path) -> Result<Outcome>) -> Suite {
    Suite {
        name,
        needs_server,
        run,
    }
}

impl Suite {
    /// Runs it; a suite that cannot run counts as one failure.
    pub fn run(&self, server: &Path) -> Outcome {
        (self.run)(server).unwrap_or_else(|error| Outcome {
            counts: Counts::BROKEN,
            failures: vec![said(self.name, &error)],
        })
    }
}

/// The task.
pub fn run_task(args: &Args) -> Result<ExitCode> {
    let chosen: Vec<&Suite> = SUITES
        .iter()
        .filter(|suite| args.suite.as_deref().is_none_or(|name| name == suite.name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
        bail!("no such suite; there are: {}", names.join(", "));
    }
    let mut server = PathBuf::new();
    if chosen.iter().any(|suite| suite.needs_server) {
        server = build_server(args.release)?;
    }
    let mut total = Counts::default();
    for suite in chosen {
        let counts = suite.run(&server).counts;
        println!("{}: {counts}", suite.name);
        total = total.plus(counts);
    }
    println!("{total}");
    Ok(total.exit_code())
}

/// Builds the server and names its binary; `HEADWATER_BIN` names one that is built already.
pub fn build_server(release: bool) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("HEADWATER_BIN") {
        return Ok(root().join(given));
    }
    let mut build = cargo();
    build.args(["build", "-p", "headwater"]);
    if release {
        // With the load driver, as the bench builds them: built apart, their dependencies would have other
        // features and be built twice.
        build.args(["--release", "-p", "headwater-bench"]);
    }
    run(&mut build)?;
    let profile = if release { "release" } else { "debug" };
    Ok(target_dir().join(profile).join("headwater"))
}

fn workspace(_server: &Path) -> Result<Outcome> {
    let mut test = cargo();
    test.args(["test", "--workspace", "--no-fail-fast", "--color=never"]);
    test.args([
        "--exclude",
        "headwater-sdk-tests",
        "--exclude",
        "headwater-sdk-handler",
    ]);
    counted(&mut test, counts::libtest, failures::libtest)
}

fn sdk_python(server: &Path) -> Result<Outcome> {
    install_dynamodb_local()?;
    pytest(server, "tests/sdk/python")
}

fn sdk_cli(server: &Path) -> Result<Outcome> {
    pytest(server, "tests/sdk/cli")
}

fn sdk_js(server: &Path) -> Result<Outcome> {
    let folder = root().join("tests/sdk/js");
    install_packages(&folder)?;
    let mut node = npm(&folder, &["test", "--silent"]);
    node.env("HEADWATER_BIN", server);
    counted(&mut node, counts::node, failures::node)
}

/// The console without a browser: types, lints, tests of its pure parts, and whether what is committed of it is what its
/// sources give.
fn console(_server: &Path) -> Result<Outcome> {
    let folder = root().join("console");
    install_packages(&folder)?;
    let mut checks = Outcome::default();
    for check in ["types", "lint"] {
        let outcome = run(&mut npm(&folder, &["run", check]));
        checks = checks.plus(Outcome::of_check(&format!("npm run {check}"), outcome));
    }
    let tests = counted(
        &mut npm(&folder, &["test"]),
        counts::vitest,
        failures::vitest,
    )?;
    let built = Outcome::of_check("console/dist", console_is_built(&folder));
    Ok(checks.plus(tests).plus(built))
}

/// Builds the console elsewhere and compares.
fn console_is_built(folder: &Path) -> Result<()> {
    let fresh = target_dir().join("console-dist");
    let mut build = npm(folder, &["run", "build", "--", "--emptyOutDir", "--outDir"]);
    run(build.arg(&fresh))?;
    let (fresh, committed) = (contents(&fresh)?, contents(&folder.join("dist"))?);
    let names = fresh.keys().chain(committed.keys());
    let other: BTreeSet<_> = names
        .filter(|name| fresh.get(*name) != committed.get(*name))
        .map(|name| name.display().to_string())
        .collect();
    if !other.is_empty() {
        let other: Vec<_> = other.into_iter().collect();
        bail!(
            "not what the sources give, run `npm run build` in console: {}",
            other.join(", ")
        );
    }
    Ok(())
}

/// The files below a folder by their paths in it.
fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).with_context(|| format!("reading {}", at.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_owned();
                files.insert(name, std::fs::read(&path)?);
            }
        }
    }
    Ok(files)
}

/// The console in a browser, against the server.
fn browser(server: &Path) -> Result<Outcome> {
    let folder = root().join("console");
    install_packages(&folder)?;
    let mut tests = npm(&folder, &["run", "e2e"]);
    tests.env("HEADWATER_BIN", server);
    counted(&mut tests, counts::playwright, failures::playwright)
}

/// The packages of a lock file, if they are not there yet.
fn install_packages(folder: &Path) -> Result<()> {
    let stamp = folder.join("node_modules/.package-lock.json");
    if is_newer(&stamp, &folder.join("package-lock.json")) {
        return Ok(());
    }
    run(&mut npm(folder, &["ci", "--no-audit", "--no-fund"]))
}

fn npm(folder: &Path, args: &[&str]) -> Command {
    let mut npm = command("npm");
    npm.args(args).current_dir(folder);
    npm.env("NO_COLOR", "1").env_remove("FORCE_COLOR");
    npm
}

fn sdk_rust(server: &Path) -> Result<Outcome> {
    run(cargo().args(["build", "-p", "headwater-sdk-handler"]))?;
    let mut test = cargo();
    test.args(["test", "-p", "headwater-sdk-tests", "--color=never"]);
    test.env("HEADWATER_BIN", server);
    test.env(
        "HEADWATER_TEST_HANDLER",
        target_dir().join("debug/bootstrap"),
    );
    counted(&mut test, counts::libtest, failures::libtest)
}

fn pytest(server: &Path, folder: &str) -> Result<Outcome> {
    let mut pytest = command(python_with_requirements()?);
    pytest.args([
        "-m",
        "pytest",
        "-q",
        "--color=no",
        "-p",
        "no:cacheprovider",
        folder,
    ]);
    pytest.env("HEADWATER_BIN", server);
    counted(&mut pytest, counts::pytest, failures::pytest)
}

/// The interpreter of a virtual environment that holds exactly the pinned packages.
fn python_with_requirements() -> Result<PathBuf> {
    let requirements = root().join("tests/sdk/python/requirements.txt");
    let venv = target_dir().join("sdk-python");
    let python = venv.join("bin/python");
    let stamp = venv.join("requirements.txt");
    let wanted = std::fs::read(&requirements).context("reading the pinned packages")?;
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run(command("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&venv))?;
    run(command(&python)
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "-r"])
        .arg(&requirements))?;
    std::fs::write(&stamp, wanted).context("noting the installed packages")?;
    Ok(python)
}

/// DynamoDB Local, which answers are compared with, into the build folder.
fn install_dynamodb_local() -> Result<()> {
    let folder = target_dir().join("dynamodb-local");
    let package = folder.join("node_modules/amplify-dynamodb-simulator");
    if package.join("emulator/DynamoDBLocal.jar").exists() {
        return Ok(());
    }
    let mut npm = command("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--prefix"]);
    npm.arg(&folder);
    run(npm.arg(DYNAMODB_LOCAL))
}

fn is_newer(file: &Path, than: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|meta| meta.modified()).ok();
    match (modified(file), modified(than)) {
        (Some(file), Some(than)) => file >= than,
        _ => false,
    }
}

/// Runs a test runner, shows what it prints as it comes, adds up the counts in it and keeps what it says of failures.
fn counted(
    command: &mut Command,
    counts_in: LineReader,
    said_in: failures::Reader,
) -> Result<Outcome> {
    let name = shown(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let mut counts = Counts::default();
    let mut excerpt = Excerpt::new(said_in);
    if let Some(stdout) = child.stdout.take() {
        let mut own = std::io::stdout().lock();
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            own.write_all(&line)?;
            own.write_all(b"\n")?;
            let line = String::from_utf8_lossy(&line);
            excerpt.line(&line);
            counts = counts.plus(counts_in(&line).unwrap_or_default());
        }
    }
    let status = child.wait()?;
    let mut failures = excerpt.into_lines();
    if !status.success() && failures.is_empty() {
        failures.push(format!("{name}: {status}"));
    }
    Ok(Outcome {
        counts: counts.concluded(status.success()),
        failures,
    })
}
