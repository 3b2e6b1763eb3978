//! One child process: started, initialised, given work, killed with its whole group.
//!
//! A `Process` is a handle; a supervising task owns the child itself. Dropping the handle kills
//! the process, and so do a stop of the runtimes and the end of the task. Whoever holds the handle
//! is the only one who gives it work.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

use headwater_outgoing::HttpClient;

use super::config::FunctionConfig;
use super::environment;
use super::interpreter::{Entry, Interpreters, SetupError};
use super::invocation::{Failure, FunctionError, InvokeResult};
use super::launch::Spawner;
use super::log::FunctionLog;
use super::memory;
use super::output::{Output, Report};
use super::peers::Peers;
use super::runtime_api::{self, Desk, Init, Outcome, Work};
use super::runtimes::ProcessInfo;
use super::settings::{RuntimeSettings, WallClock};
use super::supervise::{Exit, KILLED, NO_REASON, Running, exited, supervise};

/// A process that does not ask for work for so long after its last answer is given up.
const TAKE_TIMEOUT: Duration = Duration::from_secs(2);
/// An answer may still be on its way when its process has ended.
const LAST_WORDS: Duration = Duration::from_millis(20);
const MEMORY_CHECK: Duration = Duration::from_millis(200);

/// What all processes share.
pub(super) struct Host {
    pub(super) settings: RuntimeSettings,
    pub(super) clock: WallClock,
    pub(super) spawner: Spawner,
    pub(super) interpreters: Interpreters,
    /// Becomes true when all processes have to end.
    pub(super) stop: watch::Sender<bool>,
    /// The processes that are not reaped yet.
    pub(super) live: watch::Sender<BTreeMap<u32, ProcessInfo>>,
    pub(super) started: AtomicU64,
    /// Who may speak for functions.
    pub(super) peers: Arc<Peers>,
    /// For functions of other servers.
    pub(super) http: HttpClient,
}

impl Host {
    pub(super) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }
}

/// An invocation, checked and ready to be handed over, more than once if need be.
pub(super) struct Job {
    pub(super) config: FunctionConfig,
    pub(super) request_id: Arc<str>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) payload: Bytes,
}

/// Why a process did not come up.
pub(super) enum StartError {
    /// This machine cannot run the function.
    Setup(SetupError),
    /// The function failed while it started: the invocation's result.
    Failed(Box<InvokeResult>),
}

/// How handing over a job went.
pub(super) enum Served {
    /// The function answered, or failed; the flag tells whether the process can go on.
    Done {
        result: Box<InvokeResult>,
        reusable: bool,
    },
    /// The process ended or hung before it took the job, so the function never saw it.
    NotTaken,
}

/// A running process that has asked for work at least once.
pub(super) struct Process {
    process_id: u32,
    desk: Arc<Desk>,
    output: Arc<Output>,
    exit: Exit,
    kill: Arc<Notify>,
    init_duration_ms: Option<f64>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill.notify_one();
    }
}

impl Process {
    /// Starts a process and waits until it asks for work.
    pub(super) async fn start(
        host: &Arc<Host>,
        log: &Arc<FunctionLog>,
        job: &Job,
    ) -> Result<Self, StartError> {
        let config = &job.config;
        let (program, arguments) = match host
            .interpreters
            .entry(config)
            .await
            .map_err(StartError::Setup)?
        {
            Entry::Run { program, arguments } => (program, arguments),
            Entry::NoBootstrap(path) => {
                let failure = Failure::no_bootstrap(&job.request_id, &path.display().to_string());
                return Err(StartError::Failed(Box::new(
                    Ending::new(job, 0.0).failed(failure),
                )));
            }
        };
        let begun = Instant::now();
        let (mut process, init) = Self::spawn(host, log, config, program, arguments)
            .await
            .map_err(|source| {
                let function = config.name.clone();
                StartError::Setup(SetupError::Start {
                    function,
                    source: Arc::new(source),
                })
            })?;
        let failure = match process
            .initialised(init, host.settings.init_timeout, &job.request_id)
            .await
        {
            Ok(()) => {
                process.init_duration_ms = Some(milliseconds(begun));
                return Ok(process);
            }
            Err(failure) => failure,
        };
        process.output.begin(&job.request_id, &config.version);
        process.init_duration_ms = Some(milliseconds(begun));
        let result = process.conclude(job, 0.0, End::Failed(failure));
        Err(StartError::Failed(Box::new(result)))
    }

    async fn spawn(
        host: &Arc<Host>,
        log: &Arc<FunctionLog>,
        config: &FunctionConfig,
        program: std::path::PathBuf,
        arguments: Vec<std::ffi::OsString>,
    ) -> io::Result<(Self, oneshot::Receiver<Init>)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (reader, writer) = io::pipe()?;
        let output = Arc::new(Output::new(
            reader.into(),
            Arc::clone(log),
            Arc::clone(&host.clock),
        )?);
        let (desk, init) = Desk::new(Arc::clone(&host.clock));

