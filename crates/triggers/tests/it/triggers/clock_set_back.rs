//! A machine's clock that is set back holds nothing up.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headwater_engine::TestClock;
use headwater_model::{Clock, Sleep};
use headwater_operations::SystemTable;
use serde_json::json;

use super::world::{WAIT_MAX, World, numbered};

const HOUR_MS: u64 = 3_600_000;

/// Is set back by an hour when somebody sleeps for so long, for the first time.
struct SetBack {
    clock: Arc<TestClock>,
    sleep_ms: RangeInclusive<u64>,
    is_done: AtomicBool,
}

impl SetBack {
    async fn world(sleep_ms: RangeInclusive<u64>) -> World {
        World::with_clock(|clock| {
            Arc::new(Self {
                clock,
                sleep_ms,
                is_done: AtomicBool::new(false),
            })
        })
        .await
    }
}

impl Clock for SetBack {
    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn sleep_until(&self, deadline_ms: u64) -> Sleep {
        let sleep_ms = deadline_ms.saturating_sub(self.now_ms());
        let sleep = self.clock.sleep_until(deadline_ms);
        if self.sleep_ms.contains(&sleep_ms) && !self.is_done.swap(true, Ordering::SeqCst) {
            self.clock.set_back_ms(HOUR_MS);
        }
        sleep
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_between_attempts_ends() {
    let world = SetBack::world(450..=500).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"fail": true}));
    world.map(&stream, "f", json!({})).await;
    let begun_ms = world.now_ms();
    world.put_items("items", 0..1).await;
    recorder.wait_for_calls(2).await;
    assert!(world.now_ms() < begun_ms);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_are_written() {
    // The keeper's own pause, with which it begins.
    let begun_ms = TestClock::default().now_ms();
    let world = SetBack::world(1..=20).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    world.map(&stream, "f", json!({})).await;
    world.put_items("items", 0..1).await;
    recorder.wait_for_ids(1).await;
    let stored = SystemTable::open(world.database(), "checkpoints").await;
    let stored = stored.unwrap();
    let written = async {
        loop {
            let documents = stored.scan_all().await.unwrap();
            let mut documents = documents.iter();
            if documents.any(|(_, bytes)| String::from_utf8_lossy(bytes).contains("\"OK\"")) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let written = tokio::time::timeout(WAIT_MAX, written).await;
    assert!(written.is_ok(), "the checkpoint is never written");
    assert!(world.now_ms() < begun_ms);
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_waits_to_become_full_is_delivered() {
    let world = SetBack::world(900..=1_000).await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    let settings = json!({"MaximumBatchingWindowInSeconds": 1});
    world.map(&stream, "f", settings).await;
    let begun_ms = world.now_ms();
    world.put_items("items", 0..1).await;
    assert_eq!(recorder.wait_for_ids(1).await, numbered(0..1));
    assert!(world.now_ms() < begun_ms);
    world.close().await;
}
