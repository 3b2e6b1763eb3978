//! Encrypted data folders: what opens them and what does not, changing keys, and what their files show.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater_cipher::DataKey;
use headwater_engine::{
    Database, KeyError, OpenError, StreamView, UserKey, VerificationStatus, key_id, reencrypt,
    rotate_key, write_key_file,
};
use headwater_model::{ManualClock, Rng, SeededRng};

use crate::support::{START_MS, create, get, item, open, options, put, try_open_with, verify_with};

const MARKER: &str = "a marker that must not be found";

fn key(first: u8) -> UserKey {
    UserKey::new([first; 32])
}

fn rng() -> Arc<dyn Rng> {
    Arc::new(SeededRng::new(7))
}

fn try_open(folder: &Path, key: Option<&UserKey>) -> Result<Database, OpenError> {
    try_open_with(Some(folder), key, &ManualClock::new(START_MS), options(1))
}

/// A folder whose table has the marker in its name, and 50 items with it in their keys.
async fn filled(folder: &Path, key: Option<&UserKey>) {
    let database = try_open(folder, key).unwrap();
    assert_eq!(database.is_encrypted(), key.is_some());
    let view = Some(StreamView::NewAndOldImages);
    let table = create(&database, MARKER, view).await;
    for number in 0..50 {
        put(&database, &table, &format!("{MARKER} {number}"), number)
            .await
            .unwrap();
    }
    database.close();
}

/// Opens the folder, and writes and reads an item more.
async fn works(folder: &Path, key: Option<&UserKey>) {
    let database = try_open(folder, key).unwrap();
    let table = database.table("", MARKER).unwrap();
    for number in 0..50 {
        let name = format!("{MARKER} {number}");
        assert_eq!(
            get(&database, &table, &name),
            Some(item(&name, Some(number)))
        );
    }
    put(&database, &table, "one more", 1).await.unwrap();
    database.close();
    drop((table, database));
    let verified = verify_with(folder, key).unwrap();
    assert!(verified.is_clean(), "{verified:?}");
    assert!(verified.keys_compared > 50);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// Every file below a folder, and what it holds.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    };
    files(folder).into_iter().map(read).collect()
}

fn shows_marker(folder: &Path) -> bool {
    let shows = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        bytes
            .windows(MARKER.len())
            .any(|window| window == MARKER.as_bytes())
    };
    files(folder).iter().any(shows)
}

#[tokio::test]
async fn a_folder_opens_with_its_own_key_alone() {
    let (plain, sealed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(plain.path(), None).await;
    filled(sealed.path(), Some(&key(1))).await;
    assert!(shows_marker(plain.path()) && !shows_marker(sealed.path()));
    let refusals = [
        (try_open(sealed.path(), None), "no key was given"),
        (try_open(sealed.path(), Some(&key(2))), "the given key is"),
        (try_open(plain.path(), Some(&key(1))), "is not encrypted"),
    ];
    for (refusal, expected) in refusals {
        let refusal = refusal.err().unwrap().to_string();
        assert!(refusal.contains(expected), "{refusal}");
    }
    assert!(verify_with(sealed.path(), None).is_err());
    assert!(verify_with(sealed.path(), Some(&key(2))).is_err());
    works(sealed.path(), Some(&key(1))).await;
    works(plain.path(), None).await;
    assert!(!shows_marker(sealed.path()));
    assert_eq!(key_id(sealed.path()).unwrap(), Some(key(1).id()));
    assert_eq!(key_id(plain.path()).unwrap(), None);
}

/// The running server needs the file no more; its next start does. A new wrapping is none of a verification's business.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_verification_misses_the_key_file() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), Some(&key(1))).await;
    let database = try_open(folder.path(), Some(&key(1))).unwrap();
    let file = folder.path().join("key");
    let run = async || {
        database.start_verification().unwrap().unwrap();
        loop {
            match database.verification() {
                VerificationStatus::Done { verified, .. } => break verified,
                VerificationStatus::Failed { reason } => panic!("{reason}"),
                _ => tokio::task::yield_now().await,
            }
        }
    };
    rotate_key(folder.path(), &key(1), &key(2), &*rng()).unwrap();
    assert!(run().await.is_clean());
    let whole = fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[40] ^= 1;
    fs::write(&file, flipped).unwrap();
    let verified = run().await;
    assert_eq!(verified.findings_total, 1, "{verified:?}");
    assert!(verified.findings[0].to_string().contains("key"));
    fs::remove_file(&file).unwrap();
    let verified = run().await;
    assert_eq!(verified.findings_total, 1, "{verified:?}");
    fs::write(&file, whole).unwrap();
    assert!(run().await.is_clean());
    database.close();
}

