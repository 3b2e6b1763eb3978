//! What every kind of bucket can do. Calls wait for disk or network, so they belong onto threads that may wait.

use bytes::Bytes;

/// Objects of one import (guide: 50,000).
pub(crate) const OBJECTS_MAX: usize = 50_000;

/// An object of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) bytes: u64,
}

/// Why a bucket refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BucketError {
    /// There is no such bucket.
    #[error("The specified bucket does not exist: {0}")]
    NoSuchBucket(String),
    /// The bucket is not for this.
    #[error("Access Denied: {0}")]
    AccessDenied(String),
    /// A key can't be one of this bucket.
    #[error("the key {key:?} can't be used: {reason}")]
    Key { key: String, reason: &'static str },
    /// More objects than may be read.
    #[error("there are more than {OBJECTS_MAX} objects")]
    TooManyObjects,
    /// The server stops.
    #[error("the server stops")]
    Stopping,
    /// Reading or writing failed.
    #[error("{what}: {error}")]
    Io { what: String, error: std::io::Error },
}

/// A place for objects.
pub(crate) trait Bucket: Send + Sync {
    /// Puts an object in place of the one with its key; durable when this returns.
    fn put(&self, key: &str, body: Bytes) -> Result<(), BucketError>;

    /// Removes an object, if it is there.
    fn delete(&self, key: &str) -> Result<(), BucketError>;

    /// The objects whose keys begin so, in the order of their keys; at most [`OBJECTS_MAX`].
    fn list(&self, prefix: &str) -> Result<Vec<Object>, BucketError>;

    /// Some bytes of an object from a place on: at least one, unless it ends there.
    fn read(&self, object: &Object, from: u64) -> Result<Bytes, BucketError>;
}
