//! A log with more keys than are held at once is read again for each part of them, and gives the same; and disks that don't
//! give back what they have.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use headwater_changelog::testing::FaultyFiles;
use headwater_changelog::{Entry, Log, LogOptions, LogVisitor, StoppedLog, VerifyReport};
use headwater_model::{ManualClock, SeededRng, Sequence};
use headwater_state::testing::FaultyDisk;
use headwater_state::{Batch, Snapshot, StateOptions};

use super::source::Source;
use super::stopped::Stopped;
use super::{Progress, VerificationStatus, Verified, run};
use crate::database::Database;
use crate::error::EngineError;
use crate::options::EngineOptions;
use crate::record::state_key;
use crate::storage::{STATE_FILE, log_files, open_state_to_read};

/// Another source, of which few keys are held at once.
struct FewKeys<'a> {
    source: &'a dyn Source,
    bytes: usize,
}

impl Source for FewKeys<'_> {
    fn is_live(&self) -> bool {
        self.source.is_live()
    }

    fn pass_bytes_max(&self) -> usize {
        self.bytes
    }

    fn items_per_batch_max(&self) -> usize {
        3
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.source.snapshot()
    }

    fn check_log(&self, visitor: &mut dyn LogVisitor) -> Result<VerifyReport, EngineError> {
        self.source.check_log(visitor)
    }

    fn check_reach(&self, report: &VerifyReport, applied: Sequence, verified: &mut Verified) {
        self.source.check_reach(report, applied, verified);
    }

    fn changes_between(
        &self,
        after: Sequence,
        until: Sequence,
        progress: &Progress,
        visit: &mut dyn FnMut(&Entry),
    ) -> Result<bool, EngineError> {
        self.source.changes_between(after, until, progress, visit)
    }
}

fn fixture(name: &str) -> std::path::PathBuf {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    all.join(name)
}

/// A copy of a stopped store with a table of some items and its stream.
fn store() -> tempfile::TempDir {
    let fixture = fixture("disk-3");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("log")).unwrap();
    for part in ["", "log"] {
        for entry in std::fs::read_dir(fixture.join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap();
                std::fs::copy(&path, folder.path().join(part).join(name)).unwrap();
            }
        }
    }
    folder
}

fn verified(folder: &Path, bytes: usize) -> Verified {
    let log = StoppedLog::open(log_files(folder).unwrap(), None).unwrap();
    let state = open_state_to_read(folder, None, true).unwrap();
    let stopped = Stopped { log, state };
    let source = FewKeys {
        source: &stopped,
        bytes,
    };
    run(&source, &Progress::new(None)).unwrap()
}

/// Gives an item of the state the value of another one.
fn exchange_a_value(folder: &Path) {
    let state =
        headwater_state::open_file(&folder.join(STATE_FILE), StateOptions::default()).unwrap();
    let (from, to) = (state_key(1, b""), state_key(2, b""));
    let mut found: Vec<(Bytes, Bytes)> = Vec::new();
    let snapshot = state.snapshot();
    let (from, to) = (
        std::ops::Bound::Included(from.as_slice()),
        std::ops::Bound::Excluded(to.as_slice()),
    );
    snapshot
        .scan(
            from,
            to,
            headwater_state::Direction::Forward,
            &mut |key, value| {
                found.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
                std::ops::ControlFlow::Continue(())
            },
        )
        .unwrap();
    let mut batch = Batch::new();
    batch.put(found[3].0.clone(), found[4].1.clone());
    state.apply(batch, state.position()).unwrap();
    state.checkpoint().unwrap();
}

#[test]
fn several_readings_find_what_one_finds() {
    let folder = store();
    let at_once = verified(folder.path(), usize::MAX);
    assert!(at_once.is_clean(), "{at_once:?}");
    assert!(at_once.keys_compared > 20);
    for bytes in [1, 500, 2_000] {
        let in_parts = verified(folder.path(), bytes);
        assert!(in_parts.is_clean(), "{in_parts:?}");
        assert_eq!(in_parts.keys_compared, at_once.keys_compared);
        assert_eq!(in_parts.items, at_once.items);
    }
    exchange_a_value(folder.path());
    let at_once = verified(folder.path(), usize::MAX);
    assert!(!at_once.is_clean());
    for bytes in [1, 500, 2_000] {
        let in_parts = verified(folder.path(), bytes);
        assert_eq!(in_parts.findings, at_once.findings);
        assert_eq!(in_parts.findings_total, at_once.findings_total);
    }
}

