//! Functions without a runtime here: webhooks, functions of other servers, programs that are started for each event
//! (an extension).
//!
//! They share everything with the others but what happens at a call: admission, time-outs, results, logs.

mod command;
mod lambda;
mod lines;
mod target;
mod webhook;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use headwater_outgoing::{Limits, SendError};

use super::config::FunctionConfig;
use super::interpreter::SetupError;
use super::invocation::{Failure, FunctionError, InvokeError, InvokeResult, RESPONSE_BYTES_MAX};
use super::log::FunctionLog;
use super::output::{Output, Report};
use super::process::{Host, Job};

pub use target::Target;

/// The function was not reached, for this reason.
struct Unreached(String);

/// An answer, or the function's failure, if the function was reached.
type Outcome = Result<Result<Bytes, Failure>, Unreached>;

/// Type of a failure that is no answer; ours.
const ENDED: &str = "Target.ConnectionEnded";

/// Checks what can be checked without a call.
pub(super) fn check(config: &FunctionConfig, target: &Target) -> Result<(), SetupError> {
    match target {
        Target::Command { program } => command::check(config, program),
        Target::Webhook { .. } | Target::Lambda { .. } => Ok(()),
    }
}

/// Calls a function.
pub(super) async fn call(
    host: &Arc<Host>,
    log: &Arc<FunctionLog>,
    target: &Target,
    job: &Job,
) -> Result<InvokeResult, InvokeError> {
    let mut stop = host.stop.subscribe();
    let called = async {
        match target {
            Target::Command { program } => command::call(host, log, program, job).await,
            Target::Webhook { url } => {
                let call = webhook::call(&host.http, url, job, (host.clock)());
                noted(host, log, job, call).await
            }
            Target::Lambda { url } => {
                let now_ms = (host.clock)();
                let call = lambda::call(&host.http, url, job, &host.settings, now_ms);
                noted(host, log, job, call).await
            }
        }
    };
    tokio::select! {
        called = called => called,
        // An error means that the runtimes are gone.
        _ = stop.wait_for(|stop| *stop) => Err(InvokeError::ShuttingDown),
    }
}

/// A call that prints nothing here, with its lines in the function's log.
async fn noted(
    host: &Host,
    log: &Arc<FunctionLog>,
    job: &Job,
    call: impl Future<Output = Outcome>,
) -> Result<InvokeResult, InvokeError> {
    let silent = || io::pipe().map(|(reader, _)| reader);
    let call_log = silent().and_then(|pipe| CallLog::begin(host, log, job, pipe.into()));
    let call_log = call_log.map_err(|error| not_started(&job.config, error))?;
    match call.await {
        Ok(outcome) => Ok(call_log.end(outcome, Figures::default())),
        Err(Unreached(reason)) => {
            call_log.end_unreached(&reason);
            Err(InvokeError::Unreachable {
                function: job.config.name.clone(),
                reason,
            })
        }
    }
}

fn not_started(config: &FunctionConfig, source: io::Error) -> InvokeError {
    InvokeError::Setup(SetupError::Start {
        function: config.name.clone(),
        source: Arc::new(source),
    })
}

fn time_limit(job: &Job) -> Duration {
    Duration::from_secs(job.config.timeout_s.into())
}

fn limits(job: &Job) -> Limits {
    Limits {
        time: time_limit(job),
        body_bytes_max: RESPONSE_BYTES_MAX,
    }
}

fn timed_out(job: &Job) -> Failure {
    Failure::timed_out(&job.request_id, f64::from(job.config.timeout_s))
}

/// What a request without an answer means. What went out may have been carried out, so it is an attempt.
fn without_answer(error: SendError, job: &Job) -> Outcome {
    match error {
        SendError::NotConnected(_) | SendError::Invalid(_) => Err(Unreached(error.to_string())),
        SendError::TimedOut(_) => Ok(Err(timed_out(job))),
        SendError::TooLarge(_) => Ok(Err(Failure::response_too_large())),
        SendError::Broken(_) => {
            let text = format!("RequestId: {} Error: {error}", job.request_id);
            Ok(Err(Failure::new(ENDED, &text)))
        }
    }
}

/// What is known of the process of a call, if it had one.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    max_memory_mb: u64,
    process_id: Option<u32>,
}

/// The lines that a call leaves in its function's log.
struct CallLog<'j> {
    job: &'j Job,
    output: Arc<Output>,
    begun: Instant,
}

impl<'j> CallLog<'j> {
    /// Begins with what is printed into a pipe.
    fn begin(
        host: &Host,
        log: &Arc<FunctionLog>,
        job: &'j Job,
        pipe: std::os::fd::OwnedFd,
    ) -> io::Result<Self> {
        let output = Output::new(pipe, Arc::clone(log), Arc::clone(&host.clock))?;
        output.begin(&job.request_id, &job.config.version);
        Ok(Self {
            job,
            output: Arc::new(output),
            begun: Instant::now(),
        })
    }

    fn end_unreached(&self, reason: &str) {
        self.report(
            Some("error"),
            None,
            0,
            Some(&format!("not reached: {reason}")),
        );
    }

    fn end(&self, outcome: Result<Bytes, Failure>, figures: Figures) -> InvokeResult {
        let failure = outcome.as_ref().err();
        let error_type = failure.and_then(|failure| failure.error_type.as_deref());
        let status = failure.map(|_| "error");
        let tail = self.report(status, error_type, figures.max_memory_mb, None);
        let (payload, error) = match outcome {
            Ok(payload) => (payload, None),
            Err(failure) => (failure.body, Some(failure.error_type)),
        };
        InvokeResult {
            request_id: self.job.request_id.to_string(),
            payload,
            function_error: error.as_ref().map(|_| FunctionError::Unhandled),
            error_type: error.flatten(),
            executed_version: self.job.config.version.clone(),
            log_tail: tail,
            duration_ms: self.duration_ms(),
            init_duration_ms: None,
            max_memory_mb: figures.max_memory_mb,
            process_id: figures.process_id,
        }
    }

    fn report(
        &self,
        status: Option<&str>,
        error_type: Option<&str>,
        max_memory_mb: u64,
        notice: Option<&str>,
    ) -> Bytes {
        let report = Report {
            duration_ms: self.duration_ms(),
            init_duration_ms: None,
            memory_mb: self.job.config.memory_mb,
            max_memory_mb,
            status,
            error_type,
        };
        self.output.end(&report, notice)
    }

    fn duration_ms(&self) -> f64 {
        self.begun.elapsed().as_secs_f64() * 1_000.0
    }
}
