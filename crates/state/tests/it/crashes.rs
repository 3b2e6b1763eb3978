//! After a crash the store opens at its last checkpoint with exactly that content, whatever subset of
//! the unsynced sectors the disk kept, and wherever a write or sync failed.

use crate::support::{Content, Kind, content, small, small_encrypted};
use headwater_state::testing::FaultyDisk;
use headwater_state::{Batch, Remedy, RunStore, StateOptions, StateStore};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::ErrorKind;

#[derive(Clone, Debug)]
enum Step {
    Apply(Vec<(u8, Option<u16>)>),
    Checkpoint,
    Reopen,
    Crash(u64),
    /// The process ends, not the power: what a failed sync was to write is seen and not on the disk.
    Restart,
    /// The disk fails after some operations; the steps that follow meet it until the next crash.
    FailAfter(u64),
    /// A sync that is so many others away fails, for lack of room or not, and nothing else does.
    FailOneSync(u64, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let operation = (any::<u8>(), prop::option::weighted(0.8, 0..9000_u16));
    prop_oneof![
        6 => prop::collection::vec(operation, 1..60).prop_map(Step::Apply),
        3 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
        2 => any::<u64>().prop_map(Step::Crash),
        1 => Just(Step::Restart),
        1 => (0..60_u64).prop_map(Step::FailAfter),
        1 => (0..4_u64, any::<bool>()).prop_map(|(after, room)| Step::FailOneSync(after, room)),
    ]
}

/// A store on a faulty disk beside what it has to hold at each position it may open at.
struct Rig {
    disk: FaultyDisk,
    kind: Kind,
    options: StateOptions,
    store: Box<dyn StateStore>,
    history: BTreeMap<u64, Content>,
    current: Content,
    position: u64,
    failing: bool,
}

impl Rig {
    fn new(kind: Kind, options: StateOptions) -> Self {
        let disk = FaultyDisk::new();
        Self {
            store: kind.open(disk.backend(), options.clone()).unwrap(),
            disk,
            kind,
            options,
            history: BTreeMap::from([(0, Content::new())]),
            current: Content::new(),
            position: 0,
            failing: false,
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Apply(operations) => self.apply(operations),
            Step::Checkpoint => match self.store.checkpoint() {
                Ok(position) => assert_eq!(position, self.position),
                Err(error) => self.expect_failure(&error),
            },
            Step::Reopen if self.failing => self.crash(self.position),
            Step::Reopen => self.reopen_cleanly(),
            Step::Crash(seed) => self.crash(seed),
            // Trees trust what the system shows.
            Step::Restart if self.kind == Kind::Tree => self.crash(self.position),
            Step::Restart => self.come_back(FaultyDisk::restart),
            Step::FailAfter(operations) => {
                self.disk.fail_after(operations);
                self.failing = true;
            }
            Step::FailOneSync(after, lacks_room) => {
                let kind = match lacks_room {
                    true => ErrorKind::StorageFull,
                    false => ErrorKind::Other,
                };
                self.disk.fail_one_sync(after, kind);
                self.failing = true;
            }
        }
    }

    fn apply(&mut self, operations: Vec<(u8, Option<u16>)>) {
        let mut batch = Batch::new();
        let mut next = self.current.clone();
        for (key, length) in operations {
            let key = vec![b'k', key];
            match length {
                Some(length) => {
                    let value = vec![(self.position % 251) as u8; usize::from(length)];
                    batch.put(key.clone().into(), value.clone().into());
                    next.insert(key, value);
                }
                None => {
                    batch.delete(key.clone().into());
                    next.remove(&key);
                }
            }
        }
        match self.store.apply(batch, self.position + 1) {
            Ok(()) => {
                self.position += 1;
                self.current = next;
                self.history.insert(self.position, self.current.clone());
                assert_eq!(content(&*self.store), self.current);
            }
            Err(error) => self.expect_failure(&error),
        }
        assert_eq!(self.store.position(), self.position);
    }

