//! The stream, read from its beginning, as the explanation of everything: each record follows from the one before
//! it and from one attempt, each acknowledged attempt is there once, each read saw what it had to.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context, Result, ensure};
use headwater_changelog::ChangeKind;
use headwater_model::Sequence;

use crate::ledger::{Attempt, Book, Deed, Fate, Sighting};

/// An item in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The attempt that wrote it.
    pub mark: i64,
    /// What additions count in.
    pub value: i64,
    /// All of it, in a form in which equal items are equal.
    pub whole: Vec<u8>,
}

/// A stream record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamedChange {
    /// The shard, by its id.
    pub shard: String,
    /// Its sequence number.
    pub sequence: Sequence,
    /// The item's key.
    pub key: String,
    /// Insert, modify or remove.
    pub kind: ChangeKind,
    /// The item before.
    pub old: Option<Image>,
    /// The item after.
    pub new: Option<Image>,
}

/// What the stream makes of the table.
#[derive(Clone, Debug, Default)]
pub struct Explained {
    /// The items, by key.
    pub items: BTreeMap<String, Image>,
    /// How many attempts of several items there are.
    pub of_several: i64,
}

/// One value of a key, from its record on.
struct Version {
    mark: Option<i64>,
    since: Sequence,
    /// When the attempt that made it was sent and answered.
    sent: u64,
    answered: Option<u64>,
}

type Versions = HashMap<String, Vec<Version>>;

/// Checks the whole stream against what clients attempted, were told and saw.
///
/// # Errors
/// The first thing that does not fit.
pub fn explain(records: &[StreamedChange], book: &Book) -> Result<Explained> {
    if let Some(violation) = book.violations.first() {
        anyhow::bail!("{violation}");
    }
    let mut sorted: Vec<&StreamedChange> = records.iter().collect();
    sorted.sort_by_key(|record| record.sequence);
    for pair in sorted.windows(2) {
        ensure!(
            pair[0].sequence < pair[1].sequence,
            "sequence {} is there twice",
            pair[0].sequence
        );
    }
    let items = replay(&sorted)?;
    let makers = Makers::find(&sorted, book)?;
    makers.check_acknowledged(book)?;
    check_order(&sorted, &makers, book)?;
    let versions = versions(&sorted, &makers, book);
    for sighting in &book.sightings {
        check_sighting(sighting, &versions)?;
    }
    Ok(Explained {
        items,
        of_several: makers.of_several(book),
    })
}

/// Each record goes on from the image that the record before it left.
fn replay(sorted: &[&StreamedChange]) -> Result<BTreeMap<String, Image>> {
    let mut items: BTreeMap<String, Image> = BTreeMap::new();
    for record in sorted {
        let before = match &record.new {
            Some(new) => items.insert(record.key.clone(), new.clone()),
            None => items.remove(&record.key),
        };
        ensure!(
            before == record.old,
            "the record {} of {} goes on from {:?}, but the item was {:?}",
            record.sequence,
            record.key,
            record.old.as_ref().map(|image| image.mark),
            before.as_ref().map(|image| image.mark)
        );
        let kind = match (&record.old, &record.new) {
            (None, Some(_)) => ChangeKind::Insert,
            (Some(_), Some(_)) => ChangeKind::Modify,
            _ => ChangeKind::Remove,
        };
        ensure!(
            kind == record.kind,
            "the record {} says {:?} and shows {kind:?}",
            record.sequence,
            record.kind
        );
    }
    Ok(items)
}

/// Which attempt made each record.
struct Makers {
    /// By sequence number; removals of unanswered attempts have none.
    of_record: HashMap<Sequence, i64>,
    records_of: HashMap<i64, Vec<Sequence>>,
}

impl Makers {
    fn find(sorted: &[&StreamedChange], book: &Book) -> Result<Self> {
        let removals = acknowledged_removals(book);
        let mut makers = Makers {
            of_record: HashMap::new(),
            records_of: HashMap::new(),
        };
        let mut removed: HashMap<&str, (u64, u64)> = HashMap::new();
        for record in sorted {
            let maker = match (&record.new, &record.old) {
                (Some(new), _) => {
                    let attempt = book.attempts.get(&new.mark);
                    let attempt = attempt.with_context(|| {
                        format!("record {} shows an unknown attempt", record.sequence)
                    })?;
                    check_deed(record, new, attempt)?;
                    Some(new.mark)
                }
                (None, Some(old)) => {
                    let maker = removals.get(&(record.key.as_str(), old.mark)).copied();
                    let counts = removed.entry(&record.key).or_default();
                    match maker {
                        Some(_) => counts.0 += 1,
                        None => counts.1 += 1,
                    }
                    maker
                }
                (None, None) => anyhow::bail!("record {} shows nothing", record.sequence),
            };
            if let Some(maker) = maker {
                makers.of_record.insert(record.sequence, maker);
                makers
                    .records_of
                    .entry(maker)
                    .or_default()
                    .push(record.sequence);
            }
        }
        for (key, (_, unexplained)) in removed {
            let open = book.attempts.values().filter(|attempt| {
                attempt.deed == Deed::Delete
                    && attempt.fate == Fate::Open
                    && attempt.keys.iter().any(|of| of == key)
            });
            let open = open.count() as u64;
            ensure!(
                unexplained <= open,
                "{key} was removed {unexplained} times by {open} unanswered attempts"
            );
        }
        Ok(makers)
    }

