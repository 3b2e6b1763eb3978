//! The one entry to the function runtimes: invoke, follow the logs, shut down.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::task::{AbortHandle, JoinError};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use headwater_outgoing::HttpClient;

use super::allowed_code::AllowedCode;
use super::code_use::CodeUse;
use super::config::{CodeSource, FunctionConfig};
use super::interpreter::{Interpreters, SetupError};
use super::invocation::{Invocation, InvokeError, InvokeResult};
use super::launch::Spawner;
use super::log::{FunctionLog, LogHub, LogLine};
use super::log_files::LogFiles;
use super::peers::Peers;
use super::pool::{FunctionPool, Generation, Place};
use super::process::{Host, Job, Process, Served, StartError};
use super::remote::{self, Target};
use super::settings::{RuntimeSettings, WallClock};

const LOADER: &str = include_str!("loader.mjs");
/// Lines of logs wait so long to be written, at most.
const LOG_PAUSE: Duration = Duration::from_millis(500);
/// An invocation that processes refuse to take is given to so many at most.
const HANDOVERS_MAX: usize = 3;

/// A process of a function that is running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Its id, and that of its group.
    pub process_id: u32,
    /// The function's name.
    pub function: String,
    /// Epoch milliseconds.
    pub started_at_ms: u64,
}

/// Runs functions. Dropping it kills all of their processes; [`Runtimes::shutdown`] also waits
/// for their end.
pub struct Runtimes {
    inner: Arc<Inner>,
    reaper: AbortHandle,
    log_keeper: AbortHandle,
}

struct Inner {
    host: Arc<Host>,
    hub: Arc<LogHub>,
    log_files: Arc<LogFiles>,
    pools: Mutex<HashMap<String, Arc<FunctionPool>>>,
    code: Arc<CodeUse>,
    /// One for each invocation that runs, of whichever function.
    permits: Arc<Semaphore>,
    permits_max: usize,
    /// Told when a process becomes idle.
    rested: Notify,
}

