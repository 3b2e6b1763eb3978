//! One seed: a store that is opened, used and broken a few times, and checked after each reopening.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use headwater_engine::{Database, EngineError};
use headwater_model::SeededRng;
use tokio::task::JoinHandle;

use crate::archive::Archive;
use crate::check::{check, check_beginning};
use crate::churn::{self, Known};
use crate::faults::{End, LOG_OPERATIONS};
use crate::flips::{self, Flips};
use crate::follower::{self, Follower};
use crate::full_disk::{FullDisk, fill_for_opening};
use crate::history::StreamedChange;
use crate::ledger::Ledger;
use crate::machine::Machine;
use crate::world::World;
use crate::{readers, writers};

/// How often the store is opened and broken.
const LIVES: u64 = 4;
/// Lives of which bits are flipped before one, and how many.
const LIVES_PER_FLIPS: u64 = 4;
const FLIPS: u64 = 3;
/// How long the log is kept if it is trimmed. The clock jumps by less at once, and is set back by less.
const RETENTION_MS: Range<u64> = 16_000..40_000;
/// Openings of which one is tried on a full disk before.
const OPENINGS_PER_FULL_DISK: u64 = 6;
/// Nothing here takes as long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a seed did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Reopenings that were checked.
    pub lives: usize,
    /// Of them after a power loss.
    pub power_losses: usize,
    /// Disks that filled up while the store was in use.
    pub full_disks: usize,
    /// Of them those on which a write found no room.
    pub full_disks_met: usize,
    /// Operations of the disks that were to take their time.
    pub delays: usize,
    /// Openings on a full disk, after which all could be read.
    pub full_disks_opened: usize,
    /// States that were made anew from the log, or brought up to it from one of before.
    pub rebuilt: usize,
    /// Bits that were flipped between lives.
    pub flips: Flips,
    /// Acknowledged changes.
    pub acknowledged: usize,
    /// Stream records.
    pub records: usize,
    /// Of them those that were trimmed by the end.
    pub trimmed: usize,
    /// How often the follower was told that records are gone.
    pub gaps: usize,
    /// Reads that were checked.
    pub sightings: usize,
}

impl Report {
    /// Adds another seed's numbers.
    pub fn add(&mut self, other: Report) {
        self.lives += other.lives;
        self.power_losses += other.power_losses;
        self.delays += other.delays;
        self.full_disks += other.full_disks;
        self.full_disks_met += other.full_disks_met;
        self.full_disks_opened += other.full_disks_opened;
        self.rebuilt += other.rebuilt;
        self.flips.add(other.flips);
        self.acknowledged += other.acknowledged;
        self.records += other.records;
        self.trimmed += other.trimmed;
        self.gaps += other.gaps;
        self.sightings += other.sightings;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} reopenings ({} after a power loss), {} full disks ({} met, {} more opened), {} delays, \
             {} states made anew, {} flipped bits found ({} in the state), {} taken for a torn tail, {} in bytes that hold nothing \
             ({} damaged stores opened), {} acknowledged changes, {} records ({} trimmed, {} gaps told), {} reads",
            self.lives,
            self.power_losses,
            self.full_disks,
            self.full_disks_met,
            self.full_disks_opened,
            self.delays,
            self.rebuilt,
            self.flips.found,
            self.flips.found_in_state,
            self.flips.taken_for_torn,
            self.flips.idle,
            self.flips.opened,
            self.acknowledged,
            self.records,
            self.trimmed,
            self.gaps,
            self.sightings
        )
    }
}

/// Runs one seed.
///
/// # Errors
/// What did not hold, with the command that repeats the seed.
pub fn run_seed(seed: u64) -> Result<Report> {
    let report = run(async move { Campaign::new(seed).run().await });
    report.with_context(|| {
        format!(
            "seed {seed} failed; repeat it with: cargo run -p headwater-sim -- --seeds {seed}..{} --times 20",
            seed + 1
        )
    })
}

/// Runs one seed with durability `interval`; gives how many acknowledged changes the power loss took.
///
/// # Errors
/// What did not hold.
pub fn run_interval_seed(seed: u64) -> Result<usize> {
    let lost = run(async move { Campaign::new(seed).run_interval().await });
    lost.with_context(|| {
        format!(
            "seed {seed} failed; repeat it with: cargo run -p headwater-sim -- --interval --seeds {seed}..{} --times 20",
            seed + 1
        )
    })
}

