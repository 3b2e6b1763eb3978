//! A torn tail is cut, damage is refused, and a check of the whole log finds any changed byte.

use headwater_changelog::testing::{FaultyFiles, Part, Survives, part};
use headwater_changelog::{Entry, EntryDraft, LogError, LogOptions, rewrite};
use headwater_model::Sequence;

use crate::support::{change, encrypted, entries, fill, noise, open, put, small, verify, wait};

/// Makes options plain or encrypted.
type Form = fn(LogOptions) -> LogOptions;

const FORMS: [Form; 2] = [|options| options, |options| encrypted(options, 5)];

/// One segment only, and no file made ahead.
fn one_segment(form: Form) -> LogOptions {
    form(LogOptions {
        segment_bytes: 1 << 20,
        preallocate: false,
        ..small()
    })
}

fn segments(files: &FaultyFiles) -> Vec<String> {
    files
        .sizes()
        .into_keys()
        .filter(|name| name.ends_with(".hwl"))
        .collect()
}

/// A folder of its own with the same files, less some.
fn copy_without(files: &FaultyFiles, missing: &[&str]) -> FaultyFiles {
    let copy = FaultyFiles::new(1);
    let kept = files.sizes().into_keys();
    for name in kept.filter(|name| !missing.contains(&name.as_str())) {
        copy.replace(&name, files.contents(&name).unwrap());
    }
    copy
}

/// A log whose process died after `count` entries, each its own group.
fn crashed(count: usize, options: LogOptions) -> (FaultyFiles, Vec<Entry>) {
    let files = FaultyFiles::new(7);
    let log = open(&files, options).unwrap().0;
    let all = fill(&log, count);
    (files.power_loss(Survives::All), all)
}

/// The offsets of the blocks in a file: each starts with "HB" and version 1 here.
fn blocks(bytes: &[u8]) -> Vec<usize> {
    let mut at = 64;
    let mut found = Vec::new();
    while bytes
        .get(at..at + 3)
        .is_some_and(|start| start == [0x48, 0x42, 1])
    {
        found.push(at);
        let stored = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize;
        at = (at + 32 + stored).next_multiple_of(8);
    }
    found
}

#[test]
fn a_tail_cut_at_any_byte_loses_the_last_group_alone() {
    FORMS.iter().copied().for_each(tail_cut_at_any_byte);
}

fn tail_cut_at_any_byte(form: Form) {
    let (files, all) = crashed(3, one_segment(form));
    let name = segments(&files)[0].clone();
    let bytes = files.contents(&name).unwrap();
    let last = blocks(&bytes)[2];
    for length in last..bytes.len() {
        for zeros in [0, 100] {
            let files = copy_without(&files, &[]);
            let mut torn = bytes[..length].to_vec();
            torn.resize(length + zeros, 0);
            files.replace(&name, torn);
            let (log, report) = open(&files, one_segment(form)).unwrap();
            let whole = entries(&log).unwrap();
            // The padding behind the last block may be cut without harm.
            assert!(
                whole == all[..2] || (whole == all && bytes.len() - length < 8),
                "cut at {length}"
            );
            assert_eq!(
                report.torn_bytes > 0,
                whole.len() == 2 && length > last,
                "cut at {length}"
            );
        }
    }
}

#[test]
fn a_file_that_can_t_be_read_hides_nothing_of_the_others() {
    for form in FORMS {
        let (whole, _) = crashed(150, form(small()));
        let names = segments(&whole);
        assert!(names.len() > 5, "{names:?}");
        let at = blocks(&whole.contents(&names[3]).unwrap())[1];
        assert!(whole.flip(&names[3], at + 20, 1));
        let last = names.last().unwrap();
        let mut places = vec![("trimmed", 10)];
        for name in [&names[0], &names[1], last] {
            // In its header, its blocks and its footer.
            let size = whole.contents(name).unwrap().len();
            places.extend([10, size / 2, size - 1].map(|at| (name.as_str(), at)));
        }
        for (name, at) in places {
            let files = copy_without(&whole, &[]);
            files.make_unreadable(name, at);
            let report = verify(&files, &form(small())).unwrap();
            let problems: Vec<_> = report
                .problems
                .iter()
                .map(|problem| (problem.file.as_str(), problem.detail.contains("can't read")))
                .collect();
            assert!(
                problems.contains(&(name, true)),
                "{name} at {at}: {report:?}"
            );
            assert!(
                problems.contains(&(names[3].as_str(), false)),
                "{name} at {at}: {report:?}"
            );
            let of_others = |(file, _): &&(&str, bool)| ![name, names[3].as_str()].contains(file);
            assert_eq!(problems.iter().find(of_others), None, "{name} at {at}");
            assert_eq!(report.oldest, Sequence::ZERO, "{name} at {at}");
        }
    }
}