        let number = host.started.fetch_add(1, Ordering::Relaxed);
        let log_stream = environment::log_stream(&config.version, (host.clock)(), number);
        let mut command = Command::new(&host.settings.launcher.program);
        command.args(&host.settings.launcher.arguments);
        command
            .arg(std::process::id().to_string())
            .arg("--")
            .arg(program)
            .args(arguments);
        command.env_clear().envs(environment::variables(
            config,
            &host.settings,
            &address,
            &log_stream,
        ));
        command
            .current_dir(config.code.directory())
            .process_group(0)
            .kill_on_drop(true);
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);

        let child = Running::new(host.spawner.spawn(command).await?, host, config)?;
        let process_id = child.process_id;
        output.set_process_id(process_id);
        let (told, exit) = watch::channel(None);
        let kill = Arc::new(Notify::new());
        let mut helpers = JoinSet::new();
        let peers = Arc::clone(&host.peers);
        helpers.spawn(runtime_api::serve(listener, Arc::clone(&desk), peers));
        helpers.spawn(pump(Arc::clone(&output)));
        tokio::spawn(supervise(
            child,
            Arc::clone(&kill),
            Arc::clone(&output),
            told,
            helpers,
        ));
        Ok((
            Self {
                process_id,
                desk,
                output,
                exit,
                kill,
                init_duration_ms: None,
            },
            init,
        ))
    }

    /// Waits until the process asks for work for the first time.
    async fn initialised(
        &mut self,
        mut init: oneshot::Receiver<Init>,
        limit: Duration,
        request_id: &str,
    ) -> Result<(), Failure> {
        let news = tokio::select! {
            biased;
            news = &mut init => news.ok(),
            reason = exited(&mut self.exit) => match timeout(LAST_WORDS, init).await {
                Ok(Ok(news @ Init::Error { .. })) => Some(news),
                _ => return Err(Failure::exited(request_id, &reason)),
            },
            () = sleep(limit) => return Err(Failure::timed_out(request_id, limit.as_secs_f64())),
        };
        match news {
            Some(Init::Ready) => Ok(()),
            Some(Init::Error { error_type, body }) => Err(Failure { error_type, body }),
            None => Err(Failure::exited(request_id, NO_REASON)),
        }
    }

    /// The result of a job that no process wanted to take.
    pub(super) fn never_taken(&self, job: &Job) -> InvokeResult {
        let reason = self
            .exit
            .borrow()
            .clone()
            .unwrap_or_else(|| NO_REASON.into());
        Ending::new(job, 0.0).failed(Failure::exited(&job.request_id, &reason))
    }

    pub(super) fn has_exited(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Hands a job over and waits for its end.
    pub(super) async fn serve(&mut self, host: &Host, job: &Job) -> Served {
        let limit = Duration::from_secs(job.config.timeout_s.into());
        let (outcome, taken) = self.lay(job, limit);
        let Some(begun) = self.taken(taken).await else {
            return Served::NotTaken;
        };
        let memory_mb = host.settings.enforce_memory.then_some(job.config.memory_mb);
        let end = self.ended(outcome, begun + limit, memory_mb).await;
        let reusable = matches!(end, End::Outcome(_)) && !self.has_exited();
        let result = Box::new(self.conclude(job, milliseconds(begun), end));
        Served::Done { result, reusable }
    }

    fn lay(
        &self,
        job: &Job,
        limit: Duration,
    ) -> (oneshot::Receiver<Outcome>, oneshot::Receiver<Instant>) {
        let (outcome, answer) = oneshot::channel();
        let (begun, taken) = oneshot::channel();
        let (output, request_id) = (Arc::clone(&self.output), Arc::clone(&job.request_id));
        let version = job.config.version.clone();
        self.desk.lay(Work {
            request_id: Arc::clone(&job.request_id),
            headers: job.headers.clone(),
            payload: job.payload.clone(),
            timeout: limit,
            taken: Box::new(move || {
                output.begin(&request_id, &version);
                let _ = begun.send(Instant::now());
            }),
            outcome,
        });
        (answer, taken)
    }

    /// When the process took the job; `None` when it was taken back instead.
    async fn taken(&mut self, mut taken: oneshot::Receiver<Instant>) -> Option<Instant> {
        tokio::select! {
            biased;
            begun = &mut taken => return begun.ok(),
            _ = exited(&mut self.exit) => {}
            () = sleep(TAKE_TIMEOUT) => {}
        }
        if self.desk.withdraw() {
            None
        } else {
            taken.await.ok()
        }
    }

    async fn ended(
        &mut self,
        mut outcome: oneshot::Receiver<Outcome>,
        deadline: Instant,
        memory_mb: Option<u32>,
    ) -> End {
        let reason = tokio::select! {
            biased;
            outcome = &mut outcome => match outcome {
                Ok(outcome) => return End::Outcome(outcome),
                Err(_) => NO_REASON.into(),
            },
            reason = exited(&mut self.exit) => reason,
            () = sleep_until(deadline) => return End::TimedOut,
            () = outgrown(self.process_id, memory_mb) => return End::OutOfMemory,
        };
        match timeout(LAST_WORDS, outcome).await {
            Ok(Ok(outcome)) => End::Outcome(outcome),
            _ => End::Exited(reason),
        }
    }

    /// Makes the result of an invocation, and its last log lines.
    fn conclude(&mut self, job: &Job, duration_ms: f64, end: End) -> InvokeResult {
        let request_id = &job.request_id;
        let (mut notice, mut status) = (None, Some("error"));
        let failure = match end {
            End::Outcome(Outcome::Response(payload)) => Ok(payload),
            End::Outcome(Outcome::Error { error_type, body }) => {
                status = None;
                Err(Failure { error_type, body })
            }
            End::Outcome(Outcome::TooLarge) => Err(Failure::response_too_large()),
            End::Exited(reason) => Err(Failure::exited(request_id, &reason)),
            End::OutOfMemory => Err(Failure::exited(request_id, KILLED)),
            End::Failed(failure) => Err(failure),
            End::TimedOut => {
                let limit_s = f64::from(job.config.timeout_s);
                (notice, status) = (
                    Some(format!("Task timed out after {limit_s:.2} seconds")),
                    Some("timeout"),
                );
                Err(Failure::timed_out(request_id, limit_s))
            }
        };
        let max_memory_mb = memory::usage(self.process_id).map_or(0, |usage| usage.peak_mb);
        let ending = Ending {
            init_duration_ms: self.init_duration_ms.take(),
            max_memory_mb,
            process_id: Some(self.process_id),
            ..Ending::new(job, duration_ms)
        };
        let log_tail = self.output.end(
            &Report {
                duration_ms,
                init_duration_ms: ending.init_duration_ms,
                memory_mb: job.config.memory_mb,
                max_memory_mb,
                status: status.filter(|_| failure.is_err()),
                error_type: failure
                    .as_ref()
                    .err()
                    .and_then(|failure| failure.error_type.as_deref()),
            },
            notice.as_deref(),
        );
        let result = match failure {
            Ok(payload) => ending.answered(payload),
            Err(failure) => ending.failed(failure),
        };
        InvokeResult { log_tail, ..result }
    }
}

