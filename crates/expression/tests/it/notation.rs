//! A short form of values for test cases: `1`, `'text'`, `b'bytes'`, `true`, `null`, `[1, 'a']`,
//! `{a: 1}` and sets `<1, 2>`. Placeholders are written `#n=name` and `:v=value`.

use std::collections::BTreeMap;

use headwater_expression::Placeholders;
use headwater_model::{AttributeValue, Item, Number};

pub fn value(text: &str) -> AttributeValue {
    let mut reader = Reader { rest: text };
    let value = reader.value();
    reader.skip_space();
    assert_eq!(reader.rest, "", "left over in {text}");
    value
}

pub fn item(text: &str) -> Item {
    match value(text) {
        AttributeValue::M(item) => item,
        other => panic!("not an item: {other:?}"),
    }
}

/// `#n=name :v=1 :w='x'`; values may hold spaces, names may not.
pub fn placeholders(text: &str) -> Placeholders {
    let mut names = BTreeMap::new();
    let mut values = BTreeMap::new();
    let mut reader = Reader { rest: text };
    loop {
        reader.skip_space();
        let Some((key, rest)) = reader.rest.split_once('=') else {
            break;
        };
        reader.rest = rest;
        if key.starts_with('#') {
            let name = reader.until(|c| c == ' ');
            names.insert(key.to_owned(), name.to_owned());
        } else {
            values.insert(key.to_owned(), reader.value());
        }
    }
    let names = (!names.is_empty()).then_some(names);
    let values = (!values.is_empty()).then_some(values);
    Placeholders::new(names, values).expect("placeholders of a case are right")
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, text: &str) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn until(&mut self, end: impl Fn(char) -> bool) -> &'t str {
        let length = self.rest.find(end).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        text
    }

    fn quoted(&mut self) -> &'t str {
        let text = self.until(|c| c == '\'');
        self.rest = &self.rest[1..];
        text
    }

    fn value(&mut self) -> AttributeValue {
        if self.take("'") {
            AttributeValue::S(self.quoted().to_owned())
        } else if self.take("b'") {
            AttributeValue::B(self.quoted().as_bytes().to_vec().into())
        } else if self.take("[") {
            AttributeValue::L(self.list("]"))
        } else if self.take("<") {
            set(self.list(">"))
        } else if self.take("{") {
            AttributeValue::M(self.members())
        } else if self.take("true") {
            AttributeValue::Bool(true)
        } else if self.take("false") {
            AttributeValue::Bool(false)
        } else if self.take("null") {
            AttributeValue::Null
        } else {
            let text = self.until(|c| " ,]}>".contains(c));
            AttributeValue::N(Number::parse(text).expect("a number"))
        }
    }

    fn list(&mut self, end: &str) -> Vec<AttributeValue> {
        let mut list = Vec::new();
        while !self.take(end) {
            list.push(self.value());
            self.take(",");
        }
        list
    }

    fn members(&mut self) -> Item {
        let mut map = Item::new();
        while !self.take("}") {
            self.skip_space();
            let name = self.until(|c| c == ':').to_owned();
            assert!(self.take(":"), "no value for {name}");
            map.insert(name, self.value());
            self.take(",");
        }
        map
    }
}

fn set(members: Vec<AttributeValue>) -> AttributeValue {
    let (mut texts, mut numbers, mut binaries) = (Vec::new(), Vec::new(), Vec::new());
    for member in members {
        match member {
            AttributeValue::S(text) => texts.push(text),
            AttributeValue::N(number) => numbers.push(number),
            AttributeValue::B(bytes) => binaries.push(bytes),
            other => panic!("no set holds {other:?}"),
        }
    }
    let set = if !texts.is_empty() {
        AttributeValue::string_set(texts)
    } else if !numbers.is_empty() {
        AttributeValue::number_set(numbers)
    } else {
        AttributeValue::binary_set(binaries)
    };
    set.expect("a set of a case is right")
}