#[test]
fn a_segment_under_another_ones_name_hides_nothing_of_the_others() {
    let (files, _) = crashed(150, small());
    let names = segments(&files);
    files.replace(&names[1], files.contents(&names[0]).unwrap());
    let at = blocks(&files.contents(&names[3]).unwrap())[1];
    assert!(files.flip(&names[3], at + 20, 1));
    let report = verify(&files, &small()).unwrap();
    let names_it = |name: &str| report.problems.iter().any(|problem| problem.file == name);
    assert!(names_it(&names[1]) && names_it(&names[3]), "{report:?}");
}

#[test]
fn a_bad_block_before_a_later_group_is_damage_at_its_offset() {
    FORMS
        .iter()
        .copied()
        .for_each(bad_block_before_a_later_group);
}

fn bad_block_before_a_later_group(form: Form) {
    let (files, _) = crashed(4, one_segment(form));
    let name = segments(&files)[0].clone();
    let bytes = files.contents(&name).unwrap();
    for block in &blocks(&bytes)[..3] {
        for at in [0, 5, 13, 20, 29, 40] {
            assert!(files.flip(&name, block + at, 0x10));
            match open(&files, one_segment(form)) {
                Err(LogError::Damaged { file, offset, .. }) => {
                    assert_eq!((file, offset), (name.clone(), *block as u64), "byte {at}");
                }
                other => panic!("byte {at} of block {block}: {:?}", other.map(|_| ())),
            }
            let report = verify(&files, &form(small())).unwrap();
            assert_eq!(
                (report.problems[0].file.as_str(), report.problems[0].offset),
                (name.as_str(), *block as u64)
            );
            assert!(files.flip(&name, block + at, 0x10));
        }
    }
    open(&files, one_segment(form)).unwrap();
}

#[test]
fn a_torn_block_before_others_of_its_own_group_is_a_tail() {
    FORMS.iter().copied().for_each(torn_block_of_the_last_group);
}

fn torn_block_of_the_last_group(form: Form) {
    let files = FaultyFiles::new(7);
    let log = open(&files, one_segment(form)).unwrap().0;
    let before = fill(&log, 2);
    // The first goes alone, perhaps; what follows gathers behind it, and makes one group of many blocks.
    let drafts: Vec<EntryDraft> = (0..6)
        .map(|i| EntryDraft::new(&[change(1, "k", &noise(i, 300))]).unwrap())
        .collect();
    let last = drafts
        .into_iter()
        .map(|draft| log.append(draft).unwrap().last)
        .last();
    wait(&log, last.unwrap()).unwrap();
    drop(log);
    let name = segments(&files)[0].clone();
    let mut bytes = files.contents(&name).unwrap();
    let starts = blocks(&bytes);
    let synced_to = |at: usize| u32::from_le_bytes(bytes[at + 28..at + 32].try_into().unwrap());
    let last_group = synced_to(starts[starts.len() - 1]) as usize;
    bytes[last_group + 40] ^= 1;
    let whole_before = starts.iter().filter(|start| **start < last_group).count();
    let files = copy_without(&files, &[]);
    files.replace(&name, bytes);
    let (log, report) = open(&files, one_segment(form)).unwrap();
    assert!(report.torn_bytes > 0);
    assert_eq!(entries(&log).unwrap().len(), whole_before);
    assert_eq!(entries(&log).unwrap()[..2], before);
}

#[test]
fn a_torn_tail_is_cut_once_and_writing_goes_on() {
    FORMS.iter().copied().for_each(torn_tail_is_cut_once);
}

