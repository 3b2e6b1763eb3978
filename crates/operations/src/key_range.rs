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
pub(crate) fn behind(range: KeyRange, key: Vec<u8>, direction: Direction) -> Option<KeyRange> {
    if !contains(&range, &key) {
        return None;
    }
    let key = Bound::Excluded(key);
    Some(match direction {
        Direction::Forward => KeyRange { from: key, ..range },
        Direction::Backward => KeyRange { to: key, ..range },
    })
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

    use super::of_segment;

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