impl Runtimes {
    /// Prepares the working folder and the launcher; needs a tokio runtime around it.
    ///
    /// # Errors
    /// When the folder or the launcher's thread cannot be made.
    pub fn new(mut settings: RuntimeSettings, clock: WallClock) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&settings.work_dir)?;
        settings.work_dir = settings.work_dir.canonicalize()?;
        settings.processes_max = settings.processes_max.max(1);
        settings.processes_per_function_max = settings.processes_per_function_max.max(1);
        let loader = write_loader(&settings.work_dir)?;
        let log_files = LogFiles::open(settings.log_dir.clone(), settings.log_bytes_max)?;
        let inner = Arc::new(Inner {
            hub: Arc::new(LogHub::new()),
            log_files: Arc::new(log_files),
            pools: Mutex::default(),
            code: Arc::default(),
            permits: Arc::new(Semaphore::new(settings.processes_max)),
            permits_max: settings.processes_max,
            rested: Notify::new(),
            host: Arc::new(Host {
                interpreters: Interpreters::new(&settings, loader),
                spawner: Spawner::start()?,
                clock,
                stop: watch::Sender::new(false),
                live: watch::Sender::new(BTreeMap::new()),
                started: AtomicU64::new(0),
                peers: Arc::new(Peers::of_this_user()),
                http: HttpClient::default(),
                settings,
            }),
        });
        let reaper = tokio::spawn(reap(Arc::downgrade(&inner))).abort_handle();
        let log_keeper = tokio::spawn(keep_logs(Arc::downgrade(&inner))).abort_handle();
        Ok(Self {
            inner,
            reaper,
            log_keeper,
        })
    }

    /// Checks that this machine can run a function, without running it.
    ///
    /// # Errors
    /// What is wrong with the configuration, or missing here and how to get it.
    pub async fn check(&self, config: &FunctionConfig) -> Result<(), SetupError> {
        config.validate()?;
        if let CodeSource::Target(target) = &config.code {
            return remote::check(config, target);
        }
        self.inner.host.interpreters.entry(config).await.map(drop)
    }

    /// What the code of functions may be.
    pub(crate) fn allowed_code(&self) -> AllowedCode {
        self.inner.host.settings.allowed_code
    }

    /// Checks that a function's code is of a kind that functions may have.
    ///
    /// # Errors
    /// What to set, if it is not.
    pub(crate) fn check_allowed(&self, config: &FunctionConfig) -> Result<(), SetupError> {
        self.allowed_code().check(config.code.is_package())
    }

    /// Runs a function. A failure of the function is a result; once begun, the invocation runs to
    /// its end even if this future is dropped.
    ///
    /// # Errors
    /// When the function was not reached.
    pub async fn invoke(
        &self,
        config: &FunctionConfig,
        invocation: Invocation,
    ) -> Result<InvokeResult, InvokeError> {
        self.check_allowed(config)?;
        let now_ms = (self.inner.host.clock)();
        let job = job_of(config, invocation, now_ms)?;
        let inner = Arc::clone(&self.inner);
        let code = inner.code.begin(config.code.directory());
        // Whoever still waits for a place goes away with its caller.
        let admitted = inner.admit(config).await?;
        let run = async move {
            let result = inner.run(&job, &admitted.pool).await;
            drop((admitted, code));
            result
        };
        match tokio::spawn(run).await {
            Ok(result) => result,
            Err(error) => Err(resumed(error)),
        }
    }

    /// Forgets a function: its idle processes end now, busy ones after their invocation. Its kept
    /// log goes too.
    pub async fn retire(&self, config: &FunctionConfig) {
        let key = config.pool_key();
        let pool = self.inner.pools().remove(&key);
        if let Some(pool) = &pool {
            pool.end_all_idle();
        }
        let files = Arc::clone(&self.inner.log_files);
        let remove = move || files.remove(&key, pool.as_ref().map(|pool| pool.log.as_ref()));
        // A cancelled task means that the tokio runtime ends.
        let _ = tokio::task::spawn_blocking(remove).await;
    }

    /// Ends the processes of a version whose code or configuration is another one now, or that is gone: idle ones now,
    /// busy ones after their invocation.
    pub fn end_version(&self, config: &FunctionConfig) {
        let pool = self.inner.pools().get(&config.pool_key()).cloned();
        if let Some(pool) = pool {
            pool.end_version(&config.version);
        }
    }

    /// Sets how many invocations of a function, of all its versions together, may run at once: more are refused at
    /// once with [`InvokeError::Reserved`]. `None` leaves it to the settings.
    pub fn reserve(&self, config: &FunctionConfig, invocations_max: Option<u32>) {
        let invocations_max = invocations_max.map(|max| usize::try_from(max).unwrap_or(usize::MAX));
        self.inner.pool(config).reserve(invocations_max);
    }

    /// How many invocations of all functions together may run at once.
    #[must_use]
    pub fn processes_max(&self) -> usize {
        self.inner.permits_max
    }

    /// The folders of code that running invocations use; they must stay.
    #[must_use]
    pub fn code_in_use(&self) -> HashSet<PathBuf> {
        self.inner.code.folders()
    }

    /// Removes the kept logs of all functions but these.
    pub async fn keep_logs_of(&self, functions: impl Iterator<Item = &FunctionConfig>) {
        let logs: Vec<String> = functions.map(FunctionConfig::pool_key).collect();
        let files = Arc::clone(&self.inner.log_files);
        // A cancelled task means that the tokio runtime ends.
        let _ = tokio::task::spawn_blocking(move || files.retain(&logs)).await;
    }

    /// The kept log of a function, of all its versions, oldest line first.
    #[must_use]
    pub fn log(&self, config: &FunctionConfig) -> Vec<LogLine> {
        self.inner.pool(config).log.lines()
    }

    /// The newest lines of a function's kept log, so many at most, and the number of the newest line.
    #[must_use]
    pub fn newest_log(&self, config: &FunctionConfig, lines_max: usize) -> (Vec<LogLine>, u64) {
        self.inner.pool(config).log.newest_lines(lines_max)
    }

    /// The oldest kept lines of a function behind a number, so many at most; waits for a first one if there is none.
    pub async fn log_after(
        &self,
        config: &FunctionConfig,
        number: u64,
        lines_max: usize,
        wait_max: Duration,
    ) -> Vec<LogLine> {
        let log = Arc::clone(&self.inner.pool(config).log);
        let mut newest = log.watch();
        let more = newest.wait_for(|newest| *newest > number);
        // Both ends mean the same: what is there is the answer.
        let _ = tokio::time::timeout(wait_max, more).await;
        log.lines_after(number, lines_max)
    }

    /// Follows what all functions print from now on. A follower that is too slow misses lines.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<LogLine> {
        self.inner.hub.follow()
    }

    /// The real time, which tests do not move.
    #[must_use]
    pub fn wall_clock(&self) -> WallClock {
        Arc::clone(&self.inner.host.clock)
    }

    /// The processes that are not gone yet.
    #[must_use]
    pub fn processes(&self) -> Vec<ProcessInfo> {
        self.inner.host.live.borrow().values().cloned().collect()
    }

    /// Kills all processes, also in the middle of invocations, and waits until they are gone.
    pub async fn shutdown(&self) {
        self.inner.stop();
        let all = u32::try_from(self.inner.permits_max).unwrap_or(u32::MAX);
        // Closed already when this is called twice.
        if let Ok(permits) = self.inner.permits.acquire_many(all).await {
            permits.forget();
            self.inner.permits.close();
        }
        // The sender lives in `inner`, so this cannot fail.
        let _ = self
            .inner
            .host
            .live
            .subscribe()
            .wait_for(BTreeMap::is_empty)
            .await;
        self.inner.write_logs().await;
    }
}

