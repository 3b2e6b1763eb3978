//! Large memory pages: good for a server that is written to, wasted on one that does nothing.
//!
//! The allocator asks for pages of 2 MB, and a server that was just started touches a small part of each of several. So it
//! begins with small ones, and takes large ones from its first writes on. Reads are as fast with either.

use headwater_engine::Database;

/// Bytes that are written to the log before.
const WRITTEN_BYTES: u64 = 256 << 10;

/// While it lives, memory that is touched comes in small pages, also in processes that are started meanwhile.
pub(crate) struct SmallPages(());

impl SmallPages {
    /// `None` where somebody else wants small pages, or where this can't be asked for.
    pub(crate) fn begin() -> Option<Self> {
        set(true).then_some(Self(()))
    }

    /// Ends with the first writes.
    pub(crate) async fn until_written(self, database: &Database) {
        let log = database.log();
        let before = log.stats().written_bytes;
        let mut durable = log.watch();
        while log.stats().written_bytes.saturating_sub(before) < WRITTEN_BYTES {
            // An end: nothing is written any more.
            if durable.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Drop for SmallPages {
    fn drop(&mut self) {
        set(false);
    }
}

/// Whether the process now has large pages disabled, or enabled, and had not before.
#[cfg(target_os = "linux")]
fn set(disabled: bool) -> bool {
    use rustix::thread::{disable_transparent_huge_pages, transparent_huge_pages_are_disabled};
    let is_other = transparent_huge_pages_are_disabled().is_ok_and(|is| is != disabled);
    is_other && disable_transparent_huge_pages(disabled).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn set(_disabled: bool) -> bool {
    false
}
