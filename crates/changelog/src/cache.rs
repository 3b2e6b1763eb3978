//! A map that forgets what was used longest ago once it weighs more than its limit.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use parking_lot::Mutex;

pub(crate) struct Cache<K, V> {
    state: Mutex<State<K, V>>,
    weight_max: usize,
}

struct State<K, V> {
    slots: HashMap<K, Slot<V>>,
    /// By the time of last use.
    order: BTreeMap<u64, K>,
    clock: u64,
    weight: usize,
}

struct Slot<V> {
    value: V,
    weight: usize,
    used: u64,
}

impl<K: Copy + Eq + Hash, V: Clone> Cache<K, V> {
    pub(crate) fn new(weight_max: usize) -> Self {
        let state = State {
            slots: HashMap::new(),
            order: BTreeMap::new(),
            clock: 0,
            weight: 0,
        };
        Self {
            state: Mutex::new(state),
            weight_max,
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut state = self.state.lock();
        state.clock += 1;
        let now = state.clock;
        let slot = state.slots.get_mut(key)?;
        let before = std::mem::replace(&mut slot.used, now);
        let value = slot.value.clone();
        state.order.remove(&before);
        state.order.insert(now, *key);
        Some(value)
    }

    /// Keeps the value, unless it alone is over the limit.
    pub(crate) fn insert(&self, key: K, value: V, weight: usize) {
        let mut state = self.state.lock();
        state.remove(&key);
        if weight > self.weight_max {
            return;
        }
        state.clock += 1;
        let used = state.clock;
        state.slots.insert(
            key,
            Slot {
                value,
                weight,
                used,
            },
        );
        state.order.insert(used, key);
        state.weight += weight;
        while state.weight > self.weight_max {
            let Some((_, oldest)) = state.order.first_key_value() else {
                break;
            };
            let oldest = *oldest;
            state.remove(&oldest);
        }
    }

    pub(crate) fn forget(&self, unwanted: impl Fn(&K) -> bool) {
        let mut state = self.state.lock();
        let keys: Vec<K> = state.slots.keys().copied().filter(unwanted).collect();
        for key in keys {
            state.remove(&key);
        }
    }

    pub(crate) fn weight(&self) -> usize {
        self.state.lock().weight
    }
}

impl<K: Copy + Eq + Hash, V> State<K, V> {
    fn remove(&mut self, key: &K) {
        if let Some(slot) = self.slots.remove(key) {
            self.order.remove(&slot.used);
            self.weight -= slot.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let cache = Cache::new(10);
        for key in 0..5 {
            cache.insert(key, key * 10, 2);
        }
        assert_eq!(cache.get(&0), Some(0));
        cache.insert(5, 50, 4);
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(|key| cache.get(&key).is_some()),
            [true, false, false, true, true, true]
        );
        assert_eq!(cache.weight(), 10);
        cache.insert(6, 60, 11);
        assert_eq!(cache.get(&6), None);
        cache.forget(|key| *key > 3);
        assert_eq!(cache.weight(), 4);
    }
}
