//! Carrying out the jobs, a few at a time.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use headwater_engine::Table;
use headwater_operations::{
    Api, TransferCounts, TransferJob, TransferJobError, TransferKind, TransferStatus,
};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::buckets::BucketSettings;
use crate::bulk_put::bulk_put;
use crate::export::export;
use crate::failure::{Ended, ITEMS_REFUSED};
use crate::import::import;
use crate::run::Run;

/// Jobs that are carried out at once; others wait for their turn.
const RUNNING_MAX: usize = 4;
/// Time until something is tried again that may be a matter of a full disk; each further time it is twice as long.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
const RETRY_INTERVAL_MAX: Duration = Duration::from_secs(30);

/// Why there are no transfers: the system table of their jobs refused.
#[derive(Debug, thiserror::Error)]
#[error("the jobs of exports and imports cannot be loaded: {0}")]
pub struct OpenError(#[from] TransferJobError);

/// The jobs that are carried out.
pub struct Transfers {
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    api: Arc<Api>,
    buckets: Arc<BucketSettings>,
    stop: watch::Receiver<bool>,
}

impl Shared {
    /// Whether nothing can be kept any more before the next start.
    fn has_ended(&self) -> bool {
        *self.stop.borrow() || self.api.database().log().poisoned().is_some()
    }

    /// Tries something until it is done; `None` if the server stops before, or its log has failed.
    async fn until_done<T, E: Display, F: Future<Output = Result<T, E>>>(
        &self,
        what: &str,
        mut attempt: impl FnMut() -> F,
    ) -> Option<T> {
        let mut stop = self.stop.clone();
        let mut pause = RETRY_INTERVAL;
        loop {
            match attempt().await {
                Ok(done) => return Some(done),
                Err(error) => tracing::warn!(%error, "{what} is not done yet"),
            }
            if self.has_ended() {
                return None;
            }
            tokio::select! {
                () = stopped(&mut stop) => return None,
                () = tokio::time::sleep(pause) => pause = longer(pause),
            }
        }
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).min(RETRY_INTERVAL_MAX)
}

impl Transfers {
    /// Takes up what is unfinished, and what requests begin. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(api: Arc<Api>, buckets: BucketSettings) -> Result<Self, OpenError> {
        api.transfers().load().await?;
        let (stop, stopping) = watch::channel(false);
        let shared = Shared {
            api,
            buckets: Arc::new(buckets),
            stop: stopping,
        };
        Ok(Transfers {
            stop,
            task: Mutex::new(Some(tokio::spawn(supervise(Arc::new(shared))))),
        })
    }

    /// Ends what runs; it is done again at the next start. Call it before the database is closed.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let task = self.task.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the supervision of transfers ended badly");
        }
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.get_mut().take() {
            task.abort();
        }
    }
}

