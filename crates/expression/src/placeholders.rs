//! `ExpressionAttributeNames` and `ExpressionAttributeValues`: checked once, shared by all the
//! expressions of a request, which mark what they use.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_model::AttributeValue;
use headwater_model::limits::{
    ATTRIBUTE_NAME_BYTES_MAX, PLACEHOLDER_BYTES_MAX, SUBSTITUTIONS_SIZE_BYTES_MAX,
};

use crate::error::{ExpressionError, Fault};

const NAMES: &str = "ExpressionAttributeNames";
const VALUES: &str = "ExpressionAttributeValues";

/// The names and values of one request.
#[derive(Clone, Debug, Default)]
pub struct Placeholders {
    names: BTreeMap<String, Entry<Arc<str>>>,
    values: BTreeMap<String, Entry<Arc<AttributeValue>>>,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    content: T,
    used: bool,
}

impl<T> Entry<T> {
    fn new(content: T) -> Self {
        Self {
            content,
            used: false,
        }
    }
}

impl Placeholders {
    /// Checks the two maps; an absent map is not the same as an empty one, which is refused.
    pub fn new(
        names: Option<BTreeMap<String, String>>,
        values: Option<BTreeMap<String, AttributeValue>>,
    ) -> Result<Self, ExpressionError> {
        let mut placeholders = Self::default();
        let mut bytes = 0;
        if let Some(names) = names {
            check_keys(NAMES, b'#', names.keys())?;
            for (key, name) in names {
                bytes += name.len();
                check_name(&key, &name)?;
                placeholders.names.insert(key, Entry::new(name.into()));
            }
            check_size(NAMES, bytes)?;
        }
        if let Some(values) = values {
            check_keys(VALUES, b':', values.keys())?;
            for (key, value) in values {
                bytes += value.size_bytes();
                placeholders.values.insert(key, Entry::new(Arc::new(value)));
            }
            check_size(VALUES, bytes)?;
        }
        Ok(placeholders)
    }

    /// Refuses what no expression used; names are told before values. Call it after the last parse.
    pub fn finish(&self) -> Result<(), ExpressionError> {
        check_used(NAMES, &self.names)?;
        check_used(VALUES, &self.values)
    }

    /// The name behind `key` (with its `#`), marked as used.
    pub(crate) fn name(&mut self, key: &str) -> Result<Arc<str>, Fault> {
        use_entry(&mut self.names, key).ok_or_else(|| Fault::UndefinedName {
            key: key.to_owned(),
        })
    }

    /// The value behind `key` (with its `:`), marked as used.
    pub(crate) fn value(&mut self, key: &str) -> Result<Arc<AttributeValue>, Fault> {
        use_entry(&mut self.values, key).ok_or_else(|| Fault::UndefinedValue {
            key: key.to_owned(),
        })
    }
}

fn use_entry<T: Clone>(entries: &mut BTreeMap<String, Entry<T>>, key: &str) -> Option<T> {
    let entry = entries.get_mut(key)?;
    entry.used = true;
    Some(entry.content.clone())
}

fn check_keys<'a>(
    parameter: &'static str,
    sigil: u8,
    keys: impl ExactSizeIterator<Item = &'a String>,
) -> Result<(), ExpressionError> {
    if keys.len() == 0 {
        return Err(ExpressionError::EmptyPlaceholders { parameter });
    }
    for key in keys {
        if !is_placeholder(sigil, key.as_bytes()) {
            return Err(ExpressionError::PlaceholderSyntax {
                parameter,
                key: key.clone(),
            });
        }
        if key.len() > PLACEHOLDER_BYTES_MAX {
            return Err(ExpressionError::PlaceholderTooLong {
                parameter,
                key: key.clone(),
            });
        }
    }
    Ok(())
}

fn is_placeholder(sigil: u8, key: &[u8]) -> bool {
    match key.split_first() {
        Some((first, rest)) => {
            *first == sigil
                && !rest.is_empty()
                && rest
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        }
        None => false,
    }
}

fn check_name(key: &str, name: &str) -> Result<(), ExpressionError> {
    if name.is_empty() {
        return Err(ExpressionError::EmptyAttributeName {
            key: key.to_owned(),
        });
    }
    if name.len() > ATTRIBUTE_NAME_BYTES_MAX {
        return Err(ExpressionError::AttributeNameTooLong {
            key: key.to_owned(),
        });
    }
    Ok(())
}

fn check_size(parameter: &'static str, bytes: usize) -> Result<(), ExpressionError> {
    if bytes > SUBSTITUTIONS_SIZE_BYTES_MAX {
        return Err(ExpressionError::PlaceholdersTooLarge { parameter });
    }
    Ok(())
}

fn check_used<T>(
    parameter: &'static str,
    entries: &BTreeMap<String, Entry<T>>,
) -> Result<(), ExpressionError> {
    let keys: Vec<String> = entries
        .iter()
        .filter(|(_, entry)| !entry.used)
        .map(|(key, _)| key.clone())
        .collect();
    if keys.is_empty() {
        Ok(())
    } else {
        Err(ExpressionError::UnusedPlaceholders { parameter, keys })
    }
}