    fn expect_failure(&self, error: &headwater_state::StateError) {
        assert!(self.failing, "unexpected: {error}");
        assert_eq!(error.remedy(), Remedy::Reopen, "{error}");
    }

    fn reopen_cleanly(&mut self) {
        self.replace_store();
        assert_eq!(
            self.store.position(),
            self.position,
            "closing is a checkpoint"
        );
        assert_eq!(content(&*self.store), self.current);
    }

    fn crash(&mut self, seed: u64) {
        self.come_back(|disk| disk.crash(seed));
    }

    fn come_back(&mut self, end: impl FnOnce(&FaultyDisk)) {
        let durable = self.store.durable_position();
        end(&self.disk);
        self.replace_store();
        let found = self.store.position();
        assert!(durable <= found && found <= self.position);
        if !self.failing {
            assert_eq!(found, durable, "nothing beyond the checkpoint is claimed");
        }
        assert_eq!(self.store.durable_position(), found);
        self.current = self.history[&found].clone();
        assert_eq!(content(&*self.store), self.current);
        self.position = found;
        self.history.split_off(&(found + 1));
        self.failing = false;
    }

    fn replace_store(&mut self) {
        let closed = self.kind.in_memory(small()).unwrap();
        drop(std::mem::replace(&mut self.store, closed));
        let options = StateOptions {
            verify: self.position.is_multiple_of(2),
            ..self.options.clone()
        };
        self.store = self.kind.open(self.disk.backend(), options).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn opens_at_a_checkpoint_with_exactly_its_content(
        steps in prop::collection::vec(step(), 1..40),
        encrypted in any::<bool>(),
        kind in prop::sample::select(Kind::ALL.to_vec()),
    ) {
        let mut rig = Rig::new(kind, if encrypted { small_encrypted() } else { small() });
        for step in steps {
            rig.run(step);
        }
        rig.crash(1);
    }

    #[test]
    fn survives_a_crash_while_it_is_created(
        operations in 0..12_u64,
        seed in any::<u64>(),
        encrypted in any::<bool>(),
        kind in prop::sample::select(Kind::ALL.to_vec()),
    ) {
        let options = if encrypted { small_encrypted() } else { small() };
        let disk = FaultyDisk::new();
        disk.fail_after(operations);
        drop(kind.open(disk.backend(), options.clone()));
        disk.crash(seed);
        let store = kind.open(disk.backend(), options.clone()).unwrap();
        prop_assert_eq!(store.position(), 0);
        prop_assert!(content(&*store).is_empty());
        let (key, value) = (b"key".to_vec(), vec![7; 9_000]);
        let mut batch = Batch::new();
        batch.put(key.clone().into(), value.clone().into());
        store.apply(batch, 1).unwrap();
        store.checkpoint().unwrap();
        drop(store);
        disk.crash(seed);
        let store = kind.open(disk.backend(), options).unwrap();
        prop_assert_eq!(store.position(), 1);
        prop_assert_eq!(content(&*store), Content::from([(key, value)]));
    }
}

const HEADS_BYTES: usize = 16 << 10;

/// A batch that no memory holds back, so that applying it writes runs.
fn large(position: u64) -> Batch {
    let mut batch = Batch::new();
    for index in 0..40 {
        let key = format!("key {position} {index}");
        batch.put(key.into(), vec![position as u8; 2_000].into());
    }
    batch
}

/// The sync behind the head of a checkpoint fails, and then each of its operations in turn. After a restart the system
/// shows the head, and the disk has the one before: what only that one reaches must stay until the newer one is safe.
#[test]
fn a_head_that_a_failed_sync_left_in_the_page_cache_is_made_safe_before_anything_is_written() {
    for operations in std::iter::once(None).chain((0..).map(Some)) {
        let disk = FaultyDisk::new();
        let open = || Kind::Runs.open(disk.backend(), small()).unwrap();
        let store = open();
        store.apply(large(1), 1).unwrap();
        store.checkpoint().unwrap();
        store.apply(large(2), 2).unwrap();
        match operations {
            None => disk.fail_after_write_below(HEADS_BYTES),
            Some(operations) => disk.fail_after(operations),
        }
        let failed = store.checkpoint().is_err();
        disk.restart();
        drop(store);
        let store = open();
        let (found, before) = (store.position(), content(&*store));
        assert_eq!(store.durable_position(), found);
        assert!(operations.is_some() || (failed, found) == (true, 2));
        // No checkpoint: the head on the disk stays the one that was found.
        for position in 3..6 {
            store.apply(large(position), position).unwrap();
        }
        disk.crash(operations.unwrap_or(0));
        drop(store);
        let store = open();
        assert_eq!(store.position(), found, "after {operations:?} operations");
        assert!(
            content(&*store) == before,
            "after {operations:?} operations"
        );
        if !failed {
            break;
        }
    }
}

/// A sync fails for lack of room, and the next one would succeed without what the first was to make safe. Whoever waits
/// for room elsewhere must not wait for that.
#[test]
fn a_sync_that_failed_alone_is_not_tried_again() {
    for kind in Kind::ALL {
        for (after, why) in [
            (0, ErrorKind::StorageFull),
            (1, ErrorKind::StorageFull),
            (0, ErrorKind::Other),
        ] {
            let disk = FaultyDisk::new();
            let store = kind.open(disk.backend(), small()).unwrap();
            store.apply(large(1), 1).unwrap();
            store.checkpoint().unwrap();
            let before = content(&*store);
            store.set_waits_for_room(true);
            store.apply(large(2), 2).unwrap();
            disk.fail_one_sync(after, why);
            let told = store.checkpoint();
            if kind == Kind::Tree && told.is_ok() {
                // It has no second one.
                assert_eq!(after, 1);
                continue;
            }
            assert_eq!(told.unwrap_err().remedy(), Remedy::Reopen);
            assert!(store.checkpoint().is_err(), "{kind:?} {after} {why}");
            assert!(store.apply(large(3), 3).is_err(), "{kind:?} {after} {why}");
            assert_eq!(store.durable_position(), 1);
            drop(store);
            disk.crash(0);
            let store = kind.open(disk.backend(), small()).unwrap();
            assert_eq!(store.position(), 1, "{kind:?} {after} {why}");
            assert!(content(&*store) == before, "{kind:?} {after} {why}");
        }
    }
}

/// Whoever only looks changes nothing, and needs no disk that can be written to.
#[test]
fn opening_to_read_does_not_write_the_head_again() {
    let disk = FaultyDisk::new();
    let store = Kind::Runs.open(disk.backend(), small()).unwrap();
    store.apply(large(1), 1).unwrap();
    drop(store);
    disk.fail_after(0);
    let store = RunStore::open_read_only(disk.backend(), small()).unwrap();
    assert_eq!((store.position(), content(&store).len()), (1, 40));
    assert!(
        RunStore::open(disk.backend(), small()).is_err(),
        "it writes"
    );
}

#[test]
fn a_failed_store_refuses_batches_and_goes_on_reading_what_it_had() {
    Kind::ALL.into_iter().for_each(a_failed_store);
}

fn a_failed_store(kind: Kind) {
    let disk = FaultyDisk::new();
    let store = kind.open(disk.backend(), small()).unwrap();
    let mut batch = Batch::new();
    batch.put("a".into(), "1".into());
    store.apply(batch, 1).unwrap();
    disk.fail_after(0);
    let error = store.checkpoint().unwrap_err();
    assert_eq!(error.remedy(), Remedy::Reopen);
    assert_eq!(store.durable_position(), 0);
    let error = store.apply(Batch::new(), 2).unwrap_err();
    assert!(error.to_string().contains("injected failure"), "{error}");
    assert_eq!(store.position(), 1);
}
