//! Work that blocks, such as reading many files, of which one piece is done at a time.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::{JoinError, spawn_blocking};

/// Lets one piece of work begin when the one before has ended, whether somebody still waits for that or not.
#[derive(Debug, Default)]
pub(crate) struct OneAtATime(Arc<Mutex<()>>);

impl OneAtATime {
    /// Does the work in its turn.
    ///
    /// # Errors
    /// When it panics, or the tokio runtime ends.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let turn = Arc::clone(&self.0).lock_owned().await;
        let in_turn = move || {
            let done = work();
            drop(turn);
            done
        };
        spawn_blocking(in_turn).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_keeps_its_turn() {
        let one = Arc::new(OneAtATime::default());
        let (begun, has_begun) = oneshot::channel();
        let (release, released) = mpsc::channel();
        let left = one.clone();
        let left = tokio::spawn(async move {
            let work = move || {
                begun.send(()).unwrap();
                released.recv().unwrap();
            };
            left.run(work).await.unwrap();
        });
        has_begun.await.unwrap();
        left.abort();
        assert!(left.await.unwrap_err().is_cancelled());
        let second = tokio::spawn(async move { one.run(|| ()).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!second.is_finished());
        release.send(()).unwrap();
        second.await.unwrap().unwrap();
    }
}
