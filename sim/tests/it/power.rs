//! Power losses, failed fsyncs, full and slow disks, flipped bits and restarts by seed.
//! `cargo run -p headwater-sim -- --seeds A..B` runs more.

use headwater_sim::campaign::{Report, run_interval_seed, run_seed, run_trimming_seed};

const SEEDS: u64 = 24;

#[test]
fn nothing_acknowledged_or_read_is_lost_whatever_breaks() {
    let mut total = Report::default();
    for seed in 0..SEEDS {
        match run_seed(seed) {
            Ok(report) => total.add(report),
            Err(error) => panic!("{error:#}"),
        }
    }
    println!("{total}");
    assert!(total.power_losses as u64 > SEEDS && total.acknowledged > 1_000);
    assert!(total.flips.found > total.flips.found_in_state && total.flips.opened > 0);
    assert!(total.full_disks_met > 0 && total.full_disks_opened > 0);
}

#[test]
fn with_durability_interval_only_the_end_of_the_log_is_lost() {
    let mut lost = 0;
    for seed in 0..SEEDS {
        match run_interval_seed(seed) {
            Ok(changes) => lost += changes,
            Err(error) => panic!("{error:#}"),
        }
    }
    println!("{lost} acknowledged changes were lost");
    assert!(lost > 0, "the faults took nothing");
}

#[test]
fn of_a_log_that_is_trimmed_nothing_goes_early_and_whoever_misses_it_is_told() {
    let mut total = Report::default();
    for seed in 0..SEEDS {
        match run_trimming_seed(seed) {
            Ok(report) => total.add(report),
            Err(error) => panic!("{error:#}"),
        }
    }
    println!("{total}");
    assert!(total.trimmed > 1_000 && total.gaps > 20, "{total}");
}

/// Readers asked for the durable position first and looked into the overlay then. When a writer came between, the
/// version they wanted was gone as superseded, and they fell through to what the state held: an older value, or
/// none for an item that had been there for long. Hot keys, a small apply interval and two reader threads met it
/// within a few lives.
#[test]
fn seed_21_a_read_does_not_fall_behind_the_overlay() {
    repeat(21);
}

/// The value of a write went into the overlay after its entry had gone into the queue. With a fast disk the entry
/// was durable, and visible in the stream, before the item was.
#[test]
fn seed_9_an_item_is_there_when_its_record_is() {
    repeat(9);
}

/// The keeper trimmed segments that held no stream records, and verifying the store failed because the log does
/// not begin at its beginning any more.
#[test]
fn seed_11_a_trimmed_store_is_verified() {
    repeat(11);
}

/// Hundreds of small blocks stood between two that the index lists. A page of a shard's records began at the listed
/// block, spent its bound on blocks before its position and ended where it had begun, so that no reader ever got on.
/// Killing a server found it first; the log's contract suite has it without a crash.
#[test]
fn seed_38_reading_gets_on_through_small_blocks() {
    repeat(38);
}

/// An fsync failed and the process ended, but not the machine: the next start saw whole blocks in the system's memory,
/// synced the file with success, since the system takes for written what it failed to write, and gave the segment a
/// footer that vouches for them. A later power loss left a hole in a sealed segment. Met as soon as the fault layer
/// dropped what a failed fsync was to make safe.
#[test]
fn seeds_9_21_38_what_a_failed_fsync_left_behind_is_written_again() {
    for seed in [9, 21, 38] {
        repeat(seed);
    }
}

/// With durability `interval` the store was first opened on a full disk, and the changes that the power loss had
/// taken with every right were missed there.
#[test]
fn seed_18_on_a_full_disk_the_end_may_be_lost_too() {
    for _ in 0..20 {
        if let Err(error) = run_interval_seed(18) {
            panic!("{error:#}");
        }
    }
}

fn repeat(seed: u64) {
    for _ in 0..3 {
        if let Err(error) = run_seed(seed) {
            panic!("{error:#}");
        }
    }
}
