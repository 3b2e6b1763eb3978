//! Reads of several items, in a batch and by an index, beside single gets. They read what the writes of several left.

use super::several::{GROUPS, INDEX, INDEXED};
use super::{PLAIN, Stage, beside_first, get, key, random};
use crate::contest::Contestant;
use crate::driver::Workload;
use crate::report::Row;
use crate::request::{DYNAMODB, Head};
use crate::text::Random;
use anyhow::{Result, ensure};
use memchr::memmem;
use std::fmt::Write;
use std::net::SocketAddr;

/// Row of BatchGetItem, in items.
pub const BATCH_ROW: &str = "batch get 25 x 1 KB (items)";
/// Row of Query of a global index of all attributes.
pub const INDEX_ROW: &str = "query 20 x 1 KB by an index";
const BASE_ROW: &str = "get 1 KB, as the base";

const BATCH: usize = 25;
const QUERIED: usize = 20;

/// All of them, in turns.
pub fn run(stage: &Stage) -> Result<Vec<Row>> {
    let address = stage.server.address();
    let items = stage.plan.items;
    let base = get::Gets::new(address, PLAIN, items, true);
    let mut base = stage.ours(BASE_ROW, base)?;
    let mut batch = stage.ours(BATCH_ROW, BatchGets::new(address, items))?;
    let mut index = stage.ours(INDEX_ROW, IndexQueries::new(address, items))?;
    let mut contestants: [&mut dyn Contestant; 3] = [&mut base, &mut batch, &mut index];
    Ok(beside_first(stage.contest.hold(&mut contestants)?))
}

/// Gets 25 items at once.
struct BatchGets {
    head: Head,
    items: usize,
    random: Random,
}

impl BatchGets {
    fn new(address: SocketAddr, items: usize) -> Self {
        Self {
            head: Head::new(address, DYNAMODB, "BatchGetItem"),
            items,
            random: random(),
        }
    }
}

impl Workload for BatchGets {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        let mut body = String::from(r#"{"RequestItems":{"bench-plain":{"Keys":["#);
        // Neighbours by number, which are none by hash: no item twice in one request.
        let first = self.random.below(self.items);
        for place in 0..BATCH {
            let separator = if place > 0 { "," } else { "" };
            let item = key((first + place) % self.items);
            // A String takes all writes.
            let _ = write!(body, r#"{separator}{{"id":{{"S":"{item}"}}}}"#);
        }
        body.push_str("]}}}");
        self.head.write(body.as_bytes(), out);
        true
    }

    fn reply(&mut self, _connection: usize, body: &[u8]) -> Result<u64> {
        let found = memmem::find_iter(body, b"\"payload\"").count();
        ensure!(found == BATCH, "{found} items in a reply");
        Ok(BATCH as u64)
    }
}

/// Asks for the first items of groups.
struct IndexQueries {
    head: Head,
    /// What a group has, about.
    in_group: usize,
    random: Random,
}

impl IndexQueries {
    fn new(address: SocketAddr, items: usize) -> Self {
        Self {
            head: Head::new(address, DYNAMODB, "Query"),
            in_group: items / GROUPS,
            random: random(),
        }
    }
}

impl Workload for IndexQueries {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        let group = self.random.below(GROUPS);
        let body = format!(
            r##"{{"TableName":"{INDEXED}","IndexName":"{INDEX}","Limit":{QUERIED},"KeyConditionExpression":"#g = :g","ExpressionAttributeNames":{{"#g":"group"}},"ExpressionAttributeValues":{{":g":{{"S":"g{group}"}}}}}}"##
        );
        self.head.write(body.as_bytes(), out);
        true
    }

    fn reply(&mut self, _connection: usize, body: &[u8]) -> Result<u64> {
        let found = memmem::find_iter(body, b"\"payload\"").count();
        // A short run has small groups, which are of different sizes.
        let is_whole = found == QUERIED || self.in_group < 2 * QUERIED;
        ensure!(is_whole, "{found} items in a reply");
        Ok(1)
    }
}
