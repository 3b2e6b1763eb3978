//! One item that everybody counts up, and the check that no count was lost.

use crate::client::Client;
use crate::driver::Workload;
use crate::request::{DYNAMODB, Head};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::cell::Cell;
use std::net::SocketAddr;

/// Name of the row.
pub const ROW: &str = "update one hot item";

/// How many updates were acknowledged.
pub type Acknowledged = Cell<u64>;

/// UpdateItem with ADD, always on the same key.
pub struct Adds<'a> {
    request: Vec<u8>,
    acknowledged: &'a Acknowledged,
}

impl<'a> Adds<'a> {
    /// Counts acknowledged updates in `acknowledged`.
    pub fn new(address: SocketAddr, table: &str, acknowledged: &'a Acknowledged) -> Self {
        let body = format!(
            r#"{{"TableName":"{table}","Key":{{"id":{{"S":"hot"}}}},"UpdateExpression":"ADD hits :one","ExpressionAttributeValues":{{":one":{{"N":"1"}}}}}}"#
        );
        let mut request = Vec::new();
        Head::new(address, DYNAMODB, "UpdateItem").write(body.as_bytes(), &mut request);
        Self {
            request,
            acknowledged,
        }
    }
}

impl Workload for Adds<'_> {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.request);
        true
    }

    fn reply(&mut self, _connection: usize, _body: &[u8]) -> Result<u64> {
        self.acknowledged.set(self.acknowledged.get() + 1);
        Ok(1)
    }
}

/// The item must hold exactly what was acknowledged.
pub fn check(client: &mut Client, table: &str, acknowledged: u64) -> Result<()> {
    let request =
        format!(r#"{{"TableName":"{table}","Key":{{"id":{{"S":"hot"}}}},"ConsistentRead":true}}"#);
    let reply: Value = serde_json::from_slice(client.call(DYNAMODB, "GetItem", &request)?)?;
    let hits = reply["Item"]["hits"]["N"].as_str().context("no hits")?;
    let hits: u64 = hits.parse()?;
    ensure!(
        hits == acknowledged,
        "{acknowledged} updates acknowledged, {hits} in the item"
    );
    Ok(())
}
