//! Which buckets there are.

use std::path::PathBuf;
use std::sync::Arc;

use headwater_outgoing::Url;
use headwater_wire::dynamodb::S3SseAlgorithm;
use headwater_wire::sigv4::Credentials;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::bucket::{Bucket, BucketError};
use crate::folder::Folder;
use crate::s3::S3Bucket;

/// Where buckets are. One that is a folder goes before one of the same name elsewhere.
#[derive(Clone, Debug, Default)]
pub struct BucketSettings {
    /// A folder in which each folder is a bucket.
    pub folder: Option<PathBuf>,
    /// The account that owns those.
    pub account: String,
    /// A service that has all others.
    pub s3: Option<S3Settings>,
}

/// A service that speaks S3's protocol, with the bucket in the path.
#[derive(Clone)]
pub struct S3Settings {
    /// Where it is.
    pub endpoint: Url,
    /// The region that requests are signed for.
    pub region: String,
    /// What requests are signed with.
    pub credentials: Credentials,
    /// The real time in milliseconds, by which signatures hold.
    pub wall: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl std::fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Settings")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// What a request says of its bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WantedBucket<'a> {
    pub(crate) name: &'a str,
    pub(crate) owner: Option<&'a str>,
    pub(crate) encryption: Option<S3SseAlgorithm>,
    pub(crate) encryption_key: Option<&'a str>,
}

impl BucketSettings {
    /// Whether there can be any.
    pub fn reaches_any(&self) -> bool {
        self.folder.is_some() || self.s3.is_some()
    }

    /// The bucket with this name, for objects of this owner with this encryption. What goes to a service ends when `stop`
    /// says so.
    pub(crate) fn open(
        &self,
        wanted: &WantedBucket<'_>,
        handle: Handle,
        stop: watch::Receiver<bool>,
    ) -> Result<Box<dyn Bucket>, BucketError> {
        let folder = self.folder.as_ref();
        let folder = folder.map(|root| Folder::open(root, wanted.name));
        match (folder, &self.s3) {
            (Some(Ok(folder)), _) => self.check(wanted).map(|()| Box::new(folder) as _),
            (_, Some(settings)) => Ok(Box::new(S3Bucket::new(settings, wanted, handle, stop))),
            (Some(Err(error)), None) => Err(error),
            (None, None) => Err(BucketError::NoSuchBucket(format!(
                "{} (the server was started without --buckets-folder and --s3-endpoint)",
                wanted.name
            ))),
        }
    }

    /// Refuses what a folder can't be or have.
    fn check(&self, wanted: &WantedBucket<'_>) -> Result<(), BucketError> {
        let is_other = |owner: &str| owner != self.account;
        if wanted.owner.is_some_and(is_other) {
            return Err(BucketError::AccessDenied(format!(
                "{} is not owned by the account {}",
                wanted.name,
                wanted.owner.unwrap_or_default()
            )));
        }
        // What Amazon manages itself says nothing of how a folder is kept; a key of one's own does.
        if wanted.encryption == Some(S3SseAlgorithm::Kms) {
            return Err(BucketError::AccessDenied(
                "S3SseAlgorithm KMS can't be had in a folder".to_owned(),
            ));
        }
        Ok(())
    }
}