/// Begins jobs while there is room, and forgets old ones, until all is to stop.
async fn supervise(shared: Arc<Shared>) {
    let mut stop = shared.stop.clone();
    let (mut running, mut tasks) = (HashSet::new(), JoinSet::new());
    let mut pause = RETRY_INTERVAL;
    loop {
        let found = look(&shared, &mut running, &mut tasks).await;
        let retry_after = std::mem::replace(&mut pause, RETRY_INTERVAL);
        if let Err(error) = &found {
            tracing::warn!(%error, "jobs can't be looked for, or forgotten");
            pause = longer(retry_after);
        }
        let again = async {
            match found {
                Ok(None) => std::future::pending().await,
                Ok(Some(due_ms)) => shared.api.database().clock().sleep_until(due_ms).await,
                Err(_) => tokio::time::sleep(retry_after).await,
            }
        };
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(ended) = tasks.join_next() => match ended {
                Ok(Some(arn)) => {
                    running.remove(&arn);
                }
                // It stays among those that run, so that it is not begun again before the next start.
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "a transfer ended badly"),
            },
            () = shared.api.transfers().due() => {}
            () = again => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Begins what there is room for, and forgets what is old. Gives the moment to do so again, if nothing happens before.
async fn look(
    shared: &Arc<Shared>,
    running: &mut HashSet<String>,
    tasks: &mut JoinSet<Option<String>>,
) -> Result<Option<u64>, TransferJobError> {
    if shared.has_ended() {
        return Ok(None);
    }
    let jobs = shared.api.transfers();
    while tasks.len() < RUNNING_MAX {
        let Some(job) = jobs.next(|arn| running.contains(arn)).await? else {
            break;
        };
        running.insert(job.arn.clone());
        let shared = shared.clone();
        tasks.spawn(async move {
            let arn = job.arn.clone();
            carry_out(&shared, job).await.map(|()| arn)
        });
    }
    jobs.forget_old().await
}

/// Carries a job out and notes how it ended; `None` if it is to be done again at the next start.
async fn carry_out(shared: &Shared, job: TransferJob) -> Option<()> {
    let (ended, counts) = match job.kind {
        TransferKind::Export => run(shared, job.clone(), export).await,
        TransferKind::Import => carry_out_import(shared, &job).await,
        TransferKind::BulkPut => carry_out_bulk_put(shared, &job).await,
    };
    let (status, failure) = match ended {
        Err(Ended::Cancelled) => (TransferStatus::Cancelled, None),
        Ok(()) => (TransferStatus::Completed, None),
        Err(Ended::Failed(failure)) => (TransferStatus::Failed, Some(failure)),
        Err(Ended::Stopping) => return None,
    };
    let note = || {
        let now_ms = shared.api.database().clock().now_ms();
        let failure = failure.clone();
        shared.api.transfers().change(&job.arn, move |job| {
            job.status = status;
            job.counts = counts;
            job.failure = failure;
            job.ended_ms = Some(now_ms);
        })
    };
    let noted = shared.until_done("noting the end of a transfer", note);
    noted.await.map(|_| ())
}

/// Carries a bulk put out. One that a stop of the server broke off is not begun anew: it might undo what others have written
/// since.
async fn carry_out_bulk_put(
    shared: &Shared,
    job: &TransferJob,
) -> (Result<(), Ended>, TransferCounts) {
    if job.status == TransferStatus::Cancelling {
        return (Err(Ended::Cancelled), job.counts);
    }
    if job.is_begun {
        let message = "The server stopped while the operation was in progress. Some of its items were put; it is not begun \
                       anew, as that might undo later changes.";
        return (Err(Ended::failed("Interrupted", message)), job.counts);
    }
    let begin = || {
        shared.api.transfers().change(&job.arn, |job| {
            job.is_begun = job.status == TransferStatus::InProgress;
        })
    };
    let begun = shared.until_done("beginning a bulk operation", begin);
    match begun.await {
        None => return (Err(Ended::Stopping), job.counts),
        Some(Some(job)) if !job.is_begun => return (Err(Ended::Cancelled), job.counts),
        Some(_) => {}
    }
    run(shared, job.clone(), bulk_put).await
}

/// Carries an import out. How it ended is noted before its table is settled, so that a crash in between is told from one
/// before.
async fn carry_out_import(
    shared: &Shared,
    job: &TransferJob,
) -> (Result<(), Ended>, TransferCounts) {
    let noted = || {
        job.failure
            .clone()
            .map_or(Ok(()), |failure| Err(Ended::Failed(failure)))
    };
    let table = match shared.api.import_target(job).await {
        Ok(table) if table.record().is_being_filled() => table,
        Ok(_) => return (noted(), job.counts),
        Err(_) if job.failure.is_some() => return (noted(), job.counts),
        Err(error) => return (Err(error.into()), TransferCounts::default()),
    };
    let target = table.clone();
    let (ended, counts) = run(shared, job.clone(), move |run| import(run, &target)).await;
    if let Err(Ended::Stopping | Ended::Cancelled) = ended {
        return (ended, counts);
    }
    let settled = settle(shared, job, &table, &ended, counts).await;
    (settled.and(ended), counts)
}

async fn settle(
    shared: &Shared,
    job: &TransferJob,
    table: &Arc<Table>,
    ended: &Result<(), Ended>,
    counts: TransferCounts,
) -> Result<(), Ended> {
    let failure = match ended {
        Err(Ended::Failed(failure)) => Some(failure.clone()),
        _ => None,
    };
    // Of a source that can't be read nothing is left (recorded).
    let is_given_up = failure
        .as_ref()
        .is_some_and(|one| one.code != ITEMS_REFUSED);
    let note = || {
        let failure = failure.clone();
        shared.api.transfers().change(&job.arn, move |job| {
            job.counts = counts;
            job.failure = failure;
        })
    };
    // It is done again at the next start.
    let noted = shared.until_done("noting how an import went", note).await;
    noted.ok_or(Ended::Stopping)?;
    let database = shared.api.database();
    let settle = || async {
        match is_given_up {
            true => database.give_up_filling(table).await,
            false => database.end_filling(table).await,
        }
    };
    let settled = shared.until_done("settling the table of an import", settle);
    settled.await.ok_or(Ended::Stopping)
}

/// Does the work on a thread that may wait.
async fn run(
    shared: &Shared,
    job: TransferJob,
    work: impl FnOnce(&mut Run) -> Result<(), Ended> + Send + 'static,
) -> (Result<(), Ended>, TransferCounts) {
    let (api, buckets) = (shared.api.clone(), shared.buckets.clone());
    let mut run = Run::new(api, buckets, job, shared.stop.clone());
    let worked = tokio::task::spawn_blocking(move || {
        let ended = work(&mut run);
        (ended, run.counts)
    });
    worked.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a transfer ended with a panic");
        let message = "An internal error occurred; the server's log has its cause";
        (
            Err(Ended::failed("InternalError", message)),
            TransferCounts::default(),
        )
    })
}

/// Returns when all is to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Without a sender nobody is left who could want anything.
    let _ = stop.wait_for(|stop| *stop).await;
}
