//! Data folders of every disk format there was open for ever, with what was in them.

use std::collections::BTreeMap;
use std::fs;
use std::ops::{Bound, ControlFlow};
use std::path::Path;

use headwater_changelog::ChangeKind;
use headwater_engine::{Command, Database, Identity, LogError, OpenError, RequestToken, UserKey};
use headwater_model::{AttributeValue, EncodedItem, ManualClock, Sequence};
use headwater_state::{Direction, StateOptions};

use crate::support::{
    create, entries, options, records, scan, try_open, try_open_with, verify_with,
};

/// Later than everything in the fixtures, and within the retention of their streams.
const NOW_MS: u64 = 1_790_000_000_000 + 405 * 60_000;
/// When what expires in them is expired.
const EXPIRED_MS: u64 = NOW_MS + 24 * 3_600_000;

/// The first format whose catalog names features, and whose folders have a table that uses them. `disk-3-features` has
/// the same table, and was written by the last version that did not name them.
const FEATURES_FORMAT: u32 = 4;

/// The key of the encrypted ones, as `examples/fixture.rs` has it.
const KEY: [u8; 32] = [1; 32];

#[tokio::test]
async fn folders_of_every_disk_format_open_with_their_content() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let mut formats = 0;
    for entry in fs::read_dir(&fixtures).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&path, copy.path());
        let encrypted = path.to_string_lossy().ends_with("-encrypted");
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let format: u32 = name.split('-').nth(1).unwrap().parse().unwrap();
        let key = encrypted.then(|| UserKey::new(KEY));
        let has_features = format >= FEATURES_FORMAT || name.contains("features");
        check(copy.path(), key.as_ref(), has_features).await;
        formats += 1;
    }
    assert!(formats >= 8);
}

/// Nothing says of which form the blocks behind a lost header are. Those of any form are damage, not the rest of a crash that
/// may be removed.
#[test]
fn a_lost_header_of_an_old_segment_is_damage() {
    for (format, is_alone) in [(5, false), (5, true), (6, false), (6, true)] {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&fixtures.join(format!("disk-{format}")), copy.path());
        let log = fs::read_dir(copy.path().join("log")).unwrap();
        let mut segments: Vec<_> = log
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "hwl"))
            .collect();
        segments.sort();
        for later in segments.iter().skip(1).filter(|_| is_alone) {
            fs::remove_file(later).unwrap();
        }
        let mut bytes = fs::read(&segments[0]).unwrap();
        bytes[..64].fill(0);
        fs::write(&segments[0], &bytes).unwrap();
        let clock = ManualClock::new(NOW_MS);
        let refused = try_open(Some(copy.path()), &clock, options(2)).map(|_| ());
        assert!(
            matches!(refused, Err(OpenError::Log(LogError::Damaged { .. }))),
            "format {format}: {refused:?}"
        );
        assert_eq!(fs::read(&segments[0]).unwrap(), bytes);
        assert!(!verify_with(copy.path(), None).unwrap().is_clean());
    }
}

/// A store of format 3 did not say what its reader has to know. Opening it does, once.
#[tokio::test]
async fn what_an_older_store_uses_is_named_when_it_is_opened() {
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/disk-3-features");
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&fixture, copy.path());
    assert_eq!(names_in_state(copy.path()), Vec::<String>::new());
    let clock = ManualClock::new(NOW_MS);
    for name in ["first", "second"] {
        let database = try_open_with(Some(copy.path()), None, &clock, options(2)).unwrap();
        // Behind it everything is durable that opening wrote.
        create(&database, name, None).await;
        assert_eq!(names_in_log(&database), 6, "a name is written once");
        database.close();
    }
    assert_eq!(
        names_in_state(copy.path()),
        [
            "backups",
            "kinesis-destinations",
            "point-in-time-recovery",
            "secondary-indexes",
            "time-to-live",
            "transaction-tokens",
        ]
    );
}

fn names_in_log(database: &Database) -> usize {
    let entries = database.log().read_from(Sequence::ZERO);
    let changes = entries.flat_map(|entry| entry.unwrap().changes);
    changes
        .filter(|change| change.table == 0 && change.key.first() == Some(&b'r'))
        .count()
}

