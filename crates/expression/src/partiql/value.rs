//! Constants: parameters, and values written out in the statement.

use std::collections::BTreeSet;
use std::sync::Arc;

use headwater_model::limits::NESTING_DEPTH_MAX;
use headwater_model::{AttributeValue, Item, Number};

use super::error::PartiqlError;
use super::lexer::Position;
use super::printed::{described, printed};
use super::syntax::{Node, Raw};

/// Where messages say that a value stands.
const ROOT: &str = "root";

/// The parameters of a statement, and how the constants beside them are read.
pub(super) struct Values {
    parameters: Vec<Arc<AttributeValue>>,
}

impl Values {
    /// As many parameters as the statement has places for them.
    pub(super) fn new(
        parameters: Vec<AttributeValue>,
        places: usize,
    ) -> Result<Self, PartiqlError> {
        match parameters.len() == places {
            true => Ok(Values {
                parameters: parameters.into_iter().map(Arc::new).collect(),
            }),
            false => Err(PartiqlError::ParameterCount),
        }
    }

    /// A parameter, or a constant that is written out.
    pub(super) fn value(&self, raw: &Raw) -> Result<Arc<AttributeValue>, PartiqlError> {
        if let Node::Parameter(place) = &raw.node {
            let value = self.parameters.get(*place);
            return value.cloned().ok_or(PartiqlError::ParameterCount);
        }
        let value = literal(raw, ROOT)?;
        check_depth(&value)?;
        Ok(Arc::new(value))
    }

    /// The item that an INSERT writes out. Only its attributes may be parameters, not what is in them.
    pub(super) fn item(&self, raw: &Raw) -> Result<Item, PartiqlError> {
        let Node::Struct(pairs) = &raw.node else {
            return Err(PartiqlError::NotAnItem { at: raw.at });
        };
        let mut item = Item::with_capacity(pairs.len());
        for (name, raw) in pairs {
            let at = name.at;
            let name = name_of(name, ROOT)?;
            let value = match &raw.node {
                Node::Parameter(_) => AttributeValue::clone(&*self.value(raw)?),
                _ if is_constant(&raw.node) => literal(raw, ROOT)?,
                node => {
                    return Err(PartiqlError::UnsupportedValue {
                        what: printed(node),
                        key: ROOT.to_owned(),
                        at: raw.at,
                    });
                }
            };
            check_depth(&value)?;
            insert(&mut item, name, value, at, ROOT)?;
        }
        Ok(item)
    }
}

fn check_depth(value: &AttributeValue) -> Result<(), PartiqlError> {
    match value.depth() > NESTING_DEPTH_MAX {
        true => Err(PartiqlError::ValueTooDeep),
        false => Ok(()),
    }
}

fn is_constant(node: &Node) -> bool {
    matches!(
        node,
        Node::Null
            | Node::Bool(_)
            | Node::Text(_)
            | Node::Number(_)
            | Node::List(_)
            | Node::Bag(_)
            | Node::Struct(_)
            | Node::Ion(_)
    )
}

fn literal(raw: &Raw, key: &str) -> Result<AttributeValue, PartiqlError> {
    match &raw.node {
        Node::Null => Ok(AttributeValue::Null),
        Node::Bool(value) => Ok(AttributeValue::Bool(*value)),
        Node::Text(text) => Ok(AttributeValue::S(text.clone())),
        Node::Number(text) => number(text, raw.at, key).map(AttributeValue::N),
        Node::List(members) => {
            let members = members.iter().enumerate();
            let members = members.map(|(place, raw)| literal(raw, &format!("{key}[{place}]")));
            members.collect::<Result<_, _>>().map(AttributeValue::L)
        }
        Node::Bag(members) => bag(members, raw.at, key),
        Node::Struct(pairs) => map(pairs, raw.at, key).map(AttributeValue::M),
        Node::Ion(what) => Err(PartiqlError::Ion {
            what,
            key: key.to_owned(),
            at: raw.at,
        }),
        Node::Refused(error) => Err(PartiqlError::clone(error)),
        _ => Err(PartiqlError::UnsupportedValue {
            what: described(raw),
            key: key.replace('[', ".").replace(']', ""),
            at: raw.at,
        }),
    }
}

