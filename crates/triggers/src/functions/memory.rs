//! How much memory a process uses, from `/proc` (Linux; elsewhere nothing is known).

/// Memory of one process, in MiB, rounded up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// The most that was resident so far.
    pub(super) peak_mb: u64,
    /// Resident now without the pages of files, which the kernel can drop.
    pub(super) private_mb: u64,
}

/// The usage of a process; `None` when it is gone or cannot be read.
pub(super) fn usage(pid: u32) -> Option<Usage> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field_mb = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: u64 = line
            .trim_start_matches(':')
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .ok()?;
        Some(kilobytes.div_ceil(1_024))
    };
    let private_mb = field_mb("RssAnon")? + field_mb("RssShmem").unwrap_or(0);
    Some(Usage {
        peak_mb: field_mb("VmHWM")?,
        private_mb,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn reads_this_process() {
        let usage = usage(std::process::id()).unwrap();
        assert!(
            usage.peak_mb >= usage.private_mb && usage.private_mb > 0,
            "{usage:?}"
        );
    }
}
