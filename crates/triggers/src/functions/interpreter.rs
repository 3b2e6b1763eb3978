//! Finding what a function's runtime needs on this machine, and saying what is missing.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::config::{ConfigError, FunctionConfig, RuntimeFamily};
use super::environment::inherited;
use super::settings::RuntimeSettings;

/// How long an interpreter may take to say what it is.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

const PYTHON_PROBE: &str = "import sys, importlib.util as u\n\
    print(sys.executable)\n\
    print('.'.join(map(str, sys.version_info[:3])))\n\
    print(u.find_spec('awslambdaric') is not None)";
const NODE_PROBE: &str = "[process.execPath, process.versions.node, true].join('\\n')";

/// Why a function cannot be run on this machine; the texts say what to do.
#[derive(Clone, Debug, Error)]
pub enum SetupError {
    /// The configuration itself is at fault.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No Python was found.
    #[error(
        "runtime {runtime} needs Python, but none of {tried} can be run: install Python 3 \
         (https://www.python.org/downloads/, or the package python3 of your system), or set the \
         path of an interpreter"
    )]
    PythonMissing {
        /// The function's runtime.
        runtime: String,
        /// What was looked for.
        tried: String,
    },
    /// Python is there, its runtime client is not.
    #[error(
        "runtime {runtime} needs the package awslambdaric, which {} does not have: run \
         `{} -m pip install awslambdaric`, or set the path of an interpreter that has it, such as \
         one of a virtual environment",
        python.display(), python.display()
    )]
    RuntimeClientMissing {
        /// The function's runtime.
        runtime: String,
        /// The interpreter that was asked.
        python: PathBuf,
    },
    /// No Node was found.
    #[error(
        "runtime {runtime} needs Node.js, but {tried} cannot be run: install it \
         (https://nodejs.org/en/download, or the package nodejs of your system), or set the path \
         of the executable"
    )]
    NodeMissing {
        /// The function's runtime.
        runtime: String,
        /// What was looked for.
        tried: String,
    },
    /// The settings let functions be packages alone.
    #[error(
        "this server takes nothing but packages for functions (ZipFile): start it with --function-code all for \
         folders and programs of its machine and for functions elsewhere"
    )]
    PackagesOnly,
    /// The settings let functions have no code.
    #[error("this server runs no functions: start it with --function-code packages, or all")]
    NoCode,
    /// The code folder is gone.
    #[error("the code folder {} of function {function} does not exist", path.display())]
    CodeMissing {
        /// The function's name.
        function: String,
        /// The folder.
        path: PathBuf,
    },
    /// The program is gone, or cannot be executed.
    #[error("{} of function {function} is no program that can be executed", path.display())]
    ProgramMissing {
        /// The function's name.
        function: String,
        /// The program.
        path: PathBuf,
    },
    /// A process or its listener could not be started.
    #[error("cannot start a process for function {function}: {source}")]
    Start {
        /// The function's name.
        function: String,
        /// Why.
        source: Arc<io::Error>,
    },
}

/// An executable that answered the probe.
#[derive(Clone, Debug)]
pub(super) struct Interpreter {
    pub(super) program: PathBuf,
    version: String,
    has_client: bool,
}

/// What to run for a function.
#[derive(Debug)]
pub(super) enum Entry {
    /// A program with its arguments.
    Run {
        program: PathBuf,
        arguments: Vec<std::ffi::OsString>,
    },
    /// The package has no executable at this place, which is the function's own failure.
    NoBootstrap(PathBuf),
}

/// Finds interpreters and remembers the usable ones.
pub(super) struct Interpreters {
    python: Option<PathBuf>,
    node: Option<PathBuf>,
    work_dir: PathBuf,
    loader: PathBuf,
    known: Mutex<HashMap<PathBuf, Interpreter>>,
    warned: StdMutex<HashSet<String>>,
}

impl Interpreters {
    pub(super) fn new(settings: &RuntimeSettings, loader: PathBuf) -> Self {
        Self {
            python: settings.python.clone(),
            node: settings.node.clone(),
            work_dir: settings.work_dir.clone(),
            loader,
            known: Mutex::default(),
            warned: StdMutex::default(),
        }
    }

