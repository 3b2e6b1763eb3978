//! Whether an answer is what a case expects.

use super::{BTreeMap, Value};

/// Strings of earlier answers, by the names that the case gives them.
#[derive(Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// A request's body with the strings in place of their names.
    pub fn put_into(&self, body: &str) -> String {
        let replace = |body: String, (name, value): (&String, &String)| {
            body.replace(
                &format!("\"{name}\""),
                &Value::from(value.as_str()).to_string(),
            )
        };
        self.0.iter().fold(body.to_owned(), replace)
    }

    fn fits(&mut self, name: &str, value: &str) -> bool {
        let known = self
            .0
            .entry(name.to_owned())
            .or_insert_with(|| value.to_owned());
        known == value
    }
}

/// Each part expected has to be there; more may be.
pub fn parts(expected: &Value, got: &Value, names: &mut Names) -> Result<(), String> {
    match (expected, got) {
        (Value::Object(members), Value::Object(_)) => {
            members.iter().try_for_each(|(name, value)| {
                let got = got.get(name).unwrap_or(&Value::Null);
                parts(value, got, names).map_err(|failure| format!("{name}: {failure}"))
            })
        }
        (Value::Array(elements), Value::Array(got)) if elements.len() == got.len() => elements
            .iter()
            .zip(got)
            .try_for_each(|(element, got)| parts(element, got, names)),
        (Value::String(name), Value::String(value)) if name.starts_with('$') => {
            if names.fits(name, value) {
                Ok(())
            } else {
                Err(format!("not {name}"))
            }
        }
        _ => whole(expected, got),
    }
}

/// Exactly what is expected; numbers by value.
pub fn whole(expected: &Value, got: &Value) -> Result<(), String> {
    if expected == got || (expected.is_number() && expected.as_f64() == got.as_f64()) {
        Ok(())
    } else {
        Err(format!("expected {expected}"))
    }
}