#[tokio::test]
async fn a_rotated_key_opens_what_the_old_one_wrote() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), Some(&key(1))).await;
    let refused = rotate_key(folder.path(), &key(3), &key(2), &*rng());
    assert!(matches!(refused, Err(KeyError::Refused { .. })));
    rotate_key(folder.path(), &key(1), &key(2), &*rng()).unwrap();
    assert!(try_open(folder.path(), Some(&key(1))).is_err());
    works(folder.path(), Some(&key(2))).await;
}

#[tokio::test]
async fn a_damaged_key_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), Some(&key(1))).await;
    let path = folder.path().join("key");
    let whole = fs::read(&path).unwrap();
    let cases = [
        (whole[..50].to_vec(), "is damaged"),
        (Vec::new(), "is damaged"),
        (
            [&whole[..70], &[!whole[70]], &whole[71..]].concat(),
            "is damaged",
        ),
        (
            [&whole[..8], &[2], &whole[9..]].concat(),
            "has format 2, this version knows format 1",
        ),
    ];
    for (bytes, expected) in cases {
        fs::write(&path, bytes).unwrap();
        let refusal = try_open(folder.path(), Some(&key(1))).err().unwrap();
        let refusal = refusal.to_string();
        assert!(
            refusal.contains(expected) && refusal.contains(&*path.to_string_lossy()),
            "{refusal}"
        );
    }
    fs::write(&path, whole).unwrap();
    works(folder.path(), Some(&key(1))).await;
}

#[tokio::test]
async fn a_lost_key_file_is_missed_and_nothing_is_written_plain() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), Some(&key(1))).await;
    let path = folder.path().join("key");
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    for given in [None, Some(&key(1))] {
        let refusal = try_open(folder.path(), given).err().unwrap().to_string();
        assert!(refusal.contains("not the file `key`"), "{refusal}");
    }
    assert!(matches!(key_id(folder.path()), Err(KeyError::Lost { .. })));
    // Without its state it does not become a plain store either.
    let state = fs::read(folder.path().join("state")).unwrap();
    fs::remove_file(folder.path().join("state")).unwrap();
    assert!(try_open(folder.path(), None).is_err());
    assert!(!folder.path().join("state").exists());
    fs::write(folder.path().join("state"), state).unwrap();
    fs::write(&path, whole).unwrap();
    works(folder.path(), Some(&key(1))).await;
}

/// What everybody says who needs the store's data key.
fn refusals(folder: &Path) -> [String; 4] {
    let key = key(1);
    [
        try_open(folder, Some(&key)).err().unwrap().to_string(),
        verify_with(folder, Some(&key)).unwrap_err().to_string(),
        reencrypt(folder, Some(&key), &key, &rng(), &mut |_| {})
            .unwrap_err()
            .to_string(),
        rotate_key(folder, &key, &key, &*rng())
            .unwrap_err()
            .to_string(),
    ]
}

