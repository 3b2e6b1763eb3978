//! The demo's table, function and mapping, made through the interfaces that everybody uses.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde_json::{Value, json};

use super::airports::KEY;
use super::handler::Handler;
use super::script::TABLE;
use crate::client::Client;

/// The demo's function.
pub(super) const FUNCTION: &str = "airports-demo";
/// Records that one call of the handler takes at most.
pub(super) const BATCH_SIZE: u32 = 100;

/// How often and how many times it is asked whether something is ready.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS_MAX: u32 = 600;

/// Creates the table with a stream; gives the stream's ARN and its number of shards.
pub(super) async fn table(client: &Client) -> anyhow::Result<(String, usize)> {
    let input = json!({
        "TableName": TABLE,
        "AttributeDefinitions": [{ "AttributeName": KEY, "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": KEY, "KeyType": "HASH" }],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
    });
    match client.dynamodb("CreateTable", &input).await {
        Err(error) if error.code() == "ResourceInUseException" => bail!(
            "the data folder has a table {TABLE} already; name an empty folder with --data, or leave --data out \
             for a temporary one"
        ),
        other => other.context("the table can't be created")?,
    };
    let described = until("the table to be ACTIVE", async || {
        let reply = client
            .dynamodb("DescribeTable", &json!({ "TableName": TABLE }))
            .await?;
        Ok((reply["Table"]["TableStatus"] == "ACTIVE").then_some(reply))
    });
    let stream = described.await?["Table"]["LatestStreamArn"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let reply = client
        .streams(
            "DescribeStream",
            &json!({ "StreamArn": stream }),
            Duration::ZERO,
        )
        .await?;
    let shards = reply["StreamDescription"]["Shards"]
        .as_array()
        .map_or(0, Vec::len);
    Ok((stream, shards))
}

/// Creates the function; it notes what it receives in the file `received`.
pub(super) async fn function(
    client: &Client,
    handler: &Handler,
    received: &Path,
) -> anyhow::Result<()> {
    let received = received
        .to_str()
        .context("the temporary folder's path is no text")?;
    let input = json!({
        "FunctionName": FUNCTION,
        "Runtime": handler.runtime,
        "Role": "arn:aws:iam::000000000000:role/demo",
        "Handler": handler.entry,
        "Timeout": 60,
        "Code": { "ZipFile": STANDARD.encode(handler.zip()?) },
        "Environment": { "Variables": { "RECEIVED": received } },
    });
    let created = client
        .lambda(Method::POST, "/2015-03-31/functions", Some(&input))
        .await;
    created.context("the function can't be created")?;
    let path = format!("/2015-03-31/functions/{FUNCTION}");
    let active = until("the function to be Active", async || {
        let reply = client.lambda(Method::GET, &path, None).await?;
        match reply["Configuration"]["State"].as_str() {
            Some("Failed") => bail!(
                "the function can't run: {}",
                reply["Configuration"]["StateReason"]
            ),
            state => Ok((state == Some("Active")).then_some(())),
        }
    });
    active.await
}

/// Maps the stream to the function, from its beginning; gives the mapping's id.
pub(super) async fn mapping(client: &Client, stream: &str) -> anyhow::Result<String> {
    let input = json!({
        "FunctionName": FUNCTION,
        "EventSourceArn": stream,
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": BATCH_SIZE,
    });
    let created = client
        .lambda(
            Method::POST,
            "/2015-03-31/event-source-mappings",
            Some(&input),
        )
        .await;
    let created = created.context("the mapping can't be created")?;
    Ok(created["UUID"].as_str().unwrap_or_default().to_owned())
}

/// What the mapping says of its last call, to explain why nothing comes.
pub(super) async fn mapping_result(client: &Client, mapping: &str) -> String {
    let path = format!("/2015-03-31/event-source-mappings/{mapping}");
    match client.lambda(Method::GET, &path, None).await {
        Ok(reply) => format!(
            "the mapping is {} and says: {}",
            reply["State"].as_str().unwrap_or("gone"),
            reply["LastProcessingResult"].as_str().unwrap_or("nothing")
        ),
        Err(error) => error.to_string(),
    }
}

/// All items of the table by key.
pub(super) async fn items(client: &Client) -> anyhow::Result<BTreeMap<String, Value>> {
    let mut input = json!({ "TableName": TABLE, "ConsistentRead": true });
    let mut items = BTreeMap::new();
    loop {
        let mut reply = client.dynamodb("Scan", &input).await?;
        if let Value::Array(page) = reply["Items"].take() {
            items.extend(page.into_iter().map(|item| {
                let key = item[KEY]["S"].as_str().unwrap_or_default();
                (key.to_owned(), item)
            }));
        }
        match reply["LastEvaluatedKey"].take() {
            Value::Null => return Ok(items),
            last => input["ExclusiveStartKey"] = last,
        }
    }
}

/// Asks again and again until there is something.
async fn until<T>(
    what: &str,
    ask: impl AsyncFn() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    for _ in 0..LOOKS_MAX {
        if let Some(there) = ask().await? {
            return Ok(there);
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("waited too long for {what}")
}
