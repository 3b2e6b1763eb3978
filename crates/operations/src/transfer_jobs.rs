//! The jobs that move items between tables and buckets: requests begin them here, and the room `transfers` carries them
//! out. They are documents of a system table, so that they are there after a crash.

use std::collections::BTreeSet;

use bytes::Bytes;
use headwater_engine::Database;
use headwater_model::{Rng, limits};
use headwater_wire::ApiError;
use headwater_wire::messages::transfers as messages;
use tokio::sync::{Mutex, MutexGuard, Notify, OnceCell};

use crate::api::RequestContext;
use crate::failure::internal;
use crate::known_transfers::{KnownTransfer, KnownTransfers};
use crate::system_table::{SystemTable, SystemTableError};
use crate::transfer_job::{TransferJob, TransferKind, TransferStatus, is_unfinished};

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
/// Bytes of the document of a new job: texts are longer in it than in its request, and there has to be room for what comes
/// of it.
const DOCUMENT_BYTES_MAX: usize = limits::ITEM_SIZE_BYTES_MAX / 8 * 7;

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
    known: OnceCell<KnownJobs>,
    /// Held while a job is begun or changed.
    changes: Mutex<()>,
    due: Notify,
}

#[derive(Default)]
struct KnownJobs {
    jobs: parking_lot::Mutex<KnownTransfers>,
    /// Jobs whose beginning was refused, and may come to be when there is room on the disk (docs/adr/0014).
    refused: parking_lot::Mutex<BTreeSet<String>>,
}

impl TransferJobs {
    pub(crate) fn new(database: Database) -> Self {
        TransferJobs {
            database,
            table: OnceCell::new(),
            known: OnceCell::new(),
            changes: Mutex::new(()),
            due: Notify::new(),
        }
    }

    /// Returns when a job may have begun since the last time, or [`TransferJobs::forget_old`] has something to do.
    pub async fn due(&self) {
        self.due.notified().await;
    }

    /// Reads what is remembered, if that is not done yet.
    ///
    /// # Errors
    /// [`TransferJobError`].
    pub async fn load(&self) -> Result<(), TransferJobError> {
        self.known().await.map(|_| ())
    }

    /// The job that is to be carried out next, the oldest one, but for those of which `is_running` says that they are.
    ///
    /// # Errors
    /// [`TransferJobError`].
    pub async fn next(
        &self,
        is_running: impl Fn(&str) -> bool,
    ) -> Result<Option<TransferJob>, TransferJobError> {
        let _change = self.changes.lock().await;
        let known = self.known().await?;
        loop {
            let next = known.jobs.lock().next(&is_running);
            let Some(arn) = next else {
                return Ok(None);
            };
            match self.job(&arn).await? {
                Some(job) if is_unfinished(&job) => return Ok(Some(job)),
                // A change of it had an open outcome, and came to be.
                Some(job) => known.jobs.lock().set(&job),
                None => known.jobs.lock().remove(&arn),
            }
        }
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
        let document = self.table().await?.newest(arn).await?;
        let Some(document) = document else {
            return Ok(None);
        };
        let mut job = serde_json::from_slice(&document)?;
        change(&mut job);
        self.put(&job).await?;
        Ok(Some(job))
    }

    /// Forgets the jobs that were over long ago, and those that are too many; and what was refused, if it came to be all the
    /// same. Gives the moment from which on there is one to forget.
    ///
    /// # Errors
    /// [`TransferJobError`].
    pub async fn forget_old(&self) -> Result<Option<u64>, TransferJobError> {
        loop {
            // Requests come in between.
            let _change = self.changes.lock().await;
            self.settle().await?;
            let known = self.known().await?;
            let oldest = known.jobs.lock().oldest_over();
            let Some((started_ms, arn, count)) = oldest else {
                return Ok(None);
            };
            if count <= REMEMBERED_MAX && self.is_recent(started_ms) {
                return Ok(Some(started_ms.saturating_add(REMEMBERED_MS)));
            }
            self.delete(&arn).await?;
        }
    }

    fn is_recent(&self, started_ms: u64) -> bool {
        started_ms.saturating_add(REMEMBERED_MS) > self.database.clock().now_ms()
    }

    async fn table(&self) -> Result<&SystemTable, SystemTableError> {
        let open = || SystemTable::open(&self.database, TABLE);
        self.table.get_or_try_init(open).await
    }

    /// All documents are read once.
    async fn known(&self) -> Result<&KnownJobs, TransferJobError> {
        let load = || async {
            let take = |known: &mut KnownTransfers, _, document: Bytes| {
                known.set(&serde_json::from_slice(&document)?);
                Ok::<_, TransferJobError>(())
            };
            let table = self.table().await?;
            let jobs = table.fold(KnownTransfers::default(), take).await?;
            Ok(KnownJobs {
                jobs: parking_lot::Mutex::new(jobs),
                ..KnownJobs::default()
            })
        };
        self.known.get_or_try_init(load).await
    }

