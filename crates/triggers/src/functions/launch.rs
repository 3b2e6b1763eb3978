//! The launcher: ties a process to the server, sets its limits, and becomes it.
//!
//! The server does not start a function directly. It starts itself as
//! `headwater __launch PARENT -- PROGRAM ARGUMENTS`, which asks the kernel for a SIGKILL when the
//! parent ends and then replaces itself by the program. So even `kill -9` of the server leaves no
//! function behind, and no code has to run between fork and exec.
//!
//! The kernel's "parent" is the thread that started the process, hence `Spawner`: one thread
//! that lives as long as the runtimes starts them all.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::sync::mpsc;

use rustix::process::{Resource, Rlimit, getppid, getrlimit, setrlimit};
use tokio::process::Child;
use tokio::sync::oneshot;

/// The hidden command under which an executable offers [`launch`].
pub const LAUNCH_COMMAND: &str = "__launch";

/// Open files of a function at most (Lambda quotas).
const OPEN_FILES_MAX: u64 = 1_024;

/// Runs the launcher with the arguments behind [`LAUNCH_COMMAND`]. Comes back only on failure,
/// with the status that a shell would give.
#[must_use]
pub fn launch(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let parent = arguments
        .next()
        .and_then(|text| text.to_str().and_then(|text| text.parse::<i32>().ok()));
    let separator = arguments.next();
    let (Some(parent), Some("--"), Some(program)) = (
        parent,
        separator.as_ref().and_then(|text| text.to_str()),
        arguments.next(),
    ) else {
        eprintln!("usage: {LAUNCH_COMMAND} PARENT -- PROGRAM [ARGUMENT]...");
        return ExitCode::from(2);
    };
    if let Err(error) = tie_to(parent) {
        eprintln!("cannot tie the process to its server: {error}");
        return ExitCode::from(126);
    }
    limit();
    offer_to_oom_killer();
    allow_large_pages();
    let error = Command::new(&program).args(arguments).exec();
    eprintln!("cannot run {}: {error}", program.display());
    ExitCode::from(if error.kind() == io::ErrorKind::NotFound {
        127
    } else {
        126
    })
}

/// Asks for a SIGKILL at the parent's end, and notices an end that came before the request.
fn tie_to(parent: i32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let now = getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    if now == parent {
        Ok(())
    } else {
        Err(io::Error::other("its server is gone"))
    }
}

/// No core dumps, and not more open files than on the service. A limit that cannot be set is left.
fn limit() {
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
    let files = getrlimit(Resource::Nofile);
    let bounded = |limit: Option<u64>| Some(limit.unwrap_or(OPEN_FILES_MAX).min(OPEN_FILES_MAX));
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: bounded(files.current),
            maximum: files.maximum,
        },
    );
}

/// When the machine runs out of memory, as it may between two looks at what a function uses, the kernel ends functions
/// before the server. One that forbids this leaves them like other processes.
fn offer_to_oom_killer() {
    #[cfg(target_os = "linux")]
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
}

/// A server that nobody writes to has them disabled for itself, and what it starts would inherit that.
fn allow_large_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(false);
}

struct Order {
    command: tokio::process::Command,
    reply: oneshot::Sender<io::Result<Child>>,
}

/// The thread that starts processes. Its end is the end of all that it started.
pub(super) struct Spawner {
    orders: mpsc::Sender<Order>,
}

impl Spawner {
    /// Starts the thread; needs a tokio runtime around it.
    pub(super) fn start() -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel::<Order>();
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("function-launcher".to_owned())
            .spawn(move || {
                let _context = runtime.enter();
                for Order { mut command, reply } in inbox {
                    // Nobody waits any more: dropping the child kills it.
                    let _ = reply.send(command.spawn());
                }
            })?;
        Ok(Self { orders })
    }

    pub(super) async fn spawn(&self, command: tokio::process::Command) -> io::Result<Child> {
        let gone = || io::Error::other("the launcher thread has ended");
        let (reply, answer) = oneshot::channel();
        self.orders
            .send(Order { command, reply })
            .map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
