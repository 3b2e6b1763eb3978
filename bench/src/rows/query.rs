//! Query of one partition with 20 items of 1 KB.

use super::{SORTED, random};
use crate::driver::Workload;
use crate::request::{DYNAMODB, Head};
use crate::text::{Pool, Random};
use anyhow::{Result, ensure};
use memchr::memmem;
use std::net::SocketAddr;

/// Name of the row.
pub const ROW: &str = "query 20 x 1 KB";

const PARTITIONS: usize = 100;
const ITEMS: usize = 20;
const PAYLOAD_BYTES: usize = 991;

/// Fills the partitions.
pub struct Load<'a> {
    head: Head,
    pool: &'a Pool,
    random: Random,
    next: usize,
}

impl<'a> Load<'a> {
    /// Loads with text from `pool`.
    pub fn new(address: SocketAddr, pool: &'a Pool) -> Self {
        Self {
            head: Head::new(address, DYNAMODB, "PutItem"),
            pool,
            random: random(),
            next: 0,
        }
    }
}

impl Workload for Load<'_> {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        if self.next == PARTITIONS * ITEMS {
            return false;
        }
        let (partition, at) = (self.next / ITEMS, self.next % ITEMS);
        self.next += 1;
        let text = self.pool.piece(&mut self.random, PAYLOAD_BYTES);
        let body = format!(
            r#"{{"TableName":"{SORTED}","Item":{{"id":{{"S":"p{partition}"}},"at":{{"N":"{at}"}},"payload":{{"S":"{}"}}}}}}"#,
            String::from_utf8_lossy(text),
        );
        self.head.write(body.as_bytes(), out);
        true
    }
}

/// Asks for whole partitions.
pub struct Queries {
    head: Head,
    random: Random,
}

impl Queries {
    /// Queries of the loaded table.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            head: Head::new(address, DYNAMODB, "Query"),
            random: random(),
        }
    }
}

impl Workload for Queries {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        let partition = self.random.below(PARTITIONS);
        let body = format!(
            r#"{{"TableName":"{SORTED}","KeyConditionExpression":"id = :id","ExpressionAttributeValues":{{":id":{{"S":"p{partition}"}}}}}}"#
        );
        self.head.write(body.as_bytes(), out);
        true
    }

    fn reply(&mut self, _connection: usize, body: &[u8]) -> Result<u64> {
        let found = memmem::find_iter(body, b"\"payload\"").count();
        ensure!(found == ITEMS, "{found} items in a reply");
        Ok(1)
    }
}
