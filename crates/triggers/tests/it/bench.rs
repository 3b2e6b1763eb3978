//! What the tests share: runtimes over a temporary folder, functions, and waiting for conditions.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use headwater_triggers::functions::{
    CodeSource, FunctionConfig, Invocation, InvokeError, InvokeResult, Launcher, LogForm,
    RuntimeSettings, Runtimes, WallClock,
};
use serde_json::Value;
use tempfile::TempDir;

const WAIT_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Bench {
    folder: TempDir,
    pub(crate) runtimes: Runtimes,
}

pub(crate) fn clock() -> WallClock {
    Arc::new(|| {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        u64::try_from(now.tv_sec).unwrap() * 1_000 + u64::try_from(now.tv_nsec).unwrap() / 1_000_000
    })
}

pub(crate) fn settings(work_dir: PathBuf) -> RuntimeSettings {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_headwater-launch"));
    RuntimeSettings {
        // Two cores may have a lot to do.
        init_timeout: Duration::from_secs(30),
        queue_wait: Duration::from_secs(30),
        ..RuntimeSettings::new(
            work_dir,
            Launcher {
                program,
                arguments: Vec::new(),
            },
        )
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut RuntimeSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path().join("runtimes"));
        change(&mut settings);
        let runtimes = Runtimes::new(settings, clock()).unwrap();
        Self { folder, runtimes }
    }

    /// Runtimes with a Python that has the runtime client.
    pub(crate) fn python(change: impl FnOnce(&mut RuntimeSettings)) -> Self {
        Self::with(|settings| {
            settings.python = Some(python_with_client());
            change(settings);
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A function with one file of code.
    pub(crate) fn function(
        &self,
        name: &str,
        runtime: &str,
        handler: &str,
        file: &str,
        code: &str,
    ) -> FunctionConfig {
        let folder = self.path(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), code).unwrap();
        config(name, runtime, handler, folder)
    }

    /// A function of a `provided` runtime: the bootstrap beside this file.
    pub(crate) fn provided(&self, name: &str) -> FunctionConfig {
        let config = self.function(
            name,
            "provided.al2023",
            "any",
            "bootstrap",
            include_str!("bootstrap.py"),
        );
        let bootstrap = config.code.directory().join("bootstrap");
        fs::set_permissions(bootstrap, fs::Permissions::from_mode(0o755)).unwrap();
        config
    }

    pub(crate) async fn try_invoke(
        &self,
        config: &FunctionConfig,
        payload: &str,
    ) -> Result<InvokeResult, InvokeError> {
        self.runtimes
            .invoke(config, invocation("0f3a-1", payload))
            .await
    }

    pub(crate) async fn invoke(&self, config: &FunctionConfig, payload: &str) -> InvokeResult {
        self.try_invoke(config, payload).await.unwrap()
    }

    /// Invokes a function that has to succeed and gives back its answer.
    pub(crate) async fn answer(&self, config: &FunctionConfig, payload: &str) -> Value {
        let result = self.invoke(config, payload).await;
        assert!(result.function_error.is_none(), "{}", show(&result));
        json(&result)
    }

    /// Invokes a function that has to fail and gives back the body of its error.
    pub(crate) async fn failure(&self, config: &FunctionConfig, payload: &str) -> Value {
        let result = self.invoke(config, payload).await;
        assert_eq!(result.function_error.unwrap().as_str(), "Unhandled");
        json(&result)
    }
}

pub(crate) fn config(name: &str, runtime: &str, handler: &str, folder: PathBuf) -> FunctionConfig {
    FunctionConfig {
        namespace: String::new(),
        name: name.to_owned(),
        arn: format!("arn:aws:lambda:eu-central-1:000000000000:function:{name}"),
        runtime: runtime.to_owned(),
        handler: handler.to_owned(),
        code: CodeSource::Directory {
            path: folder,
            reload: true,
        },
        timeout_s: 20,
        memory_mb: 512,
        environment: BTreeMap::new(),
        version: "$LATEST".to_owned(),
        revision: "1".to_owned(),
        logging: LogForm::default(),
    }
}

pub(crate) fn invocation(request_id: &str, payload: &str) -> Invocation {
    Invocation {
        request_id: request_id.to_owned(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        ..Invocation::default()
    }
}

pub(crate) fn json(result: &InvokeResult) -> Value {
    serde_json::from_slice(&result.payload)
        .unwrap_or_else(|error| panic!("{error}: {}", show(result)))
}

pub(crate) fn tail(result: &InvokeResult) -> String {
    String::from_utf8_lossy(&result.log_tail).into_owned()
}

fn show(result: &InvokeResult) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&result.payload),
        tail(result)
    )
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let met = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(
        tokio::time::timeout(WAIT_MAX, met).await.is_ok(),
        "never: {what}"
    );
}

/// Whether a process is there and more than a zombie.
pub(crate) fn is_running(pid: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// A Python with awslambdaric, in a virtual environment that is made once.
fn python_with_client() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(make_python).clone()
}

fn make_python() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    fs::create_dir_all(&target).unwrap();
    let environment = target.canonicalize().unwrap().join("test-venv");
    let lock = fs::File::create(target.join("test-venv.lock")).unwrap();
    lock.lock().unwrap();
    let python = environment.join("bin/python3");
    let has_client = || {
        Command::new(&python)
            .args(["-c", "import awslambdaric"])
            .output()
            .is_ok_and(|o| o.status.success())
    };
    if !has_client() {
        let run =
            |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
        run(Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment));
        run(Command::new(&python).args(["-m", "pip", "install", "-q", "awslambdaric==4.2.2"]));
    }
    python
}