impl Drop for Runtimes {
    fn drop(&mut self) {
        self.reaper.abort();
        self.log_keeper.abort();
        self.inner.stop();
    }
}

/// An invocation that may run; it gives back what it has when it is dropped.
struct Admitted {
    _permits: (Option<OwnedSemaphorePermit>, OwnedSemaphorePermit),
    _place: Place,
    pool: Arc<FunctionPool>,
}

impl Inner {
    async fn run(&self, job: &Job, pool: &Arc<FunctionPool>) -> Result<InvokeResult, InvokeError> {
        let result = match &job.config.code {
            CodeSource::Target(target) => {
                if matches!(target, Target::Command { .. }) {
                    self.make_room();
                }
                remote::call(&self.host, &pool.log, target, job).await
            }
            CodeSource::Zip { .. } | CodeSource::Directory { .. } => {
                self.hand_over(pool, job).await
            }
        };
        if self.host.is_stopping() {
            return Err(InvokeError::ShuttingDown);
        }
        result
    }

    /// Gives the job to a process; to another one if it ends before it takes it.
    async fn hand_over(&self, pool: &FunctionPool, job: &Job) -> Result<InvokeResult, InvokeError> {
        let generation = pool.generation(&job.config).await;
        let mut handovers = 0;
        loop {
            handovers += 1;
            let mut process = match self.process(pool, generation, job).await {
                Ok(process) => process,
                Err(StartError::Setup(error)) => return Err(error.into()),
                Err(StartError::Failed(result)) => return Ok(*result),
            };
            match process.serve(&self.host, job).await {
                Served::Done { result, reusable } => {
                    if reusable {
                        pool.give_back(&job.config.version, generation, process);
                        self.rested.notify_one();
                    }
                    return Ok(*result);
                }
                Served::NotTaken if handovers >= HANDOVERS_MAX => {
                    return Ok(process.never_taken(job));
                }
                Served::NotTaken => {}
            }
        }
    }

