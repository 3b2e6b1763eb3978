//! Writes of several items and writes with an index, beside puts without; and Query of 100 items.

use super::{PLAIN, SORTED, Stage, beside_first, key, put, random};
use crate::api;
use crate::contest::Contestant;
use crate::driver::Workload;
use crate::report::Row;
use crate::request::{DYNAMODB, Head};
use crate::text::{Pool, Random};
use anyhow::{Result, ensure};
use memchr::memmem;
use std::io::Write;
use std::net::SocketAddr;

/// Row of puts into a table with a global index of all attributes; each moves its item within the index.
pub const INDEXED_ROW: &str = "put 1 KB, one global index";
/// Row of BatchWriteItem, in items.
pub const BATCH_ROW: &str = "batch write 25 x 1 KB (items)";
/// Row of TransactWriteItems, in items.
pub const TRANSACT_ROW: &str = "transact write 4 x 1 KB (items)";
/// Row of Query.
pub const QUERY_ROW: &str = "query 100 x 1 KB";
const BASE_ROW: &str = "put 1 KB, as the base";

/// Table with a global index of all attributes by group.
pub const INDEXED: &str = "bench-indexed";
/// Its index.
pub const INDEX: &str = "by-group";
/// Groups of its items.
pub const GROUPS: usize = 500;
const BATCH: usize = 25;
const TRANSACTION: usize = 4;
const QUERIED: usize = 100;
const QUERIED_PARTITIONS: usize = 20;

/// All of them, in turns.
pub fn run(stage: &Stage) -> Result<Vec<Row>> {
    let address = stage.server.address();
    let items = stage.plan.items;
    let mut client = stage.client()?;
    api::create_indexed_table(&mut client, INDEXED, INDEX, "group")?;
    stage.load(Indexed::new(address, &stage.pool, items, true))?;
    stage.load(QueryLoad::new(address, &stage.pool))?;
    let base = put::Puts::updating(address, PLAIN, &stage.pool, items);
    let mut base = stage.ours(BASE_ROW, base)?;
    let indexed = Indexed::new(address, &stage.pool, items, false);
    let mut indexed = stage.ours(INDEXED_ROW, indexed)?;
    let batch = Several::new(address, &stage.pool, items, Kind::Batch);
    let mut batch = stage.ours(BATCH_ROW, batch)?;
    let transaction = Several::new(address, &stage.pool, items, Kind::Transaction);
    let mut transaction = stage.ours(TRANSACT_ROW, transaction)?;
    let mut query = stage.ours(QUERY_ROW, Queries::new(address))?;
    let mut contestants: [&mut dyn Contestant; 5] = [
        &mut base,
        &mut indexed,
        &mut batch,
        &mut transaction,
        &mut query,
    ];
    Ok(beside_first(stage.contest.hold(&mut contestants)?))
}

/// Puts with a group of their own.
struct Indexed<'a> {
    head: Head,
    pool: &'a Pool,
    items: usize,
    random: Random,
    /// The next item to load; `None` once existing ones are updated at random.
    next: Option<usize>,
    version: u64,
}

impl<'a> Indexed<'a> {
    fn new(address: SocketAddr, pool: &'a Pool, items: usize, loading: bool) -> Self {
        Self {
            head: Head::new(address, DYNAMODB, "PutItem"),
            pool,
            items,
            random: random(),
            next: loading.then_some(0),
            version: 0,
        }
    }
}

impl Workload for Indexed<'_> {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        let item = match &mut self.next {
            None => self.random.below(self.items),
            Some(next) if *next == self.items => return false,
            Some(next) => {
                *next += 1;
                *next - 1
            }
        };
        self.version += 1;
        let group = self.random.below(GROUPS);
        let payload = self.pool.piece(&mut self.random, put::PAYLOAD_BYTES);
        let mut body = Vec::with_capacity(put::PAYLOAD_BYTES + 200);
        // A Vec takes all writes.
        let _ = write!(
            body,
            r#"{{"TableName":"{INDEXED}","Item":{{"id":{{"S":"{}"}},"group":{{"S":"g{group}"}},"version":{{"N":"{}"}},"payload":{{"S":""#,
            key(item),
            self.version,
        );
        body.extend_from_slice(payload);
        body.extend_from_slice(br#""}}}"#);
        self.head.write(&body, out);
        true
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Batch,
    Transaction,
}

