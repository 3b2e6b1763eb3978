//! The real binary under load over HTTP, killed with `kill -9` again and again and started on the same folder.
//!
//! Each start finds its clock up to two hours before or behind the real time, so that it steps back and forth between
//! the lives. After each restart, before the load goes on: every key is read, the follower of the stream goes on with the
//! iterators that it held when the server died, and everything that clients were ever told is compared with the
//! records that the follower has, each once and in order. At the end a function, called by a trigger in each life, must
//! have been given every record, each shard's and each item's in order.

mod client;
mod follower;
mod load;
mod server;
mod trigger;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use headwater_model::SeededRng;

use crate::folder::in_folder;
use crate::history::{Explained, explain};
use crate::ledger::Ledger;
use follower::Follower;
use trigger::{Delivered, Trigger};

pub use client::{Client, Refused};
pub use server::{Server, binary};

const CONNECTIONS: u64 = 8;
/// Time between two kills, so that a crash meets a server in every state.
const LIFE_MS: Range<u64> = 5..255;
/// One life of so many is so long that the function is called in it.
const LIVES_PER_LONG_LIFE: u64 = 8;
const LONG_LIFE_MS: Range<u64> = 750..1_500;
/// Before one life of so many, a server is killed while it starts.
const LIVES_PER_KILLED_START: u64 = 6;
/// After one life of so many, the folder is verified as the kill left it.
const LIVES_PER_VERIFICATION: u64 = 20;
/// Farthest that a server's clock is off, two hours: less than the retention.
const CLOCK_OFF_MS_MAX: u64 = 7_200_000;

/// What a run did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Kills under load.
    pub kills: u64,
    /// Kills of a server that was starting.
    pub kills_while_starting: u64,
    /// Acknowledged changes.
    pub acknowledged: usize,
    /// Records that the follower got, each once.
    pub records: usize,
    /// Reads that were checked.
    pub sightings: usize,
    /// Shards that the follower went through.
    pub shards: usize,
    /// Records that a function was given by a trigger, each time.
    pub deliveries: usize,
    /// Of them, those of the lives that ended in kills.
    pub delivered_between_kills: usize,
    /// Of all of them, those that it had been given before.
    pub repeated: usize,
    /// Folders that were verified as a kill left them.
    pub verified: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills under load, {} while starting, {} folders verified, {} acknowledged changes, {} records in {} shards, \
             {} reads, {} deliveries to a function ({} between kills, {} repeated)",
            self.kills,
            self.kills_while_starting,
            self.verified,
            self.acknowledged,
            self.records,
            self.shards,
            self.sightings,
            self.deliveries,
            self.delivered_between_kills,
            self.repeated
        )
    }
}

/// Kills a server `kills` times.
///
/// # Errors
/// What was lost, doubled or out of order; the folder is kept then.
pub fn run(binary: &Path, kills: u64, seed: u64) -> Result<Report> {
    in_folder("headwater-kill-", |folder| {
        let mut campaign = Campaign {
            binary,
            folder: folder.to_owned(),
            data: folder.join("data"),
            rng: SeededRng::new(seed),
            ledger: Arc::default(),
            follower: Follower::default(),
            report: Report::default(),
        };
        campaign.run(kills)
    })
}

struct Campaign<'a> {
    binary: &'a Path,
    folder: PathBuf,
    data: PathBuf,
    rng: SeededRng,
    ledger: Arc<Ledger>,
    follower: Follower,
    report: Report,
}

