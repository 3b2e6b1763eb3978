//! Small items in partitions of twenty: loading by batches, and puts, gets and queries of random ones.

use super::{key, random};
use crate::driver::Workload;
use crate::request::{DYNAMODB, Head};
use crate::text::Random;
use anyhow::{Result, ensure};
use headwater_model::{AttributeValue, KeyAttribute, KeySchema, KeyType};
use memchr::memmem;
use std::fmt::Write;
use std::net::SocketAddr;

/// Name of the table.
pub const TABLE: &str = "bench-growing";

/// Items of a partition.
const IN_PARTITION: usize = 20;
const BATCH: usize = 25;
/// With keys and names this makes an item of about 100 bytes.
const TEXT: &str = "forty characters, as a small item has it";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PutItem with another number each time.
    Put,
    /// GetItem.
    Get,
    /// Query of a partition.
    Query,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Put, Kind::Get, Kind::Query];

    /// The beginning of its rows' names.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Put => "put 100 B",
            Kind::Get => "get 100 B",
            Kind::Query => "query 20 x 100 B",
        }
    }

    fn operation(self) -> &'static str {
        match self {
            Kind::Put => "PutItem",
            Kind::Get => "GetItem",
            Kind::Query => "Query",
        }
    }
}

/// One kind of request for random items of a table.
pub struct Small {
    head: Head,
    kind: Kind,
    items: usize,
    random: Random,
}

impl Small {
    /// Asks for items 0 to `items`, which are loaded.
    pub fn new(address: SocketAddr, kind: Kind, items: usize) -> Self {
        Self {
            head: Head::new(address, DYNAMODB, kind.operation()),
            kind,
            items,
            random: random(),
        }
    }
}

impl Workload for Small {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        let item = self.random.below(self.items);
        let body = match self.kind {
            Kind::Put => {
                let item = item_of(item, self.random.next());
                format!(r#"{{"TableName":"{TABLE}","Item":{item}}}"#)
            }
            Kind::Get => {
                let (id, at) = key_of(item);
                format!(
                    r#"{{"TableName":"{TABLE}","Key":{{"id":{{"S":"{id}"}},"at":{{"N":"{at}"}}}}}}"#
                )
            }
            Kind::Query => {
                let (id, _) = key_of(item);
                format!(
                    r#"{{"TableName":"{TABLE}","KeyConditionExpression":"id = :id","ExpressionAttributeValues":{{":id":{{"S":"{id}"}}}}}}"#
                )
            }
        };
        self.head.write(body.as_bytes(), out);
        true
    }

    fn reply(&mut self, _connection: usize, body: &[u8]) -> Result<u64> {
        let found = memmem::find_iter(body, b"\"text\"").count();
        let expected = match self.kind {
            Kind::Put => 0,
            Kind::Get => 1,
            Kind::Query => IN_PARTITION,
        };
        ensure!(found == expected, "{found} items in a reply");
        Ok(1)
    }
}

/// Puts items by batches, in the order of their partitions' hashes, so that the state store fills one page after the
/// other.
pub struct SmallLoad {
    head: Head,
    /// In the order in which they are put.
    partitions: std::vec::IntoIter<u32>,
    /// Items that the next batch takes up.
    waiting: Vec<usize>,
}

impl SmallLoad {
    /// Loads items `from` to `to`, both numbers of whole partitions.
    pub fn new(address: SocketAddr, from: usize, to: usize) -> Self {
        let partitions = (from / IN_PARTITION) as u32..(to / IN_PARTITION) as u32;
        Self {
            head: Head::new(address, DYNAMODB, "BatchWriteItem"),
            partitions: in_hash_order(partitions).into_iter(),
            waiting: Vec::new(),
        }
    }
}

impl Workload for SmallLoad {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        while self.waiting.len() < BATCH
            && let Some(partition) = self.partitions.next()
        {
            let first = partition as usize * IN_PARTITION;
            self.waiting.extend(first..first + IN_PARTITION);
        }
        if self.waiting.is_empty() {
            return false;
        }
        let mut body = format!(r#"{{"RequestItems":{{"{TABLE}":["#);
        let count = BATCH.min(self.waiting.len());
        for (place, item) in self.waiting.drain(..count).enumerate() {
            let separator = if place > 0 { "," } else { "" };
            let item = item_of(item, 0);
            // A String takes all writes.
            let _ = write!(body, r#"{separator}{{"PutRequest":{{"Item":{item}}}}}"#);
        }
        body.push_str("]}}");
        self.head.write(body.as_bytes(), out);
        true
    }
}

fn key_of(item: usize) -> (String, usize) {
    (key(item / IN_PARTITION), item % IN_PARTITION)
}

fn item_of(item: usize, version: u64) -> String {
    let (id, at) = key_of(item);
    format!(
        r#"{{"id":{{"S":"{id}"}},"at":{{"N":"{at}"}},"version":{{"N":"{version}"}},"text":{{"S":"{TEXT}"}}}}"#
    )
}

fn in_hash_order(partitions: std::ops::Range<u32>) -> Vec<u32> {
    let at = KeyAttribute::new("at", KeyType::N);
    let schema = KeySchema::new(KeyAttribute::new("id", KeyType::S), Some(at));
    let mut hashed: Vec<(u32, u32)> = partitions
        .map(|number| {
            let value = AttributeValue::S(key(number as usize));
            let prefix = schema.partition_prefix(&value).unwrap_or_default();
            (KeySchema::partition_hash(&prefix), number)
        })
        .collect();
    hashed.sort_unstable();
    hashed.into_iter().map(|(_, number)| number).collect()
}
