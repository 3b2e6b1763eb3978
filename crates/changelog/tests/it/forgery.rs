//! Clients choose what their items end with, and a plain segment that is not sealed ends with an item: bytes in it that
//! look like a footer are an item's, wherever the file ends.

use headwater_changelog::testing::{Fault, FaultyFiles, Survives};
use headwater_changelog::{Change, Entry, LogError, LogOptions, rewrite};

use crate::support::{change, entries, noise, open, put, small, verify};

const TRAILER_BYTES: usize = 32;
const FOOTER_BYTES: usize = 57;

/// One segment for each start, no file made ahead.
fn plain() -> LogOptions {
    LogOptions {
        segment_bytes: 1 << 20,
        preallocate: false,
        ..small()
    }
}

fn segments(files: &FaultyFiles) -> Vec<String> {
    let names = files.sizes().into_keys();
    names.filter(|name| name.ends_with(".hwl")).collect()
}

/// An item of which the log writes no more behind the value.
fn item(value: &[u8]) -> Vec<Change> {
    vec![Change {
        old: None,
        old_size_bytes: 0,
        ..change(1, "chosen", value)
    }]
}

fn trailer(version: u32, offset: usize, footer: &[u8]) -> Vec<u8> {
    let mut out = b"hwlogend".to_vec();
    out.extend((offset as u64).to_le_bytes());
    out.extend((footer.len() as u32).to_le_bytes());
    out.extend(crc32fast::hash(footer).to_le_bytes());
    out.extend(version.to_le_bytes());
    let crc = crc32fast::hash(&out);
    out.extend(crc.to_le_bytes());
    out
}

/// A footer without shards, of a segment that ends at `end` and holds one entry; with its trailer.
fn footer(version: u32, end: usize) -> Vec<u8> {
    let numbers = [1, 2, end as u64, 1, 1, 1, 100];
    let mut out: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
    out.push(0);
    assert_eq!(out.len(), FOOTER_BYTES);
    let trailer = trailer(version, end, &out);
    out.extend(trailer);
    out
}

/// What a client makes of an item of `length` random bytes that reaches up to `end` in the log's file.
type Forge = fn(length: usize, end: usize) -> Vec<u8>;

fn newer(length: usize, _: usize) -> Vec<u8> {
    let mut value = noise(1, length);
    value[length - TRAILER_BYTES..].copy_from_slice(&trailer(7, 64, b""));
    value
}

fn newer_that_fits(length: usize, end: usize) -> Vec<u8> {
    let mut value = noise(1, length);
    let from = length - FOOTER_BYTES - TRAILER_BYTES;
    value[from..].copy_from_slice(&footer(7, end - FOOTER_BYTES - TRAILER_BYTES));
    value
}

fn known(length: usize, end: usize) -> Vec<u8> {
    let mut value = noise(1, length);
    let from = length - FOOTER_BYTES - TRAILER_BYTES;
    value[from..].copy_from_slice(&footer(1, end - FOOTER_BYTES - TRAILER_BYTES));
    value
}

const FORGERIES: [Forge; 3] = [newer, newer_that_fits, known];

/// A folder of its own with the same files.
fn copy(files: &FaultyFiles) -> FaultyFiles {
    let copy = FaultyFiles::new(1);
    for name in files.sizes().into_keys() {
        copy.replace(&name, files.contents(&name).unwrap());
    }
    copy
}

/// The same log with two items more, after a kill.
fn with_item(files: &FaultyFiles, value: &[u8]) -> (FaultyFiles, Vec<Entry>) {
    let files = copy(files);
    let log = open(&files, plain()).unwrap().0;
    put(&log, item(&noise(2, 100)));
    put(&log, item(value));
    let all = entries(&log).unwrap();
    (files.power_loss(Survives::All), all)
}

fn newest(files: &FaultyFiles) -> (String, Vec<u8>) {
    let name = segments(files).pop().unwrap();
    let bytes = files.contents(&name).unwrap();
    (name, bytes)
}

/// The same log with a forged item with which its newest file ends, after a kill.
fn forged(forge: Forge, before: &FaultyFiles) -> (FaultyFiles, Vec<Entry>) {
    // Behind a block are up to seven zeros: a client tries all lengths.
    for length in 20_000..20_008 {
        let (probe, _) = with_item(before, &noise(1, length));
        let end = newest(&probe).1.len();
        let value = forge(length, end);
        let (files, all) = with_item(before, &value);
        let bytes = newest(&files).1;
        if bytes.len() == end && bytes.ends_with(&value[length - TRAILER_BYTES..]) {
            return (files, all);
        }
    }
    panic!("no length fits");
}

