//! GetRecords from the beginning of every shard to its end, and again.

use super::{STREAMED, Stage};
use crate::api;
use crate::client::Client;
use crate::contest::OverHttp;
use crate::driver::{Driver, Workload};
use crate::dynamodb_local::NAME;
use crate::report::Row;
use crate::request::{Head, STREAMS};
use crate::server::Server;
use anyhow::{Result, ensure};
use memchr::memmem;
use std::net::SocketAddr;

/// Name of the row. Its operations are records.
pub const ROW: &str = "drain records, both images";

/// One connection per shard.
struct Drain {
    head: Head,
    shards: Vec<Shard>,
    records: memmem::Finder<'static>,
    next: memmem::Finder<'static>,
}

struct Shard {
    beginning: String,
    iterator: String,
}

/// Drains the stream that the puts have filled.
pub fn run(stage: &Stage) -> Result<Vec<Row>> {
    let mut ours = contestant(ROW, &mut stage.client()?, &stage.server)?;
    let mut rows = stage.contest.hold(&mut [&mut ours])?;
    if let Some(local) = &stage.local {
        let name = format!("{NAME}{ROW}");
        let mut theirs = contestant(&name, &mut local.client()?, local.server())?;
        rows.extend(stage.contest.hold(&mut [&mut theirs])?);
    }
    Ok(rows)
}

fn contestant(name: &str, client: &mut Client, server: &Server) -> Result<OverHttp<'static>> {
    let stream = api::stream_arn(client, STREAMED)?;
    let mut shards = Vec::new();
    for shard in api::shards(client, &stream)? {
        let beginning = api::shard_iterator(client, &stream, &shard, "TRIM_HORIZON")?;
        let iterator = beginning.clone();
        shards.push(Shard {
            beginning,
            iterator,
        });
    }
    ensure!(!shards.is_empty(), "the stream has no shards");
    let driver = Driver::connect(server.address(), shards.len())?;
    let drain = Drain::new(server.address(), shards);
    Ok(OverHttp::new(name, server.pid(), driver, drain))
}

impl Drain {
    fn new(address: SocketAddr, shards: Vec<Shard>) -> Self {
        Self {
            head: Head::new(address, STREAMS, "GetRecords"),
            shards,
            records: memmem::Finder::new("\"eventID\""),
            next: memmem::Finder::new("\"NextShardIterator\":\""),
        }
    }
}

impl Workload for Drain {
    fn request(&mut self, connection: usize, out: &mut Vec<u8>) -> bool {
        let iterator = &self.shards[connection].iterator;
        let body = format!(r#"{{"ShardIterator":"{iterator}","Limit":1000}}"#);
        self.head.write(body.as_bytes(), out);
        true
    }

    fn reply(&mut self, connection: usize, body: &[u8]) -> Result<u64> {
        let records = self.records.find_iter(body).count() as u64;
        let shard = &mut self.shards[connection];
        shard.iterator = match next_iterator(&self.next, body) {
            Some(next) if records > 0 => next,
            _ => shard.beginning.clone(),
        };
        Ok(records)
    }
}

/// The value behind the name, wherever in the body it stands.
fn next_iterator(name: &memmem::Finder<'_>, body: &[u8]) -> Option<String> {
    let start = name.find(body)? + name.needle().len();
    let length = memchr::memchr(b'"', &body[start..])?;
    String::from_utf8(body[start..start + length].to_vec()).ok()
}
