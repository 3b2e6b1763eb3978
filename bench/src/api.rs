//! The calls that set a measurement up: tables, streams, functions.

use crate::client::{Client, shown};
use crate::request::{DYNAMODB, STREAMS};
use crate::server::pause;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// Creates a table whose partition key is `id` (and sort key `at`), and waits until it is active.
pub fn create_table(client: &mut Client, name: &str, sort_key: bool, stream: bool) -> Result<()> {
    let mut attributes = vec![json!({"AttributeName": "id", "AttributeType": "S"})];
    let mut schema = vec![json!({"AttributeName": "id", "KeyType": "HASH"})];
    if sort_key {
        attributes.push(json!({"AttributeName": "at", "AttributeType": "N"}));
        schema.push(json!({"AttributeName": "at", "KeyType": "RANGE"}));
    }
    let mut request = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attributes,
        "KeySchema": schema,
    });
    if stream {
        request["StreamSpecification"] =
            json!({"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"});
    }
    client.call(DYNAMODB, "CreateTable", &request.to_string())?;
    wait_for(name, || {
        let table = describe_table(client, name)?;
        Ok(table["TableStatus"] == "ACTIVE")
    })
}

/// Creates a table whose partition key is `id`, with a global index of all attributes over `attribute`, and waits until it
/// is active.
pub fn create_indexed_table(
    client: &mut Client,
    name: &str,
    index: &str,
    attribute: &str,
) -> Result<()> {
    let request = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": attribute, "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [{
            "IndexName": index,
            "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }],
    });
    client.call(DYNAMODB, "CreateTable", &request.to_string())?;
    wait_for(name, || {
        Ok(describe_table(client, name)?["TableStatus"] == "ACTIVE")
    })
}

/// Enables a stream of both images on a table that has none.
pub fn enable_stream(client: &mut Client, table: &str) -> Result<()> {
    let request = json!({
        "TableName": table,
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    });
    client.call(DYNAMODB, "UpdateTable", &request.to_string())?;
    wait_for(table, || {
        Ok(describe_table(client, table)?["TableStatus"] == "ACTIVE")
    })
}

fn describe_table(client: &mut Client, name: &str) -> Result<Value> {
    let request = json!({"TableName": name}).to_string();
    let reply = client.call(DYNAMODB, "DescribeTable", &request)?;
    let mut reply: Value = serde_json::from_slice(reply)?;
    Ok(reply["Table"].take())
}

/// The ARN of a table's stream.
pub fn stream_arn(client: &mut Client, table: &str) -> Result<String> {
    text_of(&describe_table(client, table)?["LatestStreamArn"])
}

/// The ids of a stream's shards.
pub fn shards(client: &mut Client, stream_arn: &str) -> Result<Vec<String>> {
    let request = json!({"StreamArn": stream_arn}).to_string();
    let reply = client.call(STREAMS, "DescribeStream", &request)?;
    let reply: Value = serde_json::from_slice(reply)?;
    let shards = reply["StreamDescription"]["Shards"].as_array();
    shards
        .context("no shards")?
        .iter()
        .map(|shard| text_of(&shard["ShardId"]))
        .collect()
}

/// An iterator of a shard: `TRIM_HORIZON` or `LATEST`.
pub fn shard_iterator(
    client: &mut Client,
    stream: &str,
    shard: &str,
    kind: &str,
) -> Result<String> {
    let request = json!({"StreamArn": stream, "ShardId": shard, "ShardIteratorType": kind});
    let reply = client.call(STREAMS, "GetShardIterator", &request.to_string())?;
    let reply: Value = serde_json::from_slice(reply)?;
    text_of(&reply["ShardIterator"])
}

/// Creates a function from a zip and waits until it is active.
pub fn create_function(
    client: &mut Client,
    name: &str,
    runtime: &str,
    handler: &str,
    zip: &[u8],
    report_to: &str,
) -> Result<()> {
    use base64::Engine;
    let request = json!({
        "FunctionName": name,
        "Runtime": runtime,
        "Handler": handler,
        "Role": "arn:aws:iam::000000000000:role/bench",
        "Timeout": 30,
        "Code": {"ZipFile": base64::engine::general_purpose::STANDARD.encode(zip)},
        "Environment": {"Variables": {"BENCH_REPORT_TO": report_to}},
    });
    let path = "/2015-03-31/functions";
    rest(client, "POST", path, &request.to_string())?;
    wait_for(name, || {
        let function = rest(client, "GET", &format!("{path}/{name}"), "")?;
        match function["Configuration"]["State"].as_str() {
            Some("Failed") => bail!("function {name} failed: {function}"),
            state => Ok(state == Some("Active")),
        }
    })
}

/// A mapping to be made.
pub struct Mapped<'m> {
    /// The function's name.
    pub function: &'m str,
    /// The stream, which it receives from its beginning.
    pub stream_arn: &'m str,
    /// Records of one call.
    pub batch_size: usize,
}

const MAPPINGS: &str = "/2015-03-31/event-source-mappings";

/// Lets a function receive a stream, and waits until the mapping is enabled; gives its UUID.
pub fn create_mapping(client: &mut Client, mapped: &Mapped<'_>) -> Result<String> {
    let request = json!({
        "FunctionName": mapped.function,
        "EventSourceArn": mapped.stream_arn,
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": mapped.batch_size,
    });
    let created = rest(client, "POST", MAPPINGS, &request.to_string())?;
    let uuid = text_of(&created["UUID"])?;
    let path = format!("{MAPPINGS}/{uuid}");
    wait_for("the mapping", || {
        Ok(rest(client, "GET", &path, "")?["State"] == "Enabled")
    })?;
    Ok(uuid)
}

/// Removes a mapping.
pub fn delete_mapping(client: &mut Client, uuid: &str) -> Result<()> {
    rest(client, "DELETE", &format!("{MAPPINGS}/{uuid}"), "").map(drop)
}

/// The server's time, in milliseconds since the epoch.
pub fn clock_ms(client: &mut Client) -> Result<u64> {
    let now = rest(client, "GET", "/_headwater/clock", "")?;
    now["now_ms"].as_u64().context("no time")
}

/// When the last change of the log was made, as [`clock_ms`] counts.
pub fn log_durable_ms(client: &mut Client) -> Result<u64> {
    let reply = client.rest("GET", "/_headwater/metrics", "dynamodb", "")?;
    let page = std::str::from_utf8(reply.body)?;
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix("headwater_log_durable_ms "));
    Ok(line.context("no metric of the log")?.trim().parse()?)
}

/// Records that a mapping has delivered.
pub fn delivered(client: &mut Client, uuid: &str) -> Result<usize> {
    let status = rest(
        client,
        "GET",
        &format!("/_headwater/triggers/{uuid}/counts"),
        "",
    )?;
    let records = status["records"].as_u64().context("no count")?;
    Ok(usize::try_from(records)?)
}

fn rest(client: &mut Client, method: &str, path: &str, body: &str) -> Result<Value> {
    let reply = client.rest(method, path, "lambda", body)?;
    if !(200..300).contains(&reply.status) {
        bail!("{method} {path}: {} {}", reply.status, shown(reply.body));
    }
    Ok(serde_json::from_slice(reply.body)?)
}

fn text_of(value: &Value) -> Result<String> {
    Ok(value
        .as_str()
        .context("no text where one was expected")?
        .to_owned())
}

fn wait_for(what: &str, mut ready: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !ready()? {
        if start.elapsed() > PATIENCE {
            bail!("{what} was not ready within {PATIENCE:?}");
        }
        pause(Duration::from_millis(5));
    }
    Ok(())
}
