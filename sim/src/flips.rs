//! Flipped bits in the files of a stopped store: verification names the file, or nothing depends on the byte; and whoever
//! opens the damaged files gets an error or what is right.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::ops::ControlFlow;

use anyhow::{Context, Result, bail, ensure};
use headwater_changelog::Entry;
use headwater_changelog::testing::{Part, part};
use headwater_engine::{Database, Direction};
use headwater_model::Sequence;

use crate::machine::{Machine, Verdict};
use crate::world::{MAIN, scan};

/// Bytes that are tried for one that says something.
const LOOKS: u64 = 12;
const STATE_PAGE_BYTES: usize = 4096;
/// What stands in front of everything else in the state: two heads, each of them twice.
const STATE_HEADS_BYTES: usize = 4 * STATE_PAGE_BYTES;
const LOG_FILE: &str = "log file ";

/// What flipping bits gave.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flips {
    /// Found by verification, in the right file.
    pub found: usize,
    /// Of them in the state.
    pub found_in_state: usize,
    /// Taken for a group that a crash cut short, and cut off as one.
    pub taken_for_torn: usize,
    /// In bytes on which nothing depends.
    pub idle: usize,
    /// Damaged stores that opened, with everything right.
    pub opened: usize,
}

impl Flips {
    /// Adds others.
    pub fn add(&mut self, other: Flips) {
        self.found += other.found;
        self.found_in_state += other.found_in_state;
        self.taken_for_torn += other.taken_for_torn;
        self.idle += other.idle;
        self.opened += other.opened;
    }
}

/// A byte and what it is changed by.
#[derive(Clone, Debug)]
struct Flip {
    /// `None` is the state.
    file: Option<String>,
    offset: usize,
    mask: u8,
    part: Part,
}

/// Flips some bits of a stopped store, one at a time, in copies of it.
///
/// # Errors
/// Damage that nobody found, or that made something wrong of what is there.
pub(crate) async fn run(machine: &Machine, count: u64) -> Result<Flips> {
    let mut flips = Flips::default();
    let verdict = machine.verify()?;
    ensure!(verdict.is_clean(), "before any bit is flipped: {verdict:?}");
    let mut whole = machine.copy()?;
    let right = Right::of(whole.open().context("a copy without damage")?).await?;
    for _ in 0..count {
        let Some(flip) = choose(machine)? else {
            continue;
        };
        let checked = check(machine, &right, &verdict, &flip, &mut flips).await;
        checked.with_context(|| format!("{flip:?}"))?;
    }
    Ok(flips)
}

fn choose(machine: &Machine) -> Result<Option<Flip>> {
    let rng = &machine.second_rng;
    let mask = 1 << rng.below(8);
    if rng.below(3) == 0 {
        return Ok(choose_in_state(machine, mask));
    }
    let names: Vec<String> = machine.files.sizes().into_keys().collect();
    let mut chosen = None;
    for _ in 0..LOOKS {
        let name = &names[rng.below(names.len() as u64) as usize];
        let bytes = machine.files.contents(name).unwrap_or_default();
        if bytes.is_empty() {
            continue;
        }
        let offset = rng.below(bytes.len() as u64) as usize;
        let part = part(&machine.files, machine.log_key().as_ref(), name, offset)?;
        // A file does not grow shorter by a last byte that becomes zero.
        let mask = if bytes[offset] == mask { 0xff } else { mask };
        chosen = Some(Flip {
            file: Some(name.clone()),
            offset,
            mask,
            part,
        });
        if part != Part::Idle {
            break;
        }
    }
    Ok(chosen)
}

/// Prefers pages that hold something.
fn choose_in_state(machine: &Machine, mask: u8) -> Option<Flip> {
    let rng = &machine.second_rng;
    let bytes = machine
        .state_bytes()
        .ok()
        .filter(|bytes| !bytes.is_empty())?;
    let mut offset = 0;
    for _ in 0..LOOKS {
        offset = rng.below(bytes.len() as u64) as usize;
        let page = offset / STATE_PAGE_BYTES * STATE_PAGE_BYTES;
        let page = &bytes[page..bytes.len().min(page + STATE_PAGE_BYTES)];
        if page.iter().any(|byte| *byte != 0) {
            break;
        }
    }
    Some(Flip {
        file: None,
        offset,
        mask,
        part: Part::Idle,
    })
}

