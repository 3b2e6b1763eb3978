//! Going through runs and memory in the order of keys, all at once.

use super::block::{Block, Entry};
use super::memory::MemoryCursor;
use super::run::Run;
use super::section::Section;
use crate::StateError;
use std::cmp::Ordering;
use std::ops::{Bound, ControlFlow};

/// Goes through one run. What can't be read of it is an entry as well: an error, where it begins.
pub(super) struct RunCursor<'a> {
    run: &'a Run,
    backward: bool,
    section_index: usize,
    section: Option<Section>,
    block_index: usize,
    block: Option<Block>,
    at: usize,
    current: Current,
    /// Where the range begins, and the first key behind it: errors are told in it.
    from: Vec<u8>,
    to: Option<Vec<u8>>,
}

enum Current {
    End,
    Entry(Entry),
    Damaged(Vec<u8>, Option<StateError>),
}

impl<'a> RunCursor<'a> {
    /// At the first key of a range, or the last.
    pub(super) fn new(
        run: &'a Run,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        backward: bool,
    ) -> Result<Self, StateError> {
        let start = match from {
            Bound::Included(key) | Bound::Excluded(key) => key.to_vec(),
            Bound::Unbounded => Vec::new(),
        };
        let mut cursor = Self {
            run,
            backward,
            section_index: 0,
            section: None,
            block_index: 0,
            block: None,
            at: 0,
            current: Current::End,
            from: start,
            to: match to {
                // The first key behind it.
                Bound::Included(key) => Some([key, &[0]].concat()),
                Bound::Excluded(key) => Some(key.to_vec()),
                Bound::Unbounded => None,
            },
        };
        let (sections, root) = (run.root.sections(), &run.root);
        let starts_behind = match from {
            Bound::Included(key) | Bound::Excluded(key) => key > root.last_key.as_slice(),
            Bound::Unbounded => false,
        };
        let ends_before = match to {
            Bound::Included(key) | Bound::Excluded(key) => key < root.first_key.as_slice(),
            Bound::Unbounded => false,
        };
        if starts_behind || ends_before {
            return Ok(cursor);
        }
        let key = match if backward { to } else { from } {
            Bound::Included(key) | Bound::Excluded(key) => Some(key),
            Bound::Unbounded => None,
        };
        cursor.section_index = match key {
            Some(key) => root.search(key),
            None if backward => sections - 1,
            None => 0,
        };
        cursor.enter_section(key)?;
        if let Current::Entry(_) = cursor.current
            && let Some(key) = cursor.key()
        {
            // What was found is the first key that is not less than the wanted one.
            let skips = match (backward, from, to) {
                (false, Bound::Excluded(from), _) => key == from,
                (true, _, Bound::Included(to)) => key > to,
                (true, _, Bound::Excluded(to)) => key >= to,
                _ => false,
            };
            if skips {
                cursor.advance()?;
            }
        }
        Ok(cursor)
    }

    /// Enters the section of the index, at its first block and entry or its last, or near `key`.
    fn enter_section(&mut self, key: Option<&[u8]>) -> Result<(), StateError> {
        self.block = None;
        match self.run.section(self.section_index) {
            Ok(section) => {
                let last = section.count().saturating_sub(1);
                let near = key.map(|key| section.search(key).ok_or_else(|| self.run.wrong()));
                self.block_index = match near.transpose()? {
                    Some(index) => index,
                    None if self.backward => last,
                    None => 0,
                };
                self.section = Some(section);
                self.enter_block(key)
            }
            Err(error) => {
                self.section = None;
                self.meet_damage(error)
            }
        }
    }

