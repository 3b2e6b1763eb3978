//! A soak of triggers: eight mappings with different settings over one table of several shards, functions that fail, are
//! slow, crash and hang, shards that roll over, and a server that is killed again and again.
//!
//! At the end, for each mapping: every record that passes its filter was done by the function or is in the dead-letter
//! store, nothing else was delivered, each item's records came for the first time in their order, and the lag is zero.

mod mappings;
mod notes;
mod stream;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use headwater_model::SeededRng;
use serde_json::json;

use crate::folder::in_folder;
use crate::kill::{Client, Refused, Server, pause};
use mappings::Mapping;
use stream::SoakRecord;

pub(crate) const TABLE: &str = "soak";
const WRITERS: u64 = 4;
const KEYS: u64 = 5_000;
/// One record of so many is one that some functions cannot take.
const POISON_EVERY: u64 = 1_000;
const SHARDS: &str = "3";
/// Resident memory of the server that is never passed, in KiB.
const MEMORY_KIB_MAX: u64 = 1_500_000;
/// How long the functions may take for what is left when nothing is written any more.
const PATIENCE: Duration = Duration::from_secs(1_800);
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// What a soak did.
#[derive(Clone, Debug, Default)]
pub struct SoakReport {
    /// Records in the stream.
    pub records: usize,
    /// Shards that they are in.
    pub shards: usize,
    /// `kill -9` of the server under load.
    pub kills: u64,
    /// Most resident memory of the server, in KiB.
    pub memory_kib: u64,
    /// How long it took until nothing was left, after the last write.
    pub drain: Duration,
    /// A line for each mapping.
    pub mappings: Vec<String>,
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.mappings {
            writeln!(f, "{line}")?;
        }
        write!(
            f,
            "{} records in {} shards, {} kills, at most {} MiB, drained in {:.1} s",
            self.records,
            self.shards,
            self.kills,
            self.memory_kib / 1_024,
            self.drain.as_secs_f64()
        )
    }
}

/// Runs a soak of so many changes, with so many kills among them.
///
/// # Errors
/// What was lost, out of order or not bounded; the folder is kept then.
pub fn run(binary: &Path, changes: u64, kills: u64, seed: u64) -> Result<SoakReport> {
    in_folder("headwater-soak-", |folder| {
        let soak = Soak {
            binary,
            folder: folder.to_owned(),
            rng: SeededRng::new(seed),
            written: Arc::default(),
            memory_kib: Arc::default(),
        };
        soak.run(changes, kills)
    })
}

struct Soak<'a> {
    binary: &'a Path,
    folder: PathBuf,
    rng: SeededRng,
    /// Changes that were acknowledged.
    written: Arc<AtomicU64>,
    memory_kib: Arc<AtomicU64>,
}

