//! Two builds of the server beside each other: the same requests to both, in turns.

use crate::contest::Contest;
use crate::driver::Workload;
use crate::report::{Report, Row};
use crate::rows::{self, PLAIN, Plan, STREAMED, Stage, get, put, query};
use crate::server::Server;
use crate::text::Pool;
use crate::usage::Disk;
use anyhow::Result;
use std::path::Path;

/// Puts, gets and queries of the plan's server and of `other`, which is the floor of the ratios.
pub fn run(
    other: &Path,
    plan: &Plan,
    contest: &Contest,
    folder: &Path,
    report: &mut Report,
) -> Result<()> {
    let ours = stage(plan.clone(), contest, &folder.join("ours"))?;
    let theirs = Plan {
        binary: other.to_owned(),
        ..plan.clone()
    };
    let theirs = stage(theirs, contest, &folder.join("theirs"))?;
    for stage in [&ours, &theirs] {
        report.add("set-up", rows::set_up(stage));
    }
    report.add("put", puts(&ours, &theirs, put::PLAIN_ROW, PLAIN));
    report.add("put", puts(&ours, &theirs, put::STREAMED_ROW, STREAMED));
    report.add("get", gets(&ours, &theirs));
    report.add("query", queries(&ours, &theirs));
    Ok(())
}

fn stage(plan: Plan, contest: &Contest, folder: &Path) -> Result<Stage> {
    std::fs::create_dir_all(folder)?;
    Ok(Stage {
        server: Server::headwater(&plan.binary, &folder.join("data"), &plan.server_arguments)?,
        floor: Server::floor(folder)?,
        local: None,
        pool: Pool::new(),
        folder: folder.to_owned(),
        contest: Contest {
            rounds: contest.rounds,
            disk: Disk::below(folder),
        },
        plan,
    })
}

fn puts(ours: &Stage, theirs: &Stage, name: &str, table: &'static str) -> Result<Vec<Row>> {
    let items = ours.plan.items;
    in_turns(ours, theirs, name, |stage| {
        put::Puts::updating(stage.server.address(), table, &stage.pool, items)
    })
}

fn gets(ours: &Stage, theirs: &Stage) -> Result<Vec<Row>> {
    let items = ours.plan.items;
    in_turns(ours, theirs, get::ROW, |stage| {
        get::Gets::new(stage.server.address(), PLAIN, items, true)
    })
}

fn queries(ours: &Stage, theirs: &Stage) -> Result<Vec<Row>> {
    in_turns(ours, theirs, query::ROW, |stage| {
        query::Queries::new(stage.server.address())
    })
}

fn in_turns<'a, W: Workload + 'a>(
    ours: &'a Stage,
    theirs: &'a Stage,
    name: &str,
    workload: impl Fn(&'a Stage) -> W,
) -> Result<Vec<Row>> {
    let mut other = theirs.ours(&format!("floor: other build, {name}"), workload(theirs))?;
    let mut own = ours.ours(name, workload(ours))?;
    let rows = ours.contest.hold(&mut [&mut other, &mut own])?;
    Ok(rows::beside_first(rows))
}