    /// What to run for a function, or what is missing for it.
    pub(super) async fn entry(&self, config: &FunctionConfig) -> Result<Entry, SetupError> {
        let root = config.code.directory();
        if !root.is_dir() {
            return Err(SetupError::CodeMissing {
                function: config.name.clone(),
                path: root.to_owned(),
            });
        }
        match RuntimeFamily::of(&config.runtime)? {
            RuntimeFamily::Python { version } => {
                let python = self.python(config, &version).await?;
                self.note_version(config, &python, &version);
                let arguments = vec![
                    "-m".into(),
                    "awslambdaric".into(),
                    config.handler.clone().into(),
                ];
                Ok(Entry::Run {
                    program: python.program,
                    arguments,
                })
            }
            RuntimeFamily::Node { major } => {
                let node = self.node(config).await?;
                self.note_version(config, &node, &major);
                Ok(Entry::Run {
                    program: node.program,
                    arguments: vec![self.loader.clone().into()],
                })
            }
            RuntimeFamily::Provided => Ok(bootstrap(root)),
        }
    }

    /// The first interpreter that has the runtime client, or that finds it in the package.
    async fn python(
        &self,
        config: &FunctionConfig,
        version: &str,
    ) -> Result<Interpreter, SetupError> {
        let candidates = match &self.python {
            Some(path) => vec![path.clone()],
            None => vec![
                PathBuf::from(format!("python{version}")),
                PathBuf::from("python3"),
            ],
        };
        let packaged = config
            .code
            .directory()
            .join("awslambdaric/__init__.py")
            .is_file();
        let mut without_client = None;
        for candidate in &candidates {
            let Some(python) = self.probe(candidate, &["-c", PYTHON_PROBE]).await else {
                continue;
            };
            if python.has_client || packaged {
                return Ok(python);
            }
            without_client.get_or_insert(python.program);
        }
        let runtime = config.runtime.clone();
        Err(match without_client {
            Some(python) => SetupError::RuntimeClientMissing { runtime, python },
            None => SetupError::PythonMissing {
                runtime,
                tried: list(&candidates),
            },
        })
    }

    async fn node(&self, config: &FunctionConfig) -> Result<Interpreter, SetupError> {
        let candidate = self.node.clone().unwrap_or_else(|| PathBuf::from("node"));
        self.probe(&candidate, &["-p", NODE_PROBE])
            .await
            .ok_or_else(|| SetupError::NodeMissing {
                runtime: config.runtime.clone(),
                tried: candidate.display().to_string(),
            })
    }

    /// Asks an executable what it is. The answer is kept, except where something is missing: it
    /// may be installed in the meantime.
    async fn probe(&self, candidate: &Path, arguments: &[&str]) -> Option<Interpreter> {
        let mut known = self.known.lock().await;
        if let Some(interpreter) = known.get(candidate) {
            return Some(interpreter.clone());
        }
        let mut command = Command::new(candidate);
        command
            .args(arguments)
            .current_dir(&self.work_dir)
            .env_clear()
            .envs(inherited());
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(PROBE_TIMEOUT, command.output())
            .await
            .ok()?
            .ok()?;
        if !output.status.success() {
            return None;
        }
        let text = String::from_utf8(output.stdout).ok()?;
        let mut lines = text.lines();
        let interpreter = Interpreter {
            program: PathBuf::from(lines.next()?),
            version: lines.next()?.to_owned(),
            has_client: lines.next()?.eq_ignore_ascii_case("true"),
        };
        if interpreter.has_client {
            known.insert(candidate.to_owned(), interpreter.clone());
        }
        Some(interpreter)
    }

    /// Warns once for each runtime that runs on another version here than on the service.
    fn note_version(&self, config: &FunctionConfig, interpreter: &Interpreter, wanted: &str) {
        let same = interpreter
            .version
            .strip_prefix(wanted)
            .is_some_and(|rest| rest.starts_with('.'));
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if !same && warned.insert(config.runtime.clone()) {
            tracing::warn!(
                runtime = %config.runtime,
                version = %interpreter.version,
                program = %interpreter.program.display(),
                "the runtime runs on another version here than it names"
            );
        }
    }
}

fn bootstrap(root: &Path) -> Entry {
    let path = root.join("bootstrap");
    let executable =
        rustix::fs::access(&path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file();
    if executable {
        Entry::Run {
            program: path,
            arguments: Vec::new(),
        }
    } else {
        Entry::NoBootstrap(path)
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
