//! The jobs that move items between tables and buckets: requests begin them here, and the room `transfers` carries them
//! out. They are documents of a system table, so that they are there after a crash.

use headwater_engine::Database;
use headwater_model::{Rng, limits};
use headwater_wire::ApiError;
use headwater_wire::messages::transfers as messages;
use tokio::sync::{Mutex, MutexGuard, Notify, OnceCell};

use crate::api::RequestContext;
use crate::failure::internal;
use crate::system_table::{SystemTable, SystemTableError};
use crate::transfer_job::{TransferJob, TransferKind, TransferStatus};

/// Name of the system table.
const TABLE: &str = "transfers";
/// Jobs of one kind that may be in progress (guide: 50 imports; more exports, which are not that many here).
const IN_PROGRESS_MAX: usize = 50;
/// How long a token stands for its first request (the model).
const TOKEN_MS: u64 = 8 * 60 * 60 * 1000;
/// How long jobs are remembered (the model).
const REMEMBERED_MS: u64 = 90 * 24 * 60 * 60 * 1000;
/// Jobs that are remembered; the oldest that are over go first.
const REMEMBERED_MAX: usize = 10_000;
/// Bytes of a request that is remembered; a job's document has room for little more.
const REQUEST_BYTES_MAX: usize = limits::ITEM_SIZE_BYTES_MAX / 8 * 3;

/// Why a job could not be remembered or found.
#[derive(Debug, thiserror::Error)]
pub enum TransferJobError {
    /// The system table refused.
    #[error(transparent)]
    Table(#[from] SystemTableError),
    /// A document is not one of a job.
    #[error("a job of the system table transfers is damaged: {0}; run `headwater verify`")]
    Damaged(#[from] serde_json::Error),
}

/// All jobs of a database.
pub struct TransferJobs {
    database: Database,
    table: OnceCell<SystemTable>,
    /// Held while a job is begun or changed.
    changes: Mutex<()>,
    due: Notify,
}

impl TransferJobs {
    pub(crate) fn new(database: Database) -> Self {
        TransferJobs {
            database,
            table: OnceCell::new(),
            changes: Mutex::new(()),
            due: Notify::new(),
        }
    }

    /// Returns when a job may have begun since the last time.
    pub async fn due(&self) {
        self.due.notified().await;
    }

    /// The jobs that are to be carried out, the oldest first.
    ///
    /// # Errors
    /// [`TransferJobError`].
    pub async fn in_progress(&self) -> Result<Vec<TransferJob>, TransferJobError> {
        let _change = self.changes.lock().await;
        let mut jobs = self.all().await?;
        jobs.retain(is_unfinished);
        jobs.sort_by_key(|job| job.started_ms);
        Ok(jobs)
    }

    /// Changes a job; gives it as it is then, if it is there.
    ///
    /// # Errors
    /// [`TransferJobError`].
    pub async fn change(
        &self,
        arn: &str,
        change: impl FnOnce(&mut TransferJob),
    ) -> Result<Option<TransferJob>, TransferJobError> {
        let _change = self.changes.lock().await;
        let Some(mut job) = self.job(arn).await? else {
            return Ok(None);
        };
        change(&mut job);
        self.put(&job).await?;
        Ok(Some(job))
    }

    /// Forgets the jobs that were over long ago.
    ///
    /// # Errors
    /// [`TransferJobError`].
    pub async fn forget_old(&self) -> Result<(), TransferJobError> {
        let _change = self.changes.lock().await;
        let now_ms = self.database.clock().now_ms();
        let mut over = self.all().await?;
        over.retain(|job| !is_unfinished(job));
        over.sort_by_key(|job| std::cmp::Reverse(job.started_ms));
        let is_recent = |job: &TransferJob| job.started_ms.saturating_add(REMEMBERED_MS) > now_ms;
        let kept = over.iter().take_while(|job| is_recent(job)).count();
        for job in &over[kept.min(REMEMBERED_MAX)..] {
            self.table().await?.delete(&job.arn).await?;
        }
        Ok(())
    }

    async fn table(&self) -> Result<&SystemTable, SystemTableError> {
        let open = || SystemTable::open(&self.database, TABLE);
        self.table.get_or_try_init(open).await
    }

    async fn job(&self, arn: &str) -> Result<Option<TransferJob>, TransferJobError> {
        let document = self.table().await?.get(arn).await?;
        let job = document.map(|document| serde_json::from_slice(&document));
        Ok(job.transpose()?)
    }

    async fn all(&self) -> Result<Vec<TransferJob>, TransferJobError> {
        let documents = self.table().await?.scan_all().await?;
        let jobs = documents
            .iter()
            .map(|(_, document)| Ok(serde_json::from_slice(document)?));
        jobs.collect()
    }

    async fn put(&self, job: &TransferJob) -> Result<(), TransferJobError> {
        let document = serde_json::to_vec(job)?;
        Ok(self.table().await?.put(&job.arn, document).await?)
    }

    /// The job with this ARN, if it is of this kind and of whoever asks.
    pub(crate) async fn find(
        &self,
        kind: TransferKind,
        arn: &str,
        context: &RequestContext,
    ) -> Result<Option<TransferJob>, ApiError> {
        let job = self.job(arn).await.map_err(internal)?;
        Ok(job.filter(|job| job.kind == kind && job.namespace == context.namespace))
    }

    /// The jobs of a kind of whoever asks, the last ones first.
    pub(crate) async fn of_kind(
        &self,
        kind: TransferKind,
        context: &RequestContext,
    ) -> Result<Vec<TransferJob>, ApiError> {
        let now_ms = self.database.clock().now_ms();
        let mut jobs = self.all().await.map_err(internal)?;
        jobs.retain(|job| {
            job.kind == kind
                && job.namespace == context.namespace
                && job.started_ms.saturating_add(REMEMBERED_MS) > now_ms
        });
        jobs.sort_by(|one, other| (other.id(), &other.arn).cmp(&(one.id(), &one.arn)));
        Ok(jobs)
    }

    /// Nobody else begins or changes a job while this is held.
    pub(crate) async fn beginning(&self) -> Beginning<'_> {
        Beginning {
            jobs: self,
            _change: self.changes.lock().await,
        }
    }
}

/// A job is being begun.
pub(crate) struct Beginning<'a> {
    jobs: &'a TransferJobs,
    _change: MutexGuard<'a, ()>,
}

