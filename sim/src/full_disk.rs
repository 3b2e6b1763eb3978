//! A disk that fills up while everybody works, and mostly gets room again: reads go on, and so do writes once there is
//! room.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use headwater_changelog::ReadLimit;
use headwater_changelog::testing::FaultyFiles;
use headwater_model::SeededRng;
use headwater_state::testing::FaultyDisk;

use crate::machine::Machine;
use crate::world::World;

/// Lives of which in one a disk fills up.
const LIVES_PER_FULL_DISK: u64 = 4;
/// Room that is left on the log's disk at most: a few groups.
const LOG_BYTES_MAX: u64 = 8 << 10;
/// Room that is left on the state's disk at most. Below a megabyte it begins nothing more.
const STATE_BYTES_MAX: u64 = (1 << 20) + (128 << 10);
/// Enough for a disk that is not to fill up.
const PLENTY_BYTES: u64 = 1 << 30;
/// Longest wait until somebody notices. There may be no more writes, or they may fit.
const UNNOTICED_MAX: Duration = Duration::from_millis(150);
/// After a second those who wait for room are refused; some disks are full for longer than that.
const LONG_MS: u64 = 1_100;
/// There is room again long before, unless nobody looks.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
const PAGE: ReadLimit = ReadLimit {
    records: 100,
    bytes: 1 << 20,
};

/// When a disk fills up, and for how long.
pub(crate) struct FullDisk {
    files: FaultyFiles,
    disk: FaultyDisk,
    begins_after: Duration,
    lasts: Duration,
    log_bytes: u64,
    state_bytes: u64,
    /// There is no room again before the next life.
    stays: bool,
}

impl FullDisk {
    /// For some lives.
    pub(crate) fn choose(machine: &Machine) -> Option<Self> {
        let rng = &machine.second_rng;
        let chosen = rng.below(LIVES_PER_FULL_DISK) == 0;
        let which = rng.below(3);
        let full = FullDisk {
            files: machine.files.clone(),
            disk: machine.disk.clone(),
            begins_after: Duration::from_millis(rng.below(40)),
            lasts: Duration::from_millis(match rng.below(12) {
                0 => LONG_MS,
                _ => 1 + rng.below(60),
            }),
            log_bytes: part(rng, which != 1, LOG_BYTES_MAX),
            state_bytes: part(rng, which != 0, STATE_BYTES_MAX),
            stays: rng.below(4) == 0,
        };
        chosen.then_some(full)
    }

    /// Fills the disk up and makes room again; whether anybody noticed. On a thread of its own, since readers may keep
    /// theirs while the state waits for room.
    ///
    /// # Errors
    /// If reads did not go on.
    pub(crate) fn run(&self, world: &World) -> Result<bool> {
        until(self.begins_after, || world.is_over());
        self.fill();
        until(UNNOTICED_MAX, || {
            world.is_over() || world.database.no_room().is_some()
        });
        let noticed = world.database.no_room().is_some();
        until(self.lasts, || world.is_over());
        if self.is_of_the_log_alone() {
            match read_everything(world) {
                Err(_) if world.is_over() => {}
                read => read.context("reading while the disk is full")?,
            }
        }
        if self.stays {
            world.stays_full.store(true, Ordering::SeqCst);
            return Ok(noticed);
        }
        self.files.set_disk_size_bytes(None);
        self.disk.set_size_bytes(None);
        let began = Instant::now();
        until(PATIENCE, || {
            world.is_over() || world.database.no_room().is_none()
        });
        ensure!(
            began.elapsed() < PATIENCE,
            "there is room, and yet: {:?}",
            world.database.no_room()
        );
        Ok(noticed)
    }

    /// Whether writes are to go on in this life.
    pub(crate) fn ends(&self) -> bool {
        !self.stays
    }

    /// A state that is being written without room may keep readers waiting.
    fn is_of_the_log_alone(&self) -> bool {
        self.state_bytes == PLENTY_BYTES
    }

    fn fill(&self) {
        let used_bytes = self.files.used_bytes();
        self.files
            .set_disk_size_bytes(Some(used_bytes + self.log_bytes));
        let placed_bytes = self.disk.placed_bytes();
        self.disk
            .set_size_bytes(Some(placed_bytes + self.state_bytes));
    }
}

/// Lets the disks be full while the database is opened.
pub(crate) fn fill_for_opening(machine: &Machine) {
    let rng = &machine.second_rng;
    let which = rng.below(3);
    machine.fill_disks(
        part(rng, which != 1, 2 << 10),
        part(rng, which != 0, STATE_BYTES_MAX),
    );
}

fn part(rng: &SeededRng, is_full: bool, bytes_max: u64) -> u64 {
    let bytes = rng.below(2) * rng.below(bytes_max);
    match is_full {
        true => bytes,
        false => PLENTY_BYTES,
    }
}

/// Items, and all records of the open shards.
fn read_everything(world: &World) -> Result<()> {
    tokio::runtime::Handle::current().block_on(world.look("k0"))?;
    let log = world.database.log();
    for shard in world.database.shards_now(world.stream) {
        let mut from = shard.start.max(log.oldest());
        while from <= log.durable() {
            from = log.read_shard(shard.number, from, PAGE)?.next;
        }
    }
    Ok(())
}

fn until(longest: Duration, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while began.elapsed() < longest && !is_so() {
        thread::park_timeout(LOOK_INTERVAL);
    }
}
