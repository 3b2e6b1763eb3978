//! From a write's acknowledgement to its arrival in a function: in Node, and in this binary speaking
//! the Runtime API itself. The handler tells the arrival by a datagram.

use super::Stage;
use super::polled::Poller;
use crate::api::{self, Mapped};
use crate::client::Client;
use crate::latency::{percentiles, sample};
use crate::report::Row;
use crate::request::DYNAMODB;
use anyhow::{Context, Result};
use std::io::{Cursor, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Row of the Node handler.
pub const NODE_ROW: &str = "changed to function (Node)";
/// Row of the compiled handler.
pub const COMPILED_ROW: &str = "changed to function (compiled)";

/// Row of the compiled handler behind a loop that polls.
pub const POLLED_ROW: &str = "changed to function (compiled), polled every 250 ms";

const NODE_HANDLER: &str = include_str!("../../handler/index.mjs");
const FIRST_PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(10);
const WARM_UPS: usize = 5;

fn has_node() -> bool {
    Command::new("node").arg("--version").output().is_ok()
}

/// Times the Node handler, if there is a Node to run it.
pub fn node(stage: &Stage) -> Result<Vec<Row>> {
    if !has_node() {
        return Ok(Vec::new());
    }
    let zip = zip_of("index.mjs", NODE_HANDLER, 0o644)?;
    time_handler(
        stage,
        NODE_ROW,
        "bench-node",
        "nodejs22.x",
        "index.handler",
        &zip,
        false,
    )
}

/// Times this binary as `bootstrap`.
pub fn compiled(stage: &Stage) -> Result<Vec<Row>> {
    time_compiled(stage, COMPILED_ROW, "bench-compiled", false)
}

/// Times it when a loop polls, for comparison.
pub fn polled(stage: &Stage) -> Result<Vec<Row>> {
    time_compiled(stage, POLLED_ROW, "bench-polled", true)
}

fn time_compiled(stage: &Stage, row: &str, name: &str, polled: bool) -> Result<Vec<Row>> {
    let own = std::env::current_exe()?;
    let script = format!("#!/bin/sh\nexec '{}' function\n", own.display());
    let zip = zip_of("bootstrap", &script, 0o755)?;
    let (runtime, handler) = ("provided.al2023", "bootstrap");
    time_handler(stage, row, name, runtime, handler, &zip, polled)
}

fn time_handler(
    stage: &Stage,
    row: &str,
    name: &str,
    runtime: &str,
    handler: &str,
    zip: &[u8],
    polled: bool,
) -> Result<Vec<Row>> {
    let arrivals = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    arrivals.set_read_timeout(Some(FIRST_PATIENCE))?;
    let mut client = stage.client()?;
    api::create_table(&mut client, name, false, true)?;
    let stream = api::stream_arn(&mut client, name)?;
    let report_to = arrivals.local_addr()?.to_string();
    api::create_function(&mut client, name, runtime, handler, zip, &report_to)?;
    let poller = match polled {
        true => Some(Poller::start(stage, &stream, name)?),
        false => {
            let mapped = Mapped {
                function: name,
                stream_arn: &stream,
                batch_size: 100,
            };
            api::create_mapping(&mut client, &mapped)?;
            None
        }
    };
    let mut samples = Vec::new();
    let probes = match polled {
        // Each takes a poll.
        true => stage.plan.probes.div_ceil(10),
        false => stage.plan.probes,
    };
    for probe in 0..WARM_UPS + probes {
        let took = time_one(&mut client, &arrivals, name, probe)?;
        arrivals.set_read_timeout(Some(PATIENCE))?;
        if probe >= WARM_UPS {
            samples.push(sample(took));
        }
    }
    poller.map(Poller::stop).transpose()?;
    Ok(vec![Row {
        latency: Some(percentiles(samples)),
        ..Row::named(row)
    }])
}

fn time_one(
    client: &mut Client,
    arrivals: &UdpSocket,
    table: &str,
    probe: usize,
) -> Result<Duration> {
    let mark = format!("probe-{probe}");
    let body = format!(
        r#"{{"TableName":"{table}","Item":{{"id":{{"S":"one"}},"mark":{{"S":"{mark}"}}}}}}"#
    );
    client.call(DYNAMODB, "PutItem", &body)?;
    let acknowledged = Instant::now();
    let mut datagram = [0; 64];
    loop {
        let bytes = arrivals
            .recv(&mut datagram)
            .context("the function did not receive a change")?;
        // A batch may be delivered twice: older marks are passed over.
        if &datagram[..bytes] == mark.as_bytes() {
            return Ok(acknowledged.elapsed());
        }
    }
}

/// A zip of one file.
pub fn zip_of(name: &str, content: &str, mode: u32) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default().unix_permissions(mode))?;
    zip.write_all(content.as_bytes())?;
    Ok(zip.finish()?.into_inner())
}
