//! The function runtimes: packages, child processes, the Runtime API that they speak, and logs.
//!
//! [`Runtimes::invoke`] is the one entry: it finds or starts a process for a [`FunctionConfig`],
//! hands it the payload, and gives back an [`InvokeResult`]. Failures of the function (an
//! exception, a time-out, a crash) are results; an [`InvokeError`] means it was never reached.
//! A [`Target`] is a function without a package: an address, or a program that is started for each event.
//!
//! Invariants: a process serves one invocation at a time and talks to a listener of its own, so
//! answers cannot be mixed up; every process is the leader of its own group, is killed with that
//! group, and does not outlive this server.

mod allowed_code;
mod code_use;
mod config;
mod environment;
mod fingerprint;
mod folder_copy;
mod interpreter;
mod invocation;
mod launch;
mod log;
mod log_files;
mod memory;
mod output;
mod package;
mod peers;
mod pool;
mod process;
mod remote;
mod runtime_api;
mod runtimes;
mod settings;
mod supervise;
mod timestamp;

pub use allowed_code::AllowedCode;
pub use config::{CodeSource, ConfigError, FunctionConfig, LogForm, RuntimeFamily};
pub use interpreter::SetupError;
pub use invocation::{FunctionError, Invocation, InvokeError, InvokeResult};
pub use launch::{LAUNCH_COMMAND, launch};
pub use log::LogLine;
pub use package::{CodeStore, PackageError, StoredCode};
pub use remote::Target;
pub use runtimes::{ProcessInfo, Runtimes};
pub(crate) use settings::PROCESSES_PER_FUNCTION_MAX;
pub use settings::{Credentials, Launcher, RuntimeSettings, WallClock};
