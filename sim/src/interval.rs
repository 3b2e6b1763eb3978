//! Durability `interval`: a power loss may take the end of the log, acknowledged or not, but nothing from its middle,
//! and table, stream and counts agree on what is left.

use std::collections::HashSet;

use anyhow::{Result, ensure};

use crate::history::StreamedChange;
use crate::ledger::{Attempt, Book, Deed, Fate};

/// Takes what a power loss took out of the book.
///
/// # Errors
/// If something was lost though an attempt that was sent after its acknowledgement is there.
pub(crate) fn forget_lost_end(book: &mut Book, records: &[StreamedChange]) -> Result<usize> {
    // What clients saw may be gone too.
    book.sightings.clear();
    let written: HashSet<i64> = records
        .iter()
        .filter_map(|record| record.new.as_ref().map(|new| new.mark))
        .collect();
    let removed: HashSet<(&str, i64)> = records
        .iter()
        .filter(|record| record.new.is_none())
        .filter_map(|record| Some((record.key.as_str(), record.old.as_ref()?.mark)))
        .collect();
    let is_there = |mark: i64, attempt: &Attempt| match (attempt.deed, attempt.fate) {
        (Deed::Delete, Fate::Acknowledged(Some(old))) => attempt
            .keys
            .first()
            .is_some_and(|key| removed.contains(&(key.as_str(), old))),
        _ => written.contains(&mark),
    };
    let lost: Vec<i64> = book
        .attempts
        .iter()
        .filter(|(mark, attempt)| {
            matches!(attempt.fate, Fate::Acknowledged(_)) && !is_there(**mark, attempt)
        })
        .map(|(mark, _)| *mark)
        .collect();
    let first_lost = lost
        .iter()
        .filter_map(|mark| book.attempts.get(mark)?.answered)
        .min()
        .unwrap_or(u64::MAX);
    for (mark, attempt) in &book.attempts {
        ensure!(
            attempt.sent < first_lost || !is_there(*mark, attempt),
            "attempt {mark} is there, but one that was acknowledged before it was sent is lost"
        );
    }
    for mark in &lost {
        if let Some(attempt) = book.attempts.get_mut(mark) {
            attempt.fate = Fate::Open;
            attempt.answered = None;
        }
    }
    Ok(lost.len())
}
