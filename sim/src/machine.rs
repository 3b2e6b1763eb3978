//! The machine that is broken: a log disk, a state disk and a clock, all of which misbehave by seed.

use std::path::Path;
use std::sync::{Arc, Weak};

use anyhow::{Context, Result, ensure};
use headwater_changelog::testing::{Fault, FaultyFiles, Survives};
use headwater_changelog::{Durability, Files, Log, LogEncryption, LogError, LogOptions};
use headwater_cipher::{DataKey, LogKey, UserKey};
use headwater_engine::{Database, EngineError, EngineOptions, OpenError, Progress, Verified};
use headwater_model::{Clock, ManualClock, SeededRng, Sequence};
use headwater_state::testing::FaultyDisk;
use headwater_state::{StateOptions, StateStore};
use redb::StorageBackend;

const START_MS: u64 = 1_760_000_000_000;
/// The clock runs for hours here, and nothing may be trimmed: the whole stream is replayed.
const FOR_EVER_MS: u64 = u64::MAX / 4;

const DATA_KEY: [u8; 32] = [42; 32];
/// Makes a second generator of a seed: what it decides was added later, and leaves the stories of older seeds alone.
const SECOND_GENERATOR: u64 = 0x5eed_0002_0000_0000;

/// Operations of the disks that take their time, in one life.
const DELAYS_MAX: u64 = 12;
/// A turn is under a microsecond on an idle machine, and much longer on a busy one.
const DELAY_TURNS_MAX: u64 = 3_000;

pub(crate) struct Machine {
    pub(crate) files: FaultyFiles,
    pub(crate) disk: FaultyDisk,
    pub(crate) clock: ManualClock,
    pub(crate) rng: Arc<SeededRng>,
    /// Decides on full disks, delays and flipped bits.
    pub(crate) second_rng: SeededRng,
    log: LogOptions,
    engine: EngineOptions,
    state: StateOptions,
    open_state: Option<Weak<dyn StateStore>>,
    /// What the files are encrypted with.
    pub(crate) key: Option<UserKey>,
}

