//! Tumbling windows (triggers.md section 7): which window a record is in, and when one is over.

use bytes::Bytes;

use crate::registry::OpenWindow;

/// The state that a window begins with.
pub(super) const NO_STATE: &[u8] = b"{}";
/// Longest state; a longer one ends the window early.
pub(super) const STATE_BYTES_MAX: usize = 1 << 20;

/// Where the window of a record begins: windows are aligned to the epoch.
pub(super) fn start_of(created_ms: u64, length_ms: u64) -> u64 {
    created_ms - created_ms % length_ms.max(1)
}

impl OpenWindow {
    /// The window of a record, without a state.
    pub(super) fn of(created_ms: u64, length_ms: u64) -> Self {
        Self {
            start_ms: start_of(created_ms, length_ms),
            length_ms,
            state: Bytes::from_static(NO_STATE),
        }
    }
}