#[tokio::test]
async fn a_key_file_of_an_earlier_time_or_another_store_is_named_and_nothing_changes() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = folder.path().join("key");
    filled(folder.path(), Some(&key(1))).await;
    filled(other.path(), Some(&key(1))).await;
    let earlier = fs::read(&path).unwrap();
    // A second store of the same source of randomness has the same data key, until it is written anew.
    let other_rng: Arc<dyn Rng> = Arc::new(SeededRng::new(8));
    let anew = |folder: &Path, rng| reencrypt(folder, Some(&key(1)), &key(1), rng, &mut |_| {});
    anew(other.path(), &other_rng).unwrap();
    let of_other = fs::read(other.path().join("key")).unwrap();
    anew(folder.path(), &rng()).unwrap();
    let whole = fs::read(&path).unwrap();
    for wrong in [earlier, of_other] {
        fs::write(&path, wrong).unwrap();
        let before = contents(folder.path());
        for refusal in refusals(folder.path()) {
            assert!(refusal.contains("with its file `key`"), "{refusal}");
            assert!(refusal.contains("put the right one back"), "{refusal}");
        }
        assert!(contents(folder.path()) == before);
    }
    fs::write(&path, whole).unwrap();
    works(folder.path(), Some(&key(1))).await;
}

#[tokio::test]
async fn a_segment_of_another_store_does_not_pass_for_a_wrong_key_file() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(folder.path(), Some(&key(1))).await;
    works(folder.path(), Some(&key(1))).await;
    copy_folder(folder.path(), other.path());
    reencrypt(other.path(), Some(&key(1)), &key(1), &rng(), &mut |_| {}).unwrap();
    let first = "log/00000000000000000001.hwl";
    fs::copy(other.path().join(first), folder.path().join(first)).unwrap();
    let verified = verify_with(folder.path(), Some(&key(1))).unwrap();
    assert!(!verified.is_clean());
    let refusal = try_open(folder.path(), Some(&key(1))).err().unwrap();
    assert!(matches!(refusal, OpenError::Log(_)), "{refusal}");
}

#[tokio::test]
async fn nothing_is_reencrypted_of_which_a_part_lies_elsewhere() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(folder.path(), Some(&key(1))).await;
    for name in ["log", "state", "key"] {
        let (here, there) = (folder.path().join(name), elsewhere.path().join(name));
        fs::rename(&here, &there).unwrap();
        symlink(&there, &here).unwrap();
        let before = contents(folder.path());
        let refused = reencrypt(folder.path(), Some(&key(1)), &key(2), &rng(), &mut |_| {});
        let refused = refused.unwrap_err().to_string();
        let expected = format!("`{name}` is a symbolic link");
        assert!(refused.contains(&expected), "{refused}");
        assert!(refused.contains("move what it stands for"), "{refused}");
        assert!(contents(folder.path()) == before);

        // What was written before it was put there waits for its place.
        let next = folder.path().join("reencrypted");
        fs::create_dir(&next).unwrap();
        fs::write(next.join("READY"), b"").unwrap();
        fs::write(next.join("key"), b"new").unwrap();
        let refused = try_open(folder.path(), Some(&key(1))).err().unwrap();
        assert!(refused.to_string().contains(&expected), "{refused}");
        assert_eq!(fs::read(next.join("key")).unwrap(), b"new");
        fs::remove_dir_all(next).unwrap();

        fs::remove_file(&here).unwrap();
        fs::rename(there, here).unwrap();
    }
    works(folder.path(), Some(&key(1))).await;
    reencrypt(folder.path(), Some(&key(1)), &key(2), &rng(), &mut |_| {}).unwrap();
    works(folder.path(), Some(&key(2))).await;
}

#[tokio::test]
async fn a_key_is_not_rotated_while_new_files_wait_for_their_places() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), Some(&key(1))).await;
    let whole = fs::read(folder.path().join("key")).unwrap();
    let next = folder.path().join("reencrypted");
    fs::create_dir(&next).unwrap();
    fs::write(next.join("READY"), b"").unwrap();
    fs::write(next.join("key"), &whole).unwrap();
    let rotate = || rotate_key(folder.path(), &key(1), &key(2), &*rng());
    assert!(matches!(rotate(), Err(KeyError::Busy { .. })));
    assert!(verify_with(folder.path(), Some(&key(1))).is_err());
    works(folder.path(), Some(&key(1))).await;
    rotate().unwrap();
    works(folder.path(), Some(&key(2))).await;
}

