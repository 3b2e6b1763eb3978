//! Starting on an empty folder, and what an idle server keeps in memory.

use super::Plan;
use crate::latency::median;
use crate::report::Row;
use crate::server::{Server, pause};
use crate::usage::resident_bytes;
use anyhow::Result;
use std::path::Path;
use std::time::Duration;

/// Row of the time from spawning to the first answer.
pub const START_ROW: &str = "cold start";
/// Row of the resident memory.
pub const MEMORY_ROW: &str = "idle memory";

/// Starts several times, each in a new folder.
pub fn run(plan: &Plan, folder: &Path) -> Result<Vec<Row>> {
    let mut starts = Vec::new();
    let mut memory = Vec::new();
    for start in 0..plan.starts {
        let data = folder.join(format!("start-{start}"));
        let mut server = Server::headwater(&plan.binary, &data, &plan.server_arguments)?;
        starts.push(server.started_in().as_secs_f64() * 1e3);
        if start == 0 {
            pause(Duration::from_secs(1));
            memory.push(resident_bytes(server.pid())? / f64::from(1 << 20));
        }
        server.check_alive()?;
    }
    Ok(vec![
        Row::of_value(START_ROW, median(starts), "ms"),
        Row::of_value(MEMORY_ROW, median(memory), "MB"),
    ])
}
