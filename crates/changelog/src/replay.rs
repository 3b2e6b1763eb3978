//! Reading everything in order: for replay after a crash, and for comparing a state with its log.

use std::collections::VecDeque;
use std::sync::Arc;

use headwater_model::Sequence;

use crate::block::{DecodedBlock, Header};
use crate::change::Entry;
use crate::entry::EntryWalk;
use crate::error::LogError;
use crate::log::Shared;
use crate::scan::Window;
use crate::segment::{self, SEGMENT_HEADER_BYTES, Segment};

/// The durable entries after a position, up to what was durable when it was made. Ends after an error.
pub struct EntryReader {
    shared: Arc<Shared>,
    after: Sequence,
    until: Sequence,
    segments: VecDeque<Arc<Segment>>,
    cursor: Option<Cursor>,
    entries: VecDeque<Entry>,
    /// What the next step gives instead, once.
    refusal: Option<LogError>,
}

/// A place in a segment.
struct Cursor {
    window: Window,
    segment: Arc<Segment>,
    offset: u64,
    end: u64,
}

impl EntryReader {
    pub(crate) fn new(shared: Arc<Shared>, after: Sequence) -> Self {
        // In this order: what is durable now lies in the segments listed after.
        let until = shared.position.get();
        let list = shared.segments.list();
        let oldest = segment::oldest(&list);
        let refusal = (after.next() < oldest).then_some(LogError::Trimmed { oldest });
        let segments = if refusal.is_some() || after >= until {
            VecDeque::new()
        } else {
            list[segment::position(&list, after.next())..]
                .iter()
                .cloned()
                .collect()
        };
        Self {
            shared,
            after,
            until,
            segments,
            cursor: None,
            entries: VecDeque::new(),
            refusal,
        }
    }

    /// Loads the next block's entries; false at the end.
    fn load(&mut self) -> Result<bool, LogError> {
        loop {
            if let Some(cursor) = &mut self.cursor {
                if let Some(block) = cursor.step()? {
                    self.entries = wanted(&block, self.after, self.until).map_err(|corrupt| {
                        LogError::damaged(&cursor.segment.name, cursor.offset, corrupt)
                    })?;
                    return Ok(true);
                }
                self.cursor = None;
            }
            let Some(segment) = self.segments.pop_front() else {
                return Ok(false);
            };
            let mut cursor = Cursor::new(&self.shared, segment)?;
            cursor.skip_to(self.after)?;
            self.cursor = Some(cursor);
        }
    }

    fn stop(&mut self) {
        self.segments.clear();
        self.cursor = None;
    }
}

fn wanted(
    block: &DecodedBlock,
    after: Sequence,
    until: Sequence,
) -> Result<VecDeque<Entry>, crate::entry::CorruptEntry> {
    let mut entries = VecDeque::with_capacity(block.entries as usize);
    for place in EntryWalk::new(&block.raw, block.first) {
        let place = place?;
        if place.last() > after && place.last() <= until {
            entries.push_back(place.decode(&block.raw)?);
        }
    }
    Ok(entries)
}

impl Iterator for EntryReader {
    type Item = Result<Entry, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(refusal) = self.refusal.take() {
            return Some(Err(refusal));
        }
        while self.entries.is_empty() {
            match self.load() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.stop();
                    return Some(Err(error));
                }
            }
        }
        self.entries.pop_front().map(Ok)
    }
}

impl Cursor {
    fn new(shared: &Shared, segment: Arc<Segment>) -> Result<Self, LogError> {
        let end = segment.end();
        let file = shared.open_segment(&segment)?;
        let window = Window::new(
            &segment.name,
            file,
            segment.cipher.clone(),
            segment.seed(),
            end,
        );
        Ok(Self {
            window,
            segment,
            offset: SEGMENT_HEADER_BYTES as u64,
            end,
        })
    }

    /// Skips the blocks that end at `after` or before, by their headers alone.
    fn skip_to(&mut self, after: Sequence) -> Result<(), LogError> {
        while self.offset < self.end {
            let Some(behind) = self
                .header(self.offset)?
                .map(|header| header.end(self.offset))
            else {
                return Ok(());
            };
            match self.header(behind)? {
                // The block before ends below this one's first.
                Some(next) if behind < self.end && next.first <= after.next() => {
                    self.offset = behind
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// A header, if there is one; what is wrong with it shows when the block is read.
    fn header(&mut self, offset: u64) -> Result<Option<Header>, LogError> {
        Ok(self.window.header(offset)?.ok())
    }

    fn step(&mut self) -> Result<Option<DecodedBlock>, LogError> {
        if self.offset >= self.end {
            return Ok(None);
        }
        let block = self.window.block(self.segment.id, self.offset)?;
        let (_, block) =
            block.map_err(|fault| LogError::damaged(&self.segment.name, self.offset, fault))?;
        self.offset = block.end;
        Ok(Some(block))
    }
}
