//! What a job that is being carried out has to do with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headwater_engine::Database;
use headwater_operations::{Api, TransferCounts, TransferJob, TransferStatus};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::buckets::BucketSettings;
use crate::failure::Ended;

/// Time between two notes of how far a job is.
const NOTE_INTERVAL: Duration = Duration::from_secs(1);

/// A job on a thread that may wait.
pub(crate) struct Run {
    pub(crate) api: Arc<Api>,
    pub(crate) buckets: Arc<BucketSettings>,
    pub(crate) job: TransferJob,
    pub(crate) counts: TransferCounts,
    pub(crate) handle: Handle,
    stop: watch::Receiver<bool>,
    noted: Instant,
}

impl Run {
    pub(crate) fn new(
        api: Arc<Api>,
        buckets: Arc<BucketSettings>,
        job: TransferJob,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Run {
            api,
            buckets,
            job,
            counts: TransferCounts::default(),
            handle: Handle::current(),
            stop,
            noted: Instant::now(),
        }
    }

    pub(crate) fn database(&self) -> &Database {
        self.api.database()
    }

    /// Says when the server stops.
    pub(crate) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// Ends the job when the server stops.
    pub(crate) fn check(&self) -> Result<(), Ended> {
        match *self.stop.borrow() {
            true => Err(Ended::Stopping),
            false => Ok(()),
        }
    }

    /// The same, and notes how far the job is now and then.
    pub(crate) fn note(&mut self) -> Result<(), Ended> {
        self.check()?;
        if self.noted.elapsed() < NOTE_INTERVAL {
            return Ok(());
        }
        let counts = self.counts;
        let noted = self
            .api
            .transfers()
            .change(&self.job.arn, |job| job.counts = counts);
        let noted = self.handle.block_on(noted);
        self.noted = Instant::now();
        match noted {
            Ok(Some(job)) if job.status == TransferStatus::Cancelling => Err(Ended::Cancelled),
            Ok(_) => Ok(()),
            // It is noted at the end in any case.
            Err(error) => {
                tracing::warn!(%error, "how far a transfer is was not noted");
                Ok(())
            }
        }
    }
}
