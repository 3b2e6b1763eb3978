//! The log against a plain list of entries, through random appends, crashes, reopenings, clock steps and trims.

use std::sync::Arc;

use headwater_changelog::testing::{Fault, FaultyFiles, Survives};
use headwater_changelog::{Durability, Entry, EntryDraft, Log, LogError, LogOptions, ReadLimit};
use headwater_model::{ManualClock, Sequence};
use proptest::prelude::*;

use crate::support::{
    START_MS, change, encrypted, entries, expected, noise, records, small, verify, wait,
};

#[derive(Clone, Debug)]
enum Step {
    /// Entries, each with the lengths and shards of its changes; waiting for the last one or not.
    Append(Vec<Vec<(u32, usize)>>, bool),
    Reopen,
    /// Perhaps with a fault while opening again.
    Crash(Survives, Option<(u64, Fault)>),
    /// A fault some operations ahead.
    Fault(u64, Fault),
    /// Checkpoint that share of all entries, in percent, and trim.
    Trim(usize),
    /// Sets the clock, relative to the start.
    Clock(u64),
    /// Reads a shard from somewhere in the log, in percent.
    Read(u32, usize, ReadLimit),
}

fn step() -> impl Strategy<Value = Step> {
    let entry = || proptest::collection::vec((0u32..5, 0usize..200), 1..4);
    let survives = prop_oneof![
        Just(Survives::Synced),
        Just(Survives::SomeSectors),
        Just(Survives::All)
    ];
    let fault = || {
        prop_oneof![
            Just(Fault::Fail),
            Just(Fault::Short),
            Just(Fault::PowerLoss)
        ]
    };
    let limit =
        (1usize..20, 1usize..2000).prop_map(|(records, bytes)| ReadLimit { records, bytes });
    prop_oneof![
        8 => (proptest::collection::vec(entry(), 1..12), any::<bool>()).prop_map(|(e, wait)| Step::Append(e, wait)),
        1 => Just(Step::Reopen),
        3 => (survives, proptest::option::of((0u64..12, fault()))).prop_map(|(survives, fault)| Step::Crash(survives, fault)),
        1 => (0u64..12, fault()).prop_map(|(after, fault)| Step::Fault(after, fault)),
        1 => (0usize..100).prop_map(Step::Trim),
        1 => (0u64..20_000).prop_map(Step::Clock),
        3 => (1u32..5, 0usize..100, limit).prop_map(|(shard, at, limit)| Step::Read(shard, at, limit)),
    ]
}

/// A log and what it must hold.
struct World {
    files: FaultyFiles,
    options: LogOptions,
    clock: Arc<ManualClock>,
    log: Option<Log>,
    /// Appended, in order; those before the trim point are gone.
    model: Vec<Entry>,
    /// Acknowledged up to here.
    acknowledged: Sequence,
    /// Readers may have seen sequences up to here, of entries that are lost too.
    shown: Sequence,
    /// The highest checkpoint ever told.
    checkpoint: Sequence,
    seed: u64,
}

impl World {
    fn new(options: LogOptions, seed: u64) -> Self {
        let files = FaultyFiles::new(seed);
        let clock = Arc::new(ManualClock::new(START_MS));
        let mut world = Self {
            files,
            options,
            clock,
            log: None,
            model: Vec::new(),
            acknowledged: Sequence::ZERO,
            shown: Sequence::ZERO,
            checkpoint: Sequence::ZERO,
            seed,
        };
        world.open();
        world
    }

    fn log(&self) -> &Log {
        self.log.as_ref().unwrap()
    }

