//! What evaluating conditions may cost.
//!
//! An expression of 4 KB may name a value of 400 KB a thousand times, and a constant may be larger still: what the
//! evaluation goes through is counted, not what the expression and the item have.

/// So many bytes of a value are gone through in one step.
pub(super) const PER_STEP: usize = 16;

/// The steps that are left for evaluating conditions. A step is a comparison, a value within a list or map that is looked
/// at, or 16 bytes of a value.
#[derive(Debug)]
pub struct Steps {
    left: u64,
    max: u64,
}

/// The steps were used up before the condition was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("evaluating the condition takes too many steps")]
pub struct StepsUsedUp;

impl Steps {
    /// So many of them.
    pub fn new(max: u64) -> Self {
        Self { left: max, max }
    }

    pub(super) fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// Those that were taken.
    pub fn taken(&self) -> u64 {
        self.max - self.left
    }

    /// Takes one, and more to go through so many bytes; false if they are used up.
    pub(super) fn take_for(&mut self, bytes: usize) -> bool {
        self.left = self.left.saturating_sub((1 + bytes / PER_STEP) as u64);
        !self.are_used_up()
    }

    pub(super) fn are_used_up(&self) -> bool {
        self.left == 0
    }
}
