//! Walking an encoded item in place, and reading it back whole.
//!
//! The views are checked as they are read: each step yields a [`CorruptItem`] for bytes that the
//! encoder does not write, and the iteration then ends. What only matters for the whole (the order
//! of names and elements, the size) is checked by [`ItemRef::to_item`] and [`ValueRef::to_value`].
//! A view knows how deep it stands, so that a walk over any bytes has a bounded depth.

use bytes::Bytes;

use super::{CorruptItem, SIZE_LEN, tag};
use crate::limits::NESTING_DEPTH_MAX;
use crate::{AttributeValue, Item, Number, varint};

/// How many containers may stand in each other: what an item may have, and a margin for those who
/// encode before they check.
const CONTAINERS_MAX: u8 = NESTING_DEPTH_MAX as u8 + 8;

type Walked<T> = Option<Result<T, CorruptItem>>;

/// An encoded item, borrowed. Walking it allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct ItemRef<'a> {
    bytes: &'a [u8],
}

/// A value in an encoded item, borrowed.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// A string.
    S(&'a str),
    /// A number.
    N(Number),
    /// Binary.
    B(&'a [u8]),
    /// A boolean.
    Bool(bool),
    /// The null value.
    Null,
    /// A list.
    L(ListRef<'a>),
    /// A map.
    M(MapRef<'a>),
    /// A set of strings.
    Ss(StringSetRef<'a>),
    /// A set of numbers.
    Ns(NumberSetRef<'a>),
    /// A set of binaries.
    Bs(BinarySetRef<'a>),
}

/// What a container's view knows: how many elements stand in which bytes, and how many
/// containers may still stand in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) count: usize,
    pub(super) levels: u8,
}

impl<'a> Body<'a> {
    /// Reads the count at the front of a container's bytes.
    fn open(mut bytes: &'a [u8], levels: u8) -> Option<Self> {
        let count = usize::try_from(varint::read(&mut bytes)?).ok()?;
        // Every element takes a byte at least.
        (count <= bytes.len()).then_some(Self {
            bytes,
            count,
            levels,
        })
    }

    /// The next element, read by `read`. Yields one error, and then nothing, if it is broken or if
    /// bytes are left after the last.
    fn step<T>(
        &mut self,
        read: impl FnOnce(&mut &'a [u8], u8) -> Result<T, CorruptItem>,
    ) -> Walked<T> {
        if self.count == 0 {
            if self.bytes.is_empty() {
                return None;
            }
            self.bytes = &[];
            return Some(Err(CorruptItem("bytes after the last element")));
        }
        self.count -= 1;
        let element = read(&mut self.bytes, self.levels);
        if element.is_err() {
            self.count = 0;
            self.bytes = &[];
        }
        Some(element)
    }
}

impl<'a> ItemRef<'a> {
    /// A view of an encoded item. Other bytes are found out when they are walked.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The item's size as DynamoDB counts it, from the prefix; 0 if the bytes are too short.
    pub fn size_bytes(&self) -> usize {
        let prefix = self.bytes.first_chunk::<SIZE_LEN>();
        prefix.map_or(0, |prefix| u32::from_le_bytes(*prefix) as usize)
    }

    /// The encoded bytes, with the prefix.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The attributes in the order of their names.
    pub fn iter(&self) -> Attributes<'a> {
        Attributes {
            body: self
                .bytes
                .get(SIZE_LEN..)
                .and_then(|bytes| Body::open(bytes, CONTAINERS_MAX)),
            failed: false,
        }
    }

    /// The value of one attribute, passing over the others.
    ///
    /// # Errors
    /// [`CorruptItem`] if the bytes up to the attribute are not an item's.
    pub fn get(&self, name: &str) -> Result<Option<ValueRef<'a>>, CorruptItem> {
        find(self.body()?, name)
    }

    pub(super) fn body(&self) -> Result<Body<'a>, CorruptItem> {
        self.iter().body.ok_or(CorruptItem("no attributes"))
    }

    /// Reads the whole item.
    ///
    /// # Errors
    /// [`CorruptItem`] for any bytes that [`super::EncodedItem::encode`] does not write.
    pub fn to_item(&self) -> Result<Item, CorruptItem> {
        let item = collect_attributes(self.iter())?;
        if item.size_bytes() != self.size_bytes() {
            return Err(CorruptItem("the size is not that of the attributes"));
        }
        Ok(item)
    }
}

impl<'a> IntoIterator for ItemRef<'a> {
    type Item = Result<(&'a str, ValueRef<'a>), CorruptItem>;
    type IntoIter = Attributes<'a>;

    fn into_iter(self) -> Attributes<'a> {
        self.iter()
    }
}

/// The attributes of an item or a map, in the order of their names.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    body: Option<Body<'a>>,
    failed: bool,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(&'a str, ValueRef<'a>), CorruptItem>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.body {
            Some(body) => body.step(|bytes, levels| {
                let name = read_text(bytes)?;
                Ok((name, ValueRef::read(bytes, levels)?))
            }),
            None if self.failed => None,
            None => {
                self.failed = true;
                Some(Err(CorruptItem("no attributes")))
            }
        }
    }
}

