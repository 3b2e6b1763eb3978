//! What a command does to its items, decided within bounds: of the steps of its conditions, and of the bytes that it makes.
//!
//! Where that may take long it is done before the latches are taken, in view of the items as they are then, while others
//! get the thread in between. Under the latches it stands for the items that are still the same.

use headwater_expression::Steps;
use headwater_model::{EncodedItem, limits};

use crate::command::{Action, Command, ItemCommand, Outcome, Refusal};
use crate::decide::{Decided, Decision, decide, decide_entries};
use crate::error::EngineError;
use crate::index::Indexes;

/// Steps that the conditions of a command may take together, about 0.2 s: comparing all values of a hundred of the largest
/// items takes less.
const STEPS_MAX: u64 = 32 << 20;
/// Bytes of items that are gone through under latches, each as often as a condition, an update and the indexes do.
const LATCHED_BYTES_MAX: usize = 4 << 20;

/// The decisions of a command.
pub(crate) struct Decisions {
    /// Of the first item commands.
    decided: Vec<InView>,
    steps: Steps,
}

/// A decision in view of an item.
struct InView {
    seen: Option<EncodedItem>,
    decision: Decision,
    /// The indexes whose entries are in it.
    indexes: Option<Indexes>,
}

impl Decisions {
    /// None yet.
    pub(crate) fn new() -> Self {
        Decisions {
            decided: Vec::new(),
            steps: Steps::new(STEPS_MAX),
        }
    }

    /// Decides what is not decided, or was in view of other items.
    ///
    /// # Errors
    /// [`EngineError::ConditionTooCostly`]; [`EngineError::TransactionTooLarge`] as soon as the items are larger than
    /// `bytes_max`; [`EngineError::Item`].
    pub(crate) fn complete(
        &mut self,
        command: &Command,
        seen: &[Option<EncodedItem>],
        indexes: &[Indexes],
        bytes_max: Option<usize>,
    ) -> Result<(), EngineError> {
        let mut bytes = 0;
        for (at, item) in command.items.iter().enumerate() {
            bytes += self.decide(at, item, &seen[at])?;
            refuse_over(bytes, bytes_max)?;
        }
        // Only now: each index may have all of an item.
        for (at, item) in command.items.iter().enumerate() {
            self.decide_entries(at, item, &indexes[at])?;
        }
        Ok(())
    }

    /// As [`Decisions::complete`] before the latches are taken, a bit at a time. What is wrong is told under them.
    pub(crate) async fn prepare(
        &mut self,
        command: &Command,
        seen: &[Option<EncodedItem>],
        indexes: &[Indexes],
        bytes_max: Option<usize>,
    ) {
        let mut bytes = 0;
        for (at, item) in command.items.iter().enumerate() {
            match self.decide(at, item, &seen[at]) {
                Ok(more) => bytes += more,
                Err(_) => return,
            }
            if refuse_over(bytes, bytes_max).is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        for (at, item) in command.items.iter().enumerate() {
            if self.decide_entries(at, item, &indexes[at]).is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Decides one item command, those before it being decided; gives the bytes that it makes.
    fn decide(
        &mut self,
        at: usize,
        item: &ItemCommand,
        seen: &Option<EncodedItem>,
    ) -> Result<usize, EngineError> {
        let known = self.decided.get(at).filter(|known| known.seen == *seen);
        if known.is_none() {
            let in_view = InView {
                seen: seen.clone(),
                decision: decide(item, seen.as_ref(), &mut self.steps)?,
                indexes: None,
            };
            match self.decided.get_mut(at) {
                Some(other) => *other = in_view,
                None => self.decided.push(in_view),
            }
        }
        let makes = matches!(item.action, Action::Put(_) | Action::Update { .. });
        Ok(match &self.decided[at].decision {
            Ok((_, outcome)) if makes => outcome.new_size_bytes,
            _ => 0,
        })
    }

    fn decide_entries(
        &mut self,
        at: usize,
        item: &ItemCommand,
        indexes: &Indexes,
    ) -> Result<(), EngineError> {
        let in_view = &mut self.decided[at];
        let known = in_view.indexes.as_ref();
        if known.is_some_and(|known| Indexes::ptr_eq(known, indexes)) {
            return Ok(());
        }
        if in_view.indexes.is_some() {
            // An index came or went since.
            in_view.decision = decide(item, in_view.seen.as_ref(), &mut self.steps)?;
        }
        let seen = in_view.seen.as_ref();
        decide_entries(item, seen, indexes, &mut in_view.decision)?;
        in_view.indexes = Some(indexes.clone());
        Ok(())
    }

    /// All of them; one refusal refuses them all.
    pub(crate) fn all(self) -> Result<(Vec<Option<Decided>>, Vec<Outcome>), EngineError> {
        let count = self.decided.len();
        let mut decisions = Vec::with_capacity(count);
        let mut outcomes = Vec::with_capacity(count);
        let mut refusals: Vec<Option<Refusal>> = Vec::new();
        for (at, in_view) in self.decided.into_iter().enumerate() {
            match in_view.decision {
                Ok((decided, outcome)) => {
                    decisions.push(decided);
                    outcomes.push(outcome);
                }
                Err(refusal) => {
                    refusals.resize_with(count, || None);
                    refusals[at] = Some(refusal);
                }
            }
        }
        match refusals.is_empty() {
            true => Ok((decisions, outcomes)),
            false => Err(EngineError::Refused(refusals)),
        }
    }
}

fn refuse_over(bytes: usize, bytes_max: Option<usize>) -> Result<(), EngineError> {
    match bytes_max.is_some_and(|bytes_max| bytes > bytes_max) {
        true => Err(EngineError::TransactionTooLarge),
        false => Ok(()),
    }
}

/// Whether a command may take long to decide, whatever its items are: hardly any does, and what else it takes to know that
/// is not looked at for the others.
pub(crate) fn may_take_long(command: &Command) -> bool {
    let times = |item: &ItemCommand| 1 + times_read(item);
    let times: usize = command.items.iter().map(times).sum();
    times * limits::ITEM_SIZE_BYTES_MAX > LATCHED_BYTES_MAX
}

/// Whether it takes long with these items.
pub(crate) fn takes_long(
    command: &Command,
    seen: &[Option<EncodedItem>],
    indexes: &[Indexes],
) -> bool {
    let items = command.items.iter().zip(seen).zip(indexes);
    let bytes = items.map(|((item, seen), indexes)| {
        let seen_bytes = seen.as_ref().map_or(0, |seen| seen.bytes().len());
        let put_bytes = match &item.action {
            Action::Put(item) | Action::Copy(item) => item.bytes().len(),
            _ => 0,
        };
        seen_bytes * times_read(item) + (seen_bytes + put_bytes) * indexes.len()
    });
    bytes.sum::<usize>() > LATCHED_BYTES_MAX
}

/// How often an item is gone through to decide on it.
fn times_read(item: &ItemCommand) -> usize {
    let condition = item.condition.as_ref();
    let updates = matches!(item.action, Action::Update { .. });
    condition.map_or(0, |condition| 1 + condition.comparisons()) + 2 * usize::from(updates)
}