    async fn job(&self, arn: &str) -> Result<Option<TransferJob>, TransferJobError> {
        let document = self.table().await?.get(arn).await?;
        let job = document.map(|document| serde_json::from_slice(&document));
        Ok(job.transpose()?)
    }

    async fn put(&self, job: &TransferJob) -> Result<(), TransferJobError> {
        let known = self.known().await?;
        let document = serde_json::to_vec(job)?;
        self.table().await?.put(&job.arn, document).await?;
        known.jobs.lock().set(job);
        Ok(())
    }

    async fn delete(&self, arn: &str) -> Result<(), TransferJobError> {
        let known = self.known().await?;
        self.table().await?.delete(arn).await?;
        known.jobs.lock().remove(arn);
        Ok(())
    }

    /// Keeps a job that is not known. It is durable when this returns.
    async fn add(&self, job: &TransferJob) -> Result<(), TransferJobError> {
        // Those before it first, so that they do not become ever more.
        self.settle().await?;
        let refused = &self.known().await?.refused;
        // From here on, as whoever waits for this may go away.
        refused.lock().insert(job.arn.clone());
        let added = self.put(job).await;
        match &added {
            Err(TransferJobError::Table(error)) if error.may_come_to_be() => self.due.notify_one(),
            _ => drop(refused.lock().remove(&job.arn)),
        }
        added
    }

    /// Takes back what was refused and came to be.
    async fn settle(&self) -> Result<(), TransferJobError> {
        let refused = &self.known().await?.refused;
        loop {
            let first = refused.lock().first().cloned();
            let Some(arn) = first else {
                return Ok(());
            };
            self.delete(&arn).await?;
            refused.lock().remove(&arn);
        }
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

    /// What is known of the jobs of a kind of whoever asks, the last ones first.
    pub(crate) async fn of_kind(
        &self,
        kind: TransferKind,
        context: &RequestContext,
    ) -> Result<Vec<KnownTransfer>, ApiError> {
        let known = self.known().await.map_err(internal)?;
        let mut jobs = known.jobs.lock().of_kind(kind, &context.namespace);
        jobs.retain(|job| self.is_recent(job.started_ms));
        Ok(jobs)
    }

    /// The jobs themselves; without those that were forgotten meanwhile.
    pub(crate) async fn read(&self, known: &[KnownTransfer]) -> Result<Vec<TransferJob>, ApiError> {
        let mut jobs = Vec::with_capacity(known.len());
        for known in known {
            jobs.extend(self.job(&known.arn).await.map_err(internal)?);
        }
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
        let known = self.jobs.known().await.map_err(internal)?;
        let namespace = &context.namespace;
        let with_token =
            token.and_then(|token| known.jobs.lock().with_token(kind, namespace, token));
        if let Some(arn) = with_token
            && let Some(job) = self.jobs.job(&arn).await.map_err(internal)?
            && job.token.as_deref() == token
            && self.token_holds(&job)
        {
            return Ok(Some(job));
        }
        if known.jobs.lock().in_progress(kind, namespace) >= IN_PROGRESS_MAX {
            return Err(messages::too_many_jobs(kind.as_str(), IN_PROGRESS_MAX));
        }
        Ok(None)
    }

    fn token_holds(&self, job: &TransferJob) -> bool {
        let now_ms = self.jobs.database.clock().now_ms();
        let since_ms = job.ended_ms.unwrap_or(now_ms);
        since_ms.saturating_add(TOKEN_MS) > now_ms
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
        let job = TransferJob {
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
        };
        match serde_json::to_vec(&job).map_err(internal)?.len() > DOCUMENT_BYTES_MAX {
            true => Err(messages::request_too_large(REQUEST_BYTES_MAX)),
            false => Ok(job),
        }
    }

    /// Keeps the job. It is durable when this returns.
    pub(crate) async fn keep(&self, job: &TransferJob) -> Result<(), ApiError> {
        let known = self.jobs.known().await.map_err(internal)?;
        let is_known = known.jobs.lock().contains(&job.arn);
        let kept = match is_known {
            true => self.jobs.put(job).await,
            false => self.jobs.add(job).await,
        };
        kept.map_err(internal)
    }

    /// Forgets a job that did not begin after all.
    pub(crate) async fn forget(&self, job: &TransferJob) -> Result<(), ApiError> {
        self.jobs.delete(&job.arn).await.map_err(internal)
    }
}

impl Drop for Beginning<'_> {
    /// Lets the job be carried out, also if whoever began it went away before all was said.
    fn drop(&mut self) {
        self.jobs.due.notify_one();
    }
}

/// Fourteen digits of the time, and eight hexadecimal ones.
fn random_id(rng: &dyn Rng, now_ms: u64) -> String {
    let mut bytes = [0; 4];
    rng.fill(&mut bytes);
    format!("{now_ms:014}-{:08x}", u32::from_be_bytes(bytes))
}
