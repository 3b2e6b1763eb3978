//! JSON as a borrowed tree, and the writer for answers.
//!
//! The tree keeps what exact errors need: numbers stay text, members stay in the order of the body, and a string is
//! borrowed from the body unless it holds an escape. The parser is strict (RFC 8259), bounded in depth and in nodes,
//! and knows nothing of any API.

mod parse;
mod plain;
mod write;

use std::borrow::Cow;

pub use write::{ArrayWriter, ObjectWriter, WriteJson, write_string};
pub(crate) use write::{write_base64, write_text};

/// Deepest nesting of arrays and objects that is read. An attribute value may nest 32 levels, each of which takes two
/// JSON levels; the rest is room for the request around it, so that a too deep item gets DynamoDB's own error.
pub const DEPTH_MAX: usize = 256;

/// Most values that one document may hold, so that 16 MB of `0,0,0` cannot become gigabytes of tree.
pub const NODES_MAX: usize = 4_000_000;

/// The members of an object, in the order of the document, without duplicates.
pub type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// A JSON value that borrows from the document.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// The text of a number, checked against JSON's grammar.
    Number(&'a str),
    /// A string, without its escapes.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object. Of duplicate members the last one counts.
    Object(Members<'a>),
}

/// Why a document is not JSON that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The body is not UTF-8.
    #[error("body is not valid utf-8")]
    NotUtf8,
    /// The grammar is broken at this byte.
    #[error("malformed json at byte {offset}")]
    Syntax {
        /// Where in the document, in bytes.
        offset: usize,
    },
    /// More than [`DEPTH_MAX`] levels.
    #[error("json nests deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// More than [`NODES_MAX`] values.
    #[error("json holds more than {NODES_MAX} values")]
    TooManyValues,
}

impl<'a> Json<'a> {
    /// Reads one document and nothing after it.
    pub fn parse(document: &'a [u8]) -> Result<Json<'a>, JsonError> {
        parse::document(document)
    }

    /// The member of an object; `None` for other values and for absent members.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        match self {
            Json::Object(members) => members
                .iter()
                .find(|(member, _)| member == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Json::Null)
    }
}

#[cfg(test)]
mod tests;
