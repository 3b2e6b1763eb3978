//! The watch over one child: it is reaped, or killed with its group, and how it ended is told.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::config::FunctionConfig;
use super::output::Output;
use super::process::Host;
use super::runtimes::ProcessInfo;

/// How a process ended, in the service's words, once it did.
pub(super) type Exit = watch::Receiver<Option<Arc<str>>>;

/// Waits for the end of a process and says how it ended.
pub(super) async fn exited(exit: &mut Exit) -> Arc<str> {
    match exit.wait_for(Option::is_some).await {
        Ok(reason) => reason.clone().unwrap_or_else(|| NO_REASON.into()),
        // The supervising task is gone, and the process with it.
        Err(_) => NO_REASON.into(),
    }
}

/// A child that is killed with its group unless it was reaped.
pub(super) struct Running {
    child: Child,
    pub(super) process_id: u32,
    reaped: bool,
    host: Arc<Host>,
}

impl Running {
    pub(super) fn new(child: Child, host: &Arc<Host>, config: &FunctionConfig) -> io::Result<Self> {
        let process_id = child
            .id()
            .ok_or_else(|| io::Error::other("the process ended at once"))?;
        let function = config.name.clone();
        let info = ProcessInfo {
            process_id,
            function,
            started_at_ms: (host.clock)(),
        };
        host.live
            .send_modify(|live| drop(live.insert(process_id, info)));
        Ok(Self {
            child,
            process_id,
            reaped: false,
            host: Arc::clone(host),
        })
    }

    /// Waits for the end of the process, or kills it when it is told to; says how it ended, and what was told. What the
    /// process left behind in its group ends with it.
    pub(super) async fn end<T>(
        &mut self,
        told: impl Future<Output = T>,
    ) -> (io::Result<ExitStatus>, Option<T>) {
        let told = tokio::select! {
            status = self.child.wait() => {
                self.kill_group();
                self.reaped = true;
                return (status, None);
            }
            told = told => told,
        };
        self.kill_group();
        let status = self.child.wait().await;
        self.kill_group();
        self.reaped = true;
        (status, Some(told))
    }

    /// Kills everything that belongs to the process.
    fn kill_group(&self) {
        let group = i32::try_from(self.process_id).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // Fails only when nothing is left of the group.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill_group();
        }
        self.host
            .live
            .send_modify(|live| drop(live.remove(&self.process_id)));
    }
}

/// Owns a child to its end: waits for it, or kills it when told to.
pub(super) async fn supervise(
    mut running: Running,
    kill: Arc<Notify>,
    output: Arc<Output>,
    exited: watch::Sender<Option<Arc<str>>>,
    helpers: JoinSet<()>,
) {
    let mut stop = running.host.stop.subscribe();
    let told = async {
        tokio::select! {
            () = kill.notified() => {}
            // An error means that the runtimes are gone.
            _ = stop.wait_for(|stop| *stop) => {}
        }
    };
    let (status, _) = running.end(told).await;
    output.drain();
    let reason = status.map_or_else(|_| NO_REASON.into(), describe);
    exited.send_replace(Some(reason.into()));
    drop(helpers);
}

/// Recorded text for an end without a status (triggers.md section 10).
pub(super) const NO_REASON: &str = "Runtime exited without providing a reason";
pub(super) const KILLED: &str = "Runtime exited with error: signal: killed";

/// The service's words for how a process ended.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) | (None, None) => NO_REASON.to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => {
            format!("Runtime exited with error: signal: {}", signal_name(signal))
        }
    }
}

fn signal_name(signal: i32) -> String {
    let name = match Signal::from_named_raw(signal) {
        Some(Signal::HUP) => "hangup",
        Some(Signal::INT) => "interrupt",
        Some(Signal::QUIT) => "quit",
        Some(Signal::ILL) => "illegal instruction",
        Some(Signal::ABORT) => "aborted",
        Some(Signal::BUS) => "bus error",
        Some(Signal::FPE) => "floating point exception",
        Some(Signal::KILL) => "killed",
        Some(Signal::SEGV) => "segmentation fault",
        Some(Signal::PIPE) => "broken pipe",
        Some(Signal::TERM) => "terminated",
        _ => return format!("signal {signal}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_described_as_recorded() {
        let text = |raw| describe(ExitStatus::from_raw(raw));
        assert_eq!(text(0), "Runtime exited without providing a reason");
        assert_eq!(text(127 << 8), "Runtime exited with error: exit status 127");
        assert_eq!(text(9), "Runtime exited with error: signal: killed");
    }
}
