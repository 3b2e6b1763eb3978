//! What a server without a data folder leaves in the temporary folder of the system.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::process::{PATIENCE, Server, headwater};

const LOCK: &str = "headwater-temporary.lock";

fn start(system: &Path) -> Server {
    let mut command = headwater(&["serve", "--listen", "127.0.0.1:0", "--durability", "memory"]);
    command.env("TMPDIR", system);
    Server::of(command)
}

fn entries(system: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(system).expect("a folder");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

fn wait_until_gone(path: &Path) {
    let begun = Instant::now();
    while path.exists() {
        assert!(begun.elapsed() < PATIENCE, "{} stays", path.display());
        std::thread::yield_now();
    }
}

#[test]
fn what_a_killed_server_left_is_removed_and_nothing_else() {
    let system = tempfile::tempdir().expect("a folder");
    let system = system.path();
    let killed = start(system);
    let left = entries(system);
    assert_eq!(left.len(), 1, "{left:?}");
    let lives = start(system);
    assert_eq!(entries(system).len(), 2);
    killed.kill();

    let elsewhere = tempfile::tempdir().expect("a folder");
    File::create(elsewhere.path().join(LOCK)).expect("a file");
    let is_link = system.join("headwater-link");
    symlink(elsewhere.path(), &is_link).expect("a link");
    let has_link = system.join("headwater-with-link");
    fs::create_dir(&has_link).expect("a folder");
    symlink(elsewhere.path().join(LOCK), has_link.join(LOCK)).expect("a link");
    let without_lock = system.join("headwater-without");
    fs::create_dir(&without_lock).expect("a folder");
    let with_other_name = system.join("others");
    fs::create_dir(&with_other_name).expect("a folder");
    File::create(with_other_name.join(LOCK)).expect("a file");

    let next = start(system);
    wait_until_gone(&left[0]);
    next.stop();
    for kept in [&is_link, &has_link, &without_lock, &with_other_name] {
        assert!(kept.symlink_metadata().is_ok(), "{}", kept.display());
    }
    assert!(elsewhere.path().join(LOCK).exists());
    let others = 4;
    assert_eq!(
        entries(system).len(),
        others + 1,
        "that of the one that lives"
    );
    lives.stop();
    assert_eq!(entries(system).len(), others);
}

#[test]
fn what_somebody_has_made_of_a_folder_that_was_left_stays() {
    let system = tempfile::tempdir().expect("a folder");
    let system = system.path();
    let killed = start(system);
    let used = entries(system).remove(0);
    killed.kill();
    let data = used.join("data");
    let serves = Server::with(&data, &[]);
    serves.create_table("items", false);

    let killed = start(system);
    let left = entries(system);
    let left = left.iter().find(|path| **path != used).expect("another");
    killed.kill();
    let copied = system.join("headwater-copied");
    fs::create_dir(&copied).expect("a folder");
    fs::copy(left.join(LOCK), copied.join(LOCK)).expect("a file");

    let next = start(system);
    wait_until_gone(left);
    next.stop();
    assert!(copied.exists());
    serves.put("items", "a", 1);
    serves.stop();
    Server::with(&data, &[]).stop();

    let next = start(system);
    wait_until_gone(&used);
    next.stop();
    assert_eq!(entries(system), [copied]);
}
