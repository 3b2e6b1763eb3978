//! Loading a table of any size: in the order of storage keys, so that the state store fills one page after the other.

use super::{key, random};
use crate::driver::Workload;
use crate::request::{DYNAMODB, Head};
use crate::rows::put::{PAYLOAD_BYTES, write_put};
use crate::text::{Pool, Random};
use headwater_model::{AttributeValue, KeyAttribute, KeySchema, KeyType};
use std::net::SocketAddr;

/// Puts every item once. Loading is not measured; it only shall not take all day.
pub struct Load<'a> {
    head: Head,
    table: &'static str,
    pool: &'a Pool,
    random: Random,
    numbers: std::vec::IntoIter<u32>,
    body: Vec<u8>,
}

impl<'a> Load<'a> {
    /// Loads items 0 to `items` into `table`.
    pub fn new(address: SocketAddr, table: &'static str, pool: &'a Pool, items: usize) -> Self {
        Self {
            head: Head::new(address, DYNAMODB, "PutItem"),
            table,
            pool,
            random: random(),
            numbers: in_key_order(items).into_iter(),
            body: Vec::new(),
        }
    }
}

impl Workload for Load<'_> {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        let Some(number) = self.numbers.next() else {
            return false;
        };
        self.body.clear();
        let payload = self.pool.piece(&mut self.random, PAYLOAD_BYTES);
        write_put(&mut self.body, self.table, number as usize, 0, payload);
        self.head.write(&self.body, out);
        true
    }
}

/// The numbers of the items, sorted by the hash of their keys.
fn in_key_order(items: usize) -> Vec<u32> {
    let schema = KeySchema::new(KeyAttribute::new("id", KeyType::S), None);
    let hash = |number: u32| {
        let value = AttributeValue::S(key(number as usize));
        let prefix = schema.partition_prefix(&value).unwrap_or_default();
        KeySchema::partition_hash(&prefix)
    };
    let mut hashed: Vec<(u32, u32)> = (0..items as u32)
        .map(|number| (hash(number), number))
        .collect();
    hashed.sort_unstable();
    hashed.into_iter().map(|(_, number)| number).collect()
}
