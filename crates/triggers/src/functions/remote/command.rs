//! Programs: one process for each event. It finds the event on its standard input, line by line, and its status says how
//! it went.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::super::config::FunctionConfig;
use super::super::environment;
use super::super::interpreter::SetupError;
use super::super::invocation::{Failure, InvokeError, InvokeResult, RESPONSE_BYTES_MAX};
use super::super::log::FunctionLog;
use super::super::output::Output;
use super::super::process::{Host, Job, outgrown};
use super::super::supervise::{KILLED, NO_REASON, Running, describe};
use super::lines::{Answer, LastLine, lines};
use super::{CallLog, Figures, not_started, time_limit, timed_out};

/// The variable of the function with the arguments: words, or a JSON array of texts.
const ARGUMENTS: &str = "HEADWATER_ARGS";
/// The variable that names the call.
const REQUEST_ID: &str = "HEADWATER_REQUEST_ID";
/// A variable that means nothing here.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// What a program printed may still be on its way when it has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
const READ_BYTES: usize = 16 * 1024;
/// The type of error, and its text, of a program whose answer is not known.
const OUTPUT_OPEN: &str = "Headwater.OutputOpen";
const OUTPUT_OPEN_TEXT: &str = "the program has ended, but a process that it started keeps its standard output open, so \
     that its answer is not known: redirect the output of what goes on running";
/// So much of what it printed last is in the error.
const SAID_BYTES_MAX: usize = 1_024;

/// The arguments that the function's variables give.
pub(super) fn arguments(variables: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let given = variables.get(ARGUMENTS).map_or("", String::as_str).trim();
    if !given.starts_with('[') {
        return Ok(given.split_whitespace().map(str::to_owned).collect());
    }
    serde_json::from_str(given)
        .map_err(|error| format!("{ARGUMENTS} is no JSON array of texts: {error}"))
}

/// Checks that there is a program.
pub(super) fn check(config: &FunctionConfig, program: &Path) -> Result<(), SetupError> {
    let metadata = std::fs::metadata(program);
    let can_run = |metadata: std::fs::Metadata| {
        metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
    };
    match metadata.is_ok_and(can_run) {
        true => Ok(()),
        false => Err(SetupError::ProgramMissing {
            function: config.name.clone(),
            path: program.to_owned(),
        }),
    }
}

/// Runs the program with the event.
pub(super) async fn call(
    host: &Arc<Host>,
    log: &Arc<FunctionLog>,
    program: &Path,
    job: &Job,
) -> Result<InvokeResult, InvokeError> {
    check(&job.config, program)?;
    let started = start(host, log, program, job).await;
    let mut run = started.map_err(|error| not_started(&job.config, error))?;
    let process_id = run.running.process_id;
    let memory_mb = host.settings.enforce_memory.then_some(job.config.memory_mb);
    let fault = async {
        tokio::select! {
            () = sleep(time_limit(job)) => timed_out(job),
            () = outgrown(process_id, memory_mb) => Failure::exited(&job.request_id, KILLED),
        }
    };
    let figures = Figures {
        process_id: Some(process_id),
        ..Figures::default()
    };
    match run.running.end(fault).await {
        (_, Some(failure)) => Ok(run.log.end(Err(failure), figures)),
        (Ok(status), None) if status.success() => {
            let outcome = run.answer().await;
            Ok(run.log.end(outcome, figures))
        }
        (status, None) => Ok(exited(&run.log, job, status, figures)),
    }
}

/// The result of a program that ended badly, with the last that it said about it.
fn exited(
    log: &CallLog<'_>,
    job: &Job,
    status: io::Result<ExitStatus>,
    figures: Figures,
) -> InvokeResult {
    let reason = status.map_or_else(|_| NO_REASON.to_owned(), describe);
    let mut result = log.end(Err(Failure::exited(&job.request_id, &reason)), figures);
    let said = said(&result.log_tail);
    if !said.is_empty() {
        let reason = format!("{reason}: {said}");
        result.payload = Failure::exited(&job.request_id, &reason).body;
    }
    result
}

/// What a program printed, out of the lines of its call.
fn said(tail: &[u8]) -> String {
    let tail = String::from_utf8_lossy(tail);
    let ours = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: "];
    let said = tail
        .lines()
        .filter(|line| !ours.iter().any(|begin| line.starts_with(begin)));
    let said: Vec<&str> = said.collect();
    let said = said.join("\n");
    let from = said.ceil_char_boundary(said.len().saturating_sub(SAID_BYTES_MAX));
    said[from..].to_owned()
}

