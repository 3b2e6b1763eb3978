//! Servers as child processes: started on a free port, stopped when dropped.

use crate::client::Client;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_PATIENCE: Duration = Duration::from_secs(60);
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// A running child that answers HTTP.
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    started_in: Duration,
}

impl Server {
    /// Starts `headwater serve` on `data`.
    pub fn headwater(binary: &Path, data: &Path, extra: &[String]) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(binary);
        command
            .arg("serve")
            .arg("--listen")
            .arg(address.to_string())
            .arg("--data")
            .arg(data)
            .args(extra);
        Self::start(command, address, data.with_extension("log"))
    }

    /// Starts DynamoDB Local on `data`.
    pub fn java(jar: &Path, libraries: &Path, data: &Path) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new("java");
        command
            .env("DDB_LOCAL_TELEMETRY", "0")
            .arg(format!("-Djava.library.path={}", libraries.display()))
            .arg("-jar")
            .arg(jar)
            .args(["-port", &address.port().to_string(), "-sharedDb", "-dbPath"])
            .arg(data);
        Self::start(command, address, data.with_extension("log"))
    }

    /// Starts this binary's own parse-only server.
    pub fn floor(folder: &Path) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floor-http", "--listen", &address.to_string()]);
        Self::start(command, address, folder.join("floor.log"))
    }

    fn start(mut command: Command, address: SocketAddr, log: PathBuf) -> Result<Self> {
        let output = File::create(&log)?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let start = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("starting {:?}", command.get_program()))?;
        let mut server = Self {
            child,
            address,
            log,
            started_in: Duration::ZERO,
        };
        while !answers(address) {
            server.check_alive()?;
            if start.elapsed() > START_PATIENCE {
                bail!(
                    "no answer within {START_PATIENCE:?}; it said:\n{}",
                    server.said()
                );
            }
            pause(Duration::from_micros(200));
        }
        server.started_in = start.elapsed();
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// From spawning it to its first answer.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// The end of what it printed.
    pub fn said(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// An error with its last words if it has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the server ended with {status}; it said:\n{}", self.said()),
        }
    }

    /// Ends it without warning.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        let id = i32::try_from(self.child.id())?;
        let pid = Pid::from_raw(id).context("no process id")?;
        kill_process(pid, Signal::TERM)?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            if asked.elapsed() > STOP_PATIENCE {
                bail!("did not stop within {STOP_PATIENCE:?}");
            }
            pause(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(Some(_)) = self.child.try_wait() {
            return;
        }
        if let Err(error) = self.stop() {
            eprintln!("server: {error}");
            // Ends it, or it has ended.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn answers(address: SocketAddr) -> bool {
    let reply = || -> Result<u16> {
        let mut client = Client::connect(address, Some(Duration::from_secs(5)))?;
        Ok(client.rest("GET", "/", "dynamodb", "")?.status)
    };
    // DynamoDB Local answers 500 to what it does not know.
    reply().is_ok()
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits; the thread has nothing else to do.
pub fn pause(length: Duration) {
    let end = Instant::now() + length;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}
