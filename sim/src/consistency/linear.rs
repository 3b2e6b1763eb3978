//! Whether a concurrent history of one object can be put into an order: each operation at one moment between its call and
//! its answer, each answer as the object gives it in that order.
//!
//! The search is that of Wing and Gong with the memory of Lowe: an operation that nothing unordered ended before is
//! tried next; a set of ordered operations that led to a state is never looked at twice. An operation whose answer was
//! lost may be ordered anywhere behind its call, or not at all.

use std::collections::HashSet;
use std::fmt::{Debug, Write as _};
use std::hash::Hash;

/// Steps after which a search is given up; a history of this room takes some thousands.
const STEPS_MAX: usize = 4_000_000;
/// Operations that a failure shows in front of the place where no order goes on.
const SHOWN: usize = 12;

/// What an object does when operations come one after the other.
pub(super) trait Operation: Debug {
    /// The object's state.
    type State: Clone + Eq + Hash + Debug;

    /// The state after the operation, or nothing if it can't have been answered as it was in this state.
    fn after(&self, state: &Self::State) -> Option<Self::State>;
}

/// An operation, and when it was called and answered.
#[derive(Clone, Debug)]
pub(super) struct Call<O> {
    pub(super) operation: O,
    /// A tick before it was sent.
    pub(super) begun: u64,
    /// A tick after it was answered; nothing if that never came, so that nobody knows whether it happened.
    pub(super) ended: Option<u64>,
}

/// Why there is no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Disorder {
    /// There is none; the text shows where the longest one ends.
    None(String),
    /// None was found in [`STEPS_MAX`] steps.
    NotFound,
}

/// Operations by their places, as a set.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Places(Vec<u64>);

impl Places {
    fn with_room_for(places: usize) -> Self {
        Places(vec![0; places.div_ceil(64)])
    }

    fn contains(&self, place: usize) -> bool {
        self.0
            .get(place / 64)
            .is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// Takes a place in if it is not there, else out.
    fn toggle(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word ^= 1 << (place % 64);
        }
    }
}

/// One operation more than the step before.
struct Step<S> {
    state: S,
    /// What was ordered to get here; nothing at the beginning.
    ordered: Option<usize>,
    /// What may come next and was not tried yet; the last one is tried first.
    candidates: Vec<usize>,
}

/// Looks for an order of all operations, from `initial` on.
///
/// # Errors
/// [`Disorder`].
pub(super) fn check<O: Operation>(calls: &[Call<O>], initial: &O::State) -> Result<(), Disorder> {
    let mut calls: Vec<&Call<O>> = calls.iter().collect();
    calls.sort_by_key(|call| call.begun);
    let mut left = calls.iter().filter(|call| call.ended.is_some()).count();
    let mut ordered = Places::with_room_for(calls.len());
    let mut seen = HashSet::new();
    let mut longest = (usize::MAX, String::new());
    let mut steps = vec![Step {
        state: initial.clone(),
        ordered: None,
        candidates: candidates(&calls, &ordered),
    }];
    while left > 0 {
        let Some(step) = steps.last_mut() else {
            return Err(Disorder::None(longest.1));
        };
        let Some(next) = step.candidates.pop() else {
            if left < longest.0 {
                longest = (left, show(&calls, &steps, &ordered));
            }
            if let Some(back) = steps.pop().and_then(|step| step.ordered) {
                ordered.toggle(back);
                left += usize::from(calls[back].ended.is_some());
            }
            continue;
        };
        let Some(state) = calls[next].operation.after(&step.state) else {
            continue;
        };
        ordered.toggle(next);
        if !seen.insert((ordered.clone(), state.clone())) {
            ordered.toggle(next);
            continue;
        }
        if seen.len() > STEPS_MAX {
            return Err(Disorder::NotFound);
        }
        left -= usize::from(calls[next].ended.is_some());
        let candidates = candidates(&calls, &ordered);
        steps.push(Step {
            state,
            ordered: Some(next),
            candidates,
        });
    }
    Ok(())
}

/// What may come next: everything that was called before any other that is not ordered was answered. The one that was
/// answered first is last, those without an answer are first.
fn candidates<O>(calls: &[&Call<O>], ordered: &Places) -> Vec<usize> {
    let mut found = Vec::new();
    let mut answered = u64::MAX;
    for (place, call) in calls.iter().enumerate() {
        // They are sorted: all that follow were called later still.
        if call.begun > answered {
            break;
        }
        if !ordered.contains(place) {
            found.push(place);
            answered = answered.min(call.ended.unwrap_or(u64::MAX));
        }
    }
    found.retain(|place| calls[*place].begun < answered);
    found.sort_by_key(|place| std::cmp::Reverse(calls[*place].ended.unwrap_or(u64::MAX)));
    found
}

fn show<O: Operation>(calls: &[&Call<O>], steps: &[Step<O::State>], ordered: &Places) -> String {
    let mut out = String::new();
    let line = |call: &Call<O>| {
        let ended = call.ended.map_or("never".to_owned(), |at| at.to_string());
        format!("  {} to {ended}: {:?}", call.begun, call.operation)
    };
    for step in &steps[steps.len().saturating_sub(SHOWN)..] {
        if let Some(place) = step.ordered {
            // Writing to a string does not fail.
            let _ = writeln!(out, "{} -> {:?}", line(calls[place]), step.state);
        }
    }
    let _ = writeln!(out, "and none of these comes next:");
    for place in candidates(calls, ordered) {
        let _ = writeln!(out, "{}", line(calls[place]));
    }
    out
}
