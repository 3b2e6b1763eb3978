//! Changes that are refused for lack of room on the disk, though they may come to be, leave nothing behind.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headwater_changelog::testing::Fault;
use headwater_wire::Operation;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::packages::{create, definition, found, package, update};
use super::world::{Disks, FUNCTIONS, MAPPINGS, Reply, World, item_id};

/// Writes of the log that find no room, one each 200 ms: for longer than a request waits for room, which is a second.
const HELD_WRITES: u64 = 10;

/// A world whose disk can be full, and what a restart of it needs.
struct Full {
    world: World,
    disks: Disks,
    folder: Arc<TempDir>,
}

impl Full {
    async fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let disks = Disks::new();
        let world = World::on(&disks, folder.clone()).await;
        Self {
            world,
            disks,
            folder,
        }
    }

    /// Lets the next write of the log wait for room, until long after it was refused.
    async fn fill_up(&self) {
        let log = self.world.database().log();
        crate::bench::until("a quiet log", || log.durable() == log.appended()).await;
        for after in 0..HELD_WRITES {
            self.disks.files.inject(after, Fault::NoRoom);
        }
    }

    async fn until_there_is_room(&self) {
        let database = self.world.database();
        crate::bench::until("room", || database.no_room().is_none()).await;
    }

    /// What is shown of everything, but for results of batches.
    async fn lists(&self) -> [Value; 2] {
        let mut mappings = self.world.get(MAPPINGS).await.body;
        for mapping in mappings["EventSourceMappings"].as_array_mut().unwrap() {
            mapping["LastProcessingResult"].take();
        }
        [mappings, self.world.get(FUNCTIONS).await.body]
    }

    async fn restart(self) -> Self {
        let (disks, folder) = (self.disks, self.folder);
        self.world.close().await;
        let world = World::on(&disks, folder.clone()).await;
        Self {
            world,
            disks,
            folder,
        }
    }
}

