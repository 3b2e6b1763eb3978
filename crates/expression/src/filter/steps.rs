//! What looking at a record may cost.
//!
//! A record has as many elements as fit into an item, a pattern as many rules as fit into its text, and each may have to be
//! tried on each. What costs more than [`STEPS_MAX`] is not looked at to its end: the record counts as one that matches, for
//! one that is delivered needlessly can be left out by its function, and one that is not is lost.

use std::cell::Cell;

use super::STEPS_MAX;

/// So many bytes of a text, or members of an object, may be looked through in one step.
const PER_STEP: usize = 16;

/// The steps that are left for one record and all patterns. A step is a rule tried on a value, or a value visited.
#[derive(Debug)]
pub(super) struct Steps {
    /// None when they are used up.
    left: Cell<Option<u32>>,
}

impl Steps {
    pub(super) fn new() -> Steps {
        Steps {
            left: Cell::new(Some(STEPS_MAX)),
        }
    }

    /// Takes one; false if they are used up.
    pub(super) fn take(&self) -> bool {
        self.take_for(0)
    }

    /// Takes one, and more to look through something of this length; false if they are used up.
    pub(super) fn take_for(&self, length: usize) -> bool {
        let wanted = u32::try_from(1 + length / PER_STEP).unwrap_or(u32::MAX);
        let left = self.left.get().and_then(|left| left.checked_sub(wanted));
        self.left.set(left);
        left.is_some()
    }

    pub(super) fn are_used_up(&self) -> bool {
        self.left.get().is_none()
    }

    pub(super) fn taken(&self) -> u32 {
        STEPS_MAX - self.left.get().unwrap_or(0)
    }
}