/// Runs one seed with a log that is trimmed while it is used and followed.
///
/// # Errors
/// What did not hold.
pub fn run_trimming_seed(seed: u64) -> Result<Report> {
    let report = run(async move { Campaign::new(seed).trimming().run().await });
    report.with_context(|| {
        format!(
            "seed {seed} failed; repeat it with: cargo run -p headwater-sim -- --trimming --seeds {seed}..{} --times 20",
            seed + 1
        )
    })
}

fn run<T: Send + 'static>(campaign: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // A task of its own, so that actors and checks share all threads.
        tokio::spawn(campaign).await?
    })
}

struct Campaign {
    machine: Machine,
    rng: Arc<SeededRng>,
    ledger: Arc<Ledger>,
    records: BTreeMap<String, Vec<StreamedChange>>,
    follower: Follower,
    churn: Known,
    /// The whole stream, if the log is trimmed.
    archive: Option<Arc<Archive>>,
    /// With durability `interval`: how many acknowledged changes were gone when the store was first opened again.
    lost: Option<usize>,
    report: Report,
}

impl Campaign {
    fn new(seed: u64) -> Self {
        let mut machine = Machine::new(seed);
        if seed % 2 == 1 {
            machine.encrypt();
        }
        Campaign {
            rng: machine.rng.clone(),
            machine,
            ledger: Arc::default(),
            records: BTreeMap::new(),
            follower: Follower::default(),
            churn: Known::Absent,
            archive: None,
            lost: None,
            report: Report::default(),
        }
    }

    fn trimming(mut self) -> Self {
        let retention_ms =
            RETENTION_MS.start + self.rng.below(RETENTION_MS.end - RETENTION_MS.start);
        self.machine.trim_after(retention_ms);
        let archive = Archive::new(retention_ms, self.machine.clock.clone());
        self.archive = Some(Arc::new(archive));
        self
    }

    async fn run(mut self) -> Result<Report> {
        let database = self.open().await?;
        World::settle(&database).await?;
        close(database).await?;
        let mut states = vec![Vec::new()];
        for life in 0..LIVES {
            if self.machine.second_rng.below(LIVES) == 0 {
                self.await_gone().await?;
                states.push(self.machine.state_bytes()?);
            }
            // What a store holds of which the log has no beginning is not known to the check of damage.
            if self.machine.second_rng.below(LIVES_PER_FLIPS) == 0 && self.archive.is_none() {
                self.await_gone().await?;
                let flipped = flips::run(&self.machine, FLIPS).await;
                let flipped =
                    flipped.with_context(|| format!("flipped bits before life {life}"))?;
                self.report.flips.add(flipped);
            }
            let database = self.reopen().await?;
            let end = End::choose(&self.rng);
            let context = || format!("life {life}, which ends with {end:?}");
            self.live(database, end).await.with_context(context)?;
        }
        let database = self.reopen().await?;
        let world = self.look(database.clone()).await.context("after the end")?;
        if self.archive.is_some() {
            let oldest = world.database.log().oldest();
            let records = self.records.values().flatten();
            self.report.trimmed = records.filter(|record| record.sequence < oldest).count();
        }
        drop(world);
        close(database).await?;
        self.verify()?;
        for state in states {
            self.rebuild(&state).await?;
        }
        self.report.acknowledged = self.ledger.acknowledged();
        self.report.records = self.records.values().map(Vec::len).sum();
        self.report.gaps = self.follower.gaps;
        Ok(self.report)
    }

    /// Puts an older state in place of the present one, or none: what the log has since must give the same. What was trimmed
    /// of the log is missed.
    async fn rebuild(&mut self, state: &[u8]) -> Result<()> {
        self.await_gone().await?;
        let rebuilt = self.machine.copy_with_state(state)?;
        let before = std::mem::replace(&mut self.machine, rebuilt);
        let is_behind = |error: &anyhow::Error| {
            let cause = error.downcast_ref::<EngineError>();
            matches!(cause, Some(EngineError::StateBehindLog { .. }))
        };
        let length = state.len();
        let what = || format!("with a state of before, of {length} bytes");
        match self.open().await {
            Ok(database) => {
                drop(self.look(database.clone()).await.with_context(what)?);
                close(database).await?;
                self.await_gone().await?;
                self.verify().with_context(what)?;
                self.report.rebuilt += 1;
            }
            Err(error) if is_behind(&error) => {}
            Err(error) => return Err(error).with_context(what),
        }
        self.machine = before;
        Ok(())
    }

