//! How a job ends without being done.

use headwater_engine::{EngineError, LogError};
use headwater_operations::TransferFailure;
use headwater_wire::ApiError;

use crate::bucket::BucketError;

/// The code of an import of which some items were refused (recorded).
pub(crate) const ITEMS_REFUSED: &str = "ItemValidationError";

/// Bytes of what is said of a failure, and of its end if its middle is left out.
const MESSAGE_BYTES_MAX: usize = 2048;
const MESSAGE_END_BYTES: usize = 256;

/// Why a job ends.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The server stops, or its log has failed; the job is done again at the next start.
    Stopping,
    /// Somebody asked for its end.
    Cancelled,
    /// It can't be done.
    Failed(TransferFailure),
}

impl Ended {
    pub(crate) fn failed(code: &str, message: impl Into<String>) -> Self {
        Ended::Failed(TransferFailure {
            code: code.to_owned(),
            message: shortened(message.into()),
        })
    }
}

impl From<BucketError> for Ended {
    fn from(error: BucketError) -> Self {
        // The codes that are recorded, and for the rest words in their manner.
        let code = match &error {
            BucketError::Stopping => return Ended::Stopping,
            BucketError::NoSuchBucket(_) => "S3NoSuchBucket",
            BucketError::AccessDenied(_) => "S3AccessDenied",
            BucketError::Key { .. } => "S3InvalidKey",
            BucketError::TooManyObjects => "S3TooManyObjects",
            BucketError::Io { .. } => "S3InternalError",
        };
        Ended::failed(code, error.to_string())
    }
}

impl From<EngineError> for Ended {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Log(LogError::Closed | LogError::Poisoned { .. }) => Ended::Stopping,
            EngineError::Log(LogError::Trimmed { .. }) | EngineError::NoHistory => Ended::failed(
                "PointInTimeRecoveryUnavailable",
                "the history of the table does not reach back to the time of the export any more",
            ),
            error => {
                tracing::error!(%error, "a transfer failed");
                Ended::failed(
                    "InternalError",
                    "An internal error occurred; the server's log has its cause",
                )
            }
        }
    }
}

impl From<ApiError> for Ended {
    fn from(error: ApiError) -> Self {
        Ended::failed(error.kind.code(), error.message)
    }
}

/// What is said may quote values of items, and the job's document has to have room for it.
fn shortened(message: String) -> String {
    if message.len() <= MESSAGE_BYTES_MAX {
        return message;
    }
    let start = message.floor_char_boundary(MESSAGE_BYTES_MAX - MESSAGE_END_BYTES);
    let end = message.ceil_char_boundary(message.len() - MESSAGE_END_BYTES);
    format!("{} \u{2026} {}", &message[..start], &message[end..])
}
