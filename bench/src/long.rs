//! Long measurements on a large table: puts beside those on a small one, load that does not let up, reopening
//! after `kill -9`, and trimming.
//!
//! The table is loaded without a stream, in the order of its storage keys, and gets its stream then. With
//! `--store` the folder stays and the next run goes on with it.

use crate::api;
use crate::client::Client;
use crate::contest::{Contest, OverHttp};
use crate::driver::Driver;
use crate::latency::percentiles;
use crate::report::{Report, Row};
use crate::rows::load::Load;
use crate::rows::put::Puts;
use crate::rows::{Plan, STREAMED};
use crate::server::Server;
use crate::text::Pool;
use crate::usage::resident_bytes;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Row of puts on the small table.
pub const SMALL_ROW: &str = "put, both images, small table";
/// Row of puts on the large table.
pub const LARGE_ROW: &str = "put, both images, large table";
/// Row of sustained puts.
pub const SUSTAINED_ROW: &str = "put, both images, sustained";
/// Row of reopening.
pub const REOPEN_ROW: &str = "reopen after kill -9";
/// Row of trimming.
pub const TRIM_ROW: &str = "trim a day of log";

const SMALL_ITEMS: usize = 10_000;
/// Sustained load is looked at in pieces, so that stalls show where they were.
const WINDOW: Duration = Duration::from_secs(10);
const LOAD_PATIENCE: Duration = Duration::from_secs(3 * 3600);
/// More than the log is kept.
const DAY_AND_MORE_MS: u64 = 25 * 3600 * 1000;

/// What to do.
#[derive(Clone, Debug)]
pub struct Long {
    /// Items in the large table.
    pub items: usize,
    /// Whether to compare with a small table.
    pub compare: bool,
    /// How long to put without a pause.
    pub sustained: Option<Duration>,
    /// Folder that stays.
    pub store: Option<PathBuf>,
}

/// Runs all of it.
pub fn run(
    long: &Long,
    plan: &Plan,
    contest: &Contest,
    folder: &Path,
    report: &mut Report,
) -> Result<()> {
    let pool = Pool::new();
    let store = long.store.clone().unwrap_or_else(|| folder.join("large"));
    let data = store.join("data");
    load(long, plan, &pool, &store, report)?;
    let plan = &going_on(plan, &data)?;
    if long.compare {
        report.add("size", compare(long, plan, contest, folder, &data, &pool));
    }
    if let Some(length) = long.sustained {
        report.add("sustained", sustained(long, plan, &data, &pool, length));
    }
    report.add("reopen", reopen(long, plan, &data, &pool));
    report.add("trim", trim(plan, &data));
    Ok(())
}

/// Loads the large table, unless an earlier run has.
fn load(long: &Long, plan: &Plan, pool: &Pool, store: &Path, report: &mut Report) -> Result<()> {
    let loaded = store.join(format!("loaded-{}", long.items));
    if loaded.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(store)?;
    let server = Server::headwater(&plan.binary, &store.join("data"), &plan.server_arguments)?;
    let mut client = Client::connect(server.address(), Some(Duration::from_secs(60)))?;
    let started = Instant::now();
    api::create_table(&mut client, STREAMED, false, false)?;
    let mut driver = Driver::connect(server.address(), plan.connections)?;
    let mut items = Load::new(server.address(), STREAMED, pool, long.items);
    driver.run(&mut items, LOAD_PATIENCE).context("loading")?;
    let rate = long.items as f64 / started.elapsed().as_secs_f64();
    report.add("load", Ok(vec![Row::of_value("load", rate, "items/s")]));
    // The first connection was idle for too long.
    let mut client = Client::connect(server.address(), Some(Duration::from_secs(60)))?;
    api::enable_stream(&mut client, STREAMED)?;
    drop(server);
    std::fs::write(loaded, "")?;
    Ok(())
}

/// The plan with a clock that goes on from the last change: a folder that stays may have been written to by a clock that
/// was moved, and nothing would be due before the time that it was moved to.
fn going_on(plan: &Plan, data: &Path) -> Result<Plan> {
    let mut plan = plan.clone();
    plan.server_arguments.push("--test-clock".to_owned());
    let server = Server::headwater(&plan.binary, data, &plan.server_arguments)?;
    let mut client = Client::connect(server.address(), Some(Duration::from_secs(60)))?;
    let ahead_ms = api::log_durable_ms(&mut client)?.saturating_sub(api::clock_ms(&mut client)?);
    plan.server_arguments
        .push(format!("--test-clock-offset={ahead_ms}ms"));
    Ok(plan)
}