    fn enter_block(&mut self, key: Option<&[u8]>) -> Result<(), StateError> {
        let Some(section) = &self.section else {
            return Ok(());
        };
        match self.run.block(section, self.block_index) {
            Ok(block) => {
                let last = block.count().saturating_sub(1);
                let near = key.map(|key| block.search(key).ok_or_else(|| self.run.wrong()));
                let at = near.transpose()?.map(|(at, _)| at);
                self.block = Some(block);
                match at {
                    // The key would stand behind the last of this block.
                    Some(at) if at > last => {
                        self.at = last;
                        match self.backward {
                            true => self.show(),
                            false => self.leave_block(),
                        }
                    }
                    Some(at) => {
                        self.at = at;
                        self.show()
                    }
                    None => {
                        self.at = if self.backward { last } else { 0 };
                        self.show()
                    }
                }
            }
            Err(error) => {
                self.block = None;
                self.meet_damage(error)
            }
        }
    }

    /// Tells of a block or section that can't be read before anything is told of keys that it may have.
    fn meet_damage(&mut self, error: StateError) -> Result<(), StateError> {
        if !matches!(error, StateError::Damaged { .. } | StateError::Io { .. }) {
            return Err(error);
        }
        let place = match self.backward {
            false => self.first_possible().max(&self.from).to_vec(),
            true => {
                let end = self.end();
                match &self.to {
                    Some(to) => to.min(&end).clone(),
                    None => end,
                }
            }
        };
        self.current = Current::Damaged(place, Some(error));
        Ok(())
    }

    /// No key of the block, or of the section that can't be read, is less than this.
    fn first_possible(&self) -> &[u8] {
        let in_section = self.section.as_ref();
        let separator = in_section.and_then(|section| section.separator(self.block_index));
        let separator = separator.unwrap_or_else(|| self.run.root.separator(self.section_index));
        // The first separator of a run says nothing.
        separator.max(&self.run.root.first_key)
    }

    /// Every key of it is less than this.
    fn end(&self) -> Vec<u8> {
        let in_section = self.section.as_ref();
        let next = in_section.and_then(|section| section.separator(self.block_index + 1));
        if let Some(next) = next {
            return next.to_vec();
        }
        let next = self.section_index + 1;
        match next < self.run.root.sections() {
            true => self.run.root.separator(next).to_vec(),
            false => [&self.run.root.last_key[..], &[0]].concat(),
        }
    }

    fn show(&mut self) -> Result<(), StateError> {
        let entry = self.block.as_ref().and_then(|block| block.entry(self.at));
        self.current = Current::Entry(entry.ok_or_else(|| self.run.wrong())?);
        Ok(())
    }

    fn leave_block(&mut self) -> Result<(), StateError> {
        let blocks = self.section.as_ref().map_or(0, Section::count);
        let next = match self.backward {
            true => self.block_index.checked_sub(1),
            false => Some(self.block_index + 1).filter(|next| *next < blocks),
        };
        if let Some(next) = next.filter(|_| self.section.is_some()) {
            self.block_index = next;
            return self.enter_block(None);
        }
        let next = match self.backward {
            true => self.section_index.checked_sub(1),
            false => Some(self.section_index + 1).filter(|next| *next < self.run.root.sections()),
        };
        match next {
            Some(next) => {
                self.section_index = next;
                self.enter_section(None)
            }
            None => {
                self.current = Current::End;
                Ok(())
            }
        }
    }

    fn key(&self) -> Option<&[u8]> {
        match (&self.current, &self.block) {
            (Current::Entry(entry), Some(block)) => Some(entry.key(block)),
            (Current::Damaged(place, _), _) => Some(place),
            _ => None,
        }
    }

    fn value(&self) -> Option<&[u8]> {
        match (&self.current, &self.block) {
            (Current::Entry(entry), Some(block)) => entry.value(block),
            _ => None,
        }
    }

    fn take_damage(&mut self) -> Option<StateError> {
        match &mut self.current {
            Current::Damaged(_, error) => error.take(),
            _ => None,
        }
    }

    fn advance(&mut self) -> Result<(), StateError> {
        let Some(block) = &self.block else {
            return self.leave_block();
        };
        let next = match self.backward {
            true => self.at.checked_sub(1),
            false => Some(self.at + 1).filter(|next| *next < block.count()),
        };
        match next {
            Some(next) => {
                self.at = next;
                self.show()
            }
            None => self.leave_block(),
        }
    }
}

