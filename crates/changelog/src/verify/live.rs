//! Checking a log that is open and written to: the blocks that were durable when it began, in the files that are
//! not trimmed meanwhile.

use std::sync::Arc;

use super::{Chain, LogVisitor, VerifyReport};
use crate::error::LogError;
use crate::found::{self, Found};
use crate::log::Log;
use crate::segment::{SEGMENT_HEADER_BYTES, Segment, SegmentHeader};
use crate::trim_point::TRIM_POINT_NAME;

impl Log {
    /// Reads and checks everything that is durable now, from the files and past all caches. Segments that are
    /// trimmed meanwhile are left out. Needs no lock and holds nobody up, except by the disk.
    ///
    /// # Errors
    /// If it is not allowed to read a file; [`LogError::Closed`] if the visitor ends it. What is wrong with what was read is in
    /// the report.
    pub fn check(&self, visitor: &mut dyn LogVisitor) -> Result<VerifyReport, LogError> {
        let mut chain = Chain::new(visitor);
        self.check_trim_point(&mut chain.report)?;
        let segments = self.shared().segments.list();
        for segment in segments.iter() {
            // In this order: a segment that is sealed now has its footer on disk.
            let (sealed, end) = (segment.is_sealed(), segment.end());
            let found = match self.find(segment) {
                Ok(Some(found)) => found,
                Ok(None) => {
                    chain.gap();
                    continue;
                }
                Err(error) => {
                    chain.or_unread(Err(error))?;
                    continue;
                }
            };
            let Some(header) = found.header else {
                if end <= SEGMENT_HEADER_BYTES as u64 {
                    // Its header comes with its first group, which may wait for room.
                    continue;
                }
                let detail = "the segment's header is not valid";
                chain.report.problem(&found.name, 0, detail);
                chain.before = None;
                continue;
            };
            chain.join(&found, &header);
            let checked = match sealed {
                true => self.check_sealed(&mut chain, &found, &header),
                false => {
                    chain.report.unsealed_segments += 1;
                    chain.blocks(&found, &header, Some(end)).map(drop)
                }
            };
            chain.or_unread(checked)?;
        }
        Ok(chain.report)
    }

    /// Whether the trim point's file says what the log goes by.
    fn check_trim_point(&self, report: &mut VerifyReport) -> Result<(), LogError> {
        match self.trim_point_fault() {
            Ok(None) => Ok(()),
            Ok(Some(detail)) => {
                report.problem(TRIM_POINT_NAME, 0, detail);
                Ok(())
            }
            Err(error) => report.problem_of(error),
        }
    }

    fn check_sealed(
        &self,
        chain: &mut Chain<'_>,
        found: &Found<'_>,
        header: &SegmentHeader,
    ) -> Result<(), LogError> {
        if found.footer()?.is_none() {
            let detail = "the segment is sealed, but its footer is not valid";
            chain.report.problem(&found.name, found.size_bytes, detail);
        }
        chain.segment(found, header, false)
    }

    /// The file of a segment, opened anew; `None` if it was trimmed.
    fn find(&self, segment: &Arc<Segment>) -> Result<Option<Found<'_>>, LogError> {
        let shared = self.shared();
        let is_kept = || {
            let list = shared.segments.list();
            list.first().is_some_and(|oldest| segment.id >= oldest.id)
        };
        if !is_kept() {
            return Ok(None);
        }
        match found::find_segment(&*shared.files, segment.id, shared.options.key()) {
            Err(_) if !is_kept() => Ok(None),
            found => found.map(Some),
        }
    }
}
