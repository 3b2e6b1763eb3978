//! What only a store on a disk has to show: it comes back, it keeps others out, it stays small.

use crate::support::{Kind, bytes, content, small, small_encrypted};
use bytes::Bytes;
use headwater_state::{Batch, FileBackend, Remedy, StateError, StateOptions, StateStats};
use redb::StorageBackend;
use std::time::{Duration, Instant};

/// Nothing here takes that long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);
/// Two dozen runs that wait, and what they are merged into; what is written is three times as much.
const FILE_BYTES_MAX: u64 = 96 << 20;

fn filled(from: u32, to: u32, fill: u8) -> Batch {
    let mut batch = Batch::new();
    for key in from..to {
        let key = Bytes::copy_from_slice(&key.to_be_bytes());
        batch.put(key, Bytes::from(vec![fill; 1000]));
    }
    batch
}

#[test]
fn comes_back_where_it_was_closed() {
    for kind in Kind::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let store = kind.open_file(&path, small()).unwrap();
        store.apply(filled(0, 500, 1), 41).unwrap();
        store.checkpoint().unwrap();
        store.apply(filled(100, 200, 2), 42).unwrap();
        let before = content(&*store);
        drop(store);
        let options = StateOptions {
            verify: true,
            ..small()
        };
        let store = kind.open_file(&path, options).unwrap();
        assert_eq!((store.position(), store.durable_position()), (42, 42));
        assert_eq!(content(&*store), before);
    }
}

#[test]
fn a_second_opener_is_kept_out() {
    for kind in Kind::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let first = kind.open_file(&path, small()).unwrap();
        let error = kind.open_file(&path, small()).err().unwrap();
        assert!(matches!(error, StateError::Locked { .. }), "{error}");
        assert_eq!(error.remedy(), Remedy::StopTheOther);
        drop(first);
        kind.open_file(&path, small()).unwrap();
    }
}

#[test]
fn another_kind_of_file_is_refused_and_left_alone() {
    for kind in Kind::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let text = "not a state store ".repeat(1000);
        std::fs::write(&path, &text).unwrap();
        let error = kind.open_file(&path, small()).err().unwrap();
        assert_eq!(error.remedy(), Remedy::Rebuild, "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn verifying_finds_a_changed_byte() {
    for kind in Kind::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let store = kind.open_file(&path, small()).unwrap();
        store.apply(filled(0, 500, 0xab), 1).unwrap();
        drop(store);
        let mut file = std::fs::read(&path).unwrap();
        let inside = file
            .windows(500)
            .position(|window| window == [0xab; 500])
            .unwrap();
        file[inside + 250] ^= 1;
        std::fs::write(&path, file).unwrap();
        let options = StateOptions {
            verify: true,
            ..small()
        };
        let error = kind.open_file(&path, options).err().unwrap();
        assert_eq!(error.remedy(), Remedy::Rebuild, "{error}");
    }
}

#[test]
fn an_encrypted_file_shows_nothing_and_needs_its_key() {
    for kind in Kind::ALL {
        const MARKER: &[u8] = b"a marker that must not be found";
        let folder = tempfile::tempdir().unwrap();
        let shows = |name: &str, options: &StateOptions| {
            let path = folder.path().join(name);
            let store = kind.open_file(&path, options.clone()).unwrap();
            let mut batch = filled(0, 500, 1);
            batch.put(Bytes::from_static(MARKER), Bytes::from_static(MARKER));
            store.apply(batch, 1).unwrap();
            drop(store);
            let store = kind.open_file(&path, options.clone()).unwrap();
            assert_eq!(content(&*store)[MARKER], MARKER);
            let file = std::fs::read(&path).unwrap();
            file.windows(MARKER.len()).any(|window| window == MARKER)
                || file.windows(16).any(|window| window == [1; 16])
        };
        assert!(shows("plain", &small()));
        assert!(!shows("encrypted", &small_encrypted()));
        let opened = |name: &str, options| kind.open_file(&folder.path().join(name), options);
        let refused = opened("plain", small_encrypted()).err().unwrap();
        assert!(matches!(refused, StateError::NotEncrypted), "{refused}");
        let refused = opened("encrypted", small()).err().unwrap();
        assert!(matches!(refused, StateError::Damaged { .. }), "{refused}");
    }
}

