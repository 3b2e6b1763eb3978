//! Ranges of storage keys: what a key condition names, what a scan's segment holds, and where a page goes
//! on.

use std::ops::Bound;

use headwater_engine::{Direction, KeyRange};
use headwater_expression::{IndexKeyCondition, ResolvedKeyCondition, SortCondition};
use headwater_model::{AttributeValue, IndexSchema, KeyError, KeySchema, prefix_end};

/// All keys that satisfy a key condition.
pub(crate) fn of_condition(
    schema: &KeySchema,
    condition: &ResolvedKeyCondition,
) -> Result<KeyRange, KeyError> {
    let prefix = schema.partition_prefix(&condition.partition)?;
    let key = |value: &AttributeValue| -> Result<Vec<u8>, KeyError> {
        let mut key = prefix.clone();
        key.extend(schema.sort_bytes(value)?);
        Ok(key)
    };
    let whole = KeyRange {
        from: Bound::Included(prefix.clone()),
        to: end_of(&prefix),
    };
    let Some(sort) = &condition.sort else {
        return Ok(whole);
    };
    Ok(match sort {
        SortCondition::Equal(value) => KeyRange {
            from: Bound::Included(key(value)?),
            to: Bound::Included(key(value)?),
        },
        SortCondition::Less(value) => KeyRange {
            to: Bound::Excluded(key(value)?),
            ..whole
        },
        SortCondition::LessOrEqual(value) => KeyRange {
            to: Bound::Included(key(value)?),
            ..whole
        },
        SortCondition::Greater(value) => KeyRange {
            from: Bound::Excluded(key(value)?),
            ..whole
        },
        SortCondition::GreaterOrEqual(value) => KeyRange {
            from: Bound::Included(key(value)?),
            ..whole
        },
        SortCondition::Between(lower, upper) => KeyRange {
            from: Bound::Included(key(lower)?),
            to: Bound::Included(key(upper)?),
        },
        SortCondition::BeginsWith(value) => {
            let begin = key(value)?;
            KeyRange {
                to: end_of(&begin),
                from: Bound::Included(begin),
            }
        }
    })
}

/// All entries of an index that satisfy a key condition. Entries with equal keys stand behind one another, so that a
/// value's entries are all that begin with it.
pub(crate) fn of_index_condition(
    schema: &IndexSchema,
    condition: &IndexKeyCondition,
) -> Result<KeyRange, KeyError> {
    let mut prefix = schema.partition_prefix(&condition.partition)?;
    let Some((last, equal)) = condition.sort.split_last() else {
        return Ok(beginning_with(prefix));
    };
    for (place, condition) in equal.iter().enumerate() {
        for value in condition.values() {
            schema.append_sort(place, value, &mut prefix)?;
        }
    }
    let place = equal.len();
    let key = |value: &AttributeValue| -> Result<Vec<u8>, KeyError> {
        let mut key = prefix.clone();
        schema.append_sort(place, value, &mut key)?;
        Ok(key)
    };
    let whole = beginning_with(prefix.clone());
    Ok(match last {
        SortCondition::Equal(value) => beginning_with(key(value)?),
        SortCondition::Less(value) => KeyRange {
            to: Bound::Excluded(key(value)?),
            ..whole
        },
        SortCondition::LessOrEqual(value) => KeyRange {
            to: end_of(&key(value)?),
            ..whole
        },
        SortCondition::Greater(value) => KeyRange {
            from: match end_of(&key(value)?) {
                Bound::Excluded(end) => Bound::Included(end),
                // No bytes are above, so nothing is greater.
                _ => return Ok(nothing()),
            },
            ..whole
        },
        SortCondition::GreaterOrEqual(value) => KeyRange {
            from: Bound::Included(key(value)?),
            ..whole
        },
        SortCondition::Between(lower, upper) => KeyRange {
            from: Bound::Included(key(lower)?),
            to: end_of(&key(upper)?),
        },
        SortCondition::BeginsWith(value) => {
            let mut begin = prefix;
            schema.append_sort_beginning(place, value, &mut begin)?;
            beginning_with(begin)
        }
    })
}

fn nothing() -> KeyRange {
    KeyRange {
        from: Bound::Included(Vec::new()),
        to: Bound::Excluded(Vec::new()),
    }
}

pub(crate) fn beginning_with(prefix: Vec<u8>) -> KeyRange {
    KeyRange {
        to: end_of(&prefix),
        from: Bound::Included(prefix),
    }
}

/// The keys of one of `total` even segments of a table, cut by partition hash.
pub(crate) fn of_segment(segment: u32, total: u32) -> KeyRange {
    let first_hash = |segment: u32| (u64::from(segment) << 32).div_ceil(u64::from(total));
    let at = |hash: u64| {
        u32::try_from(hash)
            .ok()
            .map(|hash| hash.to_be_bytes().to_vec())
    };
    KeyRange {
        from: at(first_hash(segment)).map_or(Bound::Unbounded, Bound::Included),
        to: at(first_hash(segment + 1)).map_or(Bound::Unbounded, Bound::Excluded),
    }
}

