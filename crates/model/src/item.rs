//! An item, and also the inside of a map value: attributes by name, sorted.
//!
//! Items are small (a handful to some dozens of attributes), so a sorted vector beats a tree in
//! memory and speed, and its order is the one in which [`crate::EncodedItem`] writes them.

use std::fmt;

use crate::AttributeValue;

/// More attributes at once are not inserted one by one.
const INSERTIONS_MAX: usize = 16;

/// Attributes by name, each name once, sorted by the names' UTF-8 bytes. Equality is by value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Item {
    attributes: Vec<(String, AttributeValue)>,
}

impl Item {
    /// An item without attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// An item without attributes, with room for `count` of them.
    pub fn with_capacity(count: usize) -> Self {
        Self {
            attributes: Vec::with_capacity(count),
        }
    }

    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        self.find(name).ok().map(|at| &self.attributes[at].1)
    }

    /// The value of an attribute, to change it in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut AttributeValue> {
        match self.find(name) {
            Ok(at) => Some(&mut self.attributes[at].1),
            Err(_) => None,
        }
    }

    /// Whether the item has the attribute.
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_ok()
    }

    /// Sets an attribute; returns its value from before.
    pub fn insert(&mut self, name: String, value: AttributeValue) -> Option<AttributeValue> {
        if self.comes_last(&name) {
            self.attributes.push((name, value));
            return None;
        }
        match self.find(&name) {
            Ok(at) => Some(std::mem::replace(&mut self.attributes[at].1, value)),
            Err(at) => {
                self.attributes.insert(at, (name, value));
                None
            }
        }
    }

    /// Removes an attribute; returns its value.
    pub fn remove(&mut self, name: &str) -> Option<AttributeValue> {
        let at = self.find(name).ok()?;
        Some(self.attributes.remove(at).1)
    }

    /// Keeps the attributes for which `keep` says so.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &AttributeValue) -> bool) {
        self.attributes.retain(|(name, value)| keep(name, value));
    }

    /// The attributes in the order of their names.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            inner: self.attributes.iter(),
        }
    }

    /// How many attributes there are.
    pub fn len(&self) -> usize {
        self.attributes.len()
    }

    /// Whether there is no attribute.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// The bytes that DynamoDB counts for this item: names and values (dynamodb-api.md section 4).
    pub fn size_bytes(&self) -> usize {
        self.iter()
            .map(|(name, value)| name.len() + value.size_bytes())
            .sum()
    }

    /// The nesting levels of the deepest attribute; 0 without attributes.
    pub fn depth(&self) -> usize {
        let depths = self.iter().map(|(_, value)| value.depth());
        depths.max().unwrap_or(0)
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.attributes
            .binary_search_by(|(other, _)| other.as_str().cmp(name))
    }

    /// Sorts attributes of which the later ones win.
    fn sort(&mut self) {
        let attributes = &mut self.attributes;
        if attributes.is_sorted_by(|(left, _), (right, _)| left < right) {
            return;
        }
        attributes.sort_by(|(left, _), (right, _)| left.cmp(right));
        // The sort is stable, so the later of two equal names stands second.
        attributes.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
    }

    fn comes_last(&self, name: &str) -> bool {
        self.attributes
            .last()
            .is_none_or(|(last, _)| last.as_str() < name)
    }

    /// Appends an attribute whose name comes after all others; `false` if it does not.
    pub(crate) fn push_last(&mut self, name: &str, value: AttributeValue) -> bool {
        let comes_last = self.comes_last(name);
        if comes_last {
            self.attributes.push((name.to_owned(), value));
        }
        comes_last
    }
}