fn torn_tail_is_cut_once(form: Form) {
    let (files, mut all) = crashed(5, form(small()));
    let name = segments(&files).pop().unwrap();
    let bytes = files.contents(&name).unwrap();
    let last = *blocks(&bytes).last().unwrap();
    files.replace(&name, bytes[..last + 20].to_vec());
    all.pop();
    for round in 0..4 {
        let (log, report) = open(&files, form(small())).unwrap();
        assert_eq!(report.torn_bytes > 0, round == 0);
        assert_eq!(entries(&log).unwrap(), all);
        all.push(put(&log, vec![change(1, "more", &[round])]));
    }
    assert!(verify(&files, &form(small())).unwrap().is_clean());
}

/// A log of several sealed segments.
fn sealed(form: Form) -> (FaultyFiles, Vec<Entry>) {
    let (files, all) = crashed(
        40,
        form(LogOptions {
            segment_bytes: 1024,
            ..small()
        }),
    );
    drop(open(&files, form(small())).unwrap());
    (files, all)
}

#[test]
fn every_changed_byte_of_a_sealed_segment_is_found() {
    FORMS.iter().copied().for_each(every_changed_byte);
}

fn every_changed_byte(form: Form) {
    let (files, _) = sealed(form);
    assert!(verify(&files, &form(small())).unwrap().is_clean());
    let names = segments(&files);
    assert!(names.len() > 4);
    for name in [&names[0], &names[2], &names[names.len() - 2]] {
        for offset in 0..files.contents(name).unwrap().len() {
            for mask in [0x01, 0x80, 0xff] {
                assert!(files.flip(name, offset, mask));
                let found = verify(&files, &form(small()));
                assert!(
                    !found.is_ok_and(|report| report.is_clean()),
                    "{name} byte {offset} mask {mask:#x}"
                );
                assert!(files.flip(name, offset, mask));
            }
        }
    }
    assert!(verify(&files, &form(small())).unwrap().is_clean());
}

/// The newest segment is sealed in a copy of the log. What proves most of it is its footer.
#[test]
fn every_changed_byte_of_a_sealed_newest_segment_is_found_or_told_as_torn() {
    FORMS
        .iter()
        .copied()
        .for_each(every_changed_byte_of_the_newest);
}

fn every_changed_byte_of_the_newest(form: Form) {
    let options = one_segment(form);
    let (crashed, all) = crashed(3, options.clone());
    let files = FaultyFiles::new(1);
    let encryption = options.encryption.as_ref();
    let key = encryption.map(|encryption| &encryption.key);
    rewrite(&crashed, key, &files, encryption, &mut |_| {}).unwrap();
    let name = segments(&files).pop().unwrap();
    let mut tail = 0;
    for offset in 0..files.contents(&name).unwrap().len() {
        let part = part(&files, key, &name, offset).unwrap();
        for mask in [0x01, 0x80, 0xff] {
            assert!(files.flip(&name, offset, mask));
            let report = verify(&files, &options);
            let found = !report.as_ref().is_ok_and(|report| report.is_clean());
            let torn = report.is_ok_and(|report| report.torn_bytes > 0);
            let copy = copy_without(&files, &[]);
            let read = open(&copy, options.clone()).and_then(|(log, _)| entries(&log));
            match (part, read) {
                (Part::Counts, Ok(read)) => {
                    assert!(found && read == all, "byte {offset} {mask:#x}")
                }
                (Part::Tail(first), Ok(read)) => {
                    tail += usize::from(read != all);
                    let kept: Vec<_> = all.iter().filter(|entry| entry.first < first).collect();
                    let whole = read == all || read.iter().eq(kept);
                    assert!(whole && (found || torn), "byte {offset} {mask:#x}");
                }
                (Part::Idle, Ok(read)) => assert_eq!(read, all, "byte {offset} {mask:#x}"),
                (_, Err(_)) => assert!(found, "byte {offset} {mask:#x}"),
            }
            assert!(files.flip(&name, offset, mask));
        }
    }
    // Nothing but what says how long the last block is.
    assert!(tail <= 3 * 12, "{tail}");
}

