//! The measurements, one file each, and what they share.

pub mod deliver;
pub mod drain;
pub mod encrypted;
pub mod function;
pub mod get;
pub mod hot_item;
pub mod load;
pub mod polled;
pub mod put;
pub mod query;
pub mod read_several;
pub mod several;
pub mod small_items;
pub mod start;
pub mod statements;
pub mod visible;

use crate::api;
use crate::client::Client;
use crate::contest::{Contest, Contestant, OverHttp};
use crate::driver::{Driver, Workload};
use crate::dynamodb_local::DynamoDbLocal;
use crate::floors::append::AppendLoop;
use crate::report::Row;
use crate::server::Server;
use crate::text::{Pool, Random};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::time::Duration;

/// Names of the tables.
pub const PLAIN: &str = "bench-plain";
/// With a stream of both images.
pub const STREAMED: &str = "bench-streamed";
/// With a sort key.
pub const SORTED: &str = "bench-sorted";

/// How much to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Connections of the throughput measurements.
    pub connections: usize,
    /// Items loaded into each table before measuring.
    pub items: usize,
    /// Writes whose way to a reader or a function is timed.
    pub probes: usize,
    /// Starts on an empty folder.
    pub starts: usize,
    /// The server's binary.
    pub binary: PathBuf,
    /// Further arguments for `headwater serve`.
    pub server_arguments: Vec<String>,
}

/// What the measurements run on.
pub struct Stage {
    /// How much to do.
    pub plan: Plan,
    /// How the measurements take turns.
    pub contest: Contest,
    /// A folder on a real disk.
    pub folder: PathBuf,
    /// Text for items.
    pub pool: Pool,
    /// The server under measurement.
    pub server: Server,
    /// The parse-only server.
    pub floor: Server,
    /// DynamoDB Local, if it is installed.
    pub local: Option<DynamoDbLocal>,
}

impl Stage {
    /// A blocking connection to the server.
    pub fn client(&self) -> Result<Client> {
        Client::connect(self.server.address(), Some(Duration::from_secs(20)))
    }

    /// A contestant that drives the server.
    pub fn ours<'a>(&self, name: &str, workload: impl Workload + 'a) -> Result<OverHttp<'a>> {
        self.contestant(name, &self.server, workload)
    }

    /// A contestant that asks the same of the parse-only server.
    pub fn floor<'a>(&self, name: &str, workload: impl Workload + 'a) -> Result<OverHttp<'a>> {
        self.contestant(name, &self.floor, workload)
    }

    fn contestant<'a>(
        &self,
        name: &str,
        server: &Server,
        workload: impl Workload + 'a,
    ) -> Result<OverHttp<'a>> {
        let driver = Driver::connect(server.address(), self.plan.connections)?;
        Ok(OverHttp::new(name, server.pid(), driver, workload))
    }

    /// Runs a workload that ends by itself.
    pub fn load(&self, mut workload: impl Workload) -> Result<()> {
        let mut driver = Driver::connect(self.server.address(), self.plan.connections)?;
        driver
            .run(&mut workload, Duration::from_secs(600))
            .context("loading")?;
        Ok(())
    }
}

/// Creates the tables and fills them.
pub fn set_up(stage: &Stage) -> Result<Vec<Row>> {
    let mut client = stage.client()?;
    for (table, sort_key, stream) in [
        (PLAIN, false, false),
        (STREAMED, false, true),
        (SORTED, true, false),
    ] {
        api::create_table(&mut client, table, sort_key, stream)?;
    }
    let address = stage.server.address();
    let items = stage.plan.items;
    for table in [PLAIN, STREAMED] {
        stage.load(put::Puts::loading(address, table, &stage.pool, items))?;
    }
    stage.load(query::Load::new(address, &stage.pool))?;
    Ok(Vec::new())
}

/// Writes: with and without a stream, and of one hot item, beside both floors.
pub fn writes(stage: &Stage) -> Result<Vec<Row>> {
    let (ours, theirs) = (stage.server.address(), stage.floor.address());
    let items = stage.plan.items;
    let acknowledged = hot_item::Acknowledged::default();
    let mut floor = stage.floor(
        "floor: parse put",
        put::Puts::updating(theirs, STREAMED, &stage.pool, items),
    )?;
    let mut append = AppendLoop::new(&stage.folder, &stage.pool)?;
    let mut plain = stage.ours(
        put::PLAIN_ROW,
        put::Puts::updating(ours, PLAIN, &stage.pool, items),
    )?;
    let mut streamed = stage.ours(
        put::STREAMED_ROW,
        put::Puts::updating(ours, STREAMED, &stage.pool, items),
    )?;
    let mut hot = stage.ours(
        hot_item::ROW,
        hot_item::Adds::new(ours, STREAMED, &acknowledged),
    )?;
    let mut local = beside_ours(stage, put::STREAMED_ROW, |local| {
        put::Puts::updating(
            local.server().address(),
            STREAMED,
            &stage.pool,
            local.items(),
        )
    })?;
    let mut contestants: Vec<&mut dyn Contestant> =
        vec![&mut floor, &mut append, &mut plain, &mut streamed, &mut hot];
    contestants.extend(local.iter_mut().map(|local| local as &mut dyn Contestant));
    let rows = beside_first(stage.contest.hold(&mut contestants)?);
    hot_item::check(&mut stage.client()?, STREAMED, acknowledged.get())?;
    Ok(rows)
}

/// Reads beside the floor.
pub fn reads(stage: &Stage) -> Result<Vec<Row>> {
    let (ours, theirs) = (stage.server.address(), stage.floor.address());
    let items = stage.plan.items;
    let mut floor = stage.floor(
        "floor: parse get",
        get::Gets::new(theirs, PLAIN, items, false),
    )?;
    let mut get = stage.ours(get::ROW, get::Gets::new(ours, PLAIN, items, true))?;
    let mut query = stage.ours(query::ROW, query::Queries::new(ours))?;
    let mut local_get = beside_ours(stage, get::ROW, |local| {
        get::Gets::new(local.server().address(), STREAMED, local.items(), true)
    })?;
    let mut local_query = beside_ours(stage, query::ROW, |local| {
        query::Queries::new(local.server().address())
    })?;
    let mut contestants: Vec<&mut dyn Contestant> = vec![&mut floor, &mut get, &mut query];
    contestants.extend(
        local_get
            .iter_mut()
            .map(|local| local as &mut dyn Contestant),
    );
    contestants.extend(
        local_query
            .iter_mut()
            .map(|local| local as &mut dyn Contestant),
    );
    Ok(beside_first(stage.contest.hold(&mut contestants)?))
}

/// The same workload for DynamoDB Local, if that is there.
fn beside_ours<'a, W: Workload + 'a>(
    stage: &Stage,
    name: &str,
    workload: impl FnOnce(&DynamoDbLocal) -> W,
) -> Result<Option<OverHttp<'a>>> {
    let contestant = |local: &DynamoDbLocal| local.contestant(name, workload(local));
    stage.local.as_ref().map(contestant).transpose()
}

/// The first row is the floor of those that are none.
pub fn beside_first(rows: Vec<Row>) -> Vec<Row> {
    let floor = rows.first().cloned().unwrap_or_default();
    let is_floor = |row: &Row| row.name.starts_with("floor:");
    rows.into_iter()
        .map(|row| {
            if is_floor(&row) {
                row
            } else {
                row.beside(&floor)
            }
        })
        .collect()
}

/// The key of item `number`.
fn key(number: usize) -> String {
    format!("key-{number:08}")
}

/// A generator for one workload.
fn random() -> Random {
    Random::new(0x5eed)
}
