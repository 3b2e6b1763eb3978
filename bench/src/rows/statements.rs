//! Statements of PartiQL, beside the operations that do the same.

use super::{PLAIN, Stage, beside_first, get, key, random};
use crate::contest::Contestant;
use crate::driver::Workload;
use crate::report::Row;
use crate::request::{DYNAMODB, Head};
use crate::text::Random;
use anyhow::{Result, ensure};
use std::net::SocketAddr;

/// Row of SELECT of one item by its key.
pub const SELECT_ROW: &str = "SELECT 1 KB by its key";
/// Row of UpdateItem of one number.
pub const UPDATE_ITEM_ROW: &str = "update 1 KB by UpdateItem";
/// Row of UPDATE of the same.
pub const UPDATE_ROW: &str = "UPDATE 1 KB by a statement";
const BASE_ROW: &str = "get 1 KB, as the base";

/// All of them, in turns.
pub fn run(stage: &Stage) -> Result<Vec<Row>> {
    let address = stage.server.address();
    let items = stage.plan.items;
    let mut base = stage.ours(BASE_ROW, get::Gets::new(address, PLAIN, items, true))?;
    let of = |kind| Asks::new(address, items, kind);
    let mut select = stage.ours(SELECT_ROW, of(Kind::Select))?;
    let mut update_item = stage.ours(UPDATE_ITEM_ROW, of(Kind::UpdateItem))?;
    let mut update = stage.ours(UPDATE_ROW, of(Kind::Update))?;
    let mut contestants: [&mut dyn Contestant; 4] =
        [&mut base, &mut select, &mut update_item, &mut update];
    Ok(beside_first(stage.contest.hold(&mut contestants)?))
}

#[derive(Clone, Copy)]
enum Kind {
    Select,
    Update,
    UpdateItem,
}

/// Reads or updates one item at a time.
struct Asks {
    head: Head,
    kind: Kind,
    items: usize,
    random: Random,
}

impl Asks {
    fn new(address: SocketAddr, items: usize, kind: Kind) -> Self {
        let operation = match kind {
            Kind::Select | Kind::Update => "ExecuteStatement",
            Kind::UpdateItem => "UpdateItem",
        };
        Self {
            head: Head::new(address, DYNAMODB, operation),
            kind,
            items,
            random: random(),
        }
    }
}

impl Workload for Asks {
    fn request(&mut self, _connection: usize, out: &mut Vec<u8>) -> bool {
        let key = key(self.random.below(self.items));
        // A number that was not there: an update that changes nothing costs next to nothing.
        let number = self.random.next();
        let body = match self.kind {
            Kind::Select => format!(
                r#"{{"Statement":"SELECT * FROM \"{PLAIN}\" WHERE id = ?","Parameters":[{{"S":"{key}"}}]}}"#
            ),
            Kind::Update => format!(
                r#"{{"Statement":"UPDATE \"{PLAIN}\" SET version = ? WHERE id = ?","Parameters":[{{"N":"{number}"}},{{"S":"{key}"}}]}}"#
            ),
            Kind::UpdateItem => format!(
                r#"{{"TableName":"{PLAIN}","Key":{{"id":{{"S":"{key}"}}}},"UpdateExpression":"SET version = :v","ExpressionAttributeValues":{{":v":{{"N":"{number}"}}}}}}"#
            ),
        };
        self.head.write(body.as_bytes(), out);
        true
    }

    fn reply(&mut self, _connection: usize, body: &[u8]) -> Result<u64> {
        let is_read = matches!(self.kind, Kind::Select);
        ensure!(!is_read || body.len() > 1000, "a reply without the item");
        Ok(1)
    }
}