/// Requests that put several items.
struct Several<'a> {
    head: Head,
    pool: &'a Pool,
    items: usize,
    random: Random,
    version: u64,
    kind: Kind,
}

impl<'a> Several<'a> {
    fn new(address: SocketAddr, pool: &'a Pool, items: usize, kind: Kind) -> Self {
        let operation = match kind {
            Kind::Batch => "BatchWriteItem",
            Kind::Transaction => "TransactWriteItems",
        };
        Self {
            head: Head::new(address, DYNAMODB, operation),
            pool,
            items,
            random: random(),
            version: 0,
            kind,
        }
    }

    fn count(&self) -> usize {
        match self.kind {
            Kind::Batch => BATCH,
            Kind::Transaction => TRANSACTION,
        }
    }
}

impl Workload for Several<'_> {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        let mut body = Vec::with_capacity((put::PAYLOAD_BYTES + 200) * self.count());
        body.extend_from_slice(match self.kind {
            Kind::Batch => br#"{"RequestItems":{"bench-plain":["#.as_slice(),
            Kind::Transaction => br#"{"TransactItems":["#,
        });
        // Neighbours from a random one on: no item twice in one request.
        let first = self.random.below(self.items);
        for place in 0..self.count() {
            self.version += 1;
            let separator = if place > 0 { "," } else { "" };
            let (open, table) = match self.kind {
                Kind::Batch => (r#"{"PutRequest":{"#, ""),
                Kind::Transaction => (r#"{"Put":{"#, r#""TableName":"bench-plain","#),
            };
            let item = key((first + place) % self.items);
            let _ = write!(
                body,
                r#"{separator}{open}{table}"Item":{{"id":{{"S":"{item}"}},"version":{{"N":"{}"}},"payload":{{"S":""#,
                self.version,
            );
            body.extend_from_slice(self.pool.piece(&mut self.random, put::PAYLOAD_BYTES));
            body.extend_from_slice(br#""}}}}"#);
        }
        body.extend_from_slice(match self.kind {
            Kind::Batch => b"]}}".as_slice(),
            Kind::Transaction => b"]}",
        });
        self.head.write(&body, out);
        true
    }

    fn reply(&mut self, _connection: usize, _body: &[u8]) -> Result<u64> {
        Ok(self.count() as u64)
    }
}

/// Fills the partitions of 100 items.
struct QueryLoad<'a> {
    head: Head,
    pool: &'a Pool,
    random: Random,
    next: usize,
}

impl<'a> QueryLoad<'a> {
    fn new(address: SocketAddr, pool: &'a Pool) -> Self {
        Self {
            head: Head::new(address, DYNAMODB, "PutItem"),
            pool,
            random: random(),
            next: 0,
        }
    }
}

impl Workload for QueryLoad<'_> {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        if self.next == QUERIED_PARTITIONS * QUERIED {
            return false;
        }
        let (partition, at) = (self.next / QUERIED, self.next % QUERIED);
        self.next += 1;
        let text = self.pool.piece(&mut self.random, put::PAYLOAD_BYTES);
        let body = format!(
            r#"{{"TableName":"{SORTED}","Item":{{"id":{{"S":"q{partition}"}},"at":{{"N":"{at}"}},"payload":{{"S":"{}"}}}}}}"#,
            String::from_utf8_lossy(text),
        );
        self.head.write(body.as_bytes(), out);
        true
    }
}

/// Asks for whole partitions of 100 items.
struct Queries {
    head: Head,
    random: Random,
}

impl Queries {
    fn new(address: SocketAddr) -> Self {
        Self {
            head: Head::new(address, DYNAMODB, "Query"),
            random: random(),
        }
    }
}

impl Workload for Queries {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        let partition = self.random.below(QUERIED_PARTITIONS);
        let body = format!(
            r#"{{"TableName":"{SORTED}","KeyConditionExpression":"id = :id","ExpressionAttributeValues":{{":id":{{"S":"q{partition}"}}}}}}"#
        );
        self.head.write(body.as_bytes(), out);
        true
    }

    fn reply(&mut self, _connection: usize, body: &[u8]) -> Result<u64> {
        let found = memmem::find_iter(body, b"\"payload\"").count();
        ensure!(found == QUERIED, "{found} items in a reply");
        Ok(1)
    }
}