/// Superseded pages are reused, between checkpoints too: after the first few hundred batches over the
/// same keys thousands more take no further space. Of runs, as many as wait for the thread that merges them may
/// take it until that gets to them.
#[test]
fn the_file_does_not_grow_with_the_number_of_batches() {
    for kind in Kind::ALL {
        for checkpoint_every in [u64::MAX, 50, 1] {
            let store = kind.in_memory(small()).unwrap();
            store.apply(filled(0, 2000, 0), 1).unwrap();
            store.checkpoint().unwrap();
            let used_bytes = || {
                let stats = store.stats();
                stats.file_bytes - stats.free_bytes
            };
            let run = |positions: std::ops::Range<u64>| {
                for position in positions {
                    let from = u32::try_from(position * 37 % 1960).unwrap();
                    store.apply(filled(from, from + 40, 1), position).unwrap();
                    if position.is_multiple_of(checkpoint_every) {
                        store.checkpoint().unwrap();
                    }
                }
                used_bytes()
            };
            let early = run(2..300);
            let bytes_max = match kind {
                Kind::Tree => early + early / 4,
                Kind::Runs => early + (16 << 20),
            };
            let late = run(300..2000);
            let begun = Instant::now();
            while used_bytes() > bytes_max && begun.elapsed() < PATIENCE {
                std::thread::yield_now();
            }
            let settled = used_bytes();
            let file_bytes = store.stats().file_bytes;
            assert!(
                file_bytes < FILE_BYTES_MAX,
                "{file_bytes} bytes, checkpoint every {checkpoint_every}"
            );
            assert!(
                settled <= bytes_max && (kind == Kind::Runs || late <= bytes_max),
                "grew from {early} to {late} and {settled} bytes, checkpoint every {checkpoint_every}"
            );
        }
    }
}

#[test]
fn batches_between_checkpoints_are_kept_in_memory() {
    for kind in Kind::ALL {
        let store = kind.in_memory(StateOptions::default()).unwrap();
        let apply = |positions: std::ops::Range<u64>| {
            for position in positions {
                store.apply(filled(0, 100, 3), position).unwrap();
            }
            store.stats()
        };
        let grown = apply(1..20);
        let later = apply(20..60);
        let of_file = |stats: StateStats| (stats.file_bytes, stats.written_bytes, stats.syncs);
        assert_eq!(
            of_file(later),
            of_file(grown),
            "nothing was written or synced"
        );
        store.checkpoint().unwrap();
        let durable = store.stats();
        assert!(durable.syncs > later.syncs);
        assert!(durable.written_bytes - later.written_bytes < 2 * 100 * 1000 + (256 << 10));
    }
}

#[test]
fn a_store_can_be_emptied_and_used_again() {
    for kind in Kind::ALL {
        let store = kind.in_memory(small()).unwrap();
        store.apply(filled(0, 300, 1), 1).unwrap();
        let mut batch = Batch::new();
        for key in 0..300_u32 {
            batch.delete(Bytes::copy_from_slice(&key.to_be_bytes()));
        }
        store.apply(batch, 2).unwrap();
        assert!(content(&*store).is_empty());
        let mut batch = Batch::new();
        batch.put(bytes("a"), bytes("1"));
        store.apply(batch, 3).unwrap();
        assert_eq!(content(&*store).len(), 1);
    }
}

/// Linux refuses to sync `/dev/null`: whoever syncs what stands there is told so.
#[cfg(target_os = "linux")]
#[test]
fn a_sync_reaches_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    FileBackend::open(&path).unwrap().sync_data().unwrap();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    let backend = FileBackend::open(&path).unwrap();
    assert!(backend.sync_data().is_err());
}