fn assert_refused(reply: &Reply) {
    assert_eq!(reply.status, 500, "{reply:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_was_refused_is_not_there_twice() {
    let full = Full::new().await;
    let stream = full.world.table("items").await;
    full.world.recorder("f").await;
    let other = full.world.table("others").await;
    full.world.map(&other, "f", json!({"Enabled": false})).await;
    let body = json!({
        "EventSourceArn": stream, "FunctionName": "f", "StartingPosition": "LATEST", "Enabled": false,
    });
    full.fill_up().await;
    assert_refused(&full.world.post(MAPPINGS, body.clone()).await);
    full.until_there_is_room().await;
    let again = full.world.post(MAPPINGS, body).await;
    assert_eq!(again.status, 202, "{again:?}");
    let before = full.lists().await;
    let full = full.restart().await;
    assert_eq!(full.lists().await, before);
    assert_eq!(
        before[0]["EventSourceMappings"].as_array().unwrap().len(),
        2
    );
    full.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_whose_deletion_was_refused_stays() {
    let full = Full::new().await;
    let stream = full.world.table("items").await;
    let recorder = full.world.recorder("f").await;
    let uuid = full.world.map(&stream, "f", json!({})).await;
    full.world.put_items("items", 0..1).await;
    full.world.wait_for_result(&uuid, "OK").await;
    full.fill_up().await;
    assert_refused(&full.world.delete(&format!("{MAPPINGS}/{uuid}")).await);
    full.until_there_is_room().await;
    full.world.put_items("items", 1..2).await;
    recorder.wait_for_ids(2).await;
    let before = full.lists().await;
    let full = full.restart().await;
    assert_eq!(full.lists().await, before);
    full.world.put_items("items", 2..3).await;
    assert_eq!(recorder.wait_for_ids(3).await.len(), 3);
    full.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_whose_new_code_was_refused_runs() {
    let full = Full::new().await;
    create(&full.world, "f", "one").await;
    create(&full.world, "g", "other").await;
    let code = json!({"ZipFile": STANDARD.encode(package("two"))});
    full.fill_up().await;
    assert_refused(&full.world.put(&format!("{FUNCTIONS}/f/code"), code).await);
    full.until_there_is_room().await;
    update(&full.world, "g", "another").await;
    let before = full.lists().await;
    assert_eq!(found(&full.world, "f", "").await.0, "one");
    let full = full.restart().await;
    assert_eq!(full.lists().await, before);
    assert_eq!(found(&full.world, "f", "").await.0, "one");
    full.world.close().await;
}

/// A server that is killed later has nothing of it, though nobody asked for anything more.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_undone_without_another_change() {
    let full = Full::new().await;
    create(&full.world, "f", "one").await;
    let before = full.lists().await;
    let refused = definition("g", &package("two"));
    full.fill_up().await;
    assert_refused(&full.world.post(FUNCTIONS, refused).await);
    full.until_there_is_room().await;
    let stored = headwater_operations::SystemTable::open(full.world.database(), "functions").await;
    let stored = stored.unwrap();
    let undone = async {
        while stored.scan_all().await.unwrap().len() != 1 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let undone = tokio::time::timeout(super::world::WAIT_MAX, undone).await;
    assert!(undone.is_ok(), "the function stays in the table");
    crate::bench::until("its package is removed", || full.world.packages() == 1).await;
    let full = full.restart().await;
    assert_eq!(full.lists().await, before);
    full.world.close().await;
}

/// A record of a window's time that is written when that is over, and can't be read yet, belongs to the window.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_open_until_what_was_written_in_its_time_is_read() {
    let full = Full::new().await;
    let world = &full.world;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let left_ms = 60_000 - world.now_ms() % 60_000;
    world.clock.advance_ms(left_ms);
    let uuid = world
        .map(&stream, "f", json!({"TumblingWindowInSeconds": 60}))
        .await;
    world.put_items("items", 0..1).await;
    recorder.wait_for_calls(1).await;
    world.wait_for_result(&uuid, "OK").await;
    full.fill_up().await;
    let log = world.database().log();
    // Of the same shard. It is refused after a second, and comes to be there all the same.
    let begun = log.durable();
    let item = json!({"TableName": "items", "Item": {"id": {"S": item_id(0)}, "at": {"N": "2"}}});
    let (late, passing) = tokio::join!(world.try_dynamo(Operation::PutItem, item), async {
        crate::bench::until("a write that waits", || log.appended() > begun).await;
        let is_waiting = log.appended() > log.durable();
        world.clock.advance_ms(60_000);
        is_waiting
    });
    assert!(passing, "it was durable at once: {late:?}");
    full.until_there_is_room().await;
    let events = recorder.wait_for_calls(3).await;
    let states: Vec<&Value> = events
        .iter()
        .map(|event| &event["state"]["count"])
        .collect();
    assert_eq!(states, [&Value::Null, &json!(1), &json!(2)]);
    let finals = events.iter().map(|event| &event["isFinalInvokeForWindow"]);
    assert_eq!(finals.collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(events[1]["window"], events[0]["window"]);
    full.world.close().await;
}

/// What a failed fsync left in the system's memory is taken for written by the next start: then the function has the package
/// that was refused, and had none when that was removed.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_whose_new_code_met_a_failed_fsync_runs_after_a_restart() {
    let full = Full::new().await;
    create(&full.world, "f", "one").await;
    let log = full.world.database().log();
    crate::bench::until("a quiet log", || log.durable() == log.appended()).await;
    full.disks.files.inject(1, Fault::Fail);
    let code = json!({"ZipFile": STANDARD.encode(package("two"))});
    assert_refused(&full.world.put(&format!("{FUNCTIONS}/f/code"), code).await);
    assert!(full.world.database().log().poisoned().is_some());
    // What is only looked at leaves its own package, and takes none with it.
    let code = json!({"ZipFile": STANDARD.encode(package("three")), "DryRun": true});
    let looked_at = full.world.put(&format!("{FUNCTIONS}/f/code"), code).await;
    assert_eq!(looked_at.status, 200, "{looked_at:?}");
    let full = full.restart().await;
    let (marker, _) = found(&full.world, "f", "").await;
    assert_eq!(marker, "two");
    assert_eq!(full.world.packages(), 1);
    full.world.close().await;
}