#[tokio::test]
async fn nothing_is_reencrypted_from_a_log_with_a_missing_segment() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), Some(&key(1))).await;
    for number in 0..3 {
        let database = try_open(folder.path(), Some(&key(1))).unwrap();
        let table = database.table("", MARKER).unwrap();
        put(&database, &table, "more", number).await.unwrap();
        database.close();
    }
    let log = files(&folder.path().join("log")).into_iter();
    let mut segments: Vec<PathBuf> = log.filter(|path| path.extension().is_some()).collect();
    segments.sort();
    assert!(segments.len() > 2);
    let aside = folder.path().join("aside");
    fs::rename(&segments[1], &aside).unwrap();
    let run = || reencrypt(folder.path(), Some(&key(1)), &key(2), &rng(), &mut |_| {});
    let refused = run().unwrap_err().to_string();
    assert!(refused.contains("joins on to"), "{refused}");
    assert!(!folder.path().join("reencrypted").exists());
    fs::rename(aside, &segments[1]).unwrap();
    works(folder.path(), Some(&key(1))).await;
    run().unwrap();
    works(folder.path(), Some(&key(2))).await;
}

#[tokio::test]
async fn a_folder_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reencrypted").join("mine");
    fs::create_dir(folder.path().join("reencrypted")).unwrap();
    fs::write(&file, b"text").unwrap();
    assert!(try_open(folder.path(), None).is_err());
    assert_eq!(fs::read(&file).unwrap(), b"text");
}

#[tokio::test]
async fn a_source_of_zeros_makes_no_key() {
    struct Zeros;
    impl Rng for Zeros {
        fn fill(&self, _: &mut [u8]) {}
    }
    let made = headwater_engine::new_user_key(&Zeros);
    assert!(matches!(made, Err(KeyError::NoRandomness)));
}

#[tokio::test]
async fn reencrypting_keeps_everything_and_needs_the_new_key() {
    for old in [None, Some(key(1))] {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), old.as_ref()).await;
        let old_file = fs::read(folder.path().join("key")).ok();
        let mut copied = 0;
        let written = reencrypt(folder.path(), old.as_ref(), &key(2), &rng(), &mut |bytes| {
            copied += bytes;
        })
        .unwrap();
        if let Some(old_file) = &old_file {
            // The old data key opens nothing any more, whoever wraps it.
            let new_file = fs::read(folder.path().join("key")).unwrap();
            fs::write(folder.path().join("key"), old_file).unwrap();
            assert!(try_open(folder.path(), old.as_ref()).is_err());
            fs::write(folder.path().join("key"), new_file).unwrap();
        }
        assert!(written.entries > 50 && written.state_bytes > 0 && copied > written.state_bytes);
        assert!(!shows_marker(folder.path()));
        assert!(try_open(folder.path(), old.as_ref()).is_err());
        works(folder.path(), Some(&key(2))).await;
        assert!(!folder.path().join("reencrypted").exists());
    }
}

#[tokio::test]
async fn reencrypting_with_a_wrong_key_or_beside_a_server_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), Some(&key(1))).await;
    let run = |old: Option<&UserKey>| reencrypt(folder.path(), old, &key(2), &rng(), &mut |_| {});
    assert!(run(None).is_err() && run(Some(&key(3))).is_err());
    let database = try_open(folder.path(), Some(&key(1))).unwrap();
    let refused = run(Some(&key(1))).unwrap_err().to_string();
    assert!(refused.contains("in use by another process"), "{refused}");
    database.close();
    drop(database);
    works(folder.path(), Some(&key(1))).await;
}

