//! What encryption costs: the same puts and gets on a server with a key, in turns with the one without.

use super::get::Gets;
use super::load::Load;
use super::put::Puts;
use super::{STREAMED, Stage};
use crate::api;
use crate::client::Client;
use crate::contest::OverHttp;
use crate::driver::{Driver, Workload};
use crate::report::Row;
use crate::server::Server;
use anyhow::{Context, Result};
use std::time::Duration;

/// Row of puts without a key.
pub const PLAIN_PUT_ROW: &str = "put, both images, no key";
/// Row of puts with one.
pub const PUT_ROW: &str = "put, both images, encrypted";
/// Row of gets without a key.
pub const PLAIN_GET_ROW: &str = "get, no key";
/// Row of gets with one.
pub const GET_ROW: &str = "get, encrypted";

const LOAD_PATIENCE: Duration = Duration::from_secs(600);

/// Starts the server with a key, loads its table and lets both take turns.
pub fn run(stage: &Stage) -> Result<Vec<Row>> {
    let (plan, pool) = (&stage.plan, &stage.pool);
    let server = with_key(stage).context("starting with a key")?;
    let mut client = Client::connect(server.address(), Some(Duration::from_secs(20)))?;
    api::create_table(&mut client, STREAMED, false, true)?;
    let mut items = Load::new(server.address(), STREAMED, pool, plan.items);
    Driver::connect(server.address(), plan.connections)?
        .run(&mut items, LOAD_PATIENCE)
        .context("loading")?;
    let puts = |server: &Server| Puts::updating(server.address(), STREAMED, pool, plan.items);
    let gets = |server: &Server| Gets::new(server.address(), STREAMED, plan.items, true);
    let plain = &stage.server;
    stage.contest.hold(&mut [
        &mut contestant(stage, PLAIN_PUT_ROW, plain, puts(plain))?,
        &mut contestant(stage, PUT_ROW, &server, puts(&server))?,
        &mut contestant(stage, PLAIN_GET_ROW, plain, gets(plain))?,
        &mut contestant(stage, GET_ROW, &server, gets(&server))?,
    ])
}

fn with_key(stage: &Stage) -> Result<Server> {
    let key = stage.folder.join("bench.key");
    std::fs::write(&key, "0123456789abcdef".repeat(4))?;
    let mut arguments = stage.plan.server_arguments.clone();
    arguments.extend([
        "--encryption-key-file".to_owned(),
        key.display().to_string(),
    ]);
    Server::headwater(
        &stage.plan.binary,
        &stage.folder.join("encrypted"),
        &arguments,
    )
}

fn contestant<'a>(
    stage: &Stage,
    name: &str,
    server: &Server,
    workload: impl Workload + 'a,
) -> Result<OverHttp<'a>> {
    let driver = Driver::connect(server.address(), stage.plan.connections)?;
    Ok(OverHttp::new(name, server.pid(), driver, workload))
}