/// Looks for a name, passing over the values before it without reading them.
fn find<'a>(body: Body<'a>, name: &str) -> Result<Option<ValueRef<'a>>, CorruptItem> {
    let mut bytes = body.bytes;
    for _ in 0..body.count {
        let found = varint::read_prefixed(&mut bytes).ok_or(CorruptItem("a cut name"))?;
        match found.cmp(name.as_bytes()) {
            std::cmp::Ordering::Less => skip_value(&mut bytes)?,
            std::cmp::Ordering::Equal => return ValueRef::read(&mut bytes, body.levels).map(Some),
            std::cmp::Ordering::Greater => return Ok(None),
        }
    }
    Ok(None)
}

pub(super) fn skip_value(bytes: &mut &[u8]) -> Result<(), CorruptItem> {
    let (tag, rest) = bytes.split_first().ok_or(CorruptItem("a missing value"))?;
    *bytes = rest;
    let skipped = match *tag {
        tag::NULL | tag::FALSE | tag::TRUE => Some(()),
        tag::N => Number::skip_compact(bytes),
        tag::S..=tag::BS => varint::read_prefixed(bytes).map(|_| ()),
        _ => return Err(CorruptItem("an unknown type")),
    };
    skipped.ok_or(CorruptItem("a cut value"))
}

pub(super) fn read_text<'a>(bytes: &mut &'a [u8]) -> Result<&'a str, CorruptItem> {
    let raw = read_raw(bytes)?;
    str::from_utf8(raw).map_err(|_| CorruptItem("a text that is not UTF-8"))
}

pub(super) fn read_raw<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], CorruptItem> {
    varint::read_prefixed(bytes).ok_or(CorruptItem("cut bytes"))
}

pub(super) fn read_number(bytes: &mut &[u8]) -> Result<Number, CorruptItem> {
    Number::decode_compact(bytes).ok_or(CorruptItem("a broken number"))
}

fn read_body<'a>(bytes: &mut &'a [u8], levels: u8) -> Result<Body<'a>, CorruptItem> {
    Body::open(read_raw(bytes)?, levels).ok_or(CorruptItem("a broken count"))
}

/// As [`read_body`], for a container of values: takes one of the levels.
pub(super) fn read_nested<'a>(bytes: &mut &'a [u8], levels: u8) -> Result<Body<'a>, CorruptItem> {
    let levels = levels.checked_sub(1).ok_or(CorruptItem("too deep"))?;
    read_body(bytes, levels)
}

pub(super) fn read_set<'a>(bytes: &mut &'a [u8]) -> Result<Body<'a>, CorruptItem> {
    let body = read_body(bytes, 0)?;
    if body.count == 0 {
        return Err(CorruptItem("an empty set"));
    }
    Ok(body)
}

impl<'a> ValueRef<'a> {
    fn read(bytes: &mut &'a [u8], levels: u8) -> Result<Self, CorruptItem> {
        let (tag, rest) = bytes.split_first().ok_or(CorruptItem("a missing value"))?;
        *bytes = rest;
        Ok(match *tag {
            tag::NULL => Self::Null,
            tag::FALSE => Self::Bool(false),
            tag::TRUE => Self::Bool(true),
            tag::N => Self::N(read_number(bytes)?),
            tag::S => Self::S(read_text(bytes)?),
            tag::B => Self::B(read_raw(bytes)?),
            tag::L => Self::L(ListRef(read_nested(bytes, levels)?)),
            tag::M => Self::M(MapRef(read_nested(bytes, levels)?)),
            tag::SS => Self::Ss(StringSetRef(read_set(bytes)?)),
            tag::NS => Self::Ns(NumberSetRef(read_set(bytes)?)),
            tag::BS => Self::Bs(BinarySetRef(read_set(bytes)?)),
            _ => return Err(CorruptItem("an unknown type")),
        })
    }

    /// The type's name on the wire, as [`AttributeValue::type_name`].
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

