//! Stand-ins for tests: a plain store without any storage, and a disk that fails and forgets.

mod faulty;
mod model;

pub use faulty::{FaultyBackend, FaultyDisk};
pub use model::ModelStore;

/// Reads bytes as each part of a file of sorted runs, as if they had the checksum that is asked for, and looks for a key in
/// it; gives how many kinds of parts they can be. It is what a fuzz target calls.
pub fn read_as_parts(bytes: &[u8], key: &[u8]) -> usize {
    crate::runs::read_as_parts(bytes, key)
}
