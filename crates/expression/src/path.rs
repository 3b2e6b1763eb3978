//! Document paths: finding what they name, printing them, and telling whether two of them overlap.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use headwater_model::{AttributeValue, Item};

use crate::ast::{Path, Segment};
use crate::error::Fault;

impl Path {
    /// The path of a top-level attribute.
    pub fn top_level(attribute: impl Into<Arc<str>>) -> Self {
        Self {
            attribute: attribute.into(),
            rest: Vec::new(),
        }
    }

    /// One step further: a member of a map.
    pub fn member(mut self, name: impl Into<Arc<str>>) -> Self {
        self.rest.push(Segment::Name(name.into()));
        self
    }

    /// One step further: an element of a list.
    pub fn element(mut self, index: u32) -> Self {
        self.rest.push(Segment::Index(index));
        self
    }

    /// Whether the path names a top-level attribute as a whole.
    pub fn is_top_level(&self) -> bool {
        self.rest.is_empty()
    }

    /// What the path names in `item`, if it is there.
    pub fn find<'a>(&self, item: &'a Item) -> Option<&'a AttributeValue> {
        let mut value = item.get(&self.attribute)?;
        for segment in &self.rest {
            value = match (segment, value) {
                (Segment::Name(name), AttributeValue::M(map)) => map.get(name)?,
                (Segment::Index(index), AttributeValue::L(list)) => list.get(*index as usize)?,
                _ => return None,
            };
        }
        Some(value)
    }

    fn relation(&self, other: &Path) -> Relation {
        if self.attribute != other.attribute {
            return Relation::Apart;
        }
        for (one, two) in self.rest.iter().zip(&other.rest) {
            match (one, two) {
                (Segment::Name(_), Segment::Index(_)) | (Segment::Index(_), Segment::Name(_)) => {
                    return Relation::Conflict;
                }
                _ if one != two => return Relation::Apart,
                _ => {}
            }
        }
        Relation::Overlap
    }
}

/// As the service prints paths: `[a, [0], b]`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", self.attribute)?;
        for segment in &self.rest {
            match segment {
                Segment::Name(name) => write!(f, ", {name}")?,
                Segment::Index(index) => write!(f, ", [{index}]")?,
            }
        }
        f.write_str("]")
    }
}

#[derive(PartialEq, Eq)]
enum Relation {
    Apart,
    Overlap,
    Conflict,
}

/// Refuses paths of which one lies within another, then paths that disagree about maps and lists.
pub(crate) fn check_distinct(paths: &[&Path]) -> Result<(), Fault> {
    let mut conflict = None;
    // Only paths of one attribute can be related; there may be thousands of others.
    let mut before: HashMap<&str, Vec<&Path>> = HashMap::new();
    for two in paths {
        let related = before.entry(&two.attribute).or_default();
        for one in related.iter() {
            match one.relation(two) {
                Relation::Apart => {}
                Relation::Overlap => {
                    return Err(Fault::PathsOverlap {
                        one: one.to_string(),
                        two: two.to_string(),
                    });
                }
                Relation::Conflict => {
                    conflict.get_or_insert_with(|| (one.to_string(), two.to_string()));
                }
            }
        }
        related.push(two);
    }
    match conflict {
        Some((one, two)) => Err(Fault::PathsConflict { one, two }),
        None => Ok(()),
    }
}
