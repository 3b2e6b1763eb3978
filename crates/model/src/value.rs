//! One attribute value of any of DynamoDB's ten types.

use std::cmp::Ordering;

use bytes::Bytes;

use crate::{Item, Number};

/// An attribute value. Equality is by value: numbers `1` and `1.0` are one [`Number`], maps and
/// sets are kept sorted.
///
/// The sets hold their elements sorted ascending (strings by UTF-8 bytes, numbers by value,
/// binaries by bytes), without duplicates and never empty: make them with
/// [`AttributeValue::string_set`], [`AttributeValue::number_set`] and
/// [`AttributeValue::binary_set`], and keep the order when changing one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// A string, possibly empty.
    S(String),
    /// A number.
    N(Number),
    /// Binary, possibly empty.
    B(Bytes),
    /// A boolean.
    Bool(bool),
    /// The null value.
    Null,
    /// A list of values.
    L(Vec<AttributeValue>),
    /// A map from names to values.
    M(Item),
    /// A set of strings.
    Ss(Vec<String>),
    /// A set of numbers.
    Ns(Vec<Number>),
    /// A set of binaries.
    Bs(Vec<Bytes>),
}

/// Why elements do not make a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// There is no empty set.
    #[error("a set may not be empty")]
    Empty,
    /// An element stands twice; numbers are compared by value.
    #[error("a set may not hold an element twice")]
    Duplicate,
}

/// Counted for a list or a map besides its elements (dynamodb-api.md section 4).
pub(crate) const CONTAINER_SIZE_BYTES: usize = 3;
/// Counted for each element of a list or a map.
pub(crate) const ELEMENT_SIZE_BYTES: usize = 1;

impl AttributeValue {
    /// A set of strings, brought into order.
    ///
    /// # Errors
    /// [`SetError`] if there is no element or one stands twice.
    pub fn string_set(elements: Vec<String>) -> Result<Self, SetError> {
        sorted_set(elements).map(Self::Ss)
    }

    /// A set of numbers, brought into order.
    ///
    /// # Errors
    /// [`SetError`] if there is no element or one stands twice.
    pub fn number_set(elements: Vec<Number>) -> Result<Self, SetError> {
        sorted_set(elements).map(Self::Ns)
    }

    /// A set of binaries, brought into order.
    ///
    /// # Errors
    /// [`SetError`] if there is no element or one stands twice.
    pub fn binary_set(elements: Vec<Bytes>) -> Result<Self, SetError> {
        sorted_set(elements).map(Self::Bs)
    }

    /// The type's name on the wire: `S`, `N`, `B`, `BOOL`, `NULL`, `L`, `M`, `SS`, `NS`, `BS`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }

    /// The bytes that DynamoDB counts for this value (dynamodb-api.md section 4).
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => number.size_bytes(),
            Self::B(bytes) => bytes.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::L(elements) => {
                let inner: usize = elements.iter().map(Self::size_bytes).sum();
                CONTAINER_SIZE_BYTES + elements.len() * ELEMENT_SIZE_BYTES + inner
            }
            Self::M(members) => {
                CONTAINER_SIZE_BYTES + members.len() * ELEMENT_SIZE_BYTES + members.size_bytes()
            }
            Self::Ss(elements) => elements.iter().map(String::len).sum(),
            Self::Ns(elements) => elements.iter().map(Number::size_bytes).sum(),
            Self::Bs(elements) => elements.iter().map(Bytes::len).sum(),
        }
    }

    /// The order of two values of one of the types S (UTF-8 bytes), N (value) and B (unsigned
    /// bytes); `None` for other types and for two different types.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::S(left), Self::S(right)) => Some(left.cmp(right)),
            (Self::N(left), Self::N(right)) => Some(left.cmp(right)),
            (Self::B(left), Self::B(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }

    /// The nesting levels of this value: 1 for anything but a list or a map, which have one more
    /// than their deepest element. At most [`crate::limits::NESTING_DEPTH_MAX`] in a stored item.
    pub fn depth(&self) -> usize {
        let inner = match self {
            Self::L(elements) => elements.iter().map(Self::depth).max(),
            Self::M(members) => members.iter().map(|(_, value)| value.depth()).max(),
            _ => None,
        };
        1 + inner.unwrap_or(0)
    }
}