    async fn process(
        &self,
        pool: &FunctionPool,
        generation: Generation,
        job: &Job,
    ) -> Result<Process, StartError> {
        if let Some(process) = pool.take(&job.config.version, generation) {
            return Ok(process);
        }
        self.make_room();
        Process::start(&self.host, &pool.log, job).await
    }

    /// A permit of the function, unless it has places of its own, and one of all, within the time that waiting may
    /// take.
    async fn admit(&self, config: &FunctionConfig) -> Result<Admitted, InvokeError> {
        let pool = self.pool(config);
        let place = pool.enter().ok_or_else(|| InvokeError::Reserved {
            function: config.name.clone(),
        })?;
        let deadline = Instant::now() + self.host.settings.queue_wait;
        let throttled = |_| InvokeError::Throttled {
            function: config.name.clone(),
        };
        let own = async {
            match place.is_reserved {
                true => Ok(None),
                false => Arc::clone(&pool.permits).acquire_owned().await.map(Some),
            }
        };
        let own = timeout_at(deadline, own).await.map_err(throttled)?;
        let any = Arc::clone(&self.permits).acquire_owned();
        let any = timeout_at(deadline, any).await.map_err(throttled)?;
        match (own, any) {
            (Ok(own), Ok(any)) if !self.host.is_stopping() => Ok(Admitted {
                _permits: (own, any),
                _place: place,
                pool,
            }),
            _ => Err(InvokeError::ShuttingDown),
        }
    }

    /// Ends idle processes so that one more keeps to the bound. The caller holds a permit, so
    /// busy ones alone never exceed it.
    fn make_room(&self) {
        let pools: Vec<Arc<FunctionPool>> = self.pools().values().cloned().collect();
        let busy = self
            .permits_max
            .saturating_sub(self.permits.available_permits());
        let idle: usize = pools.iter().map(|pool| pool.idle_len()).sum();
        for _ in self.permits_max..busy + idle {
            let oldest = pools
                .iter()
                .filter_map(|pool| Some((pool.idle_since()?, pool)))
                .min_by_key(|(at, _)| *at);
            let Some((_, pool)) = oldest else { return };
            pool.end_longest_idle();
        }
    }

    fn pool(&self, config: &FunctionConfig) -> Arc<FunctionPool> {
        let key = config.pool_key();
        let known = self.pools().get(&key).cloned();
        if let Some(pool) = known {
            return pool;
        }
        let settings = &self.host.settings;
        let earlier = self.log_files.load(&key, &config.name.as_str().into());
        let log = FunctionLog::new(
            Arc::clone(&self.hub),
            &config.name,
            settings.log_bytes_max,
            (self.host.clock)(),
            earlier,
        );
        let pool = Arc::new(FunctionPool::new(log, settings.processes_per_function_max));
        // Another invocation may have been as fast.
        Arc::clone(self.pools().entry(key).or_insert(pool))
    }

    /// Writes what is new in the kept logs.
    async fn write_logs(&self) {
        let pools: Vec<(String, Arc<FunctionPool>)> = self
            .pools()
            .iter()
            .map(|(key, pool)| (key.clone(), Arc::clone(pool)))
            .collect();
        let files = Arc::clone(&self.log_files);
        let write = move || {
            for (key, pool) in pools {
                files.write(&key, &pool.log);
            }
        };
        // A cancelled task means that the tokio runtime ends.
        let _ = tokio::task::spawn_blocking(write).await;
    }

    fn pools(&self) -> MutexGuard<'_, HashMap<String, Arc<FunctionPool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.host.stop.send_replace(true);
        for pool in self.pools().values() {
            pool.end_all_idle();
        }
    }

    /// Ends what has been idle for too long; says when to look again.
    fn reap(&self, now: Instant) -> Option<Instant> {
        let idle_timeout = self.host.settings.idle_timeout;
        let pools: Vec<Arc<FunctionPool>> = self.pools().values().cloned().collect();
        if let Some(moment) = now.checked_sub(idle_timeout) {
            pools.iter().for_each(|pool| pool.end_idle_before(moment));
        }
        pools
            .iter()
            .filter_map(|pool| pool.idle_since())
            .min()
            .map(|since| since + idle_timeout)
    }
}

