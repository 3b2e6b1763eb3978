//! The bounds and places that the runtimes work with; the composition root fills them in.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::allowed_code::AllowedCode;
use super::launch::LAUNCH_COMMAND;

/// Processes of one function, unless the settings say otherwise.
pub(crate) const PROCESSES_PER_FUNCTION_MAX: usize = 10;

/// The real time in epoch milliseconds.
///
/// Handlers compare deadlines with their own clock, so this is never a clock that tests move.
pub type WallClock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How to start the launcher that ties a process to this server (see `launch`).
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The executable.
    pub program: PathBuf,
    /// Arguments in front of the launcher's own.
    pub arguments: Vec<OsString>,
}

impl Launcher {
    /// The launcher as a hidden command of an executable, such as `headwater __launch`.
    #[must_use]
    pub fn command_of(program: PathBuf) -> Self {
        Self {
            program,
            arguments: vec![LAUNCH_COMMAND.into()],
        }
    }
}

/// The credentials that functions find in their environment.
#[derive(Clone)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`, unless the function has a namespace.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`, if there is one to be signed with.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            access_key_id: "local".to_owned(),
            secret_access_key: "local".to_owned(),
            session_token: None,
        }
    }
}

/// Settings of the function runtimes.
#[derive(Clone, Debug)]
pub struct RuntimeSettings {
    /// A private folder for the runtimes' own files; created if absent.
    pub work_dir: PathBuf,
    /// How processes are started.
    pub launcher: Launcher,
    /// The Python interpreter to use, such as one of a virtual environment. Otherwise
    /// `python3.N` of the function's runtime, then `python3`, are looked up in `PATH`.
    pub python: Option<PathBuf>,
    /// The Node executable to use; otherwise `node` in `PATH`.
    pub node: Option<PathBuf>,
    /// What the code of functions may be.
    pub allowed_code: AllowedCode,
    /// Processes of one function at most, which is its concurrency.
    pub processes_per_function_max: usize,
    /// Processes of all functions together at most.
    pub processes_max: usize,
    /// How long an invocation waits for a free process before it is refused as throttled.
    pub queue_wait: Duration,
    /// A process that served nothing for so long is ended.
    pub idle_timeout: Duration,
    /// How long a new process may take until it asks for work. Lambda gives it 10 s and then goes on within the
    /// function's own time; here the machine may be busy, which is no failure of the function.
    pub init_timeout: Duration,
    /// Whether a process that outgrows its function's memory limit is killed.
    pub enforce_memory: bool,
    /// Kept log per function, in bytes.
    pub log_bytes_max: usize,
    /// Where the kept logs are written, so that they outlive a restart; `None` keeps them in memory only.
    pub log_dir: Option<PathBuf>,
    /// The region for functions whose ARN names none.
    pub region: String,
    /// Where SDKs inside of functions find this server, such as `http://127.0.0.1:8000`.
    pub endpoint_url: Option<String>,
    /// The credentials inside of functions.
    pub credentials: Credentials,
}

impl RuntimeSettings {
    /// The defaults, with the two places that have none.
    #[must_use]
    pub fn new(work_dir: PathBuf, launcher: Launcher) -> Self {
        Self {
            work_dir,
            launcher,
            python: None,
            node: None,
            allowed_code: AllowedCode::default(),
            processes_per_function_max: PROCESSES_PER_FUNCTION_MAX,
            processes_max: 32,
            queue_wait: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            init_timeout: Duration::from_secs(60),
            enforce_memory: true,
            log_bytes_max: 256 * 1024,
            log_dir: None,
            region: "us-east-1".to_owned(),
            endpoint_url: None,
            credentials: Credentials::default(),
        }
    }
}
