//! YAML to a tree of JSON values, with the short forms of intrinsic functions (`!Ref X`) in their long form
//! (`{"Ref": "X"}`).
//!
//! Texts come from files of strangers: their size, nesting and the values that aliases stand for are bounded.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::{Map, Number, Value};
use thiserror::Error;

/// Levels of lists and maps, aliases followed.
pub(super) const DEPTH_MAX: usize = 100;
/// Values of a text, those that aliases stand for counted each time.
const VALUES_MAX: usize = 100_000;
/// A text counts as one value more for each of these.
const TEXT_BYTES_OF_A_VALUE: usize = 32;

/// Why a text is no YAML that can be used.
#[derive(Debug, Error, PartialEq)]
pub(super) enum YamlError {
    #[error("line {line}: {problem}")]
    At { line: usize, problem: String },
    #[error("there is more than one document in it")]
    SeveralDocuments,
    #[error(
        "it has more than {VALUES_MAX} values, long texts and what aliases stand for counted more than once"
    )]
    TooManyValues,
}

/// Reads the one document of a text; an empty one is null.
pub(super) fn read(text: &str) -> Result<Value, YamlError> {
    let mut reader = Reader::default();
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| YamlError::At {
            line: error.marker().line(),
            problem: error.info(),
        })?;
        reader.take(event, &span)?;
    }
    Ok(reader.document.unwrap_or(Value::Null))
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    document: Option<Value>,
    anchors: HashMap<usize, Anchored>,
    values: usize,
}

/// What an alias stands for.
struct Anchored {
    value: Value,
    values: usize,
    depth: usize,
}

/// A list or a map whose end has not come.
struct Open {
    anchor: usize,
    tag: Option<String>,
    content: Content,
    /// Values that were read before it, and the deepest level below it.
    values_before: usize,
    depth: usize,
}

enum Content {
    List(Vec<Value>),
    Map {
        entries: Map<String, Value>,
        key: Option<String>,
        /// Values of `<<`.
        merged: Vec<Value>,
    },
}

impl Reader {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), YamlError> {
        let line = span.start.line();
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag_name(tag.as_deref(), line)?;
                let value = match &tag {
                    Some(tag) => scalar_with_tag(&text, tag),
                    None if style == ScalarStyle::Plain => plain(&text),
                    None => Value::String(text.clone().into_owned()),
                };
                let values = 1 + text.len() / TEXT_BYTES_OF_A_VALUE;
                self.values += values;
                self.add(value, anchor, values, 0, line)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(Content::List(Vec::new()), anchor, tag.as_deref(), line)
            }
            Event::MappingStart(_, anchor, tag) => {
                let content = Content::Map {
                    entries: Map::new(),
                    key: None,
                    merged: Vec::new(),
                };
                self.begin(content, anchor, tag.as_deref(), line)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(line),
            Event::Alias(id) => self.alias(id, line),
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        content: Content,
        anchor: usize,
        tag: Option<&Tag>,
        line: usize,
    ) -> Result<(), YamlError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(too_deep(line));
        }
        self.values += 1;
        self.open.push(Open {
            anchor,
            tag: tag_name(tag, line)?,
            content,
            values_before: self.values - 1,
            depth: 0,
        });
        Ok(())
    }

    fn end(&mut self, line: usize) -> Result<(), YamlError> {
        let Some(ended) = self.open.pop() else {
            return Ok(());
        };
        let value = match ended.content {
            Content::List(items) => Value::Array(items),
            Content::Map {
                entries, merged, ..
            } => Value::Object(with_merged(entries, merged, line)?),
        };
        let value = match ended.tag.as_deref() {
            Some(tag) => with_tag(value, tag),
            None => value,
        };
        let values = self.values - ended.values_before;
        self.add(value, ended.anchor, values, ended.depth + 1, line)
    }

    fn alias(&mut self, id: usize, line: usize) -> Result<(), YamlError> {
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(at(line, "an alias stands for the value that it is in"));
        };
        self.values += anchored.values;
        if self.values > VALUES_MAX {
            return Err(YamlError::TooManyValues);
        }
        let (value, depth) = (anchored.value.clone(), anchored.depth);
        self.add(value, 0, 0, depth, line)
    }

    /// Puts a finished value where it belongs.
    fn add(
        &mut self,
        value: Value,
        anchor: usize,
        values: usize,
        depth: usize,
        line: usize,
    ) -> Result<(), YamlError> {
        if self.values > VALUES_MAX {
            return Err(YamlError::TooManyValues);
        }
        if self.open.len() + depth > DEPTH_MAX {
            return Err(too_deep(line));
        }
        if anchor != 0 {
            let value = value.clone();
            let anchored = Anchored {
                value,
                values,
                depth,
            };
            // Anchors of anchors would make copies of copies.
            self.values += values;
            self.anchors.insert(anchor, anchored);
        }
        let Some(parent) = self.open.last_mut() else {
            return match self.document.replace(value) {
                None => Ok(()),
                Some(_) => Err(YamlError::SeveralDocuments),
            };
        };
        parent.depth = parent.depth.max(depth);
        match &mut parent.content {
            Content::List(items) => items.push(value),
            Content::Map {
                entries,
                key,
                merged,
            } => match key.take() {
                None => *key = Some(key_text(value, line)?),
                Some(name) if name == "<<" => merged.push(value),
                Some(name) => {
                    if entries.insert(name.clone(), value).is_some() {
                        return Err(at(line, format!("the key {name} is there twice")));
                    }
                }
            },
        }
        Ok(())
    }
}