fn number(text: &str, at: Position, key: &str) -> Result<Number, PartiqlError> {
    let number = Number::parse(text).map_err(|error| PartiqlError::Number {
        error,
        key: key.to_owned(),
    })?;
    let is_decimal = text.contains(['.', 'e', 'E']);
    match number.is_zero() && text.starts_with('-') && is_decimal {
        true => Err(PartiqlError::NegativeZero {
            key: key.to_owned(),
            at,
        }),
        false => Ok(number),
    }
}

fn map(pairs: &[(Raw, Raw)], at: Position, key: &str) -> Result<Item, PartiqlError> {
    let mut item = Item::with_capacity(pairs.len());
    for (name, raw) in pairs {
        let name = name_of(name, key)?;
        let value = literal(raw, &format!("{key}.{name}"))?;
        insert(&mut item, name, value, at, key)?;
    }
    Ok(item)
}

fn name_of<'r>(name: &'r Raw, key: &str) -> Result<&'r String, PartiqlError> {
    match &name.node {
        Node::Text(text) if text.is_empty() => Err(PartiqlError::EmptyName),
        Node::Text(text) => Ok(text),
        _ => Err(PartiqlError::NameNotString {
            actual: described(name),
            key: key.to_owned(),
            at: name.at,
        }),
    }
}

fn insert(
    item: &mut Item,
    name: &str,
    value: AttributeValue,
    at: Position,
    key: &str,
) -> Result<(), PartiqlError> {
    if item.contains(name) {
        return Err(PartiqlError::DuplicateName {
            name: name.to_owned(),
            key: key.to_owned(),
            at,
        });
    }
    item.insert(name.to_owned(), value);
    Ok(())
}

/// A set: of strings or of numbers.
fn bag(members: &[Raw], at: Position, key: &str) -> Result<AttributeValue, PartiqlError> {
    let Some(first) = members.first() else {
        return Err(PartiqlError::EmptyBag { at });
    };
    let single = |raw: &Raw| matches!(raw.node, Node::Text(_) | Node::Number(_));
    if let Some(raw) = members.iter().find(|raw| !single(raw)) {
        return Err(PartiqlError::BagMembers { at: Some(raw.at) });
    }
    let refused = || PartiqlError::BagMembers { at: None };
    match &first.node {
        Node::Text(_) => {
            let texts = members.iter().map(|raw| match &raw.node {
                Node::Text(text) => Ok(text.clone()),
                _ => Err(refused()),
            });
            let texts = texts.collect::<Result<Vec<String>, _>>()?;
            refuse_duplicates(&texts, |text| text.clone())?;
            AttributeValue::string_set(texts).map_err(|_| refused())
        }
        Node::Number(_) => {
            let numbers = members
                .iter()
                .enumerate()
                .map(|(place, raw)| match &raw.node {
                    Node::Number(text) => number(text, raw.at, &format!("{key}[{place}]")),
                    _ => Err(refused()),
                });
            let numbers = numbers.collect::<Result<Vec<Number>, _>>()?;
            refuse_duplicates(&numbers, Number::to_string)?;
            AttributeValue::number_set(numbers).map_err(|_| refused())
        }
        _ => Err(refused()),
    }
}

fn refuse_duplicates<T: Ord>(
    members: &[T],
    printed: impl Fn(&T) -> String,
) -> Result<(), PartiqlError> {
    let distinct: BTreeSet<&T> = members.iter().collect();
    if distinct.len() == members.len() {
        return Ok(());
    }
    let printed: Vec<String> = members.iter().map(printed).collect();
    Err(PartiqlError::DuplicateMembers {
        members: printed.join(", "),
    })
}
