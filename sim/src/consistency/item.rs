//! An item as one object: a number, or nothing. What each operation does to it, and how it may have been answered.

use super::linear::Operation;

/// What an item holds; nothing if there is no item.
pub(super) type Value = Option<i64>;

/// What an operation is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Nothing: a read, or a check of a transaction.
    Look,
    /// Put a number.
    Put(i64),
    /// Add to the number that is there, or to none.
    Add(i64),
    /// Remove the item.
    Delete,
}

/// What an answer shows of the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Nothing,
    Before(Value),
    After(Value),
}

/// How it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Not at all.
    Lost,
    /// It was done.
    Done(Shown),
    /// The condition did not hold.
    Refused(Shown),
    /// The condition held, but the transaction failed for another item.
    Cancelled,
}

/// One operation on the item.
#[derive(Clone, Copy, Debug)]
pub(super) struct ItemOperation {
    pub(super) deed: Deed,
    /// What the item has to hold for it, if that matters.
    pub(super) expects: Option<Value>,
    pub(super) answer: Answer,
}

impl Operation for ItemOperation {
    type State = Value;

    fn after(&self, before: &Value) -> Option<Value> {
        let holds = self.expects.is_none_or(|expected| expected == *before);
        let after = match self.deed {
            Deed::Look => *before,
            Deed::Put(number) => Some(number),
            Deed::Add(number) => Some(before.unwrap_or_default() + number),
            Deed::Delete => None,
        };
        let fits = |shown: Shown| match shown {
            Shown::Nothing => true,
            Shown::Before(value) => value == *before,
            Shown::After(value) => value == after,
        };
        match self.answer {
            Answer::Lost => Some(if holds { after } else { *before }),
            Answer::Done(shown) => (holds && fits(shown)).then_some(after),
            Answer::Refused(shown) => (!holds && fits(shown)).then_some(*before),
            Answer::Cancelled => holds.then_some(*before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::linear::{Call, Disorder, check};
    use super::*;

    const NOTHING: Answer = Answer::Done(Shown::Nothing);

    fn call(deed: Deed, answer: Answer, begun: u64, ended: u64) -> Call<ItemOperation> {
        let operation = ItemOperation {
            deed,
            expects: None,
            answer,
        };
        Call {
            operation,
            begun,
            // Later than everything: it was lost.
            ended: (ended < u64::MAX).then_some(ended),
        }
    }

    fn read(value: Value, begun: u64, ended: u64) -> Call<ItemOperation> {
        call(Deed::Look, Answer::Done(Shown::Before(value)), begun, ended)
    }

    fn put(number: i64, begun: u64, ended: u64) -> Call<ItemOperation> {
        call(Deed::Put(number), NOTHING, begun, ended)
    }

    fn lost(deed: Deed, begun: u64) -> Call<ItemOperation> {
        call(deed, Answer::Lost, begun, u64::MAX)
    }

    fn conditional(deed: Deed, expects: Value, answer: Answer, at: u64) -> Call<ItemOperation> {
        let mut call = call(deed, answer, at, at + 1);
        call.operation.expects = Some(expects);
        call
    }

    fn is_ordered(calls: &[Call<ItemOperation>]) -> bool {
        match check(calls, &None) {
            Ok(()) => true,
            Err(Disorder::None(_)) => false,
            Err(Disorder::NotFound) => panic!("not decided"),
        }
    }

    #[test]
    fn reads_beside_a_write_may_see_it_or_not() {
        assert!(is_ordered(&[
            put(1, 0, 1),
            put(2, 2, 9),
            read(Some(1), 3, 4),
            read(Some(2), 5, 6),
            read(Some(2), 10, 11),
        ]));
        // But not the one before it once the one behind it was seen.
        assert!(!is_ordered(&[
            put(1, 0, 1),
            put(2, 2, 9),
            read(Some(2), 3, 4),
            read(Some(1), 5, 6),
        ]));
    }

    #[test]
    fn a_stale_read_has_no_place() {
        assert!(!is_ordered(&[
            put(1, 0, 1),
            put(2, 2, 3),
            read(Some(1), 4, 5)
        ]));
        assert!(!is_ordered(&[put(1, 0, 1), read(None, 2, 3)]));
    }

    #[test]
    fn a_lost_update_is_noticed() {
        // Both saw 1 and put what they made of it.
        let replaced = |number, begun, ended| {
            let before = Answer::Done(Shown::Before(Some(1)));
            call(Deed::Put(number), before, begun, ended)
        };
        assert!(!is_ordered(&[
            put(1, 0, 1),
            replaced(2, 2, 4),
            replaced(3, 3, 5)
        ]));
        let twice = |seen| {
            let after = Answer::Done(Shown::After(Some(seen)));
            call(Deed::Add(1), after, 2, 5)
        };
        assert!(is_ordered(&[put(1, 0, 1), twice(2), twice(3)]));
        assert!(!is_ordered(&[put(1, 0, 1), twice(2), twice(2)]));
    }

    #[test]
    fn what_was_acknowledged_stays() {
        // The same after a crash in between.
        assert!(!is_ordered(&[put(1, 0, 1), read(None, 10, 11)]));
        assert!(!is_ordered(&[
            put(1, 0, 1),
            call(Deed::Delete, NOTHING, 2, 3),
            read(Some(1), 10, 11)
        ]));
    }

    #[test]
    fn what_was_lost_may_have_happened_once_or_not_at_all() {
        assert!(is_ordered(&[
            put(1, 0, 1),
            lost(Deed::Put(2), 2),
            read(Some(1), 8, 9)
        ]));
        assert!(is_ordered(&[
            put(1, 0, 1),
            lost(Deed::Put(2), 2),
            read(Some(2), 8, 9)
        ]));
        // Late, even: the connection was cut, and the server was still at it.
        assert!(is_ordered(&[
            put(1, 0, 1),
            lost(Deed::Put(2), 2),
            read(Some(1), 8, 9),
            read(Some(2), 10, 11),
        ]));
        assert!(!is_ordered(&[
            put(1, 0, 1),
            lost(Deed::Add(1), 2),
            read(Some(3), 8, 9)
        ]));
        // Not before it was called.
        assert!(!is_ordered(&[read(Some(2), 0, 1), lost(Deed::Put(2), 2)]));
    }

    #[test]
    fn a_dirty_read_is_noticed() {
        let refused = Answer::Refused(Shown::Before(Some(1)));
        assert!(is_ordered(&[
            put(1, 0, 1),
            conditional(Deed::Put(2), None, refused, 2),
            read(Some(1), 4, 5),
        ]));
        // What was refused was seen, or was done after all.
        assert!(!is_ordered(&[
            put(1, 0, 1),
            conditional(Deed::Put(2), None, refused, 2),
            read(Some(2), 4, 5),
        ]));
        assert!(!is_ordered(&[
            put(1, 0, 1),
            conditional(Deed::Put(2), None, Answer::Cancelled, 2),
        ]));
        assert!(!is_ordered(&[conditional(Deed::Put(2), None, refused, 2)]));
    }

    #[test]
    fn a_failure_shows_where_it_is() {
        let calls = [put(1, 0, 1), put(2, 2, 3), read(Some(1), 4, 5)];
        let Err(Disorder::None(shown)) = check(&calls, &None) else {
            panic!("there is an order");
        };
        assert!(
            shown.contains("2 to 3") && shown.contains("-> Some(2)"),
            "{shown}"
        );
        assert!(
            shown.contains("none of these comes next:\n  4 to 5"),
            "{shown}"
        );
    }

    /// Many at once, most of them lost: a search that forgets would never end.
    #[test]
    fn many_lost_writes_are_decided() {
        let mut calls = vec![put(0, 0, 1)];
        for number in 0..12 {
            calls.push(lost(Deed::Put(number), 2));
        }
        for number in (0..12).rev() {
            let at = 100 + 2 * (12 - number as u64);
            calls.push(read(Some(number), at, at + 1));
        }
        assert!(is_ordered(&calls));
        calls.push(read(Some(77), 900, 901));
        assert!(!is_ordered(&calls));
    }
}