fn sorted_set<T: Ord>(mut elements: Vec<T>) -> Result<Vec<T>, SetError> {
    if elements.is_empty() {
        return Err(SetError::Empty);
    }
    elements.sort_unstable();
    if elements.is_sorted_by(|left, right| left < right) {
        Ok(elements)
    } else {
        Err(SetError::Duplicate)
    }
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::S(text.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        Self::S(text)
    }
}

impl From<Number> for AttributeValue {
    fn from(number: Number) -> Self {
        Self::N(number)
    }
}

impl From<Bytes> for AttributeValue {
    fn from(bytes: Bytes) -> Self {
        Self::B(bytes)
    }
}

impl From<bool> for AttributeValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Item> for AttributeValue {
    fn from(members: Item) -> Self {
        Self::M(members)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{AttributeValue, SetError};
    use crate::{Item, Number};

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn sets_are_sorted_and_without_duplicates() {
        let strings = |elements: &[&str]| {
            AttributeValue::string_set(elements.iter().map(|text| (*text).to_owned()).collect())
        };
        assert_eq!(strings(&["b", "a"]), strings(&["a", "b"]));
        assert_eq!(strings(&[]), Err(SetError::Empty));
        assert_eq!(strings(&["a", "b", "a"]), Err(SetError::Duplicate));
        let numbers = |elements: &[&str]| {
            AttributeValue::number_set(elements.iter().map(|text| number(text)).collect())
        };
        assert_eq!(numbers(&["10", "-3", "9"]), numbers(&["9.0", "1e1", "-3"]));
        assert_eq!(numbers(&["1", "1.0"]), Err(SetError::Duplicate));
        assert_eq!(
            AttributeValue::binary_set(vec![Bytes::new(), Bytes::new()]),
            Err(SetError::Duplicate)
        );
    }

    #[test]
    fn sizes() {
        let list = AttributeValue::L(vec!["ab".into(), AttributeValue::Null]);
        let map = AttributeValue::M(Item::from([("key", list.clone())]));
        let set = |elements: &[&str]| {
            AttributeValue::number_set(elements.iter().map(|text| number(text)).collect()).unwrap()
        };
        for (value, size_bytes) in [
            (AttributeValue::from("h\u{e9}"), 3),
            (AttributeValue::B(Bytes::from_static(&[0; 5])), 5),
            (AttributeValue::Bool(false), 1),
            (AttributeValue::Null, 1),
            (AttributeValue::L(vec![]), 3),
            (list, 3 + 3 + 2),
            (map, 3 + 1 + 3 + 8),
            (set(&["42", "101", "0"]), 2 + 3 + 1),
        ] {
            assert_eq!(value.size_bytes(), size_bytes, "{value:?}");
        }
    }

    #[test]
    fn sizes_recorded_in_stream_records() {
        // streams.md section 3: SizeBytes is the keys and the images there are.
        let key = Item::from([("Id", AttributeValue::N(number("101")))]);
        let mut image = key.clone();
        image.insert("Message".to_owned(), "New item!".into());
        assert_eq!(key.size_bytes() + image.size_bytes(), 26);
        let old = image.size_bytes();
        image.insert("Message".to_owned(), "This item has changed".into());
        assert_eq!(key.size_bytes() + image.size_bytes() + old, 59);

        let key = Item::from([("id", "id_value_1".into())]);
        let mut image = key.clone();
        image.insert("numericFilter".to_owned(), AttributeValue::N(number("42")));
        assert_eq!(key.size_bytes() + image.size_bytes(), 39);
    }

    #[test]
    fn only_scalars_of_one_type_compare() {
        let [one, two] = ["1", "2"].map(|text| AttributeValue::N(number(text)));
        assert_eq!(one.compare(&two), Some(std::cmp::Ordering::Less));
        assert_eq!(one.compare(&"1".into()), None);
        assert_eq!(AttributeValue::Null.compare(&AttributeValue::Null), None);
        let euro: AttributeValue = "\u{20ac}".into();
        assert_eq!(euro.compare(&"z".into()), Some(std::cmp::Ordering::Greater));
    }

    #[test]
    fn depth_counts_the_value_itself() {
        let leaf = AttributeValue::from("leaf");
        assert_eq!(leaf.depth(), 1);
        let list = AttributeValue::L(vec![AttributeValue::Null, leaf]);
        assert_eq!(list.depth(), 2);
        let map = AttributeValue::M(Item::from([("a", AttributeValue::Null), ("b", list)]));
        assert_eq!(map.depth(), 3);
        assert_eq!(Item::from([("m", map)]).depth(), 3);
        assert_eq!(Item::new().depth(), 0);
    }
}