impl Machine {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = Arc::new(SeededRng::new(seed));
        let second_rng = SeededRng::new(seed ^ SECOND_GENERATOR);
        Machine {
            files: FaultyFiles::new(seed),
            disk: FaultyDisk::new(),
            clock: ManualClock::new(START_MS),
            log: LogOptions {
                reserve_bytes: second_rng.below(2) * (8 << 10),
                ..log_options(&rng)
            },
            engine: engine_options(&rng),
            state: StateOptions {
                cache_bytes: 1 << 20,
                prefetch_keys_min: 1 + rng.below(200) as usize,
                prefetch_threads: rng.below(3) as usize,
                ..StateOptions::default()
            },
            rng,
            second_rng,
            open_state: None,
            key: None,
        }
    }

    /// Encrypts all that is written from now on, which is everything.
    pub(crate) fn encrypt(&mut self) {
        let data = || DataKey::new(DATA_KEY);
        let (key, rng) = (data().log(), self.rng.clone());
        self.log.encryption = Some(LogEncryption { key, rng });
        self.state.cipher = Some(Arc::new(data().state()));
        self.key = Some(UserKey::new([1; 32]));
    }

    /// Syncs only now and then from now on.
    pub(crate) fn sync_by_interval(&mut self) {
        let interval_ms = 1 + self.rng.below(30);
        self.log.durability = Durability::Interval(interval_ms);
    }

    /// Keeps the log for so long only from now on, in milliseconds.
    pub(crate) fn trim_after(&mut self, retention_ms: u64) {
        self.engine.retention_ms = retention_ms;
    }

    /// Whether a power loss may take what was acknowledged.
    pub(crate) fn syncs_by_interval(&self) -> bool {
        matches!(self.log.durability, Durability::Interval(_))
    }

    /// Whether the database before is gone. Upkeep that was ended holds it for a moment longer than its caller.
    pub(crate) fn is_free(&self) -> bool {
        let state = self.open_state.as_ref();
        let state_is_free = state.is_none_or(|state| state.strong_count() == 0);
        state_is_free && !matches!(self.files.lock(), Ok(None))
    }

    /// Opens the database, as a server opens a folder. The one before must be closed and dropped.
    pub(crate) fn open(&mut self) -> Result<Database> {
        if let Some(state) = &self.open_state {
            ensure!(
                state.upgrade().is_none(),
                "the database before was not dropped"
            );
        }
        // A fault that was not met yet does not outlive the process.
        self.disk.fail_no_more();
        let space = Arc::new(self.disk.clone());
        let state = headwater_state::open(self.disk.backend(), Some(space), self.state.clone());
        let state: Arc<dyn StateStore> = state.context("opening the state")?;
        self.open_state = Some(Arc::downgrade(&state));
        let clock = Arc::new(self.clock.clone());
        let log = LogOptions {
            reaches: Sequence(state.position()),
            ..self.log.clone()
        };
        let log = Log::open(Arc::new(self.files.clone()), log, clock.clone());
        let (log, _) = log.context("opening the log")?;
        let claimed = state.claim(log.store_id());
        claimed.context("claiming the state")?;
        let options = self.engine.clone();
        let (database, _) = Database::open(log, state, clock, self.rng.clone(), options)
            .context("opening the database")?;
        Ok(database)
    }

    /// Turns the power of both disks off and on again.
    pub(crate) fn lose_power(&mut self) {
        let survives = match self.rng.below(4) {
            0 => Survives::Synced,
            1 => Survives::All,
            _ => Survives::SomeSectors,
        };
        self.files = self.files.power_loss(survives);
        self.disk.crash(self.rng.below(u64::MAX));
    }

    /// Lets the power go at one of the next operations of the log's disk.
    pub(crate) fn lose_power_within(&self, operations: u64) {
        let after = self.rng.below(operations.max(1));
        self.files.inject(after, Fault::PowerLoss);
    }

    /// Lets some of the next operations of both disks take their time; gives how many.
    pub(crate) fn slow_down(&self, operations: u64) -> usize {
        let rng = &self.second_rng;
        let count = rng.below(DELAYS_MAX + 1);
        for _ in 0..count {
            let (after, turns) = (rng.below(operations), rng.below(DELAY_TURNS_MAX) as u32);
            match rng.below(2) {
                0 => self.files.inject(after, Fault::Delay(turns)),
                _ => self.disk.delay(after, turns),
            }
        }
        count as usize
    }

    /// Leaves so much room on the log's disk and on the state's.
    pub(crate) fn fill_disks(&self, log_bytes: u64, state_bytes: u64) {
        let used_bytes = self.files.used_bytes();
        self.files.set_disk_size_bytes(Some(used_bytes + log_bytes));
        let placed_bytes = self.disk.placed_bytes();
        self.disk.set_size_bytes(Some(placed_bytes + state_bytes));
    }

    /// Takes the ends of the disks away.
    pub(crate) fn make_room(&self) {
        self.files.set_disk_size_bytes(None);
        self.disk.set_size_bytes(None);
    }

    /// A machine with the same files, which may be damaged.
    pub(crate) fn copy(&self) -> Result<Machine> {
        self.copy_with_state(&self.state_bytes()?)
    }

    /// A machine with the same log and another state: none, or one of before.
    pub(crate) fn copy_with_state(&self, bytes: &[u8]) -> Result<Machine> {
        let files = FaultyFiles::new(0);
        for name in self.files.sizes().into_keys() {
            files.replace(&name, self.files.contents(&name).unwrap_or_default());
        }
        let disk = FaultyDisk::new();
        let backend = disk.backend();
        backend.set_len(bytes.len() as u64)?;
        backend.write(0, bytes)?;
        backend.sync_data()?;
        Ok(Machine {
            files,
            disk,
            clock: ManualClock::new(self.clock.now_ms()),
            rng: Arc::new(SeededRng::new(0)),
            second_rng: SeededRng::new(0),
            log: self.log.clone(),
            engine: self.engine.clone(),
            state: self.state.clone(),
            open_state: None,
            key: self.key.clone(),
        })
    }

    /// What the log's blocks are encrypted with.
    pub(crate) fn log_key(&self) -> Option<LogKey> {
        let encryption = self.log.encryption.as_ref();
        encryption.map(|encryption| encryption.key.clone())
    }

    /// The bytes of the state's file.
    pub(crate) fn state_bytes(&self) -> Result<Vec<u8>> {
        let backend = self.disk.backend();
        let mut bytes = vec![0; usize::try_from(backend.len()?)?];
        backend.read(0, &mut bytes)?;
        Ok(bytes)
    }

    /// The state as it is on the disk, which stays as it is.
    pub(crate) fn read_state(&self) -> Result<Arc<dyn StateStore>> {
        let options = self.state.clone();
        Ok(headwater_state::open_read_only(
            self.disk.backend(),
            options,
        )?)
    }

    /// What `headwater verify` says of the files. Damage is none of its errors, but for a log file that has come to look like
    /// one of a later version.
    pub(crate) fn verify(&self) -> Result<Verdict> {
        let folder = tempfile::tempdir()?;
        self.write_to(folder.path())?;
        match headwater_engine::verify(folder.path(), self.key.as_ref(), &Progress::new(None)) {
            Ok(verified) => Ok(Verdict::Verified(verified)),
            Err(
                OpenError::Log(LogError::Unsupported { file, .. })
                | OpenError::Engine(EngineError::Log(LogError::Unsupported { file, .. })),
            ) => Ok(Verdict::Unsupported(format!("log file {file} "))),
            Err(error) => Err(error).context("verification"),
        }
    }

    /// Writes both disks into a folder, as a stopped server would have left them.
    pub(crate) fn write_to(&self, folder: &Path) -> Result<()> {
        if let Some(key) = &self.key {
            let data = DataKey::new(DATA_KEY);
            headwater_engine::write_key_file(folder, &data, key, &*self.rng)?;
        }
        let log = folder.join("log");
        std::fs::create_dir_all(&log)?;
        for name in self.files.sizes().into_keys() {
            let bytes = self.files.contents(&name).unwrap_or_default();
            std::fs::write(log.join(name), bytes)?;
        }
        Ok(std::fs::write(folder.join("state"), self.state_bytes()?)?)
    }
}

