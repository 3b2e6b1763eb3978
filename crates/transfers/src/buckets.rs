//! Which buckets there are.

use std::path::PathBuf;

use headwater_wire::dynamodb::S3SseAlgorithm;

use crate::bucket::{Bucket, BucketError};
use crate::folder::Folder;

/// Where buckets are.
#[derive(Clone, Debug, Default)]
pub struct BucketSettings {
    /// A folder in which each folder is a bucket.
    pub folder: Option<PathBuf>,
    /// The account that owns them.
    pub account: String,
}

impl BucketSettings {
    /// Whether there can be any.
    pub fn reaches_any(&self) -> bool {
        self.folder.is_some()
    }

    /// The bucket with this name, for objects of this owner with this encryption, as far as it matters.
    pub(crate) fn open(&self, wanted: &WantedBucket<'_>) -> Result<Box<dyn Bucket>, BucketError> {
        let Some(root) = &self.folder else {
            return Err(BucketError::NoSuchBucket(format!(
                "{} (the server was started without --buckets-folder and --s3-endpoint)",
                wanted.name
            )));
        };
        let folder = Folder::open(root, wanted.name)?;
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
        Ok(Box::new(folder))
    }
}

/// What a request says of its bucket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WantedBucket<'a> {
    pub(crate) name: &'a str,
    pub(crate) owner: Option<&'a str>,
    pub(crate) encryption: Option<S3SseAlgorithm>,
}