/// The names of features in the catalog of a store that nobody has open: documents under `r`, of table 0.
fn names_in_state(folder: &Path) -> Vec<String> {
    let state = headwater_state::open_file(&folder.join("state"), StateOptions::default()).unwrap();
    let mut names = Vec::new();
    let (from, to) = (b"\0\0\0\0r", b"\0\0\0\0s");
    let (from, to) = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
    state
        .snapshot()
        .scan(from, to, Direction::Forward, &mut |key, _| {
            names.push(String::from_utf8(key[5..].to_vec()).unwrap());
            ControlFlow::Continue(())
        })
        .unwrap();
    names
}

async fn check(folder: &Path, key: Option<&UserKey>, has_features: bool) {
    let verified = verify_with(folder, key).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
    let clock = ManualClock::new(NOW_MS);
    let database = try_open_with(Some(folder), key, &clock, options(2)).unwrap();
    let table = database.table("", "fixture").unwrap();
    // What `examples/fixture.rs` did, done again on a map.
    let mut expected = BTreeMap::new();
    let mut changes = 0;
    for number in 0..40_i64 {
        let key = (format!("partition {}", number % 4), number % 10);
        if number % 7 == 6 {
            changes += usize::from(expected.remove(&key).is_some());
        } else {
            expected.insert(key, number);
            changes += 1;
        }
    }
    let scanned: BTreeMap<(String, i64), i64> = scan(&database, &table, 3, Direction::Forward)
        .into_iter()
        .map(|item| {
            let number = |name: &str| match item.get(name) {
                Some(AttributeValue::N(number)) => number.to_i64().unwrap(),
                other => panic!("{name}: {other:?}"),
            };
            let Some(AttributeValue::S(partition)) = item.get("pk") else {
                panic!("{item:?}");
            };
            ((partition.clone(), number("sk")), number("value"))
        })
        .collect();
    assert_eq!(scanned, expected);
    let stream = table.record().stream.unwrap();
    let records = records(&database, stream, 7);
    assert_eq!(records.len(), changes);
    for (_, _, change) in &records {
        assert_eq!(change.kind == ChangeKind::Insert, change.old.is_none());
        for image in [&change.new, &change.old].into_iter().flatten() {
            assert!(
                EncodedItem::from_bytes(image.clone())
                    .decode()
                    .unwrap()
                    .contains("value")
            );
        }
    }
    // Roll-overs happened while it was written: there are closed shards, and each has its child.
    let shards = database.shards_now(stream);
    assert!(shards.iter().filter(|shard| shard.end.is_some()).count() >= 2);
    if has_features {
        check_features(&database, &clock).await;
    }
    database.close();
    drop((database, table));
    let verified = verify_with(folder, key).unwrap();
    assert!(verified.is_clean(), "as it is after that: {verified:?}");
}

/// Each feature goes on where the version that wrote the folder left it.
async fn check_features(database: &Database, clock: &ManualClock) {
    let table = database.table("", "features").unwrap();
    let record = table.record();
    assert!(record.pitr.is_some() && record.kinesis_enabled().is_some());
    let values = || {
        let entries = entries(database, &table, "by-value", 10, Direction::Forward);
        let value = |item: &headwater_model::Item| item.get("value").cloned();
        entries.iter().filter_map(value).collect::<Vec<_>>()
    };
    let number = |number: i64| AttributeValue::N(number.into());
    assert_eq!(values().len(), 2);
    let token = RequestToken::new("", "fixture", 1);
    let nothing = Command {
        items: Vec::new(),
        identity: Identity::None,
    };
    let again = database.transact(nothing, Some(token)).await.unwrap();
    assert!(again.repeated);
    let backups = database.backups("").await.unwrap();
    assert_eq!(backups[0].whole.map(|(items, _)| items), Some(2));
    clock.set_ms(EXPIRED_MS);
    database.run_due().await.unwrap();
    assert_eq!(values(), [number(1)]);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