impl Beginning<'_> {
    /// The job that was begun with the same token, while the token holds; refuses one job too many.
    pub(crate) async fn repeated(
        &self,
        kind: TransferKind,
        token: Option<&str>,
        context: &RequestContext,
    ) -> Result<Option<TransferJob>, ApiError> {
        let now_ms = self.jobs.database.clock().now_ms();
        let jobs = self.jobs.of_kind(kind, context).await?;
        let holds = |job: &TransferJob| {
            let since_ms = job.ended_ms.unwrap_or(now_ms);
            since_ms.saturating_add(TOKEN_MS) > now_ms
        };
        let same = |job: &&TransferJob| token.is_some() && job.token.as_deref() == token;
        if let Some(job) = jobs.iter().filter(same).find(|job| holds(job)) {
            return Ok(Some(job.clone()));
        }
        if jobs.iter().filter(|job| is_unfinished(job)).count() >= IN_PROGRESS_MAX {
            return Err(messages::too_many_jobs(kind.as_str(), IN_PROGRESS_MAX));
        }
        Ok(None)
    }

    /// A job that was not begun yet.
    pub(crate) fn job(
        &self,
        kind: TransferKind,
        (table_arn, table): (&str, &str),
        (request, token): (&[u8], Option<String>),
        context: &RequestContext,
    ) -> Result<TransferJob, ApiError> {
        if request.len() > REQUEST_BYTES_MAX {
            return Err(messages::request_too_large(REQUEST_BYTES_MAX));
        }
        let now_ms = self.jobs.database.clock().now_ms();
        let id = random_id(self.jobs.database.rng().as_ref(), now_ms);
        Ok(TransferJob {
            arn: format!("{table_arn}/{}/{id}", kind.as_str()),
            kind,
            namespace: context.namespace.clone(),
            region: context.region.clone(),
            account: context.account.clone(),
            table: table.to_owned(),
            table_arn: table_arn.to_owned(),
            table_id: String::new(),
            request: String::from_utf8_lossy(request).into_owned(),
            token,
            started_ms: now_ms,
            ended_ms: None,
            export_ms: now_ms,
            export_from_ms: None,
            status: TransferStatus::InProgress,
            is_begun: false,
            counts: Default::default(),
            failure: None,
        })
    }

    /// Keeps the job. It is durable when this returns.
    pub(crate) async fn keep(&self, job: &TransferJob) -> Result<(), ApiError> {
        self.jobs.put(job).await.map_err(internal)
    }

    /// Forgets a job that did not begin after all.
    pub(crate) async fn forget(&self, job: &TransferJob) -> Result<(), ApiError> {
        let table = self.jobs.table().await.map_err(internal)?;
        table.delete(&job.arn).await.map_err(internal)?;
        Ok(())
    }

    /// Lets the job be carried out.
    pub(crate) fn done(self) {
        self.jobs.due.notify_one();
    }
}

fn is_unfinished(job: &TransferJob) -> bool {
    matches!(
        job.status,
        TransferStatus::InProgress | TransferStatus::Cancelling
    )
}

/// Fourteen digits of the time, and eight hexadecimal ones.
fn random_id(rng: &dyn Rng, now_ms: u64) -> String {
    let mut bytes = [0; 4];
    rng.fill(&mut bytes);
    format!("{now_ms:014}-{:08x}", u32::from_be_bytes(bytes))
}
