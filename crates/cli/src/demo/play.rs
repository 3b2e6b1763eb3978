//! Playing the script against the server, as an application would: some items at once, each in its own order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use headwater_engine::SystemClock;
use headwater_model::Clock;
use tokio::task::JoinSet;

use super::script::{Step, Story};
use crate::client::Client;

/// Items that are written at once.
pub(super) const AT_ONCE: usize = 16;
/// Pause between two changes whose time is taken.
const PAUSE: Duration = Duration::from_millis(8);

/// Does all steps but the timed ones; gives how long it took.
pub(super) async fn play(client: &Client, stories: &Arc<Vec<Story>>) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE {
        workers.spawn(work(client.clone(), stories.clone(), next.clone()));
    }
    while let Some(worker) = workers.join_next().await {
        worker.context("a writer of the demo ended badly")??;
    }
    Ok(begun.elapsed())
}

async fn work(
    client: Client,
    stories: Arc<Vec<Story>>,
    next: Arc<AtomicUsize>,
) -> anyhow::Result<()> {
    while let Some(story) = stories.get(next.fetch_add(1, Ordering::Relaxed)) {
        for step in &story.steps {
            write(&client, &story.key, step).await?;
        }
    }
    Ok(())
}

async fn write(client: &Client, key: &str, step: &Step) -> anyhow::Result<()> {
    let done = client.dynamodb(step.operation, &step.input).await;
    done.map(drop)
        .with_context(|| format!("{} of {key} ({:?})", step.operation, step.kind))
}

/// A write whose time was taken.
#[derive(Clone, Debug)]
pub(super) struct Timed {
    pub(super) key: String,
    /// When it was sent, in milliseconds since 1970.
    pub(super) sent_ms: f64,
    /// How long its answer took.
    pub(super) answer_ms: f64,
}

/// Does the timed steps one by one.
pub(super) async fn play_timed(client: &Client, stories: &[Story]) -> anyhow::Result<Vec<Timed>> {
    let watch = Watch::start();
    let mut timed = Vec::new();
    let mut pace = tokio::time::interval(PAUSE);
    for story in stories {
        if let Some(step) = &story.timed {
            pace.tick().await;
            let sent_ms = watch.now_ms();
            write(client, &story.key, step).await?;
            timed.push(Timed {
                key: story.key.clone(),
                sent_ms,
                answer_ms: watch.now_ms() - sent_ms,
            });
        }
    }
    Ok(timed)
}

/// Wall time finer than a millisecond: the moment a millisecond began, and what has passed since.
struct Watch {
    began_ms: u64,
    began: Instant,
}

impl Watch {
    fn start() -> Self {
        let before_ms = SystemClock.now_ms();
        loop {
            let (began_ms, began) = (SystemClock.now_ms(), Instant::now());
            if began_ms != before_ms {
                return Watch { began_ms, began };
            }
            std::hint::spin_loop();
        }
    }

    fn now_ms(&self) -> f64 {
        self.began_ms as f64 + self.began.elapsed().as_secs_f64() * 1000.0
    }
}