/// The part of a range that comes behind a key; `None` if the key is not in the range.
pub(crate) fn behind(range: KeyRange, key: &[u8], direction: Direction) -> Option<KeyRange> {
    if !contains(&range, key) {
        return None;
    }
    let key = Bound::Excluded(key.to_vec());
    Some(match direction {
        Direction::Forward => KeyRange { from: key, ..range },
        Direction::Backward => KeyRange { to: key, ..range },
    })
}

/// The keys that are in both ranges.
pub(crate) fn intersection(one: KeyRange, two: KeyRange) -> KeyRange {
    let from = match (one.from, two.from) {
        (Bound::Unbounded, from) | (from, Bound::Unbounded) => from,
        (one, two) => std::cmp::max_by_key(one, two, |from| (key_of(from), is_excluded(from))),
    };
    let to = match (one.to, two.to) {
        (Bound::Unbounded, to) | (to, Bound::Unbounded) => to,
        (one, two) => std::cmp::min_by_key(one, two, |to| (key_of(to), !is_excluded(to))),
    };
    KeyRange { from, to }
}

/// Whether there are no keys between the ends of a range. Such a range cannot be read.
pub(crate) fn is_empty(range: &KeyRange) -> bool {
    match (&range.from, &range.to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
    }
}

/// Puts ranges that have no keys in common into the order in which their keys are read.
pub(crate) fn sort(ranges: &mut [KeyRange], direction: Direction) {
    ranges.sort_by_cached_key(|range| (key_of(&range.from), is_excluded(&range.from)));
    if direction == Direction::Backward {
        ranges.reverse();
    }
}

/// Whether two ranges have keys in common.
pub(crate) fn overlap(one: &KeyRange, two: &KeyRange) -> bool {
    !is_empty(&intersection(one.clone(), two.clone()))
}

fn key_of(bound: &Bound<Vec<u8>>) -> Vec<u8> {
    match bound {
        Bound::Included(key) | Bound::Excluded(key) => key.clone(),
        Bound::Unbounded => Vec::new(),
    }
}

fn is_excluded(bound: &Bound<Vec<u8>>) -> bool {
    matches!(bound, Bound::Excluded(_))
}

fn contains(range: &KeyRange, key: &[u8]) -> bool {
    let above = match &range.from {
        Bound::Included(from) => key >= from.as_slice(),
        Bound::Excluded(from) => key > from.as_slice(),
        Bound::Unbounded => true,
    };
    let below = match &range.to {
        Bound::Included(to) => key <= to.as_slice(),
        Bound::Excluded(to) => key < to.as_slice(),
        Bound::Unbounded => true,
    };
    above && below
}

fn end_of(prefix: &[u8]) -> Bound<Vec<u8>> {
    prefix_end(prefix).map_or(Bound::Unbounded, Bound::Excluded)
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;

    use headwater_engine::KeyRange;

    use super::{intersection, is_empty, of_segment, overlap};

    fn bound(text: &str) -> Bound<Vec<u8>> {
        match text.split_at(text.len().min(1)) {
            ("[", key) => Bound::Included(key.into()),
            ("(", key) => Bound::Excluded(key.into()),
            _ => Bound::Unbounded,
        }
    }

    #[test]
    fn common_keys() {
        let range = |from, to| KeyRange {
            from: bound(from),
            to: bound(to),
        };
        for (one, two, common, empty) in [
            (("[a", "[c"), ("[b", "[d"), ("[b", "[c"), false),
            (("[a", "(c"), ("(a", "[c"), ("(a", "(c"), false),
            (("", ""), ("[a", ""), ("[a", ""), false),
            (("[a", "[b"), ("[b", "[c"), ("[b", "[b"), false),
            (("[a", "(b"), ("[b", "[c"), ("[b", "(b"), true),
            (("[a", "[b"), ("(b", "[c"), ("(b", "[b"), true),
            (("[c", ""), ("", "[a"), ("[c", "[a"), true),
        ] {
            let (one, two) = (range(one.0, one.1), range(two.0, two.1));
            let found = intersection(one.clone(), two.clone());
            assert_eq!((found.from, found.to), (bound(common.0), bound(common.1)));
            assert_eq!(is_empty(&range(common.0, common.1)), empty);
            assert_eq!(overlap(&one, &two), !empty);
        }
    }

    #[test]
    fn segments_meet_and_cover_everything() {
        for total in [1, 2, 3, 7, 64, 1_000_000] {
            let mut next = Bound::Included(vec![0; 4]);
            for segment in [0, 1, 2].into_iter().filter(|segment| *segment < total) {
                let range = of_segment(segment, total);
                assert_eq!(range.from, next, "{segment} of {total}");
                next = match range.to {
                    Bound::Excluded(to) => Bound::Included(to),
                    other => other,
                };
            }
            assert_eq!(of_segment(total - 1, total).to, Bound::Unbounded);
        }
    }
}
