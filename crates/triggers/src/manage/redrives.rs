//! Redrives that are under way: a few at once, and one of each letter.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Redrives at once, each with the payload of its letter in memory; further ones wait, while their callers do.
const REDRIVES_MAX: usize = 4;

/// The letters that are redriven.
pub(crate) struct Redrives {
    places: Arc<Semaphore>,
    letters: Arc<Mutex<HashSet<String>>>,
}

impl Default for Redrives {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(REDRIVES_MAX)),
            letters: Arc::default(),
        }
    }
}

impl Redrives {
    /// Waits for a place for a letter; `None` if it is being redriven already.
    pub(super) async fn begin(&self, letter: &str) -> Option<Redriving> {
        // Nothing closes it.
        let place = self.places.clone().acquire_owned().await.ok()?;
        let is_new = self.letters.lock().insert(letter.to_owned());
        is_new.then(|| Redriving {
            letter: letter.to_owned(),
            letters: self.letters.clone(),
            _place: place,
        })
    }
}

/// A redrive that is under way.
pub(super) struct Redriving {
    letter: String,
    letters: Arc<Mutex<HashSet<String>>>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Redriving {
    fn drop(&mut self) {
        self.letters.lock().remove(&self.letter);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn a_letter_is_redriven_once_at_a_time_and_so_are_few() {
        let redrives = Redrives::default();
        let first = redrives.begin("0").await;
        assert!(redrives.begin("0").await.is_none());
        let mut others = Vec::new();
        for letter in 1..REDRIVES_MAX {
            others.push(redrives.begin(&letter.to_string()).await.unwrap());
        }
        let mut waiting = std::pin::pin!(redrives.begin("another"));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert!(waiting.await.is_some());
        assert!(redrives.begin("0").await.is_some());
    }
}
