//! `headwater-bench`: drives a release server over HTTP and says what it reached beside what it should.
//!
//! The server is a child process on a folder of its own. Two floors run in the same minutes: a server
//! that only parses bodies, on the same HTTP stack, and a loop that only appends and syncs. Ratios to
//! the floors mean the same on any machine, absolute numbers do not.

mod aims;
mod api;
mod beside;
mod client;
mod contest;
mod driver;
mod dynamodb_local;
mod floors;
mod growth;
mod handler;
mod latency;
mod long;
mod report;
mod request;
mod response;
mod rows;
mod server;
mod text;
mod usage;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use contest::{Contest, Rounds};
use dynamodb_local::DynamoDbLocal;
use growth::Growth;
use long::Long;
use report::Report;
use rows::{Plan, Stage};
use server::Server;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

// The allocator of the server, for its floor.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures a Headwater server.
#[derive(Parser)]
#[command(name = "headwater-bench", version)]
struct Cli {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Part {
    /// Serve as the HTTP floor.
    #[command(hide = true)]
    FloorHttp {
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Run as a function's bootstrap.
    #[command(hide = true)]
    Function,
}

#[derive(clap::Args)]
struct Options {
    /// The server's binary [default: `headwater` beside this one].
    #[arg(long)]
    server: Option<PathBuf>,
    /// Folder for data, on the disk to be measured [default: beside this binary].
    #[arg(long)]
    data: Option<PathBuf>,
    /// Also write the report as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// A short run that shows that everything works; its numbers mean little.
    #[arg(long)]
    quick: bool,
    /// Connections of the throughput measurements.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Slices of each contestant.
    #[arg(long)]
    rounds: Option<usize>,
    /// Length of a slice in seconds.
    #[arg(long)]
    slice_seconds: Option<f64>,
    /// Items in each table.
    #[arg(long)]
    items: Option<usize>,
    /// Only these parts: start, writes, reads, several, statements, drain, encrypted, visible,
    /// function, deliver.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Measure nothing but the parse-only server and the append loop.
    #[arg(long)]
    floors_only: bool,
    /// Folder of DynamoDBLocal.jar, to be measured beside [default: where npm has installed it in the build folder].
    #[arg(long)]
    dynamodb_local: Option<PathBuf>,
    /// Instead: puts on a table of so many items beside those on a small one, reopening after kill -9, trimming.
    /// With 10,000,000 it takes half an hour and 40 GB.
    #[arg(long, value_name = "ITEMS")]
    size: Option<usize>,
    /// Instead: puts, gets and queries of small items as a table grows from 10,000 items to so many, ten times as many
    /// at each step, beside a table of 10,000.
    #[arg(long, value_name = "ITEMS")]
    growth: Option<usize>,
    /// With --growth: stream the changes of its tables with both images, also those that load them.
    #[arg(long, requires = "growth")]
    streamed: bool,
    /// Instead, or after --size: puts for so many seconds without a pause.
    #[arg(long, value_name = "SECONDS")]
    sustained: Option<u64>,
    /// Keep the table of --size and --sustained in this folder, and go on with it the next time.
    #[arg(long)]
    store: Option<PathBuf>,
    /// Instead: puts, gets and queries beside those of this other build of the server, in turns.
    #[arg(long, value_name = "BINARY", conflicts_with_all = ["size", "growth", "sustained", "floors_only"])]
    beside: Option<PathBuf>,
    /// Further arguments for `headwater serve`.
    #[arg(last = true)]
    server_arguments: Vec<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.part {
        Some(Part::FloorHttp { listen }) => floors::http::serve(listen).map(|()| true),
        Some(Part::Function) => handler::run().map(|()| true),
        None => measure(&cli.options),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every measurement could be made. A missed aim is no failure.
fn measure(options: &Options) -> Result<bool> {
    let own = std::env::current_exe()?;
    let own_folder = own.parent().context("no folder")?;
    let parent = options.data.as_deref().unwrap_or(own_folder);
    let folder = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(parent)?;
    let plan = plan(options, own_folder);
    let contest = Contest {
        rounds: rounds(options),
        disk: usage::Disk::below(folder.path()),
    };
    let mut report = Report {
        conditions: conditions(&plan, contest.rounds),
        ..Report::default()
    };
    if let Some(items) = options.growth {
        let growth = Growth {
            items,
            is_streamed: options.streamed,
        };
        growth::run(growth, &plan, &contest, folder.path(), &mut report)?;
    } else if options.size.is_some() || options.sustained.is_some() {
        let long = long(options, &plan);
        long::run(&long, &plan, &contest, folder.path(), &mut report)?;
    } else if let Some(other) = &options.beside {
        beside::run(other, &plan, &contest, folder.path(), &mut report)?;
    } else if options.floors_only {
        report.add("floors", floors_alone(&plan, &contest, folder.path()));
    } else {
        run_parts(options, plan, contest, folder.path(), &mut report)?;
    }
    let aims = match (options.growth, &options.beside) {
        (Some(items), _) => aims::of_growth(&report, items),
        // Ratios to another build are none to floors.
        (None, Some(_)) => Vec::new(),
        (None, None) => aims::check(&report),
    };
    println!();
    report.print(&aims);
    if let Some(path) = &options.json {
        std::fs::write(path, report.to_json(&aims).to_string())?;
    }
    Ok(report.failures.is_empty())
}

fn plan(options: &Options, beside: &Path) -> Plan {
    let quick = options.quick;
    Plan {
        connections: options.connections,
        items: options.items.unwrap_or(if quick { 2000 } else { 50_000 }),
        probes: if quick { 50 } else { 500 },
        starts: if quick { 3 } else { 11 },
        binary: options
            .server
            .clone()
            .unwrap_or_else(|| beside.join("headwater")),
        server_arguments: options.server_arguments.clone(),
    }
}

fn long(options: &Options, plan: &Plan) -> Long {
    Long {
        items: options.size.unwrap_or(plan.items),
        compare: options.size.is_some(),
        sustained: options.sustained.map(Duration::from_secs),
        store: options.store.clone(),
    }
}

fn rounds(options: &Options) -> Rounds {
    let quick = options.quick;
    let seconds = options
        .slice_seconds
        .unwrap_or(if quick { 0.5 } else { 3.0 });
    Rounds {
        count: options.rounds.unwrap_or(if quick { 1 } else { 3 }),
        slice: Duration::from_secs_f64(seconds),
        warm_up: Duration::from_secs_f64(seconds / 3.0),
        settle: Duration::from_millis(if quick { 300 } else { 1500 }),
    }
}

fn conditions(plan: &Plan, rounds: Rounds) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let system = rustix::system::uname();
    let version = version(&plan.binary);
    format!(
        "{version}; {cores} cores for server and driver, {} {}; {} connections, {} items per table, {} x {:?} each",
        system.sysname().to_string_lossy(),
        system.release().to_string_lossy(),
        plan.connections,
        plan.items,
        rounds.count,
        rounds.slice,
    )
}

/// What a build of the server calls itself, with its commit.
fn version(binary: &Path) -> String {
    let output = Command::new(binary).arg("version").output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let said = said.unwrap_or_default();
    match said.is_empty() {
        true => format!("{} does not tell its version", binary.display()),
        false => said,
    }
}

fn run_parts(
    options: &Options,
    plan: Plan,
    contest: Contest,
    folder: &Path,
    report: &mut Report,
) -> Result<()> {
    let wanted =
        |part: &str| options.only.is_empty() || options.only.iter().any(|only| only == part);
    if wanted("start") {
        report.add("start", rows::start::run(&plan, folder));
    }
    let pool = text::Pool::new();
    let beside = std::env::current_exe()?;
    let emulator = beside
        .parent()
        .and_then(|beside| dynamodb_local::find(options.dynamodb_local.as_deref(), beside));
    let local = match emulator {
        Some(emulator) => Some(DynamoDbLocal::start(&emulator, folder, &plan, &pool)?),
        None => None,
    };
    let mut stage = Stage {
        local,
        server: Server::headwater(&plan.binary, &folder.join("data"), &plan.server_arguments)?,
        floor: Server::floor(folder)?,
        pool,
        folder: folder.to_owned(),
        contest,
        plan,
    };
    report.add("set-up", rows::set_up(&stage));
    type Measurement = fn(&Stage) -> Result<Vec<report::Row>>;
    let parts: [(&str, Measurement); 12] = [
        ("writes", rows::writes),
        ("reads", rows::reads),
        ("several", rows::several::run),
        ("several", rows::read_several::run),
        ("statements", rows::statements::run),
        ("drain", rows::drain::run),
        ("encrypted", rows::encrypted::run),
        ("visible", rows::visible::run),
        ("function", rows::function::compiled),
        ("function", rows::function::node),
        ("function", rows::function::polled),
        ("deliver", rows::deliver::run),
    ];
    for (name, measurement) in parts {
        if wanted(name) {
            report.add(name, measurement(&stage));
        }
        stage.server.check_alive()?;
    }
    Ok(())
}

fn floors_alone(plan: &Plan, contest: &Contest, folder: &Path) -> Result<Vec<report::Row>> {
    let floor = Server::floor(folder)?;
    let pool = text::Pool::new();
    let puts = rows::put::Puts::updating(floor.address(), rows::STREAMED, &pool, plan.items);
    let driver = driver::Driver::connect(floor.address(), plan.connections)?;
    let mut http = contest::OverHttp::new("floor: parse put", floor.pid(), driver, puts);
    let mut append = floors::append::AppendLoop::new(folder, &pool)?;
    contest.hold(&mut [&mut http, &mut append])
}
