//! What goes into an invocation and what comes out of it.

use bytes::Bytes;
use serde::Serialize;
use thiserror::Error;

use super::interpreter::SetupError;

/// Largest answer of a function (Lambda quotas; the figure is the one in the recorded message).
pub(super) const RESPONSE_BYTES_MAX: usize = 6_291_556;

/// One call of a function.
///
/// The deadline is not part of it: the time starts when a process takes the call, and is the
/// function's time-out.
#[derive(Clone, Debug, Default)]
pub struct Invocation {
    /// Unique; ASCII letters, digits and `-`.
    pub request_id: String,
    /// The event, JSON.
    pub payload: Bytes,
    /// `X-Amzn-Trace-Id` of the caller.
    pub trace_id: Option<String>,
    /// The client context, decoded: JSON.
    pub client_context: Option<String>,
    /// The version or alias by which the caller named the function, which the function sees in its ARN.
    pub qualifier: Option<String>,
}

impl Invocation {
    /// What its caller sent, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [&self.trace_id, &self.client_context, &self.qualifier];
        let texts = texts.into_iter().flatten().map(String::len);
        self.payload.len() + texts.sum::<usize>()
    }
}

/// Value of `X-Amz-Function-Error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionError {
    /// The runtime reported or noticed the failure.
    Unhandled,
    /// The function reported it (older runtimes only; nothing here makes it).
    Handled,
}

impl FunctionError {
    /// The header's text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unhandled => "Unhandled",
            Self::Handled => "Handled",
        }
    }
}

/// The outcome of an invocation that reached the function, or its runtime at least.
#[derive(Clone, Debug)]
pub struct InvokeResult {
    /// As given in the invocation.
    pub request_id: String,
    /// The answer, or the error's JSON body.
    pub payload: Bytes,
    /// Set when the function failed.
    pub function_error: Option<FunctionError>,
    /// The kind of failure, such as `Sandbox.Timedout` or the exception's name, where known.
    pub error_type: Option<String>,
    /// `X-Amz-Executed-Version`.
    pub executed_version: String,
    /// The last 4 KB of the invocation's log.
    pub log_tail: Bytes,
    /// From the moment the process took the invocation, in milliseconds.
    pub duration_ms: f64,
    /// How long the process took to start, when this invocation started it.
    pub init_duration_ms: Option<f64>,
    /// The most memory that the process used so far, in MiB; 0 where it cannot be read.
    pub max_memory_mb: u64,
    /// The process that served it.
    pub process_id: Option<u32>,
}

/// Why an invocation did not reach its function. None of these counts as the function's failure.
#[derive(Debug, Error)]
pub enum InvokeError {
    /// All processes that the settings allow were busy for the whole wait: try again later.
    #[error("all processes of function {function} are busy")]
    Throttled {
        /// The function's name.
        function: String,
    },
    /// All invocations that are reserved for the function are running: try again later.
    #[error("function {function} runs as often as its reserved concurrency allows")]
    Reserved {
        /// The function's name.
        function: String,
    },
    /// The function cannot be run on this machine as it is: the text says what to do.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The request id, or another text, cannot be sent as a header.
    #[error("{what} of the invocation is not a valid header value")]
    Header {
        /// What is at fault.
        what: &'static str,
    },
    /// Its code lies elsewhere, and there was no way to it.
    #[error("function {function} was not reached: {reason}")]
    Unreachable {
        /// The function's name.
        function: String,
        /// Why.
        reason: String,
    },
    /// The server is stopping.
    #[error("the function runtimes are shutting down")]
    ShuttingDown,
}

/// A failure in the form in which callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) error_type: Option<String>,
    pub(super) body: Bytes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailureBody<'a> {
    error_type: &'a str,
    error_message: &'a str,
}

impl Failure {
    /// A failure that the runtime made up; the key order is the recorded one.
    pub(super) fn new(error_type: &str, error_message: &str) -> Self {
        let body = serde_json::to_vec(&FailureBody {
            error_type,
            error_message,
        })
        .unwrap_or_default();
        Self {
            error_type: Some(error_type.to_owned()),
            body: body.into(),
        }
    }

    /// The function took longer than it may (recorded, triggers.md section 10).
    pub(super) fn timed_out(request_id: &str, timeout_s: f64) -> Self {
        let text =
            format!("RequestId: {request_id} Error: Task timed out after {timeout_s:.2} seconds");
        Self::new("Sandbox.Timedout", &text)
    }

    /// The process ended before it answered (recorded, triggers.md section 10).
    pub(super) fn exited(request_id: &str, reason: &str) -> Self {
        Self::new(
            "Runtime.ExitError",
            &format!("RequestId: {request_id} Error: {reason}"),
        )
    }

    /// The answer was too large (recorded, triggers.md section 10).
    pub(super) fn response_too_large() -> Self {
        let text = format!(
            "Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
        );
        Self::new("Function.ResponseSizeTooLarge", &text)
    }

    /// The package of a `provided` runtime has no executable `bootstrap`.
    pub(super) fn no_bootstrap(request_id: &str, path: &str) -> Self {
        let text =
            format!("RequestId: {request_id} Error: Couldn't find valid bootstrap(s): [{path}]");
        Self::new("Runtime.InvalidEntrypoint", &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_the_recorded_ones() {
        assert_eq!(
            &Failure::timed_out("r-1", 1.0).body[..],
            br#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r-1 Error: Task timed out after 1.00 seconds"}"#
        );
        assert_eq!(
            &Failure::exited("r-1", "Runtime exited with error: exit status 127").body[..],
            br#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r-1 Error: Runtime exited with error: exit status 127"}"#
        );
    }
}
