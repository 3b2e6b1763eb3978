//! A delivery that a panic breaks off begins again.

use std::sync::Arc;

use headwater_model::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::backoff::pause_ms;
use super::delivery::{Stop, stopped};

/// Runs what `make` makes until one of them comes to its own end, or until it is told to stop while none runs. After a
/// panic the next one begins, at the mapping's checkpoints, after a pause that grows with each.
pub(super) async fn run_to_its_end<F>(
    mapping: String,
    mut make: impl FnMut() -> F,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<Stop>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut times = 0;
    loop {
        // A task of its own, which ends with this one.
        let mut task = JoinSet::new();
        task.spawn(make());
        let Some(Err(error)) = task.join_next().await else {
            return;
        };
        times += 1;
        tracing::error!(%mapping, %error, times, "a delivery broke off and begins again");
        tokio::select! {
            () = stopped(&mut stop) => return,
            () = clock.sleep_until(clock.now_ms() + pause_ms(times)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use headwater_model::ManualClock;

    use super::*;

    /// A delivery that panics so many times and then ends; counts how often it began.
    fn run(
        times: u32,
        clock: &ManualClock,
        stop: watch::Receiver<Stop>,
    ) -> (Arc<AtomicU32>, tokio::task::JoinHandle<()>) {
        let begun = Arc::new(AtomicU32::new(0));
        let count = begun.clone();
        let make = move || {
            let nth = count.fetch_add(1, Ordering::SeqCst);
            async move { assert!(nth >= times, "injected") }
        };
        let clock = Arc::new(clock.clone());
        let task = tokio::spawn(run_to_its_end("m".to_owned(), make, clock, stop));
        (begun, task)
    }

    #[tokio::test]
    async fn each_panic_is_followed_by_another_beginning_after_a_longer_pause() {
        let clock = ManualClock::new(0);
        let stop = watch::Sender::new(Stop::No);
        let (begun, mut task) = run(3, &clock, stop.subscribe());
        let mut slept_ms = 0;
        loop {
            tokio::select! {
                biased;
                ended = &mut task => break ended.unwrap(),
                () = tokio::task::yield_now() => {
                    clock.advance_ms(1);
                    slept_ms += 1;
                }
            }
        }
        assert_eq!(begun.load(Ordering::SeqCst), 4);
        assert!(slept_ms >= 500 + 1_000 + 2_000, "{slept_ms}");
    }

    #[tokio::test]
    async fn it_stops_while_it_pauses() {
        let clock = ManualClock::new(0);
        let stop = watch::Sender::new(Stop::No);
        let (begun, task) = run(u32::MAX, &clock, stop.subscribe());
        while begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        stop.send_replace(Stop::AfterInvocations);
        task.await.unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), 1);
    }
}