fn at(line: usize, problem: impl Into<String>) -> YamlError {
    YamlError::At {
        line,
        problem: problem.into(),
    }
}

fn too_deep(line: usize) -> YamlError {
    at(line, format!("more than {DEPTH_MAX} levels"))
}

fn key_text(value: Value, line: usize) -> Result<String, YamlError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) | Value::Null => Ok(value.to_string()),
        _ => Err(at(line, "a key that is a list or a map")),
    }
}

/// Merge keys give what the map itself does not have; of several, the first one wins.
fn with_merged(
    mut entries: Map<String, Value>,
    merged: Vec<Value>,
    line: usize,
) -> Result<Map<String, Value>, YamlError> {
    let sources = merged.into_iter().flat_map(|value| match value {
        Value::Array(values) => values,
        value => vec![value],
    });
    for source in sources {
        let Value::Object(source) = source else {
            return Err(at(line, "<< takes a map, or a list of maps"));
        };
        for (name, value) in source {
            entries.entry(name).or_insert(value);
        }
    }
    Ok(entries)
}

/// The name of an intrinsic function's short form, or `!!str` and the like by their suffix with a `!` before it.
fn tag_name(tag: Option<&Tag>, line: usize) -> Result<Option<String>, YamlError> {
    let Some(tag) = tag else {
        return Ok(None);
    };
    if let Some(suffix) = tag.core_suffix() {
        return Ok(Some(format!("!{suffix}")));
    }
    let name = tag.suffix();
    if tag.handle() == "!" && long_name(name).is_some() {
        return Ok(Some(name.to_owned()));
    }
    // `!` alone: a string that is not to be taken for anything else.
    if name.is_empty() {
        return Ok(Some("!str".to_owned()));
    }
    Err(at(line, format!("the tag {} is not known", tag.original())))
}

/// Functions that have a short form, and what their long form is called.
fn long_name(short: &str) -> Option<String> {
    const FUNCTIONS: [&str; 18] = [
        "And",
        "Base64",
        "Cidr",
        "Equals",
        "FindInMap",
        "GetAtt",
        "GetAZs",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
    ];
    match short {
        "Ref" | "Condition" => Some(short.to_owned()),
        _ if FUNCTIONS.contains(&short) => Some(format!("Fn::{short}")),
        _ => None,
    }
}

fn scalar_with_tag(text: &str, tag: &str) -> Value {
    match tag {
        "!str" => Value::String(text.to_owned()),
        _ if tag.starts_with('!') => plain(text),
        _ => with_tag(Value::String(text.to_owned()), tag),
    }
}

fn with_tag(value: Value, tag: &str) -> Value {
    let Some(name) = long_name(tag) else {
        return value;
    };
    let value = match (tag, value) {
        ("GetAtt", Value::String(text)) => match text.split_once('.') {
            Some((resource, attribute)) => Value::from(vec![resource, attribute]),
            None => Value::String(text),
        },
        (_, value) => value,
    };
    Value::Object(Map::from_iter([(name, value)]))
}