/// A process that dies between any two steps leaves a folder that opens: with the old key before the file READY is
/// there, with the new one after that.
#[tokio::test]
async fn reencrypting_may_be_cut_short_anywhere() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(old.path(), None).await;
    copy_folder(old.path(), new.path());
    reencrypt(new.path(), None, &key(2), &rng(), &mut |_| {}).unwrap();
    for lock in ["LOCK", "key.lock"] {
        fs::remove_file(new.path().join(lock)).unwrap();
    }
    // The steps of putting the new files in place, as far as `moved` of them.
    for moved in 0..=4 {
        let folder = tempfile::tempdir().unwrap();
        copy_folder(old.path(), folder.path());
        let next = folder.path().join("reencrypted");
        copy_folder(new.path(), &next);
        fs::write(next.join("READY"), b"").unwrap();
        for name in ["key", "state"].iter().take(moved) {
            fs::rename(next.join(name), folder.path().join(name)).unwrap();
        }
        if moved > 2 {
            fs::remove_dir_all(folder.path().join("log")).unwrap();
        }
        if moved > 3 {
            fs::rename(next.join("log"), folder.path().join("log")).unwrap();
        }
        works(folder.path(), Some(&key(2))).await;
        assert!(!shows_marker(folder.path()), "after {moved} steps");
    }
    let folder = tempfile::tempdir().unwrap();
    copy_folder(old.path(), folder.path());
    copy_folder(new.path(), &folder.path().join("reencrypted"));
    works(folder.path(), None).await;
    assert!(!folder.path().join("reencrypted").exists());
}

/// The system told nothing of it, which passed for a file READY that is not there: the new files went, and with them the
/// only log.
#[tokio::test]
async fn new_files_whose_readiness_can_t_be_looked_at_are_not_discarded() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), Some(&key(1))).await;
    let next = folder.path().join("reencrypted");
    fs::create_dir(&next).unwrap();
    // As between two steps.
    fs::rename(folder.path().join("log"), next.join("log")).unwrap();
    symlink("READY", next.join("READY")).unwrap();
    assert!(fs::metadata(next.join("READY")).is_err());
    works(folder.path(), Some(&key(1))).await;
    assert!(!next.exists());
}

#[tokio::test]
async fn a_link_to_another_store_is_not_what_was_written_anew() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(folder.path(), Some(&key(1))).await;
    filled(other.path(), Some(&key(1))).await;
    fs::remove_file(other.path().join("LOCK")).unwrap();
    fs::remove_file(other.path().join("key.lock")).unwrap();
    let before = contents(other.path());
    let link = folder.path().join("reencrypted");
    symlink(other.path(), &link).unwrap();
    let refused = try_open(folder.path(), Some(&key(1))).err().unwrap();
    let refused = refused.to_string();
    assert!(
        refused.contains("`reencrypted` is a symbolic link"),
        "{refused}"
    );
    assert!(contents(other.path()) == before);
    fs::remove_file(link).unwrap();
    works(folder.path(), Some(&key(1))).await;
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy_folder(&path, &target),
            false => {
                fs::copy(&path, target).unwrap();
            }
        }
    }
}

#[test]
fn a_database_in_memory_is_encrypted_if_a_key_is_given() {
    let clock = ManualClock::new(START_MS);
    let sealed = try_open_with(None, Some(&key(1)), &clock, options(1)).unwrap();
    assert!(sealed.is_encrypted());
    assert!(!open(None, &clock, options(1)).is_encrypted());
}

/// Linux refuses to sync `/dev/null`: whoever syncs what stands there is told so.
#[cfg(target_os = "linux")]
#[test]
fn a_key_that_can_t_be_synced_is_not_put_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let written = || {
        let (data, user) = (DataKey::new([2; 32]), UserKey::new([1; 32]));
        write_key_file(folder.path(), &data, &user, &SeededRng::new(1))
    };
    symlink("/dev/null", folder.path().join("key.new")).unwrap();
    assert!(written().is_err());
    assert!(!folder.path().join("key").exists());
    fs::remove_file(folder.path().join("key.new")).unwrap();
    written().unwrap();
    assert!(folder.path().join("key").is_file());
}