    /// Acknowledged: each key once. Without an answer: whole or not at all. Refused: not at all.
    fn check_acknowledged(&self, book: &Book) -> Result<()> {
        for (mark, attempt) in &book.attempts {
            let found = self.records_of.get(mark).map_or(&[][..], Vec::as_slice);
            let whole = attempt.keys.len();
            let fits = match attempt.fate {
                Fate::Acknowledged(_) => found.len() == whole,
                Fate::Nothing => found.is_empty(),
                Fate::Open => found.is_empty() || found.len() == whole,
            };
            ensure!(
                fits,
                "attempt {mark} ({attempt:?}) has {} records: {found:?}",
                found.len()
            );
            // One entry of the log, so one number after the other.
            let neighbours = found.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1);
            ensure!(
                neighbours,
                "attempt {mark} is spread over the log: {found:?}"
            );
            let early = found
                .first()
                .filter(|first| **first <= attempt.durable_before);
            ensure!(
                early.is_none(),
                "attempt {mark} stands before what was durable when it was sent: {found:?}"
            );
        }
        Ok(())
    }

    fn of_several(&self, book: &Book) -> i64 {
        let several = |mark: &&i64| {
            book.attempts
                .get(mark)
                .is_some_and(|attempt| attempt.keys.len() > 1)
        };
        self.records_of.keys().filter(several).count() as i64
    }
}

/// Acknowledged deletes, by the key and by the mark of the item that they removed.
fn acknowledged_removals(book: &Book) -> HashMap<(&str, i64), i64> {
    let mut removals = HashMap::new();
    for (mark, attempt) in &book.attempts {
        if let (Deed::Delete, Fate::Acknowledged(Some(removed))) = (attempt.deed, attempt.fate)
            && let Some(key) = attempt.keys.first()
        {
            removals.insert((key.as_str(), removed), *mark);
        }
    }
    removals
}

/// The record shows what the attempt was to do, and what its client was told.
fn check_deed(record: &StreamedChange, new: &Image, attempt: &Attempt) -> Result<()> {
    let place = attempt.keys.iter().position(|key| *key == record.key);
    ensure!(
        place.is_some(),
        "attempt {} wrote {}, which it had not named",
        new.mark,
        record.key
    );
    let before = record.old.as_ref().map_or(0, |image| image.value);
    let expected = match attempt.deed {
        Deed::Put(value) => value,
        Deed::Add(by) => before + by,
        Deed::Delete => anyhow::bail!("attempt {} was a delete, and wrote", new.mark),
    };
    ensure!(
        new.value == expected,
        "attempt {} made {} of {before}, not {expected}",
        new.mark,
        new.value
    );
    if let Fate::Acknowledged(Some(told)) = attempt.fate {
        ensure!(
            told == new.value,
            "attempt {} was told {told}, the record says {}",
            new.mark,
            new.value
        );
    }
    if let Some(expected_old) = attempt.expected_old {
        let old = record.old.as_ref().map(|image| image.mark);
        ensure!(
            old == expected_old,
            "attempt {} replaced {old:?} on the condition that it is {expected_old:?}",
            new.mark
        );
    }
    Ok(())
}

/// What was acknowledged before another attempt was sent stands before it.
fn check_order(sorted: &[&StreamedChange], makers: &Makers, book: &Book) -> Result<()> {
    let mut earliest_answer_after = u64::MAX;
    for record in sorted.iter().rev() {
        let Some(attempt) = makers
            .of_record
            .get(&record.sequence)
            .and_then(|mark| book.attempts.get(mark))
        else {
            continue;
        };
        ensure!(
            attempt.sent < earliest_answer_after,
            "the record {} of {} stands before one that was acknowledged before it was sent",
            record.sequence,
            record.key
        );
        if let Some(answered) = attempt.answered {
            earliest_answer_after = earliest_answer_after.min(answered);
        }
    }
    Ok(())
}

fn versions(sorted: &[&StreamedChange], makers: &Makers, book: &Book) -> Versions {
    let mut versions = Versions::new();
    let keys: HashSet<&String> = sorted
        .iter()
        .map(|record| &record.key)
        .chain(book.sightings.iter().map(|sighting| &sighting.key))
        .collect();
    for key in keys {
        let first = Version {
            mark: None,
            since: Sequence::ZERO,
            sent: 0,
            answered: Some(0),
        };
        versions.insert(key.clone(), vec![first]);
    }
    for record in sorted {
        let maker = makers.of_record.get(&record.sequence);
        let attempt = maker.and_then(|mark| book.attempts.get(mark));
        let version = Version {
            mark: record.new.as_ref().map(|image| image.mark),
            since: record.sequence,
            sent: attempt.map_or(0, |attempt| attempt.sent),
            answered: attempt.and_then(|attempt| attempt.answered),
        };
        versions
            .entry(record.key.clone())
            .or_default()
            .push(version);
    }
    versions
}

/// A read shows a value that was current at some moment between its beginning and its end.
fn check_sighting(sighting: &Sighting, versions: &Versions) -> Result<()> {
    let all = versions.get(&sighting.key).map_or(&[][..], Vec::as_slice);
    let mut known = false;
    for (index, version) in all.iter().enumerate() {
        if version.mark != sighting.mark {
            continue;
        }
        known = true;
        let next = all.get(index + 1);
        let replaced_before = next.is_some_and(|next| {
            next.since <= sighting.from
                || next
                    .answered
                    .is_some_and(|answered| answered < sighting.sent)
        });
        if !replaced_before && version.since <= sighting.to {
            return Ok(());
        }
    }
    let near = all.partition_point(|version| version.since <= sighting.to);
    let history: Vec<String> = all[near.saturating_sub(6)..all.len().min(near + 3)]
        .iter()
        .map(|version| {
            format!(
                "{:?} since {} (sent {}, answered {:?})",
                version.mark, version.since.0, version.sent, version.answered
            )
        })
        .collect();
    ensure!(
        known,
        "{sighting:?} shows a value that the stream does not know: {history:#?}"
    );
    anyhow::bail!("{sighting:?} shows a value that was not current then: {history:#?}")
}
