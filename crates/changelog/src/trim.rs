//! Trimming: the point is moved on in one step, then the files below it go one by one.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::error::LogError;
use crate::files::Unlinked;
use crate::log::Shared;
use crate::segment::{Segment, SegmentSummary};

/// Files of trimmed segments whose names are gone. Dropping this gives their space back to the disk, which takes
/// some milliseconds for each.
pub struct Removed {
    /// How many trimmed segments still have their files.
    pub left: usize,
    files: Vec<Unlinked>,
}

impl Removed {
    /// How many files these are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there was nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// What a log needs to be trimmed, beside its trim point.
pub(crate) struct Trimming {
    /// Files of dropped segments that are not removed yet, oldest first.
    left: VecDeque<String>,
}

impl Trimming {
    /// With the files that are still to be removed.
    pub(crate) fn new(left: impl Iterator<Item = String>) -> Self {
        Self {
            left: left.collect(),
        }
    }

    /// See [`crate::Log::trim`].
    pub(crate) fn trim(
        &mut self,
        shared: &Shared,
        may_drop: &dyn Fn(&SegmentSummary) -> bool,
    ) -> Result<usize, LogError> {
        let checkpointed = shared.checkpointed();
        let list = shared.segments.list();
        let left = shared.segments_to_leave();
        let dropped = list[..list.len().saturating_sub(left)]
            .iter()
            .take_while(|segment| segment.is_sealed())
            .map(|segment| segment.summary())
            .take_while(|summary| summary.last <= checkpointed && may_drop(summary))
            .count();
        let (dropped, kept) = list.split_at(dropped);
        let (Some(_), Some(oldest)) = (dropped.first(), kept.first()) else {
            return Ok(0);
        };
        let advanced = shared
            .trim_point
            .lock()
            .advance(oldest.base, shared.options.syncs());
        advanced.inspect_err(|error| {
            if error.is_failed_sync() {
                shared.poison(error);
            }
        })?;
        self.forget(shared, dropped);
        Ok(dropped.len())
    }

    /// Out of the list first, so that readers who miss a file know why; noted before, so that they know what they miss.
    fn forget(&mut self, shared: &Shared, dropped: &[Arc<Segment>]) {
        for segment in dropped {
            shared.trimmed_ends.note(&segment.summary());
        }
        shared.segments.drop_oldest(dropped.len());
        let below = dropped.last().map_or(0, |last| last.id);
        shared.blocks.forget(|place| place.segment <= below);
        shared.footers.forget(|segment| *segment <= below);
        shared.open_files.forget(|segment| *segment <= below);
        let oldest = shared.segments.oldest();
        shared.shard_ends.write().retain(|_, end| *end >= oldest);
        self.left
            .extend(dropped.iter().map(|segment| segment.name.clone()));
    }

    /// Leaves files that are not removed yet to the next opening.
    pub(crate) fn leave(&mut self) {
        self.left.clear();
    }

    /// See [`crate::Log::remove_trimmed`]. Not synced: the point says that what a power loss brings back is worth
    /// nothing.
    pub(crate) fn remove(
        &mut self,
        shared: &Shared,
        files_max: usize,
    ) -> Result<Removed, LogError> {
        let mut files = Vec::new();
        for _ in 0..files_max {
            let Some(name) = self.left.front() else {
                break;
            };
            match shared.files.unlink(name) {
                Ok(file) => files.push(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(LogError::io("remove", name, error)),
            }
            self.left.pop_front();
        }
        Ok(Removed {
            left: self.left.len(),
            files,
        })
    }
}
