//! A store that uses what this version does not know is refused by name, before anything of it is followed.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use headwater_changelog::{
    Change, ChangeKind, DiskFiles, EntryDraft, Identity, Log, LogOptions, StoppedLog,
};
use headwater_engine::{
    Command, EngineError, OpenError, PointInTimeRecovery, RequestToken, UserKey,
};
use headwater_model::{ManualClock, SeededRng};
use headwater_state::{Batch, StateOptions};

use crate::support::{START_MS, create, open, options, put, try_open, verify};

/// A catalog document of a version to come.
const KEY: &[u8] = b"rtime-travel";
/// Number of the catalog's documents.
const CATALOG: u32 = 0;

/// A store with a table and an item.
async fn write_store(folder: &Path) {
    let database = open(Some(folder), &ManualClock::new(START_MS), options(1));
    let table = create(&database, "t", None).await;
    put(&database, &table, "a", 1).await.unwrap();
    database.close();
}

/// As a later version writes it: into the log, and not into the state yet.
fn name_in_log(folder: &Path) {
    let files = Arc::new(DiskFiles::open(folder.join("log")).unwrap());
    let clock = Arc::new(ManualClock::new(START_MS));
    let (log, _) = Log::open(files, LogOptions::default(), clock).unwrap();
    let name = Change {
        table: CATALOG,
        shard: 0,
        kind: ChangeKind::Modify,
        identity: Identity::None,
        key: Bytes::from_static(KEY),
        new: Some(Bytes::from_static(b"\"9.9.9\"")),
        old: None,
        old_size_bytes: 0,
    };
    log.append(EntryDraft::new(&[name]).unwrap()).unwrap();
    log.close().unwrap();
}

/// As it stands when the log that brought it is trimmed.
fn name_in_state(folder: &Path) {
    let state = headwater_state::open_file(&folder.join("state"), StateOptions::default()).unwrap();
    let mut batch = Batch::new();
    let key = [&CATALOG.to_be_bytes(), KEY].concat();
    batch.put(Bytes::from(key), Bytes::from_static(b"\"9.9.9\""));
    state.apply(batch, state.position()).unwrap();
    state.checkpoint().unwrap();
}

fn check_refused(error: &OpenError) {
    let OpenError::Engine(EngineError::UnknownFeatures { names }) = error else {
        panic!("{error}");
    };
    assert_eq!(names, &["time-travel"]);
    let sentence = error.to_string();
    let parts = [
        "uses time-travel",
        "use the version that wrote it, or a later one",
    ];
    assert!(
        parts.iter().all(|part| sentence.contains(part)),
        "{sentence}"
    );
}

#[tokio::test]
async fn what_is_not_known_is_refused_by_opening_and_verifying() {
    for name in [name_in_log, name_in_state] {
        let folder = tempfile::tempdir().unwrap();
        write_store(folder.path()).await;
        assert!(verify(folder.path()).unwrap().is_clean());
        name(folder.path());
        // Twice: refusing it must not lose what it was refused for.
        for _ in 0..2 {
            let opened = try_open(Some(folder.path()), &ManualClock::new(START_MS), options(1));
            check_refused(&opened.err().unwrap());
            check_refused(&verify(folder.path()).unwrap_err());
        }
    }
}

#[tokio::test]
async fn a_store_with_what_is_not_known_is_not_written_anew() {
    for name in [name_in_log, name_in_state] {
        let folder = tempfile::tempdir().unwrap();
        write_store(folder.path()).await;
        name(folder.path());
        let rng: Arc<dyn headwater_model::Rng> = Arc::new(SeededRng::new(1));
        let key = UserKey::new([1; 32]);
        let anew = headwater_engine::reencrypt(folder.path(), None, &key, &rng, &mut |_| {});
        check_refused(&anew.unwrap_err());
        assert!(!folder.path().join("reencrypted").exists());
        assert!(!folder.path().join("key").exists());
    }
}

/// Names of features in the log, in its order.
fn named(folder: &Path) -> Vec<String> {
    struct Names(Vec<String>);
    impl headwater_changelog::LogVisitor for Names {
        fn entry(&mut self, entry: &headwater_changelog::Entry) {
            let documents = entry
                .changes
                .iter()
                .filter(|change| change.table == CATALOG);
            let features = documents.filter(|document| document.key.first() == Some(&b'r'));
            self.0
                .extend(features.map(|feature| String::from_utf8_lossy(&feature.key[1..]).into()));
        }
    }
    let files = Arc::new(DiskFiles::open(folder.join("log")).unwrap());
    let mut names = Names(Vec::new());
    let log = StoppedLog::open(files, None).unwrap();
    log.check(&mut names).unwrap();
    names.0
}

#[tokio::test]
async fn each_feature_is_named_once_at_its_first_use() {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::new(START_MS);
    let database = open(Some(folder.path()), &clock, options(1));
    create(&database, "t", None).await;
    for days in [35, 7] {
        let record = database.change_recovery("", "t", Some(days)).await.unwrap();
        let window = record
            .pitr
            .map(|PointInTimeRecovery { period_days, .. }| period_days);
        assert_eq!(window, Some(days));
    }
    for token in ["one", "two"] {
        let nothing = Command {
            items: Vec::new(),
            identity: Identity::None,
        };
        let token = RequestToken::new("", token, 1);
        database.transact(nothing, Some(token)).await.unwrap();
    }
    database.create_backup("", "t", "b").await.unwrap();
    database.run_due().await.unwrap();
    database.close();
    drop(database);
    // It is known after a restart, too.
    let database = open(Some(folder.path()), &clock, options(1));
    database.change_recovery("", "t", None).await.unwrap();
    database.change_recovery("", "t", Some(9)).await.unwrap();
    database.close();
    drop(database);
    assert_eq!(
        named(folder.path()),
        ["point-in-time-recovery", "transaction-tokens", "backups"]
    );
}