    fn open(&mut self) {
        // An injected fault may hit the opening itself; the next boot has none.
        for _ in 0..3 {
            match Log::open(
                Arc::new(self.files.clone()),
                self.options.clone(),
                self.clock.clone(),
            ) {
                Ok((log, _)) => {
                    self.log = Some(log);
                    return self.compare();
                }
                Err(LogError::Io { .. }) => {
                    self.files = self.files.power_loss(Survives::SomeSectors)
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("does not open");
    }

    /// After opening: everything acknowledged is there, what is there was appended in this order.
    fn compare(&mut self) {
        let read = entries(self.log()).unwrap();
        let oldest = self.log().oldest();
        self.model.retain(|entry| entry.first >= oldest);
        assert!(
            self.model.starts_with(&read),
            "entries changed, or came back in another order"
        );
        let kept = read.len();
        let lost = &self.model[kept..];
        if self.options.durability == Durability::Sync {
            assert!(
                lost.iter().all(|entry| entry.last() > self.acknowledged),
                "acknowledged entries are lost"
            );
        }
        self.model.truncate(kept);
        if self.options.durability != Durability::Sync {
            self.acknowledged = self.acknowledged.min(self.log().durable());
        }
        assert!(self.log().durable() >= self.model.last().map_or(Sequence::ZERO, Entry::last));
    }

    fn crash(&mut self, survives: Survives) {
        self.crash_then(survives, None);
    }

    fn crash_then(&mut self, survives: Survives, fault: Option<(u64, Fault)>) {
        self.shown = self.shown.max(self.log().durable());
        let after = self.files.power_loss(survives);
        self.log = None;
        self.files = after;
        if let Some((after, fault)) = fault {
            self.files.inject(after, fault);
        }
        self.open();
    }

    fn append(&mut self, lists: &[Vec<(u32, usize)>], wait_for_it: bool) {
        let mut last = Sequence::ZERO;
        for list in lists {
            let changes: Vec<_> = list
                .iter()
                .map(|(shard, length)| {
                    self.seed += 1;
                    change(*shard, &self.seed.to_string(), &noise(self.seed, *length))
                })
                .collect();
            let before = self.log().appended();
            match self.log().append(EntryDraft::new(&changes).unwrap()) {
                Ok(appended) => {
                    assert!(appended.first > before && appended.first > self.acknowledged);
                    assert!(
                        appended.first > self.shown,
                        "a sequence was given out twice"
                    );
                    last = appended.last;
                    self.model.push(Entry {
                        first: appended.first,
                        changes,
                    });
                }
                Err(LogError::Poisoned { .. }) => return self.crash(Survives::SomeSectors),
                Err(error) => panic!("{error}"),
            }
        }
        if !wait_for_it {
            return;
        }
        match wait(self.log(), last) {
            Ok(()) => self.acknowledged = last,
            Err(LogError::Poisoned { .. }) => self.crash(Survives::SomeSectors),
            Err(error) => panic!("{error}"),
        }
    }

    /// The sequence that share of all entries into the log.
    fn at(&self, percent: usize) -> Sequence {
        self.model
            .get(self.model.len() * percent / 100)
            .map_or(Sequence::ZERO, |entry| entry.first)
    }

    /// False if the power is off.
    fn read(&self, shard: u32, percent: usize, limit: ReadLimit) -> bool {
        let from = self.at(percent).max(self.log().oldest());
        let to = self.log().durable();
        // The power may go at any moment.
        let mut read = match records(self.log(), shard, from, limit) {
            Err(LogError::Io { .. }) => return false,
            read => read.unwrap(),
        };
        read.retain(|record| record.sequence <= to);
        let mut wanted = expected(&self.model, shard, from);
        wanted.retain(|record| record.sequence <= to);
        assert_eq!(read, wanted);
        true
    }

    fn trim(&mut self, percent: usize) {
        let checkpoint = Sequence(self.at(percent).0.saturating_sub(1)).min(self.log().durable());
        self.checkpoint = self.checkpoint.max(checkpoint);
        self.log().checkpointed(checkpoint);
        let trimmed = self.log().trim(&|_| true);
        match trimmed.and_then(|_| self.log().remove_trimmed(percent % 5)) {
            Ok(_) => {}
            Err(LogError::Io { .. }) => return self.crash(Survives::SomeSectors),
            Err(error) => panic!("{error}"),
        }
        let oldest = self.log().oldest();
        assert!(oldest <= self.checkpoint.next());
        self.model.retain(|entry| entry.first >= oldest);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Append(lists, wait_for_it) => self.append(lists, *wait_for_it),
            Step::Reopen => {
                let closed = self.log.take().unwrap().close();
                if closed.is_ok() {
                    self.acknowledged = self.model.last().map_or(self.acknowledged, Entry::last);
                } else {
                    self.files = self.files.power_loss(Survives::SomeSectors);
                }
                self.open();
            }
            Step::Crash(survives, fault) => self.crash_then(*survives, *fault),
            Step::Fault(after, fault) => self.files.inject(*after, *fault),
            Step::Trim(percent) => self.trim(*percent),
            Step::Clock(ms) => self.clock.set_ms(START_MS + ms),
            Step::Read(shard, percent, limit) => {
                if !self.read(*shard, *percent, *limit) {
                    self.crash(Survives::SomeSectors);
                }
            }
        }
    }
}

fn run(options: LogOptions, seed: u64, steps: &[Step]) {
    let mut world = World::new(options, seed);
    for step in steps {
        world.step(step);
    }
    world.crash(Survives::SomeSectors);
    for shard in 1..5 {
        let limit = ReadLimit {
            records: 3,
            bytes: 500,
        };
        assert!(world.read(shard, 0, limit));
    }
    world.log.take().unwrap().close().unwrap();
    let report = verify(&world.files, &world.options).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(
        (report.entries, report.torn_bytes),
        (world.model.len() as u64, 0)
    );
}

/// Readers keep positions: if a power loss takes entries that they have read, and the machine comes back with a clock that
/// is behind, later entries are beyond those positions all the same. A trim before and a rewrite after change nothing.
#[test]
fn sequences_of_entries_that_a_power_loss_took_are_not_given_out_again() {
    let options = LogOptions {
        durability: Durability::Interval(3_600_000),
        ..small()
    };
    let mut world = World::new(options, 1);
    let minute_ms = 60_000;
    for ahead_ms in [0, 1, 4 * minute_ms, 4 * minute_ms + 4_999, 9 * minute_ms] {
        world.clock.set_ms(START_MS + ahead_ms);
        world.append(&vec![vec![(1, 180)]; 20], true);
    }
    // It writes the file that says how far sequences may have gone, too.
    let oldest = world.log().oldest();
    world.trim(60);
    assert!(world.log().oldest() > oldest, "nothing was trimmed");
    world.crash(Survives::Synced);
    assert!(world.log().durable() < world.shown, "nothing was lost");
    world.log.take().unwrap().close().unwrap();
    let copy = FaultyFiles::new(2);
    headwater_changelog::rewrite(&world.files, None, &copy, None, &mut |_| {}).unwrap();
    world.files = copy;
    world.options.durability = Durability::Sync;
    world.open();
    world.clock.set_ms(START_MS);
    world.append(&[vec![(1, 100)]], true);
    let after = world.shown.ms() + 10_000;
    assert!(world.log().appended().ms() < after, "far beyond the clock");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(96), ..ProptestConfig::default() })]

    #[test]
    fn synced_entries_survive_everything(seed: u64, steps in proptest::collection::vec(step(), 1..40)) {
        run(small(), seed >> 1, &steps);
    }

    #[test]
    fn encrypted_entries_survive_everything(seed: u64, steps in proptest::collection::vec(step(), 1..40)) {
        run(encrypted(small(), seed), seed >> 1, &steps);
    }

    #[test]
    fn interval_loses_a_tail_at_most(seed: u64, steps in proptest::collection::vec(step(), 1..40)) {
        run(LogOptions { durability: Durability::Interval(3), ..small() }, seed >> 1, &steps);
    }
}
