//! From a write's acknowledgement to the first GetRecords reply that holds its record.

use super::Stage;
use crate::api;
use crate::client::Client;
use crate::latency::{percentiles, sample};
use crate::report::Row;
use crate::request::{DYNAMODB, STREAMS};
use anyhow::{Context, Result, bail};
use memchr::memmem;
use std::time::{Duration, Instant};

/// Name of the row.
pub const ROW: &str = "acknowledged to visible";

const TABLE: &str = "bench-visible";
const PATIENCE: Duration = Duration::from_secs(10);

struct Tail {
    client: Client,
    iterator: String,
}

/// One write after the other, each followed by readers of the shard it goes to.
pub fn run(stage: &Stage) -> Result<Vec<Row>> {
    let mut writer = stage.client()?;
    api::create_table(&mut writer, TABLE, false, true)?;
    let stream = api::stream_arn(&mut writer, TABLE)?;
    let mut tails = Vec::new();
    for shard in api::shards(&mut writer, &stream)? {
        let iterator = api::shard_iterator(&mut writer, &stream, &shard, "TRIM_HORIZON")?;
        let client = stage.client()?;
        tails.push(Tail { client, iterator });
    }
    // The key stays the same, so the first record tells which shard the others will come to.
    let own = loop_until_visible(&mut writer, &mut tails, "probe-0")?.1;
    let mut tail = vec![tails.swap_remove(own)];
    let mut samples = Vec::new();
    for probe in 1..=stage.plan.probes {
        let mark = format!("probe-{probe}");
        samples.push(sample(loop_until_visible(&mut writer, &mut tail, &mark)?.0));
    }
    Ok(vec![Row {
        latency: Some(percentiles(samples)),
        ..Row::named(ROW)
    }])
}

fn loop_until_visible(
    writer: &mut Client,
    tails: &mut [Tail],
    mark: &str,
) -> Result<(Duration, usize)> {
    let body = format!(
        r#"{{"TableName":"{TABLE}","Item":{{"id":{{"S":"one"}},"mark":{{"S":"{mark}."}}}}}}"#
    );
    writer.call(DYNAMODB, "PutItem", &body)?;
    let acknowledged = Instant::now();
    let wanted = format!(r#"{{"S":"{mark}."}}"#);
    while acknowledged.elapsed() < PATIENCE {
        for (index, tail) in tails.iter_mut().enumerate() {
            if tail.holds(&wanted)? {
                return Ok((acknowledged.elapsed(), index));
            }
        }
    }
    bail!("a record was not visible within {PATIENCE:?}")
}

impl Tail {
    fn holds(&mut self, wanted: &str) -> Result<bool> {
        let request = format!(r#"{{"ShardIterator":"{}"}}"#, self.iterator);
        let reply = self.client.call(STREAMS, "GetRecords", &request)?;
        let found = memmem::rfind(reply, wanted.as_bytes()).is_some();
        let reply: serde_json::Value = serde_json::from_slice(reply)?;
        let next = reply["NextShardIterator"].as_str();
        next.context("the shard is closed")?
            .clone_into(&mut self.iterator);
        Ok(found)
    }
}
