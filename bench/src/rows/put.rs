//! PutItem of 1 KB items: loading, and updates of existing ones with a new value each time.

use super::key;
use crate::driver::Workload;
use crate::request::{DYNAMODB, Head};
use crate::text::{Pool, Random};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::net::SocketAddr;

/// Row of updates of a table without a stream.
pub const PLAIN_ROW: &str = "put 1 KB, no stream";
/// Row of updates with NEW_AND_OLD_IMAGES.
pub const STREAMED_ROW: &str = "put 1 KB, both images";

/// With key, names and version this makes an item of 1,024 bytes.
pub const PAYLOAD_BYTES: usize = 991;

/// Puts into one table.
pub struct Puts<'a> {
    head: Head,
    table: &'static str,
    pool: &'a Pool,
    items: usize,
    random: Random,
    /// The next item to load; `None` once existing ones are updated at random.
    next: Option<usize>,
    version: u64,
    body: Vec<u8>,
}

impl<'a> Puts<'a> {
    /// Writes each item once and ends.
    pub fn loading(address: SocketAddr, table: &'static str, pool: &'a Pool, items: usize) -> Self {
        Self {
            next: Some(0),
            ..Self::updating(address, table, pool, items)
        }
    }

    /// Updates random items without end, with values that no earlier run on a table that stayed has written: a put that
    /// changes nothing costs next to nothing.
    pub fn updating(
        address: SocketAddr,
        table: &'static str,
        pool: &'a Pool,
        items: usize,
    ) -> Self {
        let run = number_of_this_run();
        Self {
            head: Head::new(address, DYNAMODB, "PutItem"),
            table,
            pool,
            items,
            random: Random::new(run),
            next: None,
            version: run,
            body: Vec::new(),
        }
    }

    fn pick(&mut self) -> Option<usize> {
        match &mut self.next {
            None => Some(self.random.below(self.items)),
            Some(next) if *next == self.items => None,
            Some(next) => {
                *next += 1;
                Some(*next - 1)
            }
        }
    }
}

impl Workload for Puts<'_> {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        let Some(item) = self.pick() else {
            return false;
        };
        self.version += 1;
        self.body.clear();
        let payload = self.pool.piece(&mut self.random, PAYLOAD_BYTES);
        write_put(&mut self.body, self.table, item, self.version, payload);
        self.head.write(&self.body, out);
        true
    }
}

/// Another one each time, far from the others.
fn number_of_this_run() -> u64 {
    RandomState::new().build_hasher().finish() >> 16
}

/// Appends the body of a PutItem.
pub fn write_put(out: &mut Vec<u8>, table: &str, item: usize, version: u64, payload: &[u8]) {
    // A Vec takes all writes.
    let _ = write!(
        out,
        r#"{{"TableName":"{table}","Item":{{"id":{{"S":"{}"}},"version":{{"N":"{version}"}},"payload":{{"S":""#,
        key(item),
    );
    out.extend_from_slice(payload);
    out.extend_from_slice(br#""}}}"#);
}
