//! Senders that are slow, too large, or smaller than they might have been.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{Channel, Limited};
use tokio::sync::Semaphore;

use super::*;

const WAIT: Duration = Duration::from_secs(10);

fn channel() -> (
    http_body_util::channel::Sender<Bytes, Infallible>,
    Limited<Channel<Bytes, Infallible>>,
) {
    let (sender, body) = Channel::new(1);
    (sender, Limited::new(body, 1 << 20))
}

#[tokio::test(start_paused = true)]
async fn who_sends_a_little_now_and_then_is_given_up() {
    let (mut sender, body) = channel();
    let sending = tokio::spawn(async move {
        while sender.send_data(Bytes::from_static(b"x")).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let begun = Instant::now();
    let read = large(body, WAIT).await;
    assert!(matches!(read, Err(Failure::TooSlow)), "{read:?}");
    assert_eq!(begun.elapsed(), WAIT);
    sending.abort();
}

#[tokio::test(start_paused = true)]
async fn who_sends_enough_has_time() {
    let (mut sender, body) = channel();
    let piece = Bytes::from(vec![1; PROGRESS_BYTES_MIN]);
    let sending = tokio::spawn(async move {
        for _ in 0..10 {
            tokio::time::sleep(WAIT - Duration::from_secs(1)).await;
            sender.send_data(piece.clone()).await.unwrap();
        }
    });
    let bytes = large(body, WAIT).await.unwrap();
    assert_eq!(bytes.len(), 10 * PROGRESS_BYTES_MIN);
    sending.await.unwrap();
}

#[tokio::test]
async fn what_is_too_large_is_told_apart_from_what_broke_off() {
    let (mut sender, body) = channel();
    let sending = tokio::spawn(async move {
        let piece = Bytes::from(vec![1; 1 << 19]);
        while sender.send_data(piece.clone()).await.is_ok() {}
    });
    let read = large(body, WAIT).await;
    assert!(matches!(read, Err(Failure::TooLarge)), "{read:?}");
    sending.await.unwrap();
}

#[tokio::test]
async fn a_body_keeps_no_more_than_it_needs() {
    let budget = std::sync::Arc::new(Semaphore::new(1_000));
    for (bytes, kept) in [
        (0, 0),
        (SMALL_BODY_BYTES_MAX, 0),
        (SMALL_BODY_BYTES_MAX + 1, 5),
        (100 * BUDGET_UNIT_BYTES, 100),
        (500 * BUDGET_UNIT_BYTES, 500),
    ] {
        let mut place = budget.clone().acquire_many_owned(500).await.ok();
        shrink(&mut place, bytes);
        assert_eq!(1_000 - budget.available_permits(), kept, "{bytes} bytes");
    }
}