    /// Reads the whole value.
    ///
    /// # Errors
    /// [`CorruptItem`] for any bytes that the encoder does not write.
    pub fn to_value(&self) -> Result<AttributeValue, CorruptItem> {
        Ok(match self {
            Self::S(text) => AttributeValue::S((*text).to_owned()),
            Self::N(number) => AttributeValue::N(*number),
            Self::B(raw) => AttributeValue::B(Bytes::copy_from_slice(raw)),
            Self::Bool(value) => AttributeValue::Bool(*value),
            Self::Null => AttributeValue::Null,
            Self::L(list) => AttributeValue::L(collect_list(*list)?),
            Self::M(map) => AttributeValue::M(collect_attributes(map.iter())?),
            Self::Ss(set) => {
                AttributeValue::Ss(collect_set(set.0.count, set.iter(), str::to_owned)?)
            }
            Self::Ns(set) => {
                AttributeValue::Ns(collect_set(set.0.count, set.iter(), |number| number)?)
            }
            Self::Bs(set) => AttributeValue::Bs(collect_set(
                set.0.count,
                set.iter(),
                Bytes::copy_from_slice,
            )?),
        })
    }
}

fn collect_attributes(attributes: Attributes<'_>) -> Result<Item, CorruptItem> {
    let count = attributes.body.map_or(0, |body| body.count);
    let mut item = Item::with_capacity(count);
    for attribute in attributes {
        let (name, value) = attribute?;
        if !item.push_last(name, value.to_value()?) {
            return Err(CorruptItem("names out of order"));
        }
    }
    Ok(item)
}

fn collect_list(list: ListRef<'_>) -> Result<Vec<AttributeValue>, CorruptItem> {
    let mut elements = Vec::with_capacity(list.len());
    for element in list.iter() {
        elements.push(element?.to_value()?);
    }
    Ok(elements)
}

/// The elements with their ownership; they must ascend.
fn collect_set<T, O: Ord>(
    count: usize,
    elements: impl Iterator<Item = Result<T, CorruptItem>>,
    own: impl Fn(T) -> O,
) -> Result<Vec<O>, CorruptItem> {
    let mut owned = Vec::with_capacity(count);
    for element in elements {
        let element = own(element?);
        if owned.last().is_some_and(|last| *last >= element) {
            return Err(CorruptItem("set elements out of order"));
        }
        owned.push(element);
    }
    Ok(owned)
}

/// A list in an encoded item.
#[derive(Clone, Copy, Debug)]
pub struct ListRef<'a>(Body<'a>);

/// A map in an encoded item.
#[derive(Clone, Copy, Debug)]
pub struct MapRef<'a>(Body<'a>);

/// A set of strings in an encoded item.
#[derive(Clone, Copy, Debug)]
pub struct StringSetRef<'a>(Body<'a>);

/// A set of numbers in an encoded item.
#[derive(Clone, Copy, Debug)]
pub struct NumberSetRef<'a>(Body<'a>);

/// A set of binaries in an encoded item.
#[derive(Clone, Copy, Debug)]
pub struct BinarySetRef<'a>(Body<'a>);

/// The elements of a list.
#[derive(Clone, Debug)]
pub struct ListIter<'a>(Body<'a>);

/// The elements of a set of strings, ascending.
#[derive(Clone, Debug)]
pub struct StringSetIter<'a>(Body<'a>);

/// The elements of a set of numbers, ascending.
#[derive(Clone, Debug)]
pub struct NumberSetIter<'a>(Body<'a>);

/// The elements of a set of binaries, ascending.
#[derive(Clone, Debug)]
pub struct BinarySetIter<'a>(Body<'a>);

impl<'a> MapRef<'a> {
    /// The members in the order of their names.
    pub fn iter(&self) -> Attributes<'a> {
        Attributes {
            body: Some(self.0),
            failed: false,
        }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.count
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.count == 0
    }

    /// The value of one member, passing over the others.
    ///
    /// # Errors
    /// [`CorruptItem`] if the bytes up to the member are not a map's.
    pub fn get(&self, name: &str) -> Result<Option<ValueRef<'a>>, CorruptItem> {
        find(self.0, name)
    }
}

/// `len`, `is_empty`, `iter` of a list or set view, and the iterator.
macro_rules! elements {
    ($view:ident, $iter:ident, $element:ty, $read:expr) => {
        impl<'a> $view<'a> {
            /// The elements in order.
            pub fn iter(&self) -> $iter<'a> {
                $iter(self.0)
            }

            /// How many elements there are.
            pub fn len(&self) -> usize {
                self.0.count
            }

            /// Whether there is no element.
            pub fn is_empty(&self) -> bool {
                self.0.count == 0
            }
        }

        impl<'a> Iterator for $iter<'a> {
            type Item = Result<$element, CorruptItem>;

            fn next(&mut self) -> Option<Self::Item> {
                self.0.step($read)
            }
        }
    };
}

elements!(ListRef, ListIter, ValueRef<'a>, ValueRef::read);
elements!(StringSetRef, StringSetIter, &'a str, |bytes, _| read_text(
    bytes
));
elements!(NumberSetRef, NumberSetIter, Number, |bytes, _| read_number(
    bytes
));
elements!(BinarySetRef, BinarySetIter, &'a [u8], |bytes, _| read_raw(
    bytes
));