impl Campaign<'_> {
    fn run(&mut self, kills: u64) -> Result<Report> {
        let server = self.start()?;
        let mut client = Client::new(server.address());
        load::create_table(&mut client)?;
        let trigger = Trigger::create(&mut client, &self.folder)?;
        drop(server);
        for kill in 0..kills {
            let context = || format!("after {kill} kills under load");
            let is_one_of = |lives: u64| kill % lives == lives - 1;
            if is_one_of(LIVES_PER_KILLED_START) {
                self.kill_while_starting()?;
            }
            let server = self.start().with_context(context)?;
            self.check(&server).with_context(context)?;
            let life_ms = match is_one_of(LIVES_PER_LONG_LIFE) {
                true => LONG_LIFE_MS,
                false => LIFE_MS,
            };
            self.work_until_killed(server, life_ms)
                .with_context(context)?;
            if is_one_of(LIVES_PER_VERIFICATION) {
                verify(self.binary, &self.data, true).with_context(context)?;
                self.report.verified += 1;
            }
        }
        self.report.delivered_between_kills = trigger.given()?.len();
        ensure!(
            kills < 2 * LIVES_PER_LONG_LIFE || self.report.delivered_between_kills > 0,
            "the function was given nothing while servers were killed"
        );
        let server = self.start()?;
        self.check(&server).context("after the last kill")?;
        self.read_anew(&server)?;
        let records = self.follower.records();
        let Delivered {
            deliveries,
            repeated,
        } = trigger.check(&records)?;
        (self.report.deliveries, self.report.repeated) = (deliveries, repeated);
        drop(server);
        verify(self.binary, &self.data, true)?;
        let server = self.start()?;
        self.read_anew(&server)?;
        let status = server.stop()?;
        ensure!(status.success(), "the server stopped with {status}");
        verify(self.binary, &self.data, true)?;
        self.report.acknowledged = self.ledger.acknowledged();
        self.report.records = self.follower.records().len();
        self.report.shards = self.follower.shards();
        Ok(self.report)
    }

    fn start(&self) -> Result<Server> {
        let off_ms = self.rng.below(2 * CLOCK_OFF_MS_MAX) as i64 - CLOCK_OFF_MS_MAX as i64;
        let offset = format!("--test-clock-offset={off_ms}ms");
        // Shards roll over all the time.
        let flags = ["--shard-age", "1s", "--test-clock", &offset];
        Server::start(self.binary, &self.data, &flags)
    }

    fn kill_while_starting(&mut self) -> Result<()> {
        let mut child = Server::command(self.binary, &self.data, &[]).spawn()?;
        pause(Duration::from_millis(self.rng.below(40)));
        child.kill()?;
        child.wait()?;
        self.report.kills_while_starting += 1;
        Ok(())
    }

    /// The checks of a server at rest.
    fn check(&mut self, server: &Server) -> Result<()> {
        let mut client = Client::new(server.address());
        let mut there = Vec::new();
        for key in load::keys() {
            there.push((key.clone(), load::read(&mut client, &self.ledger, &key)?));
        }
        self.follower.catch_up(&mut client, &self.rng)?;
        let book = self.ledger.turn_page();
        self.report.sightings += book.sightings.len();
        let explained: Explained = explain(&self.follower.records(), &book)?;
        for (key, mark) in there {
            let expected = explained.items.get(&key).map(|image| image.mark);
            ensure!(
                mark == expected,
                "{key} is {mark:?}, its stream says {expected:?}"
            );
        }
        let items = load::scan(&mut client)?;
        ensure!(
            items == explained.items,
            "the table is not the replay of its stream"
        );
        Ok(())
    }

    /// Connections and a follower at work, until the server is dead.
    fn work_until_killed(&mut self, mut server: Server, life_ms: Range<u64>) -> Result<()> {
        let address = server.address();
        let over = Arc::new(AtomicBool::new(false));
        let mut loads = Vec::new();
        for _ in 0..CONNECTIONS {
            let (ledger, over) = (self.ledger.clone(), over.clone());
            let rng = SeededRng::new(self.rng.below(u64::MAX));
            loads.push(thread::spawn(move || {
                load::run(Client::new(address), &ledger, &rng, &over)
            }));
        }
        let mut follower = std::mem::take(&mut self.follower);
        let follows = thread::spawn({
            let over = over.clone();
            let rng = SeededRng::new(self.rng.below(u64::MAX));
            move || {
                let result = follower.follow(&mut Client::new(address), &rng, &over);
                (follower, result)
            }
        });
        let life_ms = life_ms.start + self.rng.below(life_ms.end - life_ms.start);
        pause(Duration::from_millis(life_ms));
        server.check_alive()?;
        // From here on a closed connection is no failure.
        over.store(true, Ordering::SeqCst);
        server.kill()?;
        self.report.kills += 1;
        for load in loads {
            joined(load)?.context("a connection")?;
        }
        let (follower, result) = joined(follows)?;
        self.follower = follower;
        result.context("the follower")
    }

    /// A new follower gets the same.
    fn read_anew(&mut self, server: &Server) -> Result<()> {
        let mut anew = Follower::default();
        anew.catch_up(&mut Client::new(server.address()), &self.rng)?;
        ensure!(
            anew.records() == self.follower.records(),
            "a new follower gets something else"
        );
        Ok(())
    }
}

/// What a thread gives when it ends.
pub(crate) fn joined<T>(thread: thread::JoinHandle<T>) -> Result<T> {
    thread
        .join()
        .map_err(|_| anyhow::anyhow!("a thread panicked"))
}

/// `headwater verify`; gives what it printed.
///
/// # Errors
/// If it is not as clean as expected.
pub fn verify(binary: &Path, data: &Path, clean: bool) -> Result<String> {
    let mut command = std::process::Command::new(binary);
    let output = command.arg("verify").arg("--data").arg(data).output()?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    match (output.status.code(), clean) {
        (Some(0), true) | (Some(1), false) => Ok(said),
        (code, _) => bail!("verify ended with {code:?} and said:\n{said}"),
    }
}

/// Waits; the thread has nothing else to do.
pub(crate) fn pause(length: Duration) {
    let end = Instant::now() + length;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}