/// Puts on the large and on a small table, in turns.
fn compare(
    long: &Long,
    plan: &Plan,
    contest: &Contest,
    folder: &Path,
    data: &Path,
    pool: &Pool,
) -> Result<Vec<Row>> {
    let small = Server::headwater(&plan.binary, &folder.join("small"), &plan.server_arguments)?;
    let large = Server::headwater(&plan.binary, data, &plan.server_arguments)?;
    let floor = Server::floor(folder)?;
    let mut client = Client::connect(small.address(), Some(Duration::from_secs(20)))?;
    api::create_table(&mut client, STREAMED, false, true)?;
    Driver::connect(small.address(), plan.connections)?.run(
        &mut Load::new(small.address(), STREAMED, pool, SMALL_ITEMS),
        LOAD_PATIENCE,
    )?;
    let contestant = |name: &str, server: &Server, items: usize| -> Result<OverHttp<'_>> {
        let driver = Driver::connect(server.address(), plan.connections)?;
        let puts = Puts::updating(server.address(), STREAMED, pool, items);
        Ok(OverHttp::new(name, server.pid(), driver, puts))
    };
    let mut rows = contest.hold(&mut [
        &mut contestant("floor: parse put", &floor, long.items)?,
        &mut contestant(SMALL_ROW, &small, SMALL_ITEMS)?,
        &mut contestant(LARGE_ROW, &large, long.items)?,
    ])?;
    let floor = rows[0].clone();
    for row in &mut rows[1..] {
        *row = row.clone().beside(&floor);
    }
    let resident = resident_bytes(large.pid())? / f64::from(1 << 20);
    rows.push(Row::of_value("resident, large table", resident, "MB"));
    Ok(rows)
}

/// Puts without a pause, while shards roll over and the log is trimmed.
fn sustained(
    long: &Long,
    plan: &Plan,
    data: &Path,
    pool: &Pool,
    length: Duration,
) -> Result<Vec<Row>> {
    let server = with_trimming(plan, data, length)?;
    let mut puts = Puts::updating(server.address(), STREAMED, pool, long.items);
    let mut driver = Driver::connect(server.address(), plan.connections)?;
    let started = Instant::now();
    let (mut latencies, mut operations) = (Vec::new(), 0);
    let segments = segments(data)?;
    let mut segments_most = segments;
    while started.elapsed() < length {
        let window = driver.run(&mut puts, WINDOW.min(length))?;
        let seen = percentiles(window.latencies.clone());
        segments_most = segments_most.max(self::segments(data)?);
        eprintln!(
            "{:>5.0} s {:>7.0} /s  p50 {:>6.0}  p99 {:>6.0}  p99.9 {:>7.0}  longest {:>7.0} us, {} segments",
            started.elapsed().as_secs_f64(),
            window.operations as f64 / window.elapsed.as_secs_f64(),
            seen.p50,
            seen.p99,
            seen.p999,
            seen.max,
            self::segments(data)?,
        );
        operations += window.operations;
        latencies.extend(window.latencies);
    }
    let all = percentiles(latencies);
    let resident = resident_bytes(server.pid())? / f64::from(1 << 20);
    Ok(vec![
        Row {
            rate: Some(operations as f64 / started.elapsed().as_secs_f64()),
            latency: Some(all),
            ..Row::named(SUSTAINED_ROW)
        },
        Row::of_value("sustained: longest", all.max / 1000.0, "ms"),
        Row::of_value("sustained: resident", resident, "MB"),
        Row::of_value("sustained: most segments", segments_most as f64, ""),
    ])
}

/// A server that rolls shards over and trims several times within `length`.
fn with_trimming(plan: &Plan, data: &Path, length: Duration) -> Result<Server> {
    let mut arguments = plan.server_arguments.clone();
    let seconds = |share: u64| format!("{}s", (length.as_secs() / share).max(1));
    arguments.extend(["--stream-retention".to_owned(), seconds(4)]);
    arguments.extend(["--shard-age".to_owned(), seconds(10)]);
    Server::headwater(&plan.binary, data, &arguments)
}

/// Kills the server under load and starts it again.
fn reopen(long: &Long, plan: &Plan, data: &Path, pool: &Pool) -> Result<Vec<Row>> {
    let server = Server::headwater(&plan.binary, data, &plan.server_arguments)?;
    let mut puts = Puts::updating(server.address(), STREAMED, pool, long.items);
    Driver::connect(server.address(), plan.connections)?.run(&mut puts, WINDOW)?;
    server.kill()?;
    let log = folder_bytes(&data.join("log"))? / f64::from(1 << 30);
    let state = std::fs::metadata(data.join("state"))?.len() as f64 / f64::from(1 << 30);
    let server = Server::headwater(&plan.binary, data, &plan.server_arguments)?;
    let took = server.started_in().as_secs_f64() * 1000.0;
    Ok(vec![
        Row::of_value(REOPEN_ROW, took, "ms"),
        Row::of_value("reopen: log", log, "GB"),
        Row::of_value("reopen: state", state, "GB"),
    ])
}

/// Moves the clock beyond all retention.
fn trim(plan: &Plan, data: &Path) -> Result<Vec<Row>> {
    let server = Server::headwater(&plan.binary, data, &plan.server_arguments)?;
    let before = segments(data)?;
    let mut client = Client::connect(server.address(), Some(Duration::from_secs(60)))?;
    let started = Instant::now();
    let body = format!(r#"{{"advance_ms":{DAY_AND_MORE_MS}}}"#);
    let reply = client.rest("POST", "/_headwater/clock", "dynamodb", &body)?;
    ensure!(reply.status == 200, "the clock did not move");
    let took = started.elapsed().as_secs_f64() * 1000.0;
    let gone = before.saturating_sub(segments(data)?);
    Ok(vec![
        Row::of_value(TRIM_ROW, took, "ms"),
        Row::of_value("trim: segments gone", gone as f64, ""),
    ])
}

fn segments(data: &Path) -> Result<usize> {
    Ok(std::fs::read_dir(data.join("log"))?.count())
}

fn folder_bytes(folder: &Path) -> Result<f64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes as f64)
}