/// Later than everything in the fixtures.
const NOW_MS: u64 = 1_790_000_000_000 + 405 * 60_000;
const PAGE_BYTES: usize = 4096;

/// The log of a stopped store, and the bytes of its state.
fn on_faulty_disks(name: &str) -> (FaultyFiles, Vec<u8>) {
    let files = FaultyFiles::new(1);
    for entry in std::fs::read_dir(fixture(name).join("log")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name != "LOCK" {
            files.replace(name, std::fs::read(&path).unwrap());
        }
    }
    (files, std::fs::read(fixture(name).join("state")).unwrap())
}

/// Where pages begin that hold something.
fn used_pages(state: &[u8]) -> impl Iterator<Item = usize> {
    let pages = state.chunks(PAGE_BYTES).enumerate();
    let used = pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0));
    used.map(|(index, _)| index * PAGE_BYTES)
}

/// What verification says of a log and a state whose disk fails in some way once it is open; `None` if it can't be opened.
fn verified_on(files: &FaultyFiles, disk: &FaultyDisk, fail: impl FnOnce()) -> Option<Verified> {
    let state = headwater_state::open_read_only(disk.backend(), StateOptions::default()).ok()?;
    let log = StoppedLog::open(Arc::new(files.clone()), None).unwrap();
    fail();
    let verified = run(&Stopped { log, state }, &Progress::new(None));
    Some(verified.unwrap())
}

#[test]
fn any_page_of_a_state_that_can_t_be_read_is_a_finding_or_not_needed() {
    let (files, state) = on_faulty_disks("disk-6");
    let whole = verified_on(&files, &FaultyDisk::with_content(&state), || {}).unwrap();
    assert!(whole.is_clean(), "{whole:?}");
    let mut met = 0;
    for page in used_pages(&state) {
        let disk = FaultyDisk::with_content(&state);
        disk.break_page(page);
        let Some(verified) = verified_on(&files, &disk, || {}) else {
            continue;
        };
        assert!(!verified.not_compared, "{page}: {verified:?}");
        let looked_at = |verified: &Verified| (verified.keys_compared, verified.items);
        match verified.is_clean() {
            true => assert_eq!(looked_at(&verified), looked_at(&whole), "{page}"),
            // The rest is checked.
            false => assert!(
                verified.items > 0 && verified.keys_compared > 0,
                "{page}: {verified:?}"
            ),
        }
        met += usize::from(!verified.is_clean());
    }
    assert!(met > 2, "{met}");
}

/// What was read at opening is in memory.
#[test]
fn a_state_of_which_nothing_can_be_read_is_a_finding() {
    for name in ["disk-5", "disk-6"] {
        let (files, state) = on_faulty_disks(name);
        let disk = FaultyDisk::with_content(&state);
        let verified = verified_on(&files, &disk, || disk.fail_reads(true)).unwrap();
        assert!(
            !verified.is_clean() && verified.entries > 0,
            "{name}: {verified:?}"
        );
    }
}

#[test]
fn any_page_that_a_running_database_can_t_read_is_a_finding_or_not_needed() {
    let (log, state) = on_faulty_disks("disk-6");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let _entered = runtime.as_ref().unwrap().enter();
    let mut met = 0;
    for page in used_pages(&state) {
        let disk = FaultyDisk::with_content(&state);
        let files = FaultyFiles::new(1);
        for name in log.sizes().into_keys() {
            files.replace(&name, log.contents(&name).unwrap());
        }
        let clock = Arc::new(ManualClock::new(NOW_MS));
        let log = Log::open(Arc::new(files), LogOptions::default(), clock.clone());
        let state = headwater_state::open(disk.backend(), None, StateOptions::default());
        let rng = Arc::new(SeededRng::new(1));
        let options = EngineOptions::default();
        let opened = Database::open(log.unwrap().0, state.unwrap(), clock, rng, options);
        let database = opened.unwrap().0;
        // What was read since the start is in memory.
        disk.break_page(page);
        database.start_verification().unwrap().unwrap();
        let verified = loop {
            match database.verification() {
                VerificationStatus::Running { .. } => std::thread::yield_now(),
                VerificationStatus::Done { verified, .. } => break verified,
                other => panic!("{page}: {other:?}"),
            }
        };
        let last = database.last_verification().unwrap();
        assert_eq!(last.findings, verified.findings_total);
        met += usize::from(!verified.is_clean());
        database.close();
    }
    assert!(met > 1, "{met}");
}
