//! The first ones, in their order, of the keys that go by: as many as fit into memory. How a log of more keys is gone
//! through, once for each part of them, whatever the keys are.

use std::collections::BTreeMap;

/// What a key costs beside its bytes and its value, about: its place in the tree and an allocation.
const KEY_OVERHEAD_BYTES: usize = 96;

/// A value that is held with its key.
pub(crate) trait Held {
    /// Bytes that it takes beside its own size.
    fn held_bytes(&self) -> usize;
}

/// Keys from some key on, with their values. When they take too much, the last ones are let go, and none of those is
/// taken again.
pub(crate) struct FirstKeys<V> {
    from: Vec<u8>,
    until: Option<Box<[u8]>>,
    bytes: usize,
    bytes_max: usize,
    values: BTreeMap<Box<[u8]>, V>,
}

impl<V: Held> FirstKeys<V> {
    /// No keys yet, and none below `from`.
    pub(crate) fn new(from: Vec<u8>, bytes_max: usize) -> Self {
        FirstKeys {
            from,
            until: None,
            bytes: 0,
            bytes_max,
            values: BTreeMap::new(),
        }
    }

    /// Where the next part begins; `None` if all keys that went by are held.
    pub(crate) fn until(&self) -> Option<&[u8]> {
        self.until.as_deref()
    }

    /// Gives a key a value, or changes the one that it has. One key at least is held, whatever it takes.
    pub(crate) fn update(
        &mut self,
        key: &[u8],
        insert: impl FnOnce() -> V,
        change: impl FnOnce(&mut V),
    ) {
        let is_beyond = self.until.as_deref().is_some_and(|until| key >= until);
        if key < self.from.as_slice() || is_beyond {
            return;
        }
        if let Some(value) = self.values.get_mut(key) {
            self.bytes -= cost(key, value);
            change(value);
            self.bytes += cost(key, value);
        } else {
            let value = insert();
            self.bytes += cost(key, &value);
            self.values.insert(key.into(), value);
        }
        while self.bytes > self.bytes_max && self.values.len() > 1 {
            let Some((key, value)) = self.values.pop_last() else {
                break;
            };
            self.bytes -= cost(&key, &value);
            self.until = Some(key);
        }
    }

    /// Lets all values go, but takes no keys that it would not have taken.
    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.bytes = 0;
    }

    pub(crate) fn into_values(self) -> BTreeMap<Box<[u8]>, V> {
        self.values
    }
}

fn cost<V: Held>(key: &[u8], value: &V) -> usize {
    key.len() + value.held_bytes() + size_of::<V>() + KEY_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use headwater_model::{Rng, SeededRng};

    use super::{FirstKeys, Held, KEY_OVERHEAD_BYTES};

    impl Held for Vec<u8> {
        fn held_bytes(&self) -> usize {
            self.len()
        }
    }

    fn changes(rng: &SeededRng) -> Vec<(Vec<u8>, Vec<u8>)> {
        let change = |_| {
            let mut key = vec![0; rng.below(4) as usize];
            rng.fill(&mut key);
            key.iter_mut().for_each(|byte| *byte %= 3);
            (key, vec![1; rng.below(200) as usize])
        };
        (0..rng.below(60)).map(change).collect()
    }

    /// However little fits, part by part all keys come with what a map of them all has, in order.
    #[test]
    fn parts_are_those_of_a_map() {
        for seed in 0..2_000 {
            let rng = SeededRng::new(seed);
            let changes = changes(&rng);
            let bytes_max = rng.below(4_000) as usize;
            let all: BTreeMap<Vec<u8>, Vec<u8>> = changes.iter().cloned().collect();
            let (mut found, mut parts) = (Vec::new(), 0);
            let mut from = Some(Vec::new());
            while let Some(begin) = from {
                let mut part = FirstKeys::new(begin, bytes_max);
                for (key, new) in &changes {
                    part.update(key, || new.clone(), |value| value.clone_from(new));
                }
                from = part.until().map(<[u8]>::to_vec);
                let values = part.into_values();
                assert!(!values.is_empty() || changes.is_empty());
                let values: Vec<(Vec<u8>, Vec<u8>)> = values
                    .into_iter()
                    .map(|(key, value)| (key.into_vec(), value))
                    .collect();
                let cost = |(key, value): &(Vec<u8>, Vec<u8>)| {
                    key.len() + value.len() + KEY_OVERHEAD_BYTES
                };
                let held: usize = values.iter().map(cost).sum();
                assert!(held <= bytes_max || values.len() == 1, "seed {seed}");
                found.extend(values);
                parts += 1;
            }
            assert_eq!(found, all.into_iter().collect::<Vec<_>>(), "seed {seed}");
            assert!(parts <= found.len().max(1), "seed {seed}");
        }
    }
}