    async fn run_interval(mut self) -> Result<usize> {
        self.machine.sync_by_interval();
        let database = self.open().await?;
        World::settle(&database).await?;
        // The tables are to survive.
        database.log().sync()?;
        let end = match self.rng.below(5) {
            0 => End::QuietPowerLoss,
            1 => End::PowerLoss,
            2 => End::SuddenPowerLoss,
            _ => End::LogFault { power_loss: true },
        };
        let context = || format!("the life that ends with {end:?}");
        self.live(database, end).await.with_context(context)?;
        let database = self.reopen().await?;
        let lost = self.look_at_beginning(database.clone()).await?;
        close(database).await?;
        self.verify()?;
        Ok(lost)
    }

    /// Opens the database once the one before is gone.
    async fn open(&mut self) -> Result<Database> {
        self.await_gone().await?;
        self.machine.open()
    }

    async fn await_gone(&self) -> Result<()> {
        let gone = async {
            while !self.machine.is_free() {
                tokio::task::yield_now().await;
            }
        };
        let gone = tokio::time::timeout(PATIENCE, gone).await;
        gone.context("the database before was not dropped")
    }

    /// Opens the database; now and then the power goes meanwhile, or a disk is full.
    async fn reopen(&mut self) -> Result<Database> {
        if self.rng.below(4) == 0 {
            self.machine.lose_power_within(30);
            if let Ok(database) = self.open().await {
                close(database).await?;
            }
            self.machine.lose_power();
            self.report.power_losses += 1;
        }
        if self.machine.second_rng.below(OPENINGS_PER_FULL_DISK) == 0 {
            fill_for_opening(&self.machine);
            let database = self.open().await.context("opening on a full disk")?;
            if self.machine.syncs_by_interval() {
                self.look_at_beginning(database.clone()).await?;
            } else {
                drop(self.look(database.clone()).await?);
            }
            close(database).await?;
            self.report.full_disks_opened += 1;
            self.machine.make_room();
        }
        self.open().await
    }

    /// Checks what is there, lets actors loose, and breaks the machine.
    async fn live(&mut self, database: Database, end: End) -> Result<()> {
        let world = self.look(database.clone()).await?;
        let keeper = tokio::spawn({
            let database = database.clone();
            async move { database.keep().await }
        });
        if end == End::PowerLoss {
            world.log_goes_dark.store(true, Ordering::SeqCst);
        }
        if matches!(end, End::StateFault { .. }) {
            world.state_goes_dark.store(true, Ordering::SeqCst);
        }
        end.prepare(&self.machine);
        self.report.delays += self.machine.slow_down(LOG_OPERATIONS);
        let full = FullDisk::choose(&self.machine).map(|full| {
            let (world, seed) = (world.clone(), self.machine.second_rng.below(u64::MAX));
            tokio::spawn(fill_and_go_on(world, seed, full))
        });
        let actors = Actors::start(&world, &self.rng, self.follower.clone(), self.churn, full);
        if end == End::SuddenPowerLoss {
            tokio::time::sleep(Duration::from_millis(self.rng.below(60))).await;
            world.dark.store(true, Ordering::SeqCst);
            self.machine.lose_power();
        }
        let ended = actors.finish(&world).await?;
        (self.follower, self.churn) = (ended.follower, ended.churn);
        self.report.full_disks += usize::from(ended.full_disk.is_some());
        self.report.full_disks_met += usize::from(ended.full_disk == Some(true));
        keeper.abort();
        // An aborted task says so.
        let _ = keeper.await;
        let world = Arc::into_inner(world).context("an actor is left")?;
        drop(world);
        // A fault of the log's disk that was not met must not be met by the next life.
        let unmet = matches!(end, End::LogFault { .. }) && database.log().poisoned().is_none();
        let power_loss = end.loses_power() || unmet;
        if power_loss && end != End::SuddenPowerLoss {
            self.machine.lose_power();
        }
        self.report.power_losses += usize::from(power_loss);
        let closed = close(database).await;
        self.machine.make_room();
        closed
    }

