//! Stand-ins for tests: a plain store without any storage, and a disk that fails and forgets.

mod faulty;
mod model;

pub use faulty::{FaultyBackend, FaultyDisk};
pub use model::ModelStore;
