//! What clients attempted, what they were told, and what they saw: everything that must be explained by the
//! stream afterwards.

use std::collections::BTreeMap;

use headwater_model::Sequence;
use parking_lot::Mutex;

/// What an attempt does to each of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Puts an item with this `v`.
    Put(i64),
    /// Adds to `v`.
    Add(i64),
    /// Removes the item.
    Delete,
}

/// What became of an attempt, as far as its client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// No answer, or a failure that leaves it open.
    Open,
    /// Acknowledged as a change; the number is the new `v` of an addition, or the mark of the removed item.
    Acknowledged(Option<i64>),
    /// Acknowledged without a change, or refused: the stream has nothing of it.
    Nothing,
}

/// One attempt to write.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The keys, in the order of the command.
    pub keys: Vec<String>,
    /// What it does.
    pub deed: Deed,
    /// The mark of the item that it must have replaced, if its condition says so; `Some(None)` is no item.
    pub expected_old: Option<Option<i64>>,
    /// How far the log was durable before it was sent.
    pub durable_before: Sequence,
    /// What its client was told.
    pub fate: Fate,
    /// When it was sent, in ticks of the ledger.
    pub sent: u64,
    /// When its answer was there.
    pub answered: Option<u64>,
}

impl Attempt {
    /// An attempt that is about to be sent.
    pub fn new(keys: &[&str], deed: Deed) -> Self {
        Attempt {
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            deed,
            expected_old: None,
            durable_before: Sequence::ZERO,
            fate: Fate::Open,
            sent: 0,
            answered: None,
        }
    }
}

/// A read of one key: the mark of the item that was there, or none.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The key.
    pub key: String,
    /// The mark of the item that was seen.
    pub mark: Option<i64>,
    /// Everything durable before the read; it must not miss any of it.
    pub from: Sequence,
    /// How far the log was durable after the read; it must not show anything later.
    pub to: Sequence,
    /// When it was sent, in ticks of the ledger: it must show what was acknowledged by then.
    pub sent: u64,
}

/// All attempts and sightings since the store was made. The mark of an attempt is its number.
#[derive(Default)]
pub struct Ledger {
    book: Mutex<Book>,
}

/// The contents of a [`Ledger`].
#[derive(Clone, Default)]
pub struct Book {
    /// Attempts by mark.
    pub attempts: BTreeMap<i64, Attempt>,
    /// Reads since the last reopening.
    pub sightings: Vec<Sighting>,
    /// What clients saw that can't be right, a sentence each.
    pub violations: Vec<String>,
    /// Whether a client was told since the last reopening that the log takes no more.
    pub failed: bool,
    last_mark: i64,
    tick: u64,
}

impl Book {
    fn tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }
}

impl Ledger {
    /// Notes an attempt before it is sent; gives its mark.
    pub fn attempt(&self, mut attempt: Attempt) -> i64 {
        let mut book = self.book.lock();
        book.last_mark += 1;
        let mark = book.last_mark;
        attempt.sent = book.tick();
        book.attempts.insert(mark, attempt);
        mark
    }

    /// The time now, in ticks that every note moves on.
    pub fn tick(&self) -> u64 {
        self.book.lock().tick()
    }

    /// Notes the answer to an attempt. `late` says that the log had failed before it was sent.
    pub fn answered(&self, mark: i64, fate: Fate, late: bool) {
        let mut book = self.book.lock();
        if late && matches!(fate, Fate::Acknowledged(_)) {
            book.violations.push(format!(
                "attempt {mark} was acknowledged after the log had failed"
            ));
        }
        let tick = book.tick();
        if let Some(attempt) = book.attempts.get_mut(&mark) {
            attempt.fate = fate;
            attempt.answered.get_or_insert(tick);
        }
    }

    /// Notes a read.
    pub fn saw(&self, sighting: Sighting) {
        self.book.lock().sightings.push(sighting);
    }

    /// Notes something that can't be right.
    pub fn violation(&self, what: String) {
        self.book.lock().violations.push(what);
    }

    /// Notes that the log takes no more.
    pub fn log_failed(&self) {
        self.book.lock().failed = true;
    }

    /// Whether the log was seen to take no more.
    pub fn has_log_failed(&self) -> bool {
        self.book.lock().failed
    }

    /// The contents, for the checks after a reopening, which begin a new round of reads.
    pub fn turn_page(&self) -> Book {
        let mut book = self.book.lock();
        book.failed = false;
        let sightings = std::mem::take(&mut book.sightings);
        Book {
            sightings,
            ..book.clone()
        }
    }

    /// Acknowledged changes so far.
    pub fn acknowledged(&self) -> usize {
        let book = self.book.lock();
        let fates = book.attempts.values().map(|attempt| attempt.fate);
        fates
            .filter(|fate| matches!(fate, Fate::Acknowledged(_)))
            .count()
    }
}