#[test]
fn a_changed_byte_never_changes_what_is_read() {
    FORMS.iter().copied().for_each(changed_byte_and_reading);
}

fn changed_byte_and_reading(form: Form) {
    let (files, all) = sealed(form);
    let name = segments(&files)[1].clone();
    let bytes = files.contents(&name).unwrap();
    for offset in (0..bytes.len()).step_by(3) {
        let copy = copy_without(&files, &[]);
        assert!(copy.flip(&name, offset, 0x20));
        match open(&copy, form(small())) {
            Err(LogError::Damaged { file, .. }) => assert!(segments(&copy).contains(&file)),
            Err(error) => panic!("{error}"),
            Ok((log, _)) => match entries(&log) {
                Ok(read) => assert_eq!(read, all, "byte {offset}"),
                Err(LogError::Damaged { file, .. }) => assert_eq!(file, name, "byte {offset}"),
                Err(error) => panic!("{error}"),
            },
        }
    }
}

#[test]
fn a_missing_segment_is_noticed() {
    FORMS.iter().copied().for_each(missing_segment);
}

fn missing_segment(form: Form) {
    let (files, _) = sealed(form);
    let names = segments(&files);
    let copy = copy_without(&files, &[&names[2]]);
    let Err(LogError::Damaged { file, .. }) = open(&copy, form(small())) else {
        panic!("not noticed")
    };
    assert_eq!(file, names[1]);
    assert!(!verify(&copy, &form(small())).unwrap().is_clean());
}

#[test]
fn an_oldest_segment_without_its_header_was_never_begun_only_if_nothing_is_missing() {
    FORMS.iter().copied().for_each(lost_oldest_segment);
}

fn lost_oldest_segment(form: Form) {
    let (files, _) = sealed(form);
    let name = segments(&files)[0].clone();
    let size_bytes = files.sizes()[&name];
    for left in [Vec::new(), vec![0; size_bytes]] {
        files.replace(&name, left);
        let report = verify(&files, &form(small())).unwrap();
        let problem = &report.problems[0];
        assert_eq!((problem.file.as_str(), problem.offset), (name.as_str(), 0));
        assert!(problem.detail.contains("are missing"), "{problem:?}");
        assert_eq!(report.torn_at, None, "nothing of it would be cut");
        let encryption = form(small()).encryption;
        let key = encryption.as_ref().map(|encryption| &encryption.key);
        let copied = rewrite(&files, key, &FaultyFiles::new(1), None, &mut |_| {});
        for refused in [copied.map(drop), open(&files, form(small())).map(drop)] {
            let Err(LogError::Damaged { file, .. }) = refused else {
                panic!("not noticed: {refused:?}")
            };
            assert_eq!(file, name);
        }
        assert!(segments(&files).contains(&name), "it is still there");
    }
    // One that was never begun, as a power loss may bring it back.
    let (files, all) = sealed(form);
    files.replace("00000000000000000000.hwl", Vec::new());
    let (log, _) = open(&files, form(small())).unwrap();
    assert_eq!(entries(&log).unwrap(), all);
}

/// A start removes a segment in which no group was ever finished, and does not wait for that to be durable: after a power
/// loss it is there again, between others.
#[test]
fn a_segment_of_nothing_but_a_torn_group_may_come_back_between_others() {
    for form in FORMS {
        let (files, mut all) = crashed(20, form(small()));
        drop(open(&files, form(small())).unwrap());
        let name = segments(&files).pop().unwrap();
        let mut torn = files.contents(&name).unwrap();
        torn.truncate(64);
        torn.extend_from_slice(&[0xa5; 300]);
        files.replace(&name, torn.clone());
        let (log, report) = open(&files, form(small())).unwrap();
        assert_eq!(report.torn_bytes, 300);
        all.extend(fill(&log, 20));
        drop(log);
        let files = files.power_loss(Survives::All);
        assert!(!segments(&files).contains(&name));
        files.replace(&name, torn);
        let report = verify(&files, &form(small())).unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.torn_bytes, 300);
        let (log, _) = open(&files, form(small())).unwrap();
        assert_eq!(entries(&log).unwrap(), all);
        assert!(!segments(&files).contains(&name));
    }
}