/// A program at work.
struct Run<'j> {
    running: Running,
    log: CallLog<'j>,
    /// Reads what it prints.
    reading: JoinSet<LastLine>,
    /// Ended with the run.
    _helpers: JoinSet<()>,
}

impl Run<'_> {
    /// The answer of a program that succeeded.
    async fn answer(&mut self) -> Result<Bytes, Failure> {
        // A process that left the group may keep the pipe open; what was answered is not known then.
        let Ok(line) = timeout(LAST_WORDS, self.reading.join_next()).await else {
            return Err(Failure::new(OUTPUT_OPEN, OUTPUT_OPEN_TEXT));
        };
        match line.and_then(Result::ok).map(LastLine::answer) {
            Some(Answer::Json(answer)) => Ok(answer),
            Some(Answer::TooLong) => Err(Failure::response_too_large()),
            None => Ok(Bytes::from_static(b"null")),
        }
    }
}

async fn start<'j>(
    host: &Arc<Host>,
    log: &Arc<FunctionLog>,
    program: &Path,
    job: &'j Job,
) -> io::Result<Run<'j>> {
    let (reader, writer) = io::pipe()?;
    let command = command(host, program, job, writer);
    let mut child = host.spawner.spawn(command).await?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let running = Running::new(child, host, &job.config)?;
    let log = CallLog::begin(host, log, job, reader.into())?;
    log.output.set_process_id(running.process_id);
    let mut helpers = JoinSet::new();
    helpers.spawn(pump(Arc::clone(&log.output)));
    helpers.spawn(feed(stdin, lines(&job.payload)));
    let mut reading = JoinSet::new();
    reading.spawn(read(stdout));
    Ok(Run {
        running,
        log,
        reading,
        _helpers: helpers,
    })
}

fn command(host: &Host, program: &Path, job: &Job, stderr: io::PipeWriter) -> Command {
    let config = &job.config;
    let mut command = Command::new(&host.settings.launcher.program);
    command.args(&host.settings.launcher.arguments);
    command
        .arg(std::process::id().to_string())
        .arg("--")
        .arg(program)
        // They were checked when the function was made.
        .args(arguments(&config.environment).unwrap_or_default());
    let number = host.started.fetch_add(1, Ordering::Relaxed);
    let log_stream = environment::log_stream(&config.version, (host.clock)(), number);
    let variables = environment::variables(config, &host.settings, "", &log_stream);
    command
        .env_clear()
        .envs(variables)
        .env_remove(RUNTIME_API)
        .env(REQUEST_ID, &*job.request_id)
        .current_dir(config.code.directory())
        .process_group(0)
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr);
    command
}

async fn pump(output: Arc<Output>) {
    if let Err(error) = output.pump().await {
        tracing::warn!(%error, "cannot read what a program prints");
    }
}

/// Writes the event and closes. A program need not read all of it.
async fn feed(stdin: Option<ChildStdin>, lines: Vec<u8>) {
    if let Some(mut stdin) = stdin
        && let Err(error) = stdin.write_all(&lines).await
    {
        tracing::debug!(%error, "a program did not read all of its event");
    }
}

async fn read(stdout: Option<ChildStdout>) -> LastLine {
    let mut line = LastLine::new(RESPONSE_BYTES_MAX);
    let Some(mut stdout) = stdout else {
        return line;
    };
    let mut buffer = [0; READ_BYTES];
    while let Ok(length @ 1..) = stdout.read(&mut buffer).await {
        line.add(&buffer[..length]);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<String>, String> {
        arguments(&BTreeMap::from([(ARGUMENTS.to_owned(), text.to_owned())]))
    }

    #[test]
    fn arguments_are_words_or_an_array() {
        assert_eq!(arguments(&BTreeMap::new()), Ok(Vec::new()));
        assert_eq!(
            of(" --to  out "),
            Ok(vec!["--to".to_owned(), "out".to_owned()])
        );
        assert_eq!(
            of(r#"["a b", ""]"#),
            Ok(vec!["a b".to_owned(), String::new()])
        );
        assert!(of("[1]").is_err());
    }

    #[test]
    fn what_was_said_is_between_the_lines_of_the_call() {
        let tail = b"START RequestId: r Version: 1\nno disk\nat all\nEND RequestId: r\nREPORT RequestId: r\t\n";
        assert_eq!(said(tail), "no disk\nat all");
        let long = "x".repeat(5_000);
        assert_eq!(said(long.as_bytes()).len(), SAID_BYTES_MAX);
    }
}
