//! Projections: the named parts of an item, in its own structure.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_model::{AttributeValue, Item};

use crate::ast::{Path, Segment};
use crate::error::ExpressionError;
use crate::kind::ExpressionKind;
use crate::parser::parse_projection;
use crate::path::check_distinct;
use crate::placeholders::Placeholders;
use crate::resolve::{check_path, resolve_path};

/// Parts of an item to be shown. Paths that name nothing leave no trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    attributes: BTreeMap<Arc<str>, Part>,
}

/// What is shown of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Within(BTreeMap<Segment, Part>),
}

impl Projection {
    /// Parses a projection expression; paths that overlap are refused.
    pub fn parse(text: &str, placeholders: &mut Placeholders) -> Result<Self, ExpressionError> {
        let kind = ExpressionKind::Projection;
        let raw = parse_projection(text)?;
        let resolved = raw
            .iter()
            .try_for_each(|path| check_path(path))
            .and_then(|()| {
                raw.iter()
                    .map(|path| resolve_path(path, placeholders))
                    .collect()
            })
            .and_then(|paths: Vec<Path>| {
                check_distinct(&paths.iter().collect::<Vec<_>>()).map(|()| paths)
            });
        resolved
            .map(|paths| Self::of_paths(&paths))
            .map_err(|fault| fault.of(kind))
    }

    /// The projection on the given paths. Where they overlap, the whole is shown.
    pub fn of_paths<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let mut projection = Self::default();
        for path in paths {
            let part = projection
                .attributes
                .entry(path.attribute.clone())
                .or_insert_with(|| Part::Within(BTreeMap::new()));
            part.add(&path.rest);
        }
        projection
    }

    /// The top-level attributes that the projection reads.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(|name| &**name)
    }

    /// The top-level attributes of which the projection reads parts.
    pub(crate) fn partial_attributes(&self) -> impl Iterator<Item = &str> {
        let parts = self.attributes.iter();
        let partial = parts.filter(|(_, part)| **part != Part::Whole);
        partial.map(|(name, _)| &**name)
    }

    /// The named parts of `item` side by side, as PartiQL shows them: each under its last name, and an element of a list
    /// under the list's name and its index.
    ///
    /// An element that is at another place among the named ones than in its list is shown as a projection has it, with
    /// its structure (DynamoDB Local).
    pub(crate) fn flatten(&self, item: &Item) -> Item {
        let mut shown = Item::new();
        for (name, part) in &self.attributes {
            if let Some(value) = item.get(name) {
                part.flatten(name, value, &mut shown);
            }
        }
        shown
    }

    /// The named parts of `item`. Elements of a list keep their order and close ranks.
    pub fn project(&self, item: &Item) -> Item {
        self.attributes
            .iter()
            .filter_map(|(name, part)| Some((name.to_string(), part.of_value(item.get(name)?)?)))
            .collect()
    }
}

impl Part {
    fn add(&mut self, rest: &[Segment]) {
        let Self::Within(parts) = self else { return };
        match rest.split_first() {
            None => *self = Self::Whole,
            Some((segment, rest)) => parts
                .entry(segment.clone())
                .or_insert_with(|| Self::Within(BTreeMap::new()))
                .add(rest),
        }
    }

    fn flatten(&self, name: &str, value: &AttributeValue, shown: &mut Item) {
        let parts = match (self, value) {
            (Self::Whole, value) => {
                shown.insert(name.to_owned(), value.clone());
                return;
            }
            (Self::Within(parts), _) => parts,
        };
        let mut place = 0;
        for (segment, part) in parts {
            match (segment, value) {
                (Segment::Name(name), AttributeValue::M(map)) => {
                    if let Some(value) = map.get(name) {
                        part.flatten(name, value, shown);
                    }
                }
                (Segment::Index(index), AttributeValue::L(list)) => {
                    let element = list.get(*index as usize);
                    let Some((element, projected)) =
                        element.and_then(|element| Some((element, part.of_value(element)?)))
                    else {
                        continue;
                    };
                    let name = format!("{name}[{index}]");
                    if place == *index {
                        part.flatten(&name, element, shown);
                    } else {
                        shown.insert(name, projected);
                    }
                    place += 1;
                }
                _ => {}
            }
        }
    }

    fn of_value(&self, value: &AttributeValue) -> Option<AttributeValue> {
        let parts = match self {
            Self::Whole => return Some(value.clone()),
            Self::Within(parts) => parts,
        };
        match value {
            AttributeValue::M(map) => {
                let shown: Item = parts.iter().filter_map(|part| member(map, part)).collect();
                (!shown.is_empty()).then_some(AttributeValue::M(shown))
            }
            AttributeValue::L(list) => {
                let shown: Vec<_> = parts
                    .iter()
                    .filter_map(|part| element(list, part))
                    .collect();
                (!shown.is_empty()).then_some(AttributeValue::L(shown))
            }
            _ => None,
        }
    }
}

fn member(map: &Item, (segment, part): (&Segment, &Part)) -> Option<(String, AttributeValue)> {
    let Segment::Name(name) = segment else {
        return None;
    };
    Some((name.to_string(), part.of_value(map.get(name)?)?))
}

fn element(list: &[AttributeValue], (segment, part): (&Segment, &Part)) -> Option<AttributeValue> {
    let Segment::Index(index) = segment else {
        return None;
    };
    part.of_value(list.get(*index as usize)?)
}
