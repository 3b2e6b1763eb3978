//! The whole stream, as a customer's reader gets it.

use anyhow::{Context, Result};
use headwater_model::Sequence;
use serde_json::{Value, json};

use super::TABLE;
use crate::kill::Client;

/// What the checks need of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoakRecord {
    /// The shard's place in the description.
    pub(super) shard: u32,
    pub(super) sequence: Sequence,
    /// The number in the item's key.
    pub(super) key: u32,
    pub(super) is_green: bool,
}

/// Reads all shards to their ends, parents first.
pub(super) fn read(client: &mut Client) -> Result<Vec<SoakRecord>> {
    let table = client.dynamodb("DescribeTable", &json!({"TableName": TABLE}))?;
    let arn = table["Table"]["LatestStreamArn"].clone();
    let mut records = Vec::new();
    for (shard, id) in shards(client, &arn)?.iter().enumerate() {
        let shard = u32::try_from(shard)?;
        let from = json!({"StreamArn": arn, "ShardId": id, "ShardIteratorType": "TRIM_HORIZON"});
        let mut iterator = client.streams("GetShardIterator", &from)?["ShardIterator"].take();
        while !iterator.is_null() {
            let mut page = client.streams("GetRecords", &json!({"ShardIterator": iterator}))?;
            let read = page["Records"].as_array().context("no records")?;
            for record in read {
                records.push(parsed(shard, record)?);
            }
            // An open shard has been read to where it is.
            iterator = match read.is_empty() {
                true => Value::Null,
                false => page["NextShardIterator"].take(),
            };
        }
    }
    // Parents come before their children, so this keeps each item's order.
    records.sort_by_key(|record: &SoakRecord| record.sequence);
    Ok(records)
}

fn shards(client: &mut Client, arn: &Value) -> Result<Vec<Value>> {
    let mut shards = Vec::new();
    let mut request = json!({"StreamArn": arn});
    loop {
        let described = client.streams("DescribeStream", &request)?;
        let page = &described["StreamDescription"];
        let listed = page["Shards"].as_array().context("no shards")?;
        shards.extend(listed.iter().map(|shard| shard["ShardId"].clone()));
        match &page["LastEvaluatedShardId"] {
            Value::Null => return Ok(shards),
            last => request["ExclusiveStartShardId"] = last.clone(),
        }
    }
}

fn parsed(shard: u32, record: &Value) -> Result<SoakRecord> {
    let change = &record["dynamodb"];
    let key = change["Keys"]["pk"]["S"].as_str().context("no key")?;
    Ok(SoakRecord {
        shard,
        sequence: sequence(record)?,
        key: key.trim_start_matches('k').parse()?,
        is_green: change["NewImage"]["color"]["S"] == "green",
    })
}

/// The sequence number of a record.
pub(super) fn sequence(record: &Value) -> Result<Sequence> {
    let number = record["dynamodb"]["SequenceNumber"].as_str();
    Ok(Sequence::parse(number.context("no sequence number")?)?)
}