/// The attributes of an [`Item`] in the order of their names.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    inner: std::slice::Iter<'a, (String, AttributeValue)>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a AttributeValue);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.inner.next()?;
        Some((name.as_str(), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (name, value) = self.inner.next_back()?;
        Some((name.as_str(), value))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Item {
    type Item = (&'a str, &'a AttributeValue);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The attributes of an [`Item`] with their ownership, in the order of their names.
#[derive(Debug)]
pub struct IntoIter {
    inner: std::vec::IntoIter<(String, AttributeValue)>,
}

impl Iterator for IntoIter {
    type Item = (String, AttributeValue);

    fn next(&mut self) -> Option<Self::Item> {
        self.inner.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl ExactSizeIterator for IntoIter {}

impl IntoIterator for Item {
    type Item = (String, AttributeValue);
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter {
            inner: self.attributes.into_iter(),
        }
    }
}

/// Of two attributes with one name the later stays.
impl FromIterator<(String, AttributeValue)> for Item {
    fn from_iter<I: IntoIterator<Item = (String, AttributeValue)>>(attributes: I) -> Self {
        let mut item = Self {
            attributes: attributes.into_iter().collect(),
        };
        item.sort();
        item
    }
}

/// Of two attributes with one name the later stays.
impl Extend<(String, AttributeValue)> for Item {
    fn extend<I: IntoIterator<Item = (String, AttributeValue)>>(&mut self, attributes: I) {
        let mut between = Vec::new();
        for (name, value) in attributes {
            match self.comes_last(&name) {
                true => self.attributes.push((name, value)),
                false => between.push((name, value)),
            }
        }
        // Each insertion moves what is behind it.
        if between.len() > INSERTIONS_MAX {
            self.attributes.extend(between);
            self.sort();
        } else {
            for (name, value) in between {
                self.insert(name, value);
            }
        }
    }
}

impl<const N: usize> From<[(&str, AttributeValue); N]> for Item {
    fn from(attributes: [(&str, AttributeValue); N]) -> Self {
        attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::Item;
    use crate::{AttributeValue, Number};

    fn value(n: u8) -> AttributeValue {
        AttributeValue::N(Number::from_i64(n.into()))
    }

    #[test]
    fn attributes_are_sorted_by_bytes() {
        let names = ["\u{e9}", "b", "", "a", "B", "aa"];
        let item: Item = names
            .map(|name| (name.to_owned(), AttributeValue::Null))
            .into_iter()
            .collect();
        let sorted: Vec<_> = item.iter().map(|(name, _)| name).collect();
        assert_eq!(sorted, ["", "B", "a", "aa", "b", "\u{e9}"]);
    }

    #[test]
    fn retain_and_change_in_place() {
        let mut item = Item::from([("a", value(1)), ("b", value(2))]);
        *item.get_mut("b").unwrap() = value(3);
        assert_eq!(item.get_mut("c"), None);
        item.retain(|name, _| name != "a");
        assert_eq!(item, Item::from([("b", value(3))]));
    }

    proptest! {
        #[test]
        fn behaves_as_a_sorted_map(operations in vec(("[abc]{0,2}", any::<u8>(), 0..4), 0..30)) {
            let (mut item, mut model) = (Item::new(), BTreeMap::new());
            for (name, n, kind) in operations {
                if kind == 0 {
                    prop_assert_eq!(item.remove(&name), model.remove(&name));
                } else {
                    prop_assert_eq!(item.insert(name.clone(), value(n)), model.insert(name.clone(), value(n)));
                }
                prop_assert_eq!(item.get(&name), model.get(&name));
                prop_assert_eq!(item.contains(&name), model.contains_key(&name));
                prop_assert_eq!((item.len(), item.is_empty()), (model.len(), model.is_empty()));
            }
            prop_assert_eq!(item.into_iter().collect::<Vec<_>>(), model.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn collecting_keeps_the_later_of_two(attributes in vec(("[ab]{0,2}", any::<u8>()), 0..12)) {
            let attributes: Vec<_> = attributes.into_iter().map(|(name, n)| (name, value(n))).collect();
            let collected: Item = attributes.iter().cloned().collect();
            let mut inserted = Item::new();
            inserted.extend(attributes);
            prop_assert_eq!(collected, inserted);
        }
    }
}
