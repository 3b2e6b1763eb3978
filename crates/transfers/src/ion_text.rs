//! Values of Amazon Ion's text form, as far as items are made of them (guide: Ion in exports and imports).
//!
//! A reader of our own, since a file is a stranger's: nesting is bounded here, where general readers follow it until the
//! stack ends. Timestamps, symbols, expressions in parentheses and character blobs are no attribute values and are refused.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Levels of lists and structs that are read; items have 32, and a line has two around its item.
const DEPTH_MAX: usize = 64;
/// Values and annotations that are read, since either takes many times the bytes that stand for it. An item of 400 KB has
/// up to 409,600 of them in a list of empty strings, which count one byte each, and half as many again in one of sets of
/// one empty string, which count two.
const VALUES_MAX: usize = 700_000;

/// A value with its annotations.
#[derive(Debug, PartialEq)]
pub(crate) struct IonValue<'t> {
    pub(crate) annotations: Vec<Cow<'t, str>>,
    pub(crate) value: Ion<'t>,
}

/// A value.
#[derive(Debug, PartialEq)]
pub(crate) enum Ion<'t> {
    Null,
    Bool(bool),
    /// A whole number, decimal or floating-point number, written as decimals are elsewhere.
    Number(String),
    String(String),
    Blob(Vec<u8>),
    List(Vec<IonValue<'t>>),
    Struct(Vec<(Cow<'t, str>, IonValue<'t>)>),
}

/// Reads one value, with the mark of Ion's version in front of it or without.
pub(crate) fn read(text: &str) -> Result<IonValue<'_>, String> {
    let mut reader = Reader {
        text,
        at: 0,
        values: 0,
    };
    reader.skip()?;
    if reader.rest().starts_with(VERSION) {
        reader.at += VERSION.len();
        reader.skip()?;
    }
    let value = reader.value(1)?;
    reader.skip()?;
    match reader.rest() {
        "" => Ok(value),
        _ => Err(reader.fault("something stands behind the value")),
    }
}

/// What begins a document.
pub(crate) const VERSION: &str = "$ion_1_0";