    /// The checks of a store at rest.
    async fn look(&mut self, database: Database) -> Result<Arc<World>> {
        let clock = self.machine.clock.clone();
        let world = World::of(database, self.ledger.clone(), clock, self.archive.clone()).await?;
        let book = self.ledger.turn_page();
        let checked = check(&world, &self.rng, &book, &self.records, &mut self.follower);
        self.records = checked.await.context("after reopening")?;
        self.churn = churn::check(&world.database, self.churn)?;
        self.report.lives += 1;
        self.report.sightings += book.sightings.len();
        Ok(Arc::new(world))
    }

    /// The checks of a store that a power loss may have taken the end of; gives how many acknowledged changes it took.
    async fn look_at_beginning(&mut self, database: Database) -> Result<usize> {
        let clock = self.machine.clock.clone();
        let world = World::of(database, self.ledger.clone(), clock, self.archive.clone()).await?;
        let book = self.ledger.turn_page();
        let lost = check_beginning(&world, &self.rng, book).await?;
        let before = *self.lost.get_or_insert(lost);
        ensure!(
            before == lost,
            "{lost} changes are lost, {before} were when the store was opened before"
        );
        Ok(lost)
    }

    /// The files, as `headwater verify` checks them.
    fn verify(&self) -> Result<()> {
        let verdict = self.machine.verify()?;
        ensure!(
            verdict.is_clean() && verdict.keys_compared() > 0,
            "verify says {verdict:?}"
        );
        Ok(())
    }
}

struct Actors {
    writers: Vec<JoinHandle<Result<()>>>,
    readers: Vec<JoinHandle<Result<()>>>,
    follower: JoinHandle<Result<Follower>>,
    churn: JoinHandle<Result<Known>>,
    full_disk: Option<JoinHandle<Result<bool>>>,
}

/// What the actors of a life leave behind.
struct Ended {
    follower: Follower,
    churn: Known,
    /// Whether a full disk was met; `None` without one.
    full_disk: Option<bool>,
}

/// Fills a disk up; when there is room again, a write must be acknowledged.
async fn fill_and_go_on(world: Arc<World>, seed: u64, full: FullDisk) -> Result<bool> {
    let goes_on = full.ends();
    let filled = tokio::task::spawn_blocking({
        let world = world.clone();
        move || full.run(&world)
    });
    let met = filled.await??;
    if goes_on {
        writers::put_until_acknowledged(world, seed).await?;
    }
    Ok(met)
}

impl Actors {
    fn start(
        world: &Arc<World>,
        rng: &SeededRng,
        follower: Follower,
        churn: Known,
        full_disk: Option<JoinHandle<Result<bool>>>,
    ) -> Self {
        let seed = || rng.below(u64::MAX);
        let count = 2 + seed() % 7;
        let steps = 20 + seed() % 60;
        let writers = (0..count)
            .map(|_| tokio::spawn(writers::run(world.clone(), seed(), steps)))
            .collect();
        let readers = (0..2)
            .map(|_| tokio::spawn(readers::run(world.clone(), seed())))
            .collect();
        Actors {
            writers,
            readers,
            follower: tokio::spawn(follower::run(world.clone(), seed(), follower)),
            churn: tokio::spawn(churn::run(world.clone(), seed(), churn)),
            full_disk,
        }
    }

    /// Waits for the writers, then for room on the disk, then for the others, which are told to stop.
    async fn finish(self, world: &World) -> Result<Ended> {
        for writer in self.writers {
            within("a writer", writer).await?;
        }
        let full_disk = match self.full_disk {
            Some(full) => Some(within("a full disk that gets room again", full).await?),
            None => None,
        };
        world.stop.store(true, Ordering::SeqCst);
        for reader in self.readers {
            within("a reader", reader).await?;
        }
        let churn = within("the table that comes and goes", self.churn).await?;
        let follower = within("the follower", self.follower).await?;
        Ok(Ended {
            follower,
            churn,
            full_disk,
        })
    }
}

async fn within<T>(who: &'static str, task: JoinHandle<Result<T>>) -> Result<T> {
    match tokio::time::timeout(PATIENCE, task).await {
        Ok(done) => done?.context(who),
        Err(_) => bail!("{who} hangs"),
    }
}

/// Closes a database, whatever state it is in.
pub(crate) async fn close(database: Database) -> Result<()> {
    let closed = tokio::task::spawn_blocking(move || {
        database.close();
        drop(database);
    });
    match tokio::time::timeout(PATIENCE, closed).await {
        Ok(done) => Ok(done?),
        Err(_) => bail!("closing hangs"),
    }
}
