//! Turns: which batches may be at their functions.
//!
//! The runtimes have few processes, so batches wait, and a function that hangs may keep its processes for as long as its
//! time-out allows. It must keep no others waiting, as far as there are processes: of all that there are, half is for batches
//! of whichever functions, a quarter for one batch of each function, however many others it has, and a quarter is left to
//! what is invoked otherwise.
//!
//! Order: a place of the function is taken before one of all, and nobody who has one of all waits for anything more here.
//! At the runtimes it may wait for a process that something else than batches uses, as long as anybody waits for one.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The part of all processes that is for one batch of each function, and the part that is for no batches.
const QUARTER: usize = 4;

/// Namespace and name.
type Key = (String, String);

/// The turns of all functions.
pub(crate) struct Turns {
    batches_per_function_max: usize,
    /// For batches of whichever functions.
    common: Arc<Semaphore>,
    /// For one batch of each function.
    single: Arc<Semaphore>,
    /// Those that have turns, or wait for them.
    functions: Mutex<HashMap<Key, Weak<Function>>>,
}

/// The turns of one function, of all its versions.
struct Function {
    /// As many as it has processes, so that no batch that has a place of all waits for others of its function.
    own: Arc<Semaphore>,
    /// Goes with one of [`Turns::single`].
    single: Arc<Semaphore>,
}

/// The turn of one batch; given back when it is dropped.
pub(super) struct Turn {
    /// One of all, and what goes with it.
    _all: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
    _own: Option<OwnedSemaphorePermit>,
    _function: Arc<Function>,
}

impl Turns {
    /// For runtimes with so many processes, and so many of one function.
    pub(crate) fn new(processes_max: usize, processes_per_function_max: usize) -> Self {
        let all = processes_max.clamp(1, Semaphore::MAX_PERMITS);
        let single = all / QUARTER;
        Self {
            batches_per_function_max: processes_per_function_max.clamp(1, all),
            common: Arc::new(Semaphore::new(all - 2 * single)),
            single: Arc::new(Semaphore::new(single)),
            functions: Mutex::default(),
        }
    }

    /// Waits for a turn of a function; one with reserved concurrency makes nobody wait, but refuses. Dropping the future
    /// leaves the queues. `None` never comes, as nothing is closed.
    pub(super) async fn take(
        &self,
        namespace: &str,
        function: &str,
        is_reserved: bool,
    ) -> Option<Turn> {
        let function = self.function(namespace, function);
        let own = match is_reserved {
            true => None,
            false => Some(function.own.clone().acquire_owned().await.ok()?),
        };
        let single = async {
            let with = function.single.clone().acquire_owned().await.ok()?;
            let one = self.single.clone().acquire_owned().await.ok()?;
            Some((one, Some(with)))
        };
        let all = tokio::select! {
            biased;
            one = self.common.clone().acquire_owned() => (one.ok()?, None),
            single = single => single?,
        };
        Some(Turn {
            _all: all,
            _own: own,
            _function: function,
        })
    }

    fn function(&self, namespace: &str, name: &str) -> Arc<Function> {
        let key = (namespace.to_owned(), name.to_owned());
        let mut functions = self.functions.lock();
        if let Some(known) = functions.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        functions.retain(|_, function| function.strong_count() > 0);
        let function = Arc::new(Function {
            own: Arc::new(Semaphore::new(self.batches_per_function_max)),
            single: Arc::new(Semaphore::new(1)),
        });
        functions.insert(key, Arc::downgrade(&function));
        function
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    /// 32 for all, 16 for one of each.
    fn turns() -> Arc<Turns> {
        Arc::new(Turns::new(64, 10))
    }

    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    /// Tries to take so many turns, and gives those that are there at once; others wait in `waiting`.
    async fn take(
        turns: &Arc<Turns>,
        waiting: &mut JoinSet<Turn>,
        function: &str,
        count: usize,
    ) -> Vec<Turn> {
        for _ in 0..count {
            let (turns, function) = (turns.clone(), function.to_owned());
            waiting.spawn(async move { turns.take("", &function, false).await.unwrap() });
        }
        settle().await;
        std::iter::from_fn(|| waiting.try_join_next())
            .map(Result::unwrap)
            .collect()
    }

    #[tokio::test]
    async fn what_waits_for_its_own_function_keeps_no_place_of_others() {
        let (turns, mut waiting) = (turns(), JoinSet::new());
        let hung = take(&turns, &mut waiting, "hung", 40).await;
        assert_eq!((hung.len(), waiting.len()), (10, 30));
        for function in ["a", "b"] {
            let mut well = JoinSet::new();
            let taken = take(&turns, &mut well, function, 10).await;
            assert_eq!((taken.len(), well.len()), (10, 0));
        }
        // The others come as places become free.
        drop(hung);
        settle().await;
        let next: Vec<_> = std::iter::from_fn(|| waiting.try_join_next()).collect();
        assert_eq!((next.len(), waiting.len()), (10, 20));
    }

    #[tokio::test]
    async fn functions_that_hang_leave_one_turn_to_each_other() {
        let (turns, mut waiting) = (turns(), JoinSet::new());
        let mut hung = Vec::new();
        for function in ["1", "2", "3", "4"] {
            hung.extend(take(&turns, &mut waiting, function, 10).await);
        }
        // All common ones, and one more of each that got one too many for that.
        assert_eq!((hung.len(), waiting.len()), (33, 7));
        let mut well = JoinSet::new();
        for round in 0..3 {
            let mut taken = Vec::new();
            for function in 0..15 {
                let one = take(&turns, &mut well, &format!("well-{function}"), 1).await;
                assert_eq!(one.len(), 1, "function {function} in round {round}");
                taken.extend(one);
            }
        }
        // A second batch of one waits for the first.
        let mut first = take(&turns, &mut well, "well", 3).await;
        assert_eq!((first.len(), well.len()), (1, 2));
        first.clear();
        settle().await;
        assert!(well.try_join_next().is_some());
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_nothing_behind() {
        let (turns, mut waiting) = (turns(), JoinSet::new());
        let mut taken = Vec::new();
        for function in ["1", "2", "3", "4", "5"] {
            taken.extend(take(&turns, &mut waiting, function, 20).await);
        }
        assert!(!waiting.is_empty());
        waiting.shutdown().await;
        drop(taken);
        let counts = [&turns.common, &turns.single].map(|all| all.available_permits());
        assert_eq!(counts, [32, 16]);
        // Functions that nobody waits for are forgotten.
        let _turn = turns.take("", "other", false).await;
        assert_eq!(turns.functions.lock().len(), 1);
    }

    #[tokio::test]
    async fn reserved_concurrency_waits_for_no_place_of_the_function() {
        let turns = turns();
        let mut taken = Vec::new();
        for _ in 0..32 {
            taken.extend(turns.take("", "reserved", true).await);
        }
        assert_eq!(taken.len(), 32);
    }

    #[tokio::test]
    async fn few_processes_are_for_all() {
        for processes in 1..=3 {
            let turns = Arc::new(Turns::new(processes, 10));
            let mut waiting = JoinSet::new();
            let taken = take(&turns, &mut waiting, "f", 4).await;
            assert_eq!(taken.len(), processes);
        }
    }
}
