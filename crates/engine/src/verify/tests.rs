//! A log with more keys than are held at once is read again for each part of them, and gives the same.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use headwater_changelog::{Entry, LogVisitor, StoppedLog, VerifyReport};
use headwater_model::Sequence;
use headwater_state::{Batch, Snapshot, StateOptions};

use super::source::Source;
use super::stopped::Stopped;
use super::{Progress, Verified, run};
use crate::error::EngineError;
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

/// A copy of a stopped store with a table of some items and its stream.
fn store() -> tempfile::TempDir {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/disk-3");
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