/// How an invocation ended.
enum End {
    Outcome(Outcome),
    Exited(Arc<str>),
    TimedOut,
    OutOfMemory,
    /// The process did not come up.
    Failed(Failure),
}

/// The figures of a result.
struct Ending<'a> {
    job: &'a Job,
    duration_ms: f64,
    init_duration_ms: Option<f64>,
    max_memory_mb: u64,
    process_id: Option<u32>,
}

impl<'a> Ending<'a> {
    fn new(job: &'a Job, duration_ms: f64) -> Self {
        Self {
            job,
            duration_ms,
            init_duration_ms: None,
            max_memory_mb: 0,
            process_id: None,
        }
    }

    fn answered(self, payload: Bytes) -> InvokeResult {
        InvokeResult {
            request_id: self.job.request_id.to_string(),
            payload,
            function_error: None,
            error_type: None,
            executed_version: self.job.config.version.clone(),
            log_tail: Bytes::new(),
            duration_ms: self.duration_ms,
            init_duration_ms: self.init_duration_ms,
            max_memory_mb: self.max_memory_mb,
            process_id: self.process_id,
        }
    }

    fn failed(self, failure: Failure) -> InvokeResult {
        InvokeResult {
            function_error: Some(FunctionError::Unhandled),
            error_type: failure.error_type,
            ..self.answered(failure.body)
        }
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// Ends when a process uses more memory than it may.
pub(super) async fn outgrown(process_id: u32, memory_mb: Option<u32>) {
    let Some(limit_mb) = memory_mb else {
        return pending().await;
    };
    let mut ticks = interval(MEMORY_CHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once; short invocations are not worth a look.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if memory::usage(process_id).is_some_and(|usage| usage.private_mb > limit_mb.into()) {
            return;
        }
    }
}

async fn pump(output: Arc<Output>) {
    if let Err(error) = output.pump().await {
        tracing::warn!(%error, "cannot read what a function prints");
    }
}
