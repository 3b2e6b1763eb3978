//! What puts, gets and queries cost as a table grows: small items, ten times as many at each step, beside a table that
//! stays as small as it is, in turns.

use crate::api;
use crate::client::Client;
use crate::contest::{Contest, Contestant, OverHttp};
use crate::driver::Driver;
use crate::report::{Report, Row};
use crate::rows::Plan;
use crate::rows::small_items::{Kind, Small, SmallLoad, TABLE};
use crate::server::Server;
use anyhow::{Context, Result};
use std::path::Path;
use std::time::{Duration, Instant};

/// Items of the table that stays small, and of the first step.
pub const SMALL_ITEMS: usize = 10_000;
const STEP: usize = 10;
const LOAD_PATIENCE: Duration = Duration::from_secs(3 * 3600);
const CLIENT_PATIENCE: Duration = Duration::from_secs(60);

/// How a table grows.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// Up to so many items.
    pub items: usize,
    /// Whether its changes, and those of the small table, are streamed with both images.
    pub is_streamed: bool,
}

/// Lets a table grow, and measures at each step.
pub fn run(
    growth: Growth,
    plan: &Plan,
    contest: &Contest,
    folder: &Path,
    report: &mut Report,
) -> Result<()> {
    let Growth { items, is_streamed } = growth;
    let small = start(plan, &folder.join("small"), is_streamed)?;
    load(&small, plan, 0, SMALL_ITEMS)?;
    let growing = start(plan, &folder.join("growing"), is_streamed)?;
    let mut loaded = 0;
    let mut size = SMALL_ITEMS;
    while loaded < items {
        size = size.min(items);
        let started = Instant::now();
        load(&growing, plan, loaded, size)?;
        let rate = (size - loaded) as f64 / started.elapsed().as_secs_f64();
        let name = format!("load to {}", Count(size));
        report.add("load", Ok(vec![Row::of_value(&name, rate, "items/s")]));
        loaded = size;
        report.add("growth", step(plan, contest, &small, &growing, size));
        size *= STEP;
    }
    Ok(())
}

fn start(plan: &Plan, data: &Path, is_streamed: bool) -> Result<Server> {
    let server = Server::headwater(&plan.binary, data, &plan.server_arguments)?;
    let mut client = Client::connect(server.address(), Some(CLIENT_PATIENCE))?;
    api::create_table(&mut client, TABLE, true, is_streamed)?;
    Ok(server)
}

fn load(server: &Server, plan: &Plan, from: usize, to: usize) -> Result<()> {
    let mut items = SmallLoad::new(server.address(), from, to);
    Driver::connect(server.address(), plan.connections)?
        .run(&mut items, LOAD_PATIENCE)
        .context("loading")?;
    Ok(())
}

/// Each kind on the small table and on the one that has grown to `size`; the rate of the latter beside the former's.
fn step(
    plan: &Plan,
    contest: &Contest,
    small: &Server,
    growing: &Server,
    size: usize,
) -> Result<Vec<Row>> {
    let mut contestants = Vec::new();
    for kind in Kind::ALL {
        for (server, items) in [(small, SMALL_ITEMS), (growing, size)] {
            let driver = Driver::connect(server.address(), plan.connections)?;
            let workload = Small::new(server.address(), kind, items);
            let name = match std::ptr::eq(server, small) {
                true => format!("{}, small table", kind.name()),
                false => row_name(kind, size),
            };
            contestants.push(OverHttp::new(&name, server.pid(), driver, workload));
        }
    }
    let mut contestants: Vec<&mut dyn Contestant> = contestants
        .iter_mut()
        .map(|contestant| contestant as &mut dyn Contestant)
        .collect();
    let rows = contest.hold(&mut contestants)?;
    let pairs = rows.chunks(2);
    Ok(pairs
        .flat_map(|pair| match pair {
            [small, grown] => vec![small.clone(), grown.clone().beside(small)],
            other => other.to_vec(),
        })
        .collect())
}

/// The row of a kind on the table that has grown to so many items.
pub fn row_name(kind: Kind, size: usize) -> String {
    format!("{} of {}", kind.name(), Count(size))
}

/// A number as people read it.
struct Count(usize);

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            count if count >= 1_000_000 => write!(f, "{}M", count as f64 / 1e6),
            count => write!(f, "{}k", count as f64 / 1e3),
        }
    }
}
