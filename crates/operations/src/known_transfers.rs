//! What is known of all transfer jobs in memory, so that to begin one, to carry one out and to forget one is to look at few
//! documents, however many are remembered. A document is what counts: whoever finds a job here reads it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::request_digest::RequestDigest;
use crate::transfer_job::{TransferJob, TransferKind, is_unfinished};

/// What is known of a job.
#[derive(Clone, Debug)]
pub(crate) struct KnownTransfer {
    /// Its ARN.
    pub(crate) arn: Arc<str>,
    kind: TransferKind,
    namespace: Arc<str>,
    /// The API's TableId.
    pub(crate) table_id: Arc<str>,
    pub(crate) started_ms: u64,
    is_unfinished: bool,
    /// A digest of kind, namespace and token: a token may be as long as a request.
    token: Option<u128>,
}

/// What is known of all jobs.
#[derive(Debug, Default)]
pub(crate) struct KnownTransfers {
    jobs: HashMap<Arc<str>, KnownTransfer>,
    /// By the time of their beginning.
    unfinished: BTreeSet<(u64, Arc<str>)>,
    over: BTreeSet<(u64, Arc<str>)>,
    /// The last job with a token.
    tokens: HashMap<u128, Arc<str>>,
}

/// The last part of a job's ARN.
pub(crate) fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

impl KnownTransfer {
    /// The last part of its ARN.
    pub(crate) fn id(&self) -> &str {
        id_of(&self.arn)
    }

    /// The table's name; it stands before the kind and the id.
    pub(crate) fn table(&self) -> &str {
        self.arn.rsplit('/').nth(2).unwrap_or_default()
    }

    fn of(job: &TransferJob) -> Self {
        let token = job.token.as_deref();
        KnownTransfer {
            arn: job.arn.as_str().into(),
            kind: job.kind,
            namespace: job.namespace.as_str().into(),
            table_id: job.table_id.as_str().into(),
            started_ms: job.started_ms,
            is_unfinished: is_unfinished(job),
            token: token.map(|token| digest(job.kind, &job.namespace, token)),
        }
    }

    fn place(&self) -> (u64, Arc<str>) {
        (self.started_ms, self.arn.clone())
    }
}

impl KnownTransfers {
    /// Takes a job as it is now.
    pub(crate) fn set(&mut self, job: &TransferJob) {
        self.remove(&job.arn);
        let known = KnownTransfer::of(job);
        match known.is_unfinished {
            true => self.unfinished.insert(known.place()),
            false => self.over.insert(known.place()),
        };
        if let Some(token) = known.token {
            let last = self.tokens.get(&token).and_then(|arn| self.jobs.get(arn));
            if last.is_none_or(|last| last.started_ms <= known.started_ms) {
                self.tokens.insert(token, known.arn.clone());
            }
        }
        self.jobs.insert(known.arn.clone(), known);
    }

    /// A job that is not there any more.
    pub(crate) fn remove(&mut self, arn: &str) {
        let Some(known) = self.jobs.remove(arn) else {
            return;
        };
        let place = known.place();
        self.unfinished.remove(&place);
        self.over.remove(&place);
        if let Some(token) = known.token
            && self.tokens.get(&token) == Some(&known.arn)
        {
            self.tokens.remove(&token);
        }
    }

    pub(crate) fn contains(&self, arn: &str) -> bool {
        self.jobs.contains_key(arn)
    }

    /// The last job that was begun with a token.
    pub(crate) fn with_token(
        &self,
        kind: TransferKind,
        namespace: &str,
        token: &str,
    ) -> Option<Arc<str>> {
        self.tokens.get(&digest(kind, namespace, token)).cloned()
    }

    /// How many of a kind are in progress.
    pub(crate) fn in_progress(&self, kind: TransferKind, namespace: &str) -> usize {
        let jobs = self.unfinished.iter();
        jobs.filter_map(|(_, arn)| self.jobs.get(arn))
            .filter(|job| job.kind == kind && &*job.namespace == namespace)
            .count()
    }

    /// The oldest unfinished job that is none of these.
    pub(crate) fn next(&self, is_one: impl Fn(&str) -> bool) -> Option<Arc<str>> {
        let mut jobs = self.unfinished.iter();
        let next = jobs.find(|(_, arn)| !is_one(arn));
        next.map(|(_, arn)| arn.clone())
    }

    /// The jobs of a kind, the last ones first.
    pub(crate) fn of_kind(&self, kind: TransferKind, namespace: &str) -> Vec<KnownTransfer> {
        let jobs = self.jobs.values();
        let jobs = jobs.filter(|job| job.kind == kind && &*job.namespace == namespace);
        let mut jobs: Vec<KnownTransfer> = jobs.cloned().collect();
        jobs.sort_by(|one, other| (other.id(), &other.arn).cmp(&(one.id(), &one.arn)));
        jobs
    }

    /// Of the jobs that are over the one to forget first, with its beginning; and how many there are.
    pub(crate) fn oldest_over(&self) -> Option<(u64, Arc<str>, usize)> {
        let (started_ms, arn) = self.over.first()?;
        Some((*started_ms, arn.clone(), self.over.len()))
    }
}

fn digest(kind: TransferKind, namespace: &str, token: &str) -> u128 {
    let mut digest = RequestDigest::default();
    for part in [kind.as_str(), namespace, token] {
        digest.text(part);
    }
    digest.finish()
}
