//! The last call of a batch, as whoever receives the batch is told of it.

use crate::functions::InvokeResult;
use crate::registry::{LastCall, Response};

use super::progress::shortened;

impl LastCall {
    /// The function failed.
    pub(super) fn failed(result: &InvokeResult) -> Self {
        let error = result.function_error.map(|error| error.as_str().to_owned());
        Self {
            error: Some(shortened(&String::from_utf8_lossy(&result.payload)).to_owned()),
            ..Self::of(result, error)
        }
    }

    /// Its answer says, or means, that the batch failed.
    pub(super) fn reported(result: &InvokeResult, reason: &str) -> Self {
        Self {
            error: Some(reason.to_owned()),
            ..Self::of(result, None)
        }
    }

    fn of(result: &InvokeResult, function_error: Option<String>) -> Self {
        Self {
            request_id: Some(result.request_id.clone()),
            response: Some(Response {
                status_code: 200,
                executed_version: result.executed_version.clone(),
                function_error,
            }),
            error: None,
        }
    }
}
