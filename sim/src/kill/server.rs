//! The server as a child process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

const GREETING: &str = "headwater listening on http://";

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts it on `data` and waits until it listens.
    ///
    /// # Errors
    /// If it ends before that, with what it said.
    pub fn start(binary: &Path, data: &Path, flags: &[&str]) -> Result<Self> {
        let mut child = Self::command(binary, data, flags)
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| binary.display().to_string())?;
        let stdout = child.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let Some(address) = line.trim().strip_prefix(GREETING) else {
            // It has ended, or will: its output is closed.
            let _ = child.kill();
            let output = child.wait_with_output()?;
            bail!(
                "the server did not start: {}: {line}{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        };
        let address = address.parse()?;
        // From here on nobody listens; what it still says is shown.
        if let Some(stderr) = child.stderr.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    eprintln!("server: {line}");
                }
            });
        }
        Ok(Server { child, address })
    }

    /// The command that starts it.
    pub fn command(binary: &Path, data: &Path, flags: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An error if it has ended by itself.
    pub fn check_alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the server ended by itself: {status}"),
        }
    }

    /// Its resident memory, in KiB.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn resident_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.context("no VmRSS")?.trim().trim_end_matches(" kB");
        Ok(kib.parse()?)
    }

    /// Ends it at once, wherever it is.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(mut self) -> Result<ExitStatus> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("no process id")?;
        kill_process(pid, Signal::TERM)?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.kill();
    }
}

/// The server's binary: `HEADWATER_BIN`, or the newer of this target folder's, built if there is none.
///
/// # Errors
/// If there is none and it can't be built.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("HEADWATER_BIN") {
        return Ok(path.into());
    }
    // This program stands in target/PROFILE or target/PROFILE/deps.
    let own = std::env::current_exe()?;
    let target = own
        .ancestors()
        .find(|folder| folder.join("debug").is_dir() || folder.join("release").is_dir())
        .context("no target folder")?;
    let built = ["release", "debug"]
        .map(|profile| target.join(profile).join("headwater"))
        .into_iter()
        .filter(|path| path.is_file())
        .max_by_key(|path| path.metadata().and_then(|found| found.modified()).ok());
    if let Some(path) = built {
        return Ok(path);
    }
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "-p", "headwater", "--target-dir"])
        .arg(target)
        .status()?;
    ensure!(status.success(), "cargo build -p headwater: {status}");
    Ok(target.join("debug").join("headwater"))
}