/// A scalar without quotes, by the core schema of YAML 1.2. Numbers that begin with a zero stay texts: they are
/// account ids and the like.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut chars = digits.chars();
    let (first, second) = (chars.next()?, chars.next());
    let leading_zero = first == '0' && second.is_some_and(|second| second.is_ascii_digit());
    let is_number = digits.contains(|c: char| c.is_ascii_digit())
        && (first.is_ascii_digit() || first == '.')
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || ".eE+-".contains(c));
    if !is_number || leading_zero {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    let whole = text.parse::<i64>().map(Number::from).ok();
    let whole = whole.or_else(|| text.parse::<u64>().map(Number::from).ok());
    whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{YamlError, read};

    #[test]
    fn scalars() {
        let text = "a: 1\nb: -2.5\nc: '3'\nd: 012\ne: true\nf: yes\ng: ~\nh: 2010-09-09\ni: !!str 5\nj: 18446744073709551615\n\
                    k: |\n  two\n  lines\nl: 1-2\nm: .\nn: +4\n";
        let expected = json!({
            "a": 1, "b": -2.5, "c": "3", "d": "012", "e": true, "f": "yes", "g": null, "h": "2010-09-09", "i": "5",
            "j": 18_446_744_073_709_551_615_u64, "k": "two\nlines\n", "l": "1-2", "m": ".", "n": 4,
        });
        assert_eq!(read(text), Ok(expected));
        assert_eq!(read(""), Ok(json!(null)));
    }

    #[test]
    fn short_forms() {
        let text = "a: !Ref X\nb: !GetAtt X.Y.Z\nc: !Sub ['${v}', {v: !Ref P}]\nd: !If [C, !Ref AWS::NoValue, 1]\n\
                    e: !GetAtt [X, Y]\nf: !Condition C\ng: !Sub '3'\n";
        let expected = json!({
            "a": {"Ref": "X"},
            "b": {"Fn::GetAtt": ["X", "Y.Z"]},
            "c": {"Fn::Sub": ["${v}", {"v": {"Ref": "P"}}]},
            "d": {"Fn::If": ["C", {"Ref": "AWS::NoValue"}, 1]},
            "e": {"Fn::GetAtt": ["X", "Y"]},
            "f": {"Condition": "C"},
            "g": {"Fn::Sub": "3"},
        });
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn aliases_and_merge_keys() {
        let text = "base: &base {a: 1, b: 2}\nlist: &list [1]\none: {<<: *base, b: 3}\ntwo: {<<: [*base, {c: 4}], d: *list}\n";
        let expected = json!({
            "base": {"a": 1, "b": 2}, "list": [1], "one": {"a": 1, "b": 3},
            "two": {"a": 1, "b": 2, "c": 4, "d": [1]},
        });
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn what_is_refused() {
        for (text, expected) in [
            ("a: 1\na: 2\n", "line 2: the key a is there twice"),
            ("a: !Foo 1\n", "line 1: the tag !Foo is not known"),
            ("a: 1\n---\nb: 2\n", "there is more than one document in it"),
            ("? [a]\n: 1\n", "line 1: a key that is a list or a map"),
            (
                "a: &a [*a]\n",
                "line 1: an alias stands for the value that it is in",
            ),
            ("a: {<<: 1}\n", "line 1: << takes a map, or a list of maps"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error.to_string(), expected, "{text}");
        }
        assert!(matches!(read("a: [1"), Err(YamlError::At { .. })));
    }

    #[test]
    fn a_billion_laughs_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert_eq!(read(&text), Err(YamlError::TooManyValues));
    }

    #[test]
    fn nesting_is_bounded_also_through_aliases() {
        let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
        assert!(read(&deep).is_err());
        let fits = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert!(read(&fits).is_ok());
        let mut text = "a0: &a0 [x]\n".to_owned();
        for level in 1..120 {
            text.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        let error = read(&text).expect_err("too deep").to_string();
        assert!(error.ends_with("more than 100 levels"), "{error}");
    }
}