struct Reader<'t> {
    text: &'t str,
    at: usize,
    /// Values and annotations so far.
    values: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn fault(&self, what: &str) -> String {
        format!("{what} at byte {}", self.at)
    }

    fn take(&mut self, expected: char) -> bool {
        let is_there = self.peek() == Some(expected);
        if is_there {
            self.at += expected.len_utf8();
        }
        is_there
    }

    fn expect(&mut self, expected: char) -> Result<(), String> {
        match self.take(expected) {
            true => Ok(()),
            false => Err(self.fault(&format!("a {expected} is missing"))),
        }
    }

    /// White space and comments.
    fn skip(&mut self) -> Result<(), String> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{b}', '\u{c}']);
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find(['\n', '\r']).unwrap_or(trimmed.len());
            } else if let Some(comment) = trimmed.strip_prefix("/*") {
                let end = comment.find("*/");
                self.at += 4 + end.ok_or_else(|| self.fault("a comment has no end"))?;
            } else {
                return Ok(());
            }
        }
    }

    fn count(&mut self) -> Result<(), String> {
        self.values += 1;
        match self.values > VALUES_MAX {
            true => Err(self.fault("the values are too many")),
            false => Ok(()),
        }
    }

    fn value(&mut self, level: usize) -> Result<IonValue<'t>, String> {
        let mut annotations = Vec::new();
        loop {
            self.skip()?;
            self.count()?;
            let begin = self.at;
            let Some(symbol) = self.symbol()? else {
                let value = self.plain_value(level)?;
                return Ok(IonValue { annotations, value });
            };
            self.skip()?;
            if self.rest().starts_with("::") {
                self.at += 2;
                annotations.push(symbol);
                continue;
            }
            let is_word = !self.text[begin..].starts_with('\'');
            let value = match symbol.as_ref() {
                "null" if is_word => self.null()?,
                "true" if is_word => Ion::Bool(true),
                "false" if is_word => Ion::Bool(false),
                _ => return Err(format!("a symbol is no attribute value at byte {begin}")),
            };
            return Ok(IonValue { annotations, value });
        }
    }

    /// `null`, and the type behind it if there is one.
    fn null(&mut self) -> Result<Ion<'t>, String> {
        if self.take('.') && self.symbol()?.is_none() {
            return Err(self.fault("a type is missing"));
        }
        Ok(Ion::Null)
    }

    /// A symbol, if one stands here: a word, or anything in single quotes.
    fn symbol(&mut self) -> Result<Option<Cow<'t, str>>, String> {
        let rest = self.rest();
        if rest.starts_with('\'') && !rest.starts_with("'''") {
            self.at += 1;
            return Ok(Some(Cow::Owned(self.quoted("'")?)));
        }
        if !rest.starts_with(is_word_start) {
            return Ok(None);
        }
        let end = rest.find(|c: char| !is_word_start(c) && !c.is_ascii_digit());
        let word = &rest[..end.unwrap_or(rest.len())];
        self.at += word.len();
        Ok(Some(Cow::Borrowed(word)))
    }

    fn plain_value(&mut self, level: usize) -> Result<Ion<'t>, String> {
        let rest = self.rest();
        if rest.starts_with("{{") {
            return self.blob();
        }
        match self.peek() {
            Some('{' | '[') if level > DEPTH_MAX => Err(self.fault("the nesting is too deep")),
            Some('{') => self.fields(level),
            Some('[') => self.elements(level),
            Some('"') => {
                self.at += 1;
                Ok(Ion::String(self.quoted("\"")?))
            }
            Some('\'') => self.long_string(),
            Some('-' | '0'..='9') => self.number(),
            Some(_) => Err(self.fault("no attribute value begins like this")),
            None => Err(self.fault("a value is missing")),
        }
    }

    fn elements(&mut self, level: usize) -> Result<Ion<'t>, String> {
        self.at += 1;
        let mut elements = Vec::new();
        loop {
            self.skip()?;
            if self.take(']') {
                return Ok(Ion::List(elements));
            }
            elements.push(self.value(level + 1)?);
            self.skip()?;
            if !self.take(',') {
                self.expect(']')?;
                return Ok(Ion::List(elements));
            }
        }
    }

    fn fields(&mut self, level: usize) -> Result<Ion<'t>, String> {
        self.at += 1;
        let mut fields = Vec::new();
        loop {
            self.skip()?;
            if self.take('}') {
                return Ok(Ion::Struct(fields));
            }
            let name = match self.symbol()? {
                Some(name) => name,
                None if self.take('"') => Cow::Owned(self.quoted("\"")?),
                None => return Err(self.fault("the name of a field is missing")),
            };
            self.skip()?;
            self.expect(':')?;
            fields.push((name, self.value(level + 1)?));
            self.skip()?;
            if !self.take(',') {
                self.expect('}')?;
                return Ok(Ion::Struct(fields));
            }
        }
    }

    fn blob(&mut self) -> Result<Ion<'t>, String> {
        let begin = self.at + 2;
        let end = self.text[begin..].find("}}");
        let end = begin + end.ok_or_else(|| self.fault("a blob has no end"))?;
        let digits: String = self.text[begin..end].split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(&digits);
        let bytes = bytes.map_err(|_| self.fault("a blob is not base64"))?;
        self.at = end + 2;
        Ok(Ion::Blob(bytes))
    }

    /// Parts in three single quotes each, which are one string.
    fn long_string(&mut self) -> Result<Ion<'t>, String> {
        let mut whole = String::new();
        while self.rest().starts_with("'''") {
            self.at += 3;
            whole.push_str(&self.quoted("'''")?);
            self.skip()?;
        }
        Ok(Ion::String(whole))
    }

    /// The rest of what is in quotes, behind the first of them.
    fn quoted(&mut self, end: &str) -> Result<String, String> {
        let mut text = String::new();
        loop {
            if self.rest().starts_with(end) {
                self.at += end.len();
                return Ok(text);
            }
            let Some(c) = self.peek() else {
                return Err(self.fault("a closing quote is missing"));
            };
            self.at += c.len_utf8();
            match c {
                '\\' => text.extend(self.escaped()?),
                '\n' | '\r' if end.len() == 1 => return Err(self.fault("a quote spans lines")),
                c => text.push(c),
            }
        }
    }

    /// What an escape stands for; an escaped end of a line for nothing.
    fn escaped(&mut self) -> Result<Option<char>, String> {
        let Some(c) = self.peek() else {
            return Err(self.fault("an escape has no end"));
        };
        self.at += c.len_utf8();
        let simple = match c {
            '0' => '\0',
            'a' => '\u{7}',
            'b' => '\u{8}',
            't' => '\t',
            'n' => '\n',
            'f' => '\u{c}',
            'r' => '\r',
            'v' => '\u{b}',
            '"' | '\'' | '?' | '\\' | '/' => c,
            '\n' => return Ok(None),
            'x' => return self.code_point(2).map(Some),
            'u' => return self.code_point(4).map(Some),
            'U' => return self.code_point(8).map(Some),
            _ => return Err(self.fault("an escape is unknown")),
        };
        Ok(Some(simple))
    }

    fn code_point(&mut self, digits: usize) -> Result<char, String> {
        let code = self.hexadecimal(digits)?;
        // Two escapes may stand for one character, as in JSON.
        if (0xd800..0xdc00).contains(&code) && self.rest().starts_with("\\u") {
            self.at += 2;
            let low = self.hexadecimal(4)?;
            let whole = (0xdc00..0xe000)
                .contains(&low)
                .then(|| 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
            let c = whole.and_then(char::from_u32);
            return c.ok_or_else(|| self.fault("an escape is no character"));
        }
        char::from_u32(code).ok_or_else(|| self.fault("an escape is no character"))
    }

    fn hexadecimal(&mut self, digits: usize) -> Result<u32, String> {
        let text = self.rest().get(..digits);
        let text = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let text = text.ok_or_else(|| self.fault("an escape has too few digits"))?;
        self.at += digits;
        u32::from_str_radix(text, 16).map_err(|error| error.to_string())
    }

    fn number(&mut self) -> Result<Ion<'t>, String> {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let text = &rest[..end];
        let number = decimal(text);
        let number = number.ok_or_else(|| self.fault("this is no number"))?;
        self.at += end;
        Ok(Ion::Number(number))
    }
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '$'
}

/// A number as attribute values have it; `None` for dates, and for what is no number.
fn decimal(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let digits = digits.replace('_', "");
    for (prefixes, radix) in [(["0x", "0X"], 16), (["0b", "0B"], 2)] {
        if prefixes.iter().any(|prefix| digits.starts_with(prefix)) {
            let whole = u128::from_str_radix(&digits[2..], radix).ok()?;
            return Some(format!("{sign}{whole}"));
        }
    }
    let (coefficient, exponent) = match digits.split_once(['d', 'D', 'e', 'E']) {
        Some((coefficient, exponent)) => (coefficient, Some(exponent.parse::<i32>().ok()?)),
        None => (digits.as_str(), None),
    };
    let (whole, fraction) = coefficient.split_once('.').unwrap_or((coefficient, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let point = if fraction.is_empty() { "" } else { "." };
    let exponent = exponent.map_or(String::new(), |exponent| format!("E{exponent}"));
    Some(format!("{sign}{whole}{point}{fraction}{exponent}"))
}

#[cfg(test)]
mod tests;
