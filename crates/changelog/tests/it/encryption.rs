//! An encrypted log: nothing of it can be read without its key, and nothing that was changed passes for its own.

use std::sync::Arc;

use headwater_changelog::testing::{FaultyFiles, Survives};
use headwater_changelog::{LogEncryption, LogError, LogOptions, is_segment, rewrite};
use headwater_cipher::DataKey;
use headwater_model::{Rng, SeededRng};

use crate::support::{change, encrypted, entries, open, put, small, verify};

const MARKER: &[u8] = b"a marker that must not be found";

fn find_marker(files: &FaultyFiles) -> usize {
    let names = files.sizes().into_keys();
    names
        .filter(|name| {
            let bytes = files.contents(name).unwrap();
            bytes.windows(MARKER.len()).any(|window| window == MARKER)
        })
        .count()
}

/// So many that they fill a segment, whether or not one was made ahead by then.
const MARKED: usize = 100;

/// A log with the marker in a key and in a value, in sealed segments and in the one that is written to.
fn marked(options: &LogOptions) -> FaultyFiles {
    let files = FaultyFiles::new(1);
    let log = open(&files, options.clone()).unwrap().0;
    for _ in 0..MARKED {
        put(
            &log,
            vec![change(1, std::str::from_utf8(MARKER).unwrap(), MARKER)],
        );
    }
    assert!(log.segments().len() > 1);
    files.power_loss(Survives::All)
}

#[test]
fn no_file_shows_a_key_or_a_value() {
    assert!(
        find_marker(&marked(&small())) > 1,
        "the search finds it in a plain log"
    );
    let options = encrypted(small(), 1);
    let files = marked(&options);
    assert_eq!(find_marker(&files), 0);
    let (log, report) = open(&files, options.clone()).unwrap();
    assert!(report.scanned_segments > 0 && entries(&log).unwrap().len() == MARKED);
    assert_eq!(find_marker(&files), 0);
    log.close().unwrap();
    assert!(verify(&files, &options).unwrap().is_clean());
}

#[test]
fn without_the_key_it_does_not_open_and_with_a_key_a_plain_one_does_not() {
    let sealed = marked(&encrypted(small(), 1));
    let name = "00000000000000000001.hwl";
    let before = (sealed.sizes(), sealed.contents(name));
    let refused = open(&sealed, small()).err().unwrap();
    assert!(matches!(refused, LogError::Encrypted { .. }), "{refused}");
    let plain = marked(&small());
    let refused = open(&plain, encrypted(small(), 1)).err().unwrap();
    assert!(
        matches!(refused, LogError::NotEncrypted { .. }),
        "{refused}"
    );
    let other = LogOptions {
        encryption: Some(LogEncryption {
            key: DataKey::new([43; 32]).log(),
            rng: Arc::new(SeededRng::new(1)),
        }),
        ..small()
    };
    let refused = open(&sealed, other).err().unwrap();
    assert!(
        refused.to_string().contains("does not decrypt"),
        "{refused}"
    );
    assert_eq!((sealed.sizes(), sealed.contents(name)), before);
}

#[test]
fn a_changed_body_with_a_right_checksum_is_refused() {
    let options = LogOptions {
        segment_bytes: 1 << 20,
        ..encrypted(small(), 1)
    };
    let files = marked(&LogOptions {
        segment_bytes: 8192,
        ..options.clone()
    });
    let name = "00000000000000000001.hwl";
    let mut bytes = files.contents(name).unwrap();
    // The first block's body, and the crc over place, header and body anew.
    bytes[64 + 32] ^= 1;
    let stored = u32::from_le_bytes(bytes[72..76].try_into().unwrap()) as usize;
    let mut crc = crc32fast::Hasher::new_with_initial(crc32fast::hash(&bytes[16..32]));
    crc.update(&1u64.to_le_bytes());
    crc.update(&64u64.to_le_bytes());
    crc.update(&bytes[64..76]);
    crc.update(&bytes[80..96 + stored]);
    let crc = crc.finalize();
    bytes[76..80].copy_from_slice(&crc.to_le_bytes());
    files.replace(name, bytes);
    let report = verify(&files, &options).unwrap();
    assert_eq!(report.problems[0].offset, 64);
    assert!(
        report.problems[0].detail.contains("does not decrypt"),
        "{report:?}"
    );
}

#[test]
fn equal_writes_look_different_in_every_log() {
    let (one, two) = (
        marked(&encrypted(small(), 1)),
        marked(&encrypted(small(), 2)),
    );
    let name = "00000000000000000001.hwl";
    let (one, two) = (one.contents(name).unwrap(), two.contents(name).unwrap());
    // The body of the first block; headers say lengths and sequences, which are alike.
    assert_ne!(one[96..160], two[96..160]);
    assert_ne!(one[48..60], two[48..60], "the salts");
}

#[test]
fn a_log_is_written_anew_with_another_encryption_or_none() {
    let forms = [small(), encrypted(small(), 1), encrypted(small(), 2)];
    for (from, to) in forms
        .iter()
        .flat_map(|from| forms.iter().map(move |to| (from, to)))
    {
        let files = marked(from);
        let (log, _) = open(&files, from.clone()).unwrap();
        put(&log, vec![change(2, "last", b"one")]);
        let (all, end) = (entries(&log).unwrap(), log.durable());
        log.close().unwrap();
        let copy = FaultyFiles::new(2);
        let key = from.encryption.as_ref().map(|encryption| &encryption.key);
        let mut read = 0;
        let rewritten = rewrite(&files, key, &copy, to.encryption.as_ref(), &mut |bytes| {
            read += bytes;
        })
        .unwrap();
        assert!(rewritten.entries == all.len() as u64 && read > 0);
        assert_eq!(find_marker(&copy) > 0, to.encryption.is_none());
        // Also what a power loss right afterwards leaves.
        let copy = copy.power_loss(Survives::Synced);
        assert!(verify(&copy, to).unwrap().is_clean());
        let (log, report) = open(&copy, to.clone()).unwrap();
        assert_eq!((report.scanned_segments, log.durable()), (0, end));
        assert_eq!(entries(&log).unwrap(), all);
        put(&log, vec![change(2, "more", b"writes")]);
        log.close().unwrap();
    }
}

/// A source that has failed.
struct NoRandomness;

impl Rng for NoRandomness {
    fn fill(&self, _: &mut [u8]) {}
}

#[test]
fn without_random_bytes_no_segment_is_begun() {
    let options = encrypted(small(), 1);
    let encryption = options.encryption.clone().map(|encryption| LogEncryption {
        rng: Arc::new(NoRandomness),
        ..encryption
    });
    let files = FaultyFiles::new(1);
    let opened = open(
        &files,
        LogOptions {
            encryption,
            ..options
        },
    );
    assert!(matches!(opened, Err(LogError::NoRandomness)));
    assert!(!files.sizes().keys().any(|name| is_segment(name)));
}