/// What verification says.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It went to its end.
    Verified(Verified),
    /// It refuses a file of the log, and what is named is its place.
    Unsupported(String),
}

impl Verdict {
    fn verified(&self) -> Option<&Verified> {
        match self {
            Self::Verified(verified) => Some(verified),
            Self::Unsupported(_) => None,
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.verified().is_some_and(Verified::is_clean)
    }

    /// Where something is wrong.
    pub(crate) fn places(&self) -> impl Iterator<Item = &str> {
        let (found, refused) = match self {
            Self::Verified(verified) => (&verified.findings[..], None),
            Self::Unsupported(place) => (&[][..], Some(place.as_str())),
        };
        let found = found.iter().map(|found| found.place.as_str());
        found.chain(refused)
    }

    /// Whether something is wrong in a place whose name begins so.
    pub(crate) fn names(&self, place: &str) -> bool {
        self.places().any(|found| found.starts_with(place))
    }

    pub(crate) fn keys_compared(&self) -> u64 {
        self.verified().map_or(0, |verified| verified.keys_compared)
    }

    pub(crate) fn torn_bytes(&self) -> u64 {
        self.verified().map_or(0, |verified| verified.torn_bytes)
    }
}

/// Small segments, blocks and caches, so that all the ways through the log are gone.
fn log_options(rng: &SeededRng) -> LogOptions {
    LogOptions {
        segment_bytes: (4 << 10) << rng.below(5),
        block_bytes_max: (1 << 10) << rng.below(6),
        tail_cache_bytes: (1 << 10) << rng.below(11),
        block_cache_bytes: (1 << 10) << rng.below(11),
        footer_cache_bytes: (1 << 10) << rng.below(11),
        queued_groups_max: 1 + rng.below(16) as usize,
        open_files_max: 1 + rng.below(8) as usize,
        preallocate: rng.below(2) == 0,
        ..LogOptions::default()
    }
}

fn engine_options(rng: &SeededRng) -> EngineOptions {
    EngineOptions {
        shards: Some(1 + rng.below(3) as u32),
        shard_age_ms: 20_000,
        retention_ms: FOR_EVER_MS,
        overlay_bytes_max: (8 << 10) << rng.below(8),
        // Longer than a busy machine keeps the applier from its turn: what is refused for that proves nothing.
        overlay_wait_ms_max: 15_000,
        apply_bytes_max: (1 << 10) << rng.below(10),
        apply_interval_ms: 1 + rng.below(20),
        checkpoint_interval_ms: 1 + rng.below(50),
        ..EngineOptions::default()
    }
}
