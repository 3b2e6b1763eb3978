//! What triggers get done: records per second through a function that does nothing, by runtime and batch size, and the
//! first call of a function, for which a process has to be started.

use super::{Stage, put};
use crate::api::{self, Mapped};
use crate::client::Client;
use crate::report::Row;
use crate::server::pause;
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};

/// Records are those of 1 KB puts, with their new images and old ones.
const TABLE: &str = "bench-deliver";
const BATCH_SIZES: [usize; 3] = [1, 100, 1_000];
/// Fewer records are enough where each is a call.
const SINGLE_RECORDS: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// A function that does nothing.
struct Idle {
    /// For the rows.
    label: &'static str,
    name: &'static str,
    runtime: &'static str,
    handler: &'static str,
    file: &'static str,
    code: String,
}

fn functions() -> Result<Vec<Idle>> {
    let own = std::env::current_exe()?;
    Ok(vec![
        Idle {
            label: "compiled",
            name: "idle-compiled",
            runtime: "provided.al2023",
            handler: "bootstrap",
            file: "bootstrap",
            code: format!("#!/bin/sh\nexec '{}' function\n", own.display()),
        },
        Idle {
            label: "Node",
            name: "idle-node",
            runtime: "nodejs22.x",
            handler: "index.handler",
            file: "index.mjs",
            code: "export const handler = async () => null;\n".to_owned(),
        },
        Idle {
            label: "Python",
            name: "idle-python",
            runtime: "python3.12",
            handler: "index.handler",
            file: "index.py",
            code: "def handler(event, context):\n    return None\n".to_owned(),
        },
    ])
}

/// Delivers a stream of as many records as other tables have items.
pub fn run(stage: &Stage) -> Result<Vec<Row>> {
    let mut client = stage.client()?;
    api::create_table(&mut client, TABLE, false, true)?;
    let (address, items) = (stage.server.address(), stage.plan.items);
    stage.load(put::Puts::loading(address, TABLE, &stage.pool, items))?;
    let stream = api::stream_arn(&mut client, TABLE)?;
    let mut rows = Vec::new();
    for idle in functions()? {
        let zip = super::function::zip_of(idle.file, &idle.code, 0o755)?;
        let made =
            api::create_function(&mut client, idle.name, idle.runtime, idle.handler, &zip, "");
        if let Err(refused) = made {
            // The text says what is not installed here.
            println!("not measured: {}: {refused:#}", idle.label);
            continue;
        }
        let cold = first_call(&mut client, &idle)?;
        let name = format!("first call ({})", idle.label);
        rows.push(Row::of_value(&name, cold.as_secs_f64() * 1_000.0, "ms"));
        for batch_size in BATCH_SIZES {
            let records = if batch_size == 1 {
                items.min(SINGLE_RECORDS)
            } else {
                items
            };
            let mapped = Mapped {
                function: idle.name,
                stream_arn: &stream,
                batch_size,
            };
            let name = format!("records through {}, batches of {batch_size}", idle.label);
            rows.push(Row {
                rate: Some(deliver(&mut client, &mapped, records)?),
                ..Row::named(&name)
            });
        }
    }
    Ok(rows)
}

/// How long the first call takes; the process is started for it.
fn first_call(client: &mut Client, idle: &Idle) -> Result<Duration> {
    let begun = Instant::now();
    let path = format!("/2015-03-31/functions/{}/invocations", idle.name);
    let reply = client.rest("POST", &path, "lambda", r#"{"Records":[]}"#)?;
    let head = reply.head.to_ascii_lowercase();
    ensure!(
        reply.status == 200 && !head.contains("x-amz-function-error"),
        "{} failed: {}",
        idle.name,
        crate::client::shown(reply.body)
    );
    Ok(begun.elapsed())
}

/// Records per second, from the making of the mapping to the last record.
fn deliver(client: &mut Client, mapped: &Mapped<'_>, records: usize) -> Result<f64> {
    let begun = Instant::now();
    let uuid = api::create_mapping(client, mapped)?;
    loop {
        let done = api::delivered(client, &uuid)?;
        if done >= records {
            break;
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "{done} of {records} records were delivered"
        );
        pause(LOOK_INTERVAL);
    }
    let rate = records as f64 / begun.elapsed().as_secs_f64();
    api::delete_mapping(client, &uuid).context("removing the mapping")?;
    Ok(rate)
}