impl Soak<'_> {
    fn run(&self, changes: u64, kills: u64) -> Result<SoakReport> {
        let server = self.start()?;
        let mut client = Client::new(server.address());
        create_table(&mut client)?;
        let mappings = mappings::create(&mut client, &self.folder)?;
        self.write(server, changes, kills)?;
        let server = self.start()?;
        let mut client = Client::new(server.address());
        let begun = Instant::now();
        self.wait_for_zero_lag(&server, &mut client, &mappings)?;
        let drain = begun.elapsed();
        let records = stream::read(&mut client)?;
        ensure!(
            records.len() as u64 >= changes,
            "{} records of {changes} changes",
            records.len()
        );
        let mut lines = Vec::new();
        for mapping in &mappings {
            let checked = mapping.check(&mut client, &records);
            lines.push(checked.with_context(|| format!("the mapping {}", mapping.name()))?);
        }
        let status = server.stop()?;
        ensure!(status.success(), "the server stopped with {status}");
        Ok(SoakReport {
            shards: shards(&records),
            records: records.len(),
            kills,
            memory_kib: self.memory_kib.load(Ordering::Relaxed),
            drain,
            mappings: lines,
        })
    }

    fn start(&self) -> Result<Server> {
        let flags = ["--shards", SHARDS, "--shard-age", "20s"];
        Server::start(self.binary, &self.folder.join("data"), &flags)
    }

    /// Writes until there are so many changes; the server dies at even distances meanwhile.
    fn write(&self, server: Server, changes: u64, kills: u64) -> Result<()> {
        let mut server = Some(server);
        for life in 1..=kills + 1 {
            let server = match server.take() {
                Some(server) => server,
                None => self.start()?,
            };
            let until = changes * life / (kills + 1);
            let dies = life <= kills;
            self.live(server, until, dies)?;
        }
        Ok(())
    }

    /// One life of a server: until so many changes are written.
    fn live(&self, mut server: Server, until: u64, dies: bool) -> Result<()> {
        let over = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                let writer = Writer {
                    client: Client::new(server.address()),
                    rng: SeededRng::new(self.rng.below(u64::MAX)),
                    written: self.written.clone(),
                    over: over.clone(),
                };
                thread::spawn(move || writer.run())
            })
            .collect();
        while self.written.load(Ordering::Relaxed) < until {
            pause(LOOK_INTERVAL);
            server.check_alive()?;
            self.look_at_memory(&server)?;
            if writers.iter().all(thread::JoinHandle::is_finished) {
                break;
            }
        }
        over.store(true, Ordering::SeqCst);
        if dies {
            server.kill()?;
        }
        for writer in writers {
            let written = writer.join();
            written.map_err(|_| anyhow::anyhow!("a writer panicked"))??;
        }
        Ok(())
    }

    fn look_at_memory(&self, server: &Server) -> Result<()> {
        let kib = server.resident_kib()?;
        self.memory_kib.fetch_max(kib, Ordering::Relaxed);
        ensure!(kib < MEMORY_KIB_MAX, "the server holds {kib} KiB");
        Ok(())
    }

    fn wait_for_zero_lag(
        &self,
        server: &Server,
        client: &mut Client,
        mappings: &[Mapping],
    ) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        for mapping in mappings {
            while let Some(behind) = mapping.behind(client)? {
                ensure!(
                    Instant::now() < until,
                    "the mapping {} is still behind: {behind}",
                    mapping.name()
                );
                self.look_at_memory(server)?;
                pause(LOOK_INTERVAL);
            }
        }
        Ok(())
    }
}

fn shards(records: &[SoakRecord]) -> usize {
    let shards: std::collections::BTreeSet<u32> =
        records.iter().map(|record| record.shard).collect();
    shards.len()
}

fn create_table(client: &mut Client) -> Result<()> {
    let table = json!({
        "TableName": TABLE,
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"},
    });
    client.dynamodb("CreateTable", &table)?;
    Ok(())
}

/// A connection that changes items.
struct Writer {
    client: Client,
    rng: SeededRng,
    written: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Writer {
    /// Writes until it is over, or the connection breaks while it is.
    fn run(mut self) -> Result<()> {
        while !self.over.load(Ordering::SeqCst) {
            match self.step() {
                Ok(()) => {
                    self.written.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) if error.is::<Refused>() => return Err(error),
                Err(_) if self.over.load(Ordering::SeqCst) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<()> {
        let key = self.rng.below(KEYS);
        let color = ["red", "green", "blue"][self.rng.below(3) as usize];
        let mut item = json!({
            "pk": {"S": format!("k{key}")},
            "color": {"S": color},
            "value": {"N": self.rng.below(u64::MAX).to_string()},
        });
        if self.rng.below(POISON_EVERY) == 0 {
            item["poison"] = json!({"BOOL": true});
        }
        let put = json!({"TableName": TABLE, "Item": item});
        self.client.dynamodb("PutItem", &put).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::mappings::SPECS;
    use super::*;

    /// A short one with all that belongs to it; `headwater-sim --soak 1000000` is the long one.
    #[test]
    fn a_short_soak_loses_nothing() {
        let binary = crate::kill::binary().unwrap();
        let report = run(&binary, 6_000, 2, 7).unwrap();
        assert_eq!(report.mappings.len(), SPECS.len());
        assert!(report.shards >= 3, "{report}");
    }
}