/// Ends idle processes in time; sleeps for good while there are none.
async fn reap(inner: Weak<Inner>) {
    loop {
        let Some(strong) = inner.upgrade() else {
            return;
        };
        let next = strong.reap(Instant::now());
        match next {
            Some(at) => {
                drop(strong);
                sleep_until(at).await;
            }
            None => strong.rested.notified().await,
        }
    }
}

/// Writes logs some time after something was printed; sleeps for good while nothing is.
async fn keep_logs(inner: Weak<Inner>) {
    let Some(hub) = inner.upgrade().map(|inner| Arc::clone(&inner.hub)) else {
        return;
    };
    loop {
        hub.news.notified().await;
        sleep(LOG_PAUSE).await;
        let Some(inner) = inner.upgrade() else {
            return;
        };
        inner.write_logs().await;
    }
}

fn job_of(
    config: &FunctionConfig,
    invocation: Invocation,
    now_ms: u64,
) -> Result<Job, InvokeError> {
    let Invocation {
        request_id,
        payload,
        trace_id,
        client_context,
        qualifier,
    } = invocation;
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if !plain(&request_id) {
        return Err(InvokeError::Header {
            what: "the request id",
        });
    }
    let mut headers = Vec::with_capacity(4);
    let mut add = |name: &'static str, what, text: &str| {
        let value =
            HeaderValue::from_bytes(text.as_bytes()).map_err(|_| InvokeError::Header { what })?;
        headers.push((HeaderName::from_static(name), value));
        Ok::<(), InvokeError>(())
    };
    add(
        "lambda-runtime-aws-request-id",
        "the request id",
        &request_id,
    )?;
    let arn = match &qualifier {
        Some(qualifier) => format!("{}:{qualifier}", config.arn),
        None => config.arn.clone(),
    };
    add(
        "lambda-runtime-invoked-function-arn",
        "the function's ARN",
        &arn,
    )?;
    let trace_id = trace_id.filter(|text| !text.is_empty());
    let trace_id = trace_id.unwrap_or_else(|| trace_of(&request_id, now_ms));
    add("lambda-runtime-trace-id", "the trace id", &trace_id)?;
    if let Some(context) = client_context.filter(|text| !text.is_empty()) {
        add(
            "lambda-runtime-client-context",
            "the client context",
            &context,
        )?;
    }
    Ok(Job {
        config: config.clone(),
        request_id: request_id.into(),
        headers,
        payload,
    })
}

/// A trace that is not sampled, for calls that have none: handlers read it without looking whether it is there. What is
/// random in it comes from the id of the request, which is.
fn trace_of(request_id: &str, now_ms: u64) -> String {
    let digest = Sha256::digest(request_id);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let (root, parent) = (&hex[..24], &hex[24..40]);
    format!(
        "Root=1-{:08x}-{root};Parent={parent};Sampled=0",
        now_ms / 1_000
    )
}

/// Writes the loader beside its place and renames it, since another server may be reading it.
fn write_loader(work_dir: &Path) -> io::Result<PathBuf> {
    let place = work_dir.join("loader.mjs");
    if fs::read(&place).is_ok_and(|bytes| bytes == LOADER.as_bytes()) {
        return Ok(place);
    }
    let partial = work_dir.join(format!("loader.mjs.{}", std::process::id()));
    fs::write(&partial, LOADER)?;
    fs::rename(&partial, &place)?;
    Ok(place)
}

/// A panic goes on in the caller; a cancelled task means that the tokio runtime ends.
fn resumed(error: JoinError) -> InvokeError {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => InvokeError::ShuttingDown,
    }
}
