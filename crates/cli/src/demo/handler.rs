//! The function that the demo attaches: Python or Node.js if it is installed, otherwise this very program.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use headwater_engine::SystemClock;
use headwater_model::Clock;
use hyper::{Method, Request};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::client::{Client, Identity};
use crate::settings::Settings;
use crate::stdout;

const PYTHON: &[u8] = include_bytes!("../../demo/handler.py");
const NODE: &[u8] = include_bytes!("../../demo/index.mjs");

/// How long an interpreter may take to say what it is.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);
/// The runtimes that the Lambda interface has names for.
const PYTHON_MINORS: std::ops::RangeInclusive<u32> = 9..=15;
const NODE_MAJORS: std::ops::RangeInclusive<u32> = 18..=26;

/// Choices for `--handler`.
pub(super) const CHOICES: [&str; 4] = ["auto", "python", "node", "built-in"];

/// The hidden command that is the built-in handler.
pub(super) const COMMAND: &str = "__handler";

/// A function to create.
#[derive(Clone, Debug)]
pub(super) struct Handler {
    /// The name of the runtime, such as `python3.12`.
    pub(super) runtime: String,
    /// `module.function`.
    pub(super) entry: &'static str,
    /// What people know it by.
    pub(super) title: String,
    file: &'static str,
    code: Vec<u8>,
}

impl Handler {
    /// The handler that was asked for; with `auto` the first of Python, Node.js and the built-in one that runs here.
    pub(super) async fn choose(choice: &str, settings: &Settings) -> anyhow::Result<Self> {
        if matches!(choice, "auto" | "python")
            && let Some(python) = python(settings.text("python")).await
        {
            return Ok(python);
        }
        if matches!(choice, "auto" | "node")
            && let Some(node) = node(settings.text("node")).await
        {
            return Ok(node);
        }
        match choice {
            "python" => bail!(
                "no python3 with awslambdaric was found; install it with `python3 -m pip install awslambdaric`, \
                 or name an interpreter that has it with --python"
            ),
            "node" => bail!("no Node.js was found; install it, or name its program with --node"),
            _ => built_in(),
        }
    }

    /// The package as CreateFunction takes it.
    pub(super) fn zip(&self) -> anyhow::Result<Vec<u8>> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        zip.start_file(self.file, options)?;
        zip.write_all(&self.code)?;
        Ok(zip.finish()?.into_inner())
    }
}

async fn python(program: &str) -> Option<Handler> {
    let program = if program.is_empty() {
        "python3"
    } else {
        program
    };
    let probe = "import awslambdaric, sys; print('%d.%d' % sys.version_info[:2])";
    let version = ask(program, &["-c", probe]).await?;
    let minor = version.strip_prefix("3.")?.parse().ok()?;
    PYTHON_MINORS.contains(&minor).then(|| Handler {
        runtime: format!("python{version}"),
        entry: "handler.handler",
        title: format!("Python {version}"),
        file: "handler.py",
        code: PYTHON.to_vec(),
    })
}

async fn node(program: &str) -> Option<Handler> {
    let program = if program.is_empty() { "node" } else { program };
    let version = ask(program, &["-p", "process.versions.node"]).await?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    NODE_MAJORS.contains(&major).then(|| Handler {
        // Only even versions are runtimes.
        runtime: format!("nodejs{}.x", major - major % 2),
        entry: "index.handler",
        title: format!("Node.js {version}"),
        file: "index.mjs",
        code: NODE.to_vec(),
    })
}

/// What a program prints, if it runs and succeeds.
async fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PROBE_TIMEOUT, command.output())
        .await
        .ok()?
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// This program as a custom runtime.
fn built_in() -> anyhow::Result<Handler> {
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let program = program
        .to_str()
        .context("the path of this program is no text")?;
    let program = program.replace('\'', r"'\''");
    Ok(Handler {
        runtime: "provided.al2023".to_owned(),
        entry: "bootstrap",
        title: "the compiled-in handler".to_owned(),
        file: "bootstrap",
        code: format!("#!/bin/sh\nexec '{program}' demo {COMMAND}\n").into_bytes(),
    })
}

/// The built-in handler: speaks the Runtime API until it is ended.
pub(super) async fn run() -> anyhow::Result<ExitCode> {
    let variable = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
    let identity = Identity {
        access_key: String::new(),
        region: String::new(),
    };
    let client = Client::new(
        &format!("http://{}", variable("AWS_LAMBDA_RUNTIME_API")?),
        identity,
    )?;
    let file = variable("RECEIVED")?;
    loop {
        let next = Request::builder().uri("/2018-06-01/runtime/invocation/next");
        let next = client.send(next, Bytes::new(), None).await?;
        let id = next.headers.get("lambda-runtime-aws-request-id");
        let id = id
            .and_then(|id| id.to_str().ok())
            .context("an invocation has no request id")?;
        let (end, body) = match note(&next.body, id, Path::new(&file)) {
            Ok(()) => ("response", json!(null)),
            Err(error) => (
                "error",
                json!({ "errorType": "Error", "errorMessage": format!("{error:#}") }),
            ),
        };
        let done = Request::builder()
            .method(Method::POST)
            .uri(format!("/2018-06-01/runtime/invocation/{id}/{end}"));
        client
            .send(done, Bytes::from(body.to_string()), None)
            .await?;
    }
}

/// Does what handler.py and index.mjs do.
fn note(event: &[u8], batch: &str, path: &Path) -> anyhow::Result<()> {
    let at_ms = SystemClock.now_ms();
    let event: Value = serde_json::from_slice(event)?;
    let records = event["Records"]
        .as_array()
        .context("the event has no Records")?;
    let mut lines = String::new();
    for record in records {
        let line = json!({ "at_ms": at_ms, "batch": batch, "record": record });
        writeln!(lines, "{line}")?;
    }
    let mut out = OpenOptions::new().create(true).append(true).open(path)?;
    out.write_all(lines.as_bytes())?;
    Ok(stdout::write(&format!("{} changes\n", records.len()))?)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::built_in;

    #[test]
    fn the_built_in_package_runs_this_program() -> anyhow::Result<()> {
        let handler = built_in()?;
        let mut package = zip::ZipArchive::new(Cursor::new(handler.zip()?))?;
        let mut text = String::new();
        let mut file = package.by_name("bootstrap")?;
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        file.read_to_string(&mut text)?;
        assert!(
            text.starts_with("#!/bin/sh\nexec '/") && text.ends_with("' demo __handler\n"),
            "{text}"
        );
        Ok(())
    }
}
