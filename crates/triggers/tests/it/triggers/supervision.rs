//! What breaks off inside the server begins again by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use headwater_engine::TestClock;
use headwater_model::{Clock, Sleep};
use serde_json::json;

use super::world::{World, numbered};

/// Panics when a delivery pauses for the first time after a failure, as often as it is told to.
struct Panicking {
    clock: Arc<TestClock>,
    panics: AtomicU32,
}

impl Clock for Panicking {
    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn sleep_until(&self, deadline_ms: u64) -> Sleep {
        let first_pause = (450..=500).contains(&deadline_ms.saturating_sub(self.now_ms()));
        let left = self.panics.load(Ordering::SeqCst);
        if first_pause && left > 0 {
            self.panics.store(left - 1, Ordering::SeqCst);
            panic!("injected");
        }
        self.clock.sleep_until(deadline_ms)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_panics_begins_again_at_its_checkpoint() {
    let world = World::with_clock(|clock| {
        let panics = AtomicU32::new(1);
        Arc::new(Panicking { clock, panics })
    })
    .await;
    let stream = world.table("items").await;
    let recorder = world.recorder("f").await;
    recorder.control(json!({"poison": ["item-0002"]}));
    let uuid = world.map(&stream, "f", json!({"BatchSize": 1})).await;
    world.put_items("items", 0..4).await;
    // The call of the third record fails, and with it the task that was to try again.
    recorder.wait_for_ids(3).await;
    recorder.control(json!({}));
    recorder.wait_for_ids(5).await;
    let mut expected = numbered(0..3);
    expected.extend(numbered(2..4));
    assert_eq!(recorder.ids(), expected);
    world.put_items("items", 4..6).await;
    recorder.wait_for_ids(7).await;
    world.wait_for_result(&uuid, "OK").await;
    world.close().await;
}