/// One of several that are gone through at once.
pub(super) enum Cursor<'a> {
    Memory(MemoryCursor<'a>),
    Run(Box<RunCursor<'a>>),
}

impl Cursor<'_> {
    fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Memory(memory) => memory.key(),
            Self::Run(run) => run.key(),
        }
    }

    fn value(&self) -> Option<&[u8]> {
        match self {
            Self::Memory(memory) => memory.value(),
            Self::Run(run) => run.value(),
        }
    }

    fn is_damaged(&self) -> bool {
        matches!(self, Self::Run(run) if matches!(run.current, Current::Damaged(..)))
    }

    fn take_damage(&mut self) -> Option<StateError> {
        match self {
            Self::Memory(_) => None,
            Self::Run(run) => run.take_damage(),
        }
    }

    fn advance(&mut self) -> Result<(), StateError> {
        match self {
            Self::Memory(memory) => {
                memory.advance();
                Ok(())
            }
            Self::Run(run) => run.advance(),
        }
    }
}

/// Goes through several at once: of equal keys only that of the first source counts.
pub(super) struct Merged<'a> {
    /// Those that have an entry, the one whose turn it is first; with their rank among the sources.
    sources: Vec<(usize, Cursor<'a>)>,
    backward: bool,
}

/// What is told of a key: its value, `None` if it is deleted, or that something at it can't be read.
pub(super) type Told<'a> = Result<Option<&'a [u8]>, StateError>;

impl<'a> Merged<'a> {
    /// The newest source first.
    pub(super) fn new(sources: Vec<Cursor<'a>>, backward: bool) -> Self {
        let mut sources: Vec<_> = sources.into_iter().enumerate().collect();
        sources.retain(|(_, cursor)| cursor.key().is_some());
        let mut merged = Self { sources, backward };
        let backward = merged.backward;
        merged.sources.sort_by(|a, b| order(a, b, backward));
        merged
    }

    /// Visits what is left, deleted keys too.
    pub(super) fn visit(
        mut self,
        visit: &mut dyn FnMut(&[u8], Told<'_>) -> ControlFlow<()>,
    ) -> Result<(), StateError> {
        while let Some((_, first)) = self.sources.first_mut() {
            let damage = first.take_damage();
            let Some(key) = first.key() else {
                return Ok(());
            };
            let is_damage = damage.is_some();
            let flow = match damage {
                Some(error) => visit(key, Err(error)),
                None => visit(key, Ok(first.value())),
            };
            if flow.is_break() {
                return Ok(());
            }
            let mut equal = 1;
            if !is_damage {
                let (first, others) = self.sources.split_at(1);
                let is_equal = |other: &&(usize, Cursor<'_>)| {
                    !other.1.is_damaged() && other.1.key() == first[0].1.key()
                };
                equal += others.iter().take_while(is_equal).count();
            }
            // From behind, so that those before keep their places.
            for index in (0..equal).rev() {
                self.advance(index)?;
            }
        }
        Ok(())
    }

    fn advance(&mut self, index: usize) -> Result<(), StateError> {
        self.sources[index].1.advance()?;
        if self.sources[index].1.key().is_none() {
            self.sources.remove(index);
            return Ok(());
        }
        let mut at = index;
        while at + 1 < self.sources.len()
            && order(&self.sources[at], &self.sources[at + 1], self.backward) == Ordering::Greater
        {
            self.sources.swap(at, at + 1);
            at += 1;
        }
        Ok(())
    }
}

/// By key, and a newer source before an older one. What is damaged comes before everything that it may hide: going forward
/// that begins at its key, going backward it ends before its key.
fn order(a: &(usize, Cursor<'_>), b: &(usize, Cursor<'_>), backward: bool) -> Ordering {
    let keys = match backward {
        false => a.1.key().cmp(&b.1.key()),
        true => b.1.key().cmp(&a.1.key()),
    };
    let damaged = || match backward {
        false => b.1.is_damaged().cmp(&a.1.is_damaged()),
        true => a.1.is_damaged().cmp(&b.1.is_damaged()),
    };
    keys.then_with(damaged).then_with(|| a.0.cmp(&b.0))
}