/// Verifies, copies and opens a log that must hold `all`.
fn check(files: &FaultyFiles, all: &[Entry], torn: bool) {
    let report = verify(files, &plain()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(
        (report.entries, report.torn_bytes > 0),
        (all.len() as u64, torn)
    );
    let copied = FaultyFiles::new(2);
    rewrite(files, None, &copied, None, &mut |_| {}).unwrap();
    for files in [&copied, files] {
        for _ in 0..3 {
            let (log, _) = open(files, plain()).unwrap();
            assert_eq!(entries(&log).unwrap(), all);
            log.close().unwrap();
        }
        assert!(verify(files, &plain()).unwrap().is_clean());
    }
}

/// The footer of a newer version, written by a client, made every later start refuse the log; that of the known version
/// hid entries.
#[test]
fn an_item_at_the_end_of_the_newest_file_is_no_footer() {
    for forge in FORGERIES {
        let (files, all) = forged(forge, &FaultyFiles::new(1));
        check(&files, &all, false);
    }
}

/// A clean end leaves no more behind the last item than a kill does.
#[test]
fn an_item_at_the_end_of_a_closed_log_is_no_footer() {
    for forge in FORGERIES {
        let (killed, all) = forged(forge, &FaultyFiles::new(1));
        let name = newest(&killed).0;
        let files = FaultyFiles::new(1);
        let log = open(&files, plain()).unwrap().0;
        for entry in &all {
            put(&log, entry.changes.clone());
        }
        log.close().unwrap();
        assert_eq!(files.contents(&name), killed.contents(&name));
        check(&files, &all, false);
    }
}

/// A kill may come before the keeper has sealed the segments before.
#[test]
fn items_at_the_ends_of_several_files_without_footers_are_none() {
    for forge in FORGERIES {
        let mut files = FaultyFiles::new(1);
        let mut all = Vec::new();
        for _ in 0..4 {
            (files, all) = forged(forge, &files);
        }
        let names = segments(&files);
        for name in &names[2..] {
            let mut bytes = files.contents(name).unwrap();
            let at = bytes.len() - TRAILER_BYTES + 8;
            let end = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
            if *name != names[names.len() - 1] {
                bytes.truncate(end);
            }
            assert_eq!(bytes[bytes.len() - TRAILER_BYTES..][..8], *b"hwlogend");
            files.replace(name, bytes);
        }
        check(&files, &all, false);
    }
}

/// What a power loss has left of a file may end inside of an item, and the start of the item's block may be missing.
#[test]
fn a_file_that_is_torn_inside_of_an_item_has_no_footer() {
    for forge in FORGERIES {
        for lost in [0, 8, 32] {
            let length = 10_000;
            let whole = |value: &[u8]| {
                let value = [value, &noise(3, 10_000)].concat();
                with_item(&FaultyFiles::new(1), &value)
            };
            let probe = noise(1, length);
            let bytes = newest(&whole(&probe).0).1;
            let found = bytes.windows(64).position(|part| part == &probe[..64]);
            let end = found.unwrap() + length;
            let (files, mut all) = whole(&forge(length, end));
            let (name, mut bytes) = newest(&files);
            bytes.truncate(end);
            let block = found.unwrap() / 8 * 8;
            let block = (0..block).rev().find(|at| bytes[*at..].starts_with(b"HB"));
            bytes[block.unwrap()..][..lost].fill(0);
            assert_eq!(bytes[end - TRAILER_BYTES..][..8], *b"hwlogend");
            files.replace(&name, bytes);
            all.pop();
            check(&files, &all, true);
        }
    }
}

/// Where the newest segment is sealed, as in a copy, a newer footer is what it was taken for all along.
#[test]
fn a_newer_footer_of_the_newest_segments_is_refused_by_name() {
    let (files, all) = forged(known, &FaultyFiles::new(1));
    let sealed = FaultyFiles::new(2);
    rewrite(&files, None, &sealed, None, &mut |_| {}).unwrap();
    let (name, mut bytes) = newest(&sealed);
    let at = bytes.len() - TRAILER_BYTES;
    bytes[at + 24] = 7;
    let crc = crc32fast::hash(&bytes[at..at + 28]);
    bytes[at + 28..].copy_from_slice(&crc.to_le_bytes());
    let followed = copy(&sealed);
    drop(open(&followed, plain()).unwrap());
    for files in [sealed, followed] {
        files.replace(&name, bytes.clone());
        let refused = [
            open(&files, plain()).map(|_| ()),
            verify(&files, &plain()).map(|_| ()),
        ];
        for refused in refused {
            let Err(LogError::Unsupported { file, detail }) = refused else {
                panic!("not refused: {refused:?}");
            };
            assert_eq!(file, name);
            assert!(detail.contains("footer is of version 7"), "{detail}");
        }
        assert_eq!(files.contents(&name), Some(bytes.clone()));
    }
    assert_eq!(all.len(), 2);
}

/// Two segments without footers on a disk that has no room for the first one's, which is long, but for the second one's.
/// Gives how the files were before: the first sealed, the second not.
fn without_room_for_the_first() -> (FaultyFiles, [(String, Vec<u8>); 2]) {
    let files = FaultyFiles::new(1);
    for shards in [300, 1] {
        let log = open(&files, plain()).unwrap().0;
        let changes = (0..shards).map(|shard| change(1 + shard, "k", b""));
        put(&log, changes.collect());
        log.close().unwrap();
    }
    let before = segments(&files).into_iter().map(|name| {
        let bytes = files.contents(&name).unwrap();
        (name, bytes)
    });
    let before: [_; 2] = before.collect::<Vec<_>>().try_into().unwrap();
    let [(first, sealed), (second, unsealed)] = &before;
    let at = sealed.len() - TRAILER_BYTES + 8;
    let end = u64::from_le_bytes(sealed[at..at + 8].try_into().unwrap()) as usize;
    files.replace(first, sealed[..end].to_vec());
    // A torn tail, whose cut gives room for the second's footer.
    files.replace(second, [&unsealed[..], &[1; 400]].concat());
    files.set_disk_size_bytes(Some(files.used_bytes() + 50));
    (files, before)
}

/// Opening relies on it: a segment without a footer is not followed by one that has one.
#[test]
fn a_footer_without_room_holds_up_those_behind_it() {
    let (files, [(first, sealed), (second, unsealed)]) = without_room_for_the_first();
    open(&files, plain()).unwrap().0.close().unwrap();
    assert_eq!(files.contents(&second), Some(unsealed.clone()));
    files.set_disk_size_bytes(None);
    let (log, report) = open(&files, plain()).unwrap();
    assert!(report.scanned_segments >= 2);
    log.close().unwrap();
    assert_eq!(files.contents(&first), Some(sealed));
    assert!(files.contents(&second).unwrap().len() > unsealed.len());
}

#[test]
fn a_footer_that_fails_holds_up_those_behind_it() {
    let (files, [_, (second, unsealed)]) = without_room_for_the_first();
    let log = open(&files, plain()).unwrap().0;
    // Nobody but the keeper does anything: it tries the first one's footer again.
    files.inject(0, Fault::Fail);
    files.set_disk_size_bytes(None);
    while log.poisoned().is_none() {
        std::thread::yield_now();
    }
    drop(log);
    assert_eq!(files.contents(&second), Some(unsealed));
}

const HEADER_BYTES: usize = 32;
/// In the header of a segment: whether checksums depend on the store's id.
const FLAG_SEEDED: u8 = 8;

/// A block as a client makes it up that knows the place of its item: it says that all before it was on disk.
fn block(segment: u64, at: usize, first: u64) -> Vec<u8> {
    let body = [7; 8];
    let mut out = vec![b'H', b'B', 1, 0];
    out.extend([8u32, 8, 0].into_iter().flat_map(u32::to_le_bytes));
    out.extend(first.to_le_bytes());
    out.extend([1u32, at as u32].into_iter().flat_map(u32::to_le_bytes));
    out.extend(body);
    let mut crc = crc32fast::Hasher::new();
    crc.update(&segment.to_le_bytes());
    crc.update(&(at as u64).to_le_bytes());
    crc.update(&out[..12]);
    crc.update(&out[16..]);
    out[12..16].copy_from_slice(&crc.finalize().to_le_bytes());
    out
}

/// Proof that a bad block had been on disk is a later one that says so. If a client could write one, a torn tail would pass
/// for damage, and the log would not open.
#[test]
fn a_block_inside_of_an_item_proves_nothing() {
    let length = 9_000;
    let (probe, all) = with_item(&FaultyFiles::new(1), &noise(1, length));
    let (name, bytes) = newest(&probe);
    let segment: u64 = name.trim_end_matches(".hwl").parse().unwrap();
    let marker = &noise(1, length)[..16];
    let value_at = bytes.windows(16).position(|at| at == marker).unwrap();
    let block_at = (0..value_at)
        .step_by(8)
        .rev()
        .find(|at| bytes[*at..].starts_with(b"HB\x01"))
        .unwrap();
    let at = (value_at + 2_000).next_multiple_of(8);
    let forged = block(segment, at, all[1].first.0 + 1_000);
    let mut value = noise(1, length);
    value[at - value_at..][..forged.len()].copy_from_slice(&forged);
    let (files, all) = with_item(&FaultyFiles::new(1), &value);
    let mut bytes = files.contents(&name).unwrap();
    assert_eq!(bytes[at..][..forged.len()], forged);
    // The power went before the beginning of the group was on disk.
    bytes[block_at..][..HEADER_BYTES].fill(0);
    files.replace(&name, bytes.clone());
    check(&files, &all[..1], true);

    // It is right by the rule of earlier formats.
    let files = FaultyFiles::new(1);
    bytes[10] &= !FLAG_SEEDED;
    let crc = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    files.replace(&name, bytes);
    let refused = open(&files, plain()).map(|_| ());
    assert!(matches!(refused, Err(LogError::Damaged { .. })));
}