async fn check(
    machine: &Machine,
    right: &Right,
    before: &Verdict,
    flip: &Flip,
    flips: &mut Flips,
) -> Result<()> {
    let mut damaged = machine.copy()?;
    let exists = match &flip.file {
        Some(name) => damaged.files.flip(name, flip.offset, flip.mask),
        None => damaged.disk.flip(flip.offset, flip.mask),
    };
    ensure!(exists, "there is no such byte");
    let verdict = damaged.verify()?;
    let is_found = match &flip.file {
        Some(name) => verdict.names(&format!("{LOG_FILE}{name} ")),
        None => verdict.places().any(|place| !place.starts_with(LOG_FILE)),
    };
    let mut cut_from = None;
    match flip.part {
        _ if is_found => {
            flips.found += 1;
            flips.found_in_state += usize::from(flip.file.is_none());
        }
        _ if !verdict.is_clean() && flip.part == Part::Counts => {
            bail!("the damage is found in another place: {verdict:?}")
        }
        Part::Counts => bail!("nobody finds the damage: {verdict:?}"),
        Part::Tail(first) => {
            ensure!(
                verdict.torn_bytes() > before.torn_bytes() || !verdict.is_clean(),
                "nobody tells that something was cut short: {verdict:?}"
            );
            cut_from = Some(first);
            flips.taken_for_torn += 1;
        }
        Part::Idle => {
            if flip.file.is_none() {
                ensure!(verdict.is_clean(), "the state is named as: {verdict:?}");
                check_same_state(machine, &damaged, flip.offset)?;
            }
            flips.idle += 1;
        }
    }
    // Found or not, nothing that was never written may be given out.
    match damaged.open() {
        Ok(database) => right
            .check(database, cut_from)
            .await
            .map(|()| flips.opened += 1),
        Err(error) => {
            let must_open = !is_found && verdict.is_clean();
            ensure!(!must_open, "verification finds nothing, and yet: {error:#}");
            Ok(())
        }
    }
}

/// A byte of the state that no check covers holds nothing: all that can be read is the same. A change of the newest head, of
/// which a crash left one copy, may bring back the checkpoint before, which the log brings up to date.
fn check_same_state(machine: &Machine, damaged: &Machine, offset: usize) -> Result<()> {
    let (whole, other) = (content(machine)?, content(damaged)?);
    let is_older = offset < STATE_HEADS_BYTES && other.0 < whole.0;
    ensure!(
        is_older || whole == other,
        "the state holds something else, and nobody finds it: {} keys at {} instead of {} at {}",
        other.1.len(),
        other.0,
        whole.1.len(),
        whole.0
    );
    Ok(())
}

type Content = (u64, Vec<(Vec<u8>, Vec<u8>)>);

/// Position and everything that the state holds.
fn content(machine: &Machine) -> Result<Content> {
    let state = machine.read_state()?;
    let snapshot = state.snapshot();
    let mut all = Vec::new();
    snapshot.scan(
        Bound::Unbounded,
        Bound::Unbounded,
        Direction::Forward,
        &mut |key, value| {
            all.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        },
    )?;
    Ok((snapshot.position(), all))
}

/// What a store without damage gives.
struct Right {
    after: Sequence,
    entries: Vec<Entry>,
}

impl Right {
    async fn of(database: Database) -> Result<Self> {
        let after = Sequence(database.log().oldest().0.saturating_sub(1));
        let entries: Result<Vec<Entry>, _> = database.log().read_from(after).collect();
        let right = Right {
            after,
            entries: entries.context("a copy without damage")?,
        };
        ensure!(items(&database)?.is_some(), "a table is missing");
        right.check(database, None).await?;
        Ok(right)
    }

    /// Compares what a database gives, and closes it. `cut_from` is where the log may end.
    async fn check(&self, database: Database, cut_from: Option<Sequence>) -> Result<()> {
        let compared = self.compare(&database, cut_from);
        let poisoned = database.log().poisoned();
        crate::campaign::close(database).await?;
        ensure!(
            !poisoned
                .as_ref()
                .is_some_and(|why| why.contains("panicked")),
            "{poisoned:?}"
        );
        compared
    }

    fn compare(&self, database: &Database, cut_from: Option<Sequence>) -> Result<()> {
        let cut = |entry: &&Entry| cut_from.is_none_or(|from| entry.first < from);
        let kept = self.entries.iter().take_while(cut).count();
        let mut entries = database.log().read_from(self.after);
        let read: Vec<Entry> = entries.by_ref().map_while(Result::ok).collect();
        let ended = read.last().map_or(self.after, Entry::last) >= database.log().durable();
        ensure!(
            self.entries.starts_with(&read),
            "the log gives {} entries, and others than were written",
            read.len()
        );
        ensure!(
            !ended || read.len() == self.entries.len() || read.len() == kept,
            "the log gives {} entries of {}, {kept} of them safe",
            read.len(),
            self.entries.len()
        );
        let Ok(table) = database.table("", MAIN) else {
            return Ok(());
        };
        // The items are those of the log's end, wherever that is.
        let last = database.log().durable();
        let mut right: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
        for entry in self.entries.iter().take_while(|entry| entry.last() <= last) {
            for change in entry
                .changes
                .iter()
                .filter(|change| change.table == table.id())
            {
                match &change.new {
                    Some(new) => right.insert(&change.key, new),
                    None => right.remove(&change.key[..]),
                };
            }
        }
        if let Some(found) = items(database)? {
            let mut right: Vec<Vec<u8>> = right.into_values().map(<[u8]>::to_vec).collect();
            right.sort();
            ensure!(
                found == right,
                "the table holds other items than were written"
            );
        }
        Ok(())
    }
}

/// The items of the main table, in some order; `None` if they can't be read.
fn items(database: &Database) -> Result<Option<Vec<Vec<u8>>>> {
    let Ok(table) = database.table("", MAIN) else {
        return Ok(None);
    };
    let Ok(items) = scan(database, &table, None, Direction::Forward) else {
        return Ok(None);
    };
    let mut items: Vec<Vec<u8>> = items.iter().map(|item| item.bytes().to_vec()).collect();
    items.sort();
    Ok(Some(items))
}