#[test]
fn a_segment_of_another_store_is_refused() {
    let (files, _) = sealed(FORMS[0]);
    let other = FaultyFiles::new(3);
    let log = open(
        &other,
        LogOptions {
            store_id: Some([9; 16]),
            ..small()
        },
    )
    .unwrap()
    .0;
    fill(&log, 1);
    drop(log);
    let last = segments(&files).pop().unwrap();
    let foreign = other.contents(&segments(&other)[0]).unwrap();
    files.replace(&last, foreign);
    assert!(matches!(
        open(&files, small()),
        Err(LogError::Damaged { .. })
    ));
}

#[test]
fn a_missing_footer_is_made_again() {
    FORMS.iter().copied().for_each(missing_footer);
}

fn missing_footer(form: Form) {
    let (files, all) = sealed(form);
    let names = segments(&files);
    let bytes = files.contents(&names[1]).unwrap();
    let trailer = &bytes[bytes.len() - 32..];
    let end = u64::from_le_bytes(trailer[8..16].try_into().unwrap()) as usize;
    files.replace(&names[1], bytes[..end].to_vec());
    let report = verify(&files, &form(small())).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(
        report.unsealed_segments, 2,
        "this one and the one that is written to"
    );
    let (log, report) = open(&files, form(small())).unwrap();
    assert_eq!(report.scanned_segments, 2);
    assert_eq!(entries(&log).unwrap(), all);
    assert_eq!(files.contents(&names[1]).unwrap(), bytes, "the same again");
}

#[test]
fn a_newer_form_is_refused_by_name() {
    let (files, _) = crashed(2, one_segment(FORMS[0]));
    let name = segments(&files)[0].clone();
    let mut bytes = files.contents(&name).unwrap();
    bytes[8] = 2;
    let crc = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    files.replace(&name, bytes);
    assert_refused(&files, &name, "format is 2");
}

#[test]
fn a_newer_block_is_refused_by_name() {
    let (files, _) = crashed(2, one_segment(FORMS[0]));
    let name = segments(&files)[0].clone();
    let mut bytes = files.contents(&name).unwrap();
    let last = *blocks(&bytes).last().unwrap();
    bytes[last + 2] = 9;
    // The checksum begins with that of the store's id, and covers the block's place, the header around it, and the body.
    let stored = u32::from_le_bytes([8, 9, 10, 11].map(|at| bytes[last + at])) as usize;
    let segment: u64 = name.trim_end_matches(".hwl").parse().unwrap();
    let covered = [
        &segment.to_le_bytes()[..],
        &(last as u64).to_le_bytes(),
        &bytes[last..last + 12],
        &bytes[last + 16..last + 32 + stored],
    ];
    let mut crc = crc32fast::Hasher::new_with_initial(crc32fast::hash(&bytes[16..32]));
    crc.update(&covered.concat());
    let crc = crc.finalize();
    bytes[last + 12..last + 16].copy_from_slice(&crc.to_le_bytes());
    files.replace(&name, bytes);
    assert_refused(&files, &name, "block of version 9");
}

#[test]
fn a_newer_footer_is_refused_by_name() {
    let (files, _) = sealed(FORMS[0]);
    let name = segments(&files)[0].clone();
    let mut bytes = files.contents(&name).unwrap();
    let trailer = bytes.len() - 32;
    bytes[trailer + 24] = 7;
    let crc = crc32fast::hash(&bytes[trailer..trailer + 28]);
    bytes[trailer + 28..].copy_from_slice(&crc.to_le_bytes());
    let length = bytes.len();
    files.replace(&name, bytes);
    assert_refused(&files, &name, "footer is of version 7");
    assert_eq!(files.sizes()[&name], length, "nothing is changed");
}

fn assert_refused(files: &FaultyFiles, name: &str, found: &str) {
    let Err(error @ LogError::Unsupported { .. }) = open(files, one_segment(FORMS[0])) else {
        panic!("not refused")
    };
    let said = error.to_string();
    for part in [name, found, "knows", "use the version that wrote it"] {
        assert!(said.contains(part), "{said}");
    }
}
