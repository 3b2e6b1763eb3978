//! GetItem of random existing items.

use super::{key, random};
use crate::driver::Workload;
use crate::request::{DYNAMODB, Head};
use crate::text::Random;
use anyhow::{Result, ensure};
use std::net::SocketAddr;

/// Name of the row.
pub const ROW: &str = "get 1 KB";

/// Gets from one table.
pub struct Gets {
    head: Head,
    table: &'static str,
    items: usize,
    random: Random,
    check: bool,
}

impl Gets {
    /// With `check`, replies must hold an item.
    pub fn new(address: SocketAddr, table: &'static str, items: usize, check: bool) -> Self {
        Self {
            head: Head::new(address, DYNAMODB, "GetItem"),
            table,
            items,
            random: random(),
            check,
        }
    }
}

impl Workload for Gets {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        let key = key(self.random.below(self.items));
        let body = format!(
            r#"{{"TableName":"{}","Key":{{"id":{{"S":"{key}"}}}}}}"#,
            self.table
        );
        self.head.write(body.as_bytes(), out);
        true
    }

    fn reply(&mut self, _connection: usize, body: &[u8]) -> Result<u64> {
        ensure!(!self.check || body.len() > 1000, "a reply without the item");
        Ok(1)
    }
}
