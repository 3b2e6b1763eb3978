//! Verifying a store: the log by itself, the state by itself, the catalog, and each against the others.
//!
//! One run serves a stopped folder and a running server. The log is read first, up to the position that the
//! state had when that began; then the state is compared and scanned in batches, each from a snapshot of its
//! own, so that no snapshot is held for long. Where writes went on meanwhile, the log between two positions says
//! what they changed: what differs after that is damage.
//!
//! What a table has besides its items, such as index entries, would be one more check beside [`scan`] and
//! [`compare`], over the same batches.

mod catalog;
mod compare;
mod history;
mod indexes;
mod live;
mod progress;
mod report;
mod scan;
mod source;
mod stopped;
mod unreadable;

pub(crate) use live::Verification;
pub use live::{VerificationEnd, VerificationRunning, VerificationStatus};
pub use progress::Progress;
pub use report::{Finding, Verified};
pub use stopped::verify;

use std::ops::ControlFlow;

use headwater_changelog::{Entry, LogError, LogVisitor};
use headwater_model::Sequence;

use crate::error::EngineError;
use crate::features::Unknown;
use catalog::Known;
use compare::LastValues;
use history::History;
use source::Source;

/// Runs all checks. What ends them before their end is one more finding, if it is damage.
fn run(source: &dyn Source, progress: &Progress) -> Result<Verified, EngineError> {
    let mut verified = Verified {
        live: source.is_live(),
        ..Verified::default()
    };
    let checked = check(source, progress, &mut verified);
    unreadable::or_finding(checked, &mut verified)?;
    Ok(verified)
}

fn check(
    source: &dyn Source,
    progress: &Progress,
    verified: &mut Verified,
) -> Result<(), EngineError> {
    let snapshot = source.snapshot();
    let applied = Sequence(snapshot.position());
    verified.applied = applied;
    // What can't be read is found below.
    let unknown = Unknown::of_state(snapshot.as_ref()).unwrap_or_default();
    unknown.refuse()?;
    let known = Known::load(snapshot.as_ref(), verified);
    drop(snapshot);
    progress.expect_more(known.bytes);

    let mut read = Reading {
        progress,
        applied,
        history: History::new(&known),
        last: LastValues::new(Vec::new(), source.pass_bytes_max()),
        unknown: Unknown::default(),
    };
    let report = source.check_log(&mut read)?;
    read.unknown.refuse()?;
    verified.take_log(&report);
    source.check_reach(&report, applied, verified);
    read.history.finish(&known, verified);
    if report.is_clean() {
        compare_all(source, progress, &known, read.last, verified)?;
    } else {
        verified.not_compared = true;
    }
    scan::run(source, progress, &known, verified)?;
    progress.complete();
    Ok(())
}

/// The first reading of the log.
struct Reading<'a> {
    progress: &'a Progress,
    applied: Sequence,
    history: History<'a>,
    last: LastValues,
    unknown: Unknown,
}

impl LogVisitor for Reading<'_> {
    fn block(&mut self, stored_bytes: u64) -> ControlFlow<()> {
        self.progress.advance(stored_bytes)
    }

    fn entry(&mut self, entry: &Entry) {
        self.unknown.entry(entry);
        self.history.items(entry);
        // What the state does not have yet, its catalog need not know either.
        if entry.last() <= self.applied {
            self.history.records(entry);
            self.last.entry(entry);
        }
    }

    fn gap(&mut self) {
        self.history.forget_items();
        self.last.forget();
    }
}

/// Compares the last values with the state; a log of more keys than are held at once is read again for each part
/// of them.
fn compare_all(
    source: &dyn Source,
    progress: &Progress,
    known: &Known,
    first: LastValues,
    verified: &mut Verified,
) -> Result<(), EngineError> {
    let (mut part, mut applied) = (first, verified.applied);
    loop {
        let next = part.until().map(<[u8]>::to_vec);
        compare::with_state(source, progress, known, (part, applied), verified)?;
        let Some(from) = next else {
            return Ok(());
        };
        progress.expect_more(verified.log_bytes);
        applied = Sequence(source.snapshot().position());
        let mut again = Again {
            progress,
            applied,
            last: LastValues::new(from, source.pass_bytes_max()),
        };
        source.check_log(&mut again)?;
        part = again.last;
    }
}

/// A further reading, for a part of the keys.
struct Again<'a> {
    progress: &'a Progress,
    applied: Sequence,
    last: LastValues,
}

impl LogVisitor for Again<'_> {
    fn block(&mut self, stored_bytes: u64) -> ControlFlow<()> {
        self.progress.advance(stored_bytes)
    }

    fn entry(&mut self, entry: &Entry) {
        if entry.last() <= self.applied {
            self.last.entry(entry);
        }
    }

    fn gap(&mut self) {
        self.last.forget();
    }
}

/// The run was told to end.
fn ended() -> EngineError {
    EngineError::Log(LogError::Closed)
}

#[cfg(test)]
mod tests;
