//! The properties of one resource: each is taken by name, and those that nobody takes are ignored by name.

use serde_json::{Map, Value};

use super::Reader;
use super::coerce::coerced;

/// Properties of a resource that nobody has taken yet, as they are written.
pub(super) struct Properties {
    /// What faults and notes name.
    about: String,
    left: Map<String, Value>,
}

impl Properties {
    pub(super) fn new(about: &str, properties: &Value) -> Self {
        Properties {
            about: about.to_owned(),
            left: properties.as_object().cloned().unwrap_or_default(),
        }
    }

    pub(super) fn about(&self, name: &str) -> String {
        format!("{}.{name}", self.about)
    }

    /// Takes a property as it is written.
    pub(super) fn raw(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name)
    }

    /// Puts a property in the place of another form of it.
    pub(super) fn put(&mut self, name: &str, value: Value) {
        self.left.insert(name.to_owned(), value);
    }

    /// Takes a property that means nothing here and needs no word.
    pub(super) fn skip(&mut self, name: &str) {
        self.left.remove(name);
    }

    /// Takes a property with what it refers to, in the form that the API takes. One that can't be known is a fault.
    pub(super) fn take(&mut self, reader: &mut Reader<'_>, name: &str) -> Option<Value> {
        let raw = self.left.remove(name)?;
        match reader.scope.value(&raw) {
            Ok(value) => value.map(|value| coerced(name, value)),
            Err(why) => {
                reader.desired.fault(self.about(name), why.to_string());
                None
            }
        }
    }

    /// Takes these properties, as they are named.
    pub(super) fn take_all(
        &mut self,
        reader: &mut Reader<'_>,
        names: &[&str],
    ) -> Map<String, Value> {
        let mut taken = Map::new();
        for name in names {
            if let Some(value) = self.take(reader, name) {
                taken.insert((*name).to_owned(), value);
            }
        }
        taken
    }

    /// Names what is left as ignored, with the reason that is known for it.
    pub(super) fn ignore_rest(self, reader: &mut Reader<'_>, reasons: &[(&str, &str)]) {
        for (name, value) in &self.left {
            if matches!(reader.scope.value(value), Ok(None)) {
                continue;
            }
            let reason = reasons.iter().find(|(of, _)| of == name);
            let why = reason.map_or("it is not understood", |(_, why)| why);
            reader.desired.ignore(self.about(name), why);
        }
    }
}
