//! What a template asks for, in the words of the API: tables, functions, mappings, and what of it is left out.

use serde_json::{Map, Value};

use super::code::Code;

/// All that a template asks for. References are resolved; marks of [`super::late`] may stand in texts.
#[derive(Debug, Default)]
pub(super) struct Desired {
    pub(super) tables: Vec<Table>,
    pub(super) functions: Vec<Function>,
    pub(super) mappings: Vec<Mapping>,
    /// What is not applied, and why.
    pub(super) ignored: Vec<Note>,
    /// What makes applying impossible.
    pub(super) faults: Vec<Note>,
}

/// A resource or a property, and what is to be said of it.
#[derive(Debug, PartialEq)]
pub(super) struct Note {
    pub(super) about: String,
    pub(super) text: String,
}

impl Note {
    pub(super) fn new(about: impl Into<String>, text: impl Into<String>) -> Self {
        Note {
            about: about.into(),
            text: text.into(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) logical: String,
    pub(super) name: String,
    /// Members of CreateTable, without the name and the tags.
    pub(super) settings: Map<String, Value>,
    /// `Key` and `Value` pairs; given at creation only.
    pub(super) tags: Vec<Value>,
    /// The attribute by which its items expire, if they do.
    pub(super) time_to_live: Option<String>,
    /// Days of point-in-time recovery, if it has that.
    pub(super) recovery: Option<Value>,
}

impl Table {
    /// The view of its stream, if it has one.
    pub(super) fn stream_view(&self) -> Option<&str> {
        self.settings.get("StreamSpecification")?["StreamViewType"].as_str()
    }
}

#[derive(Debug)]
pub(super) struct Function {
    pub(super) logical: String,
    pub(super) name: String,
    pub(super) code: Code,
    /// Members of CreateFunction, without name, code and tags; defaults are filled in.
    pub(super) settings: Map<String, Value>,
    /// How many invocations may run at once, if that is not the server's to decide.
    pub(super) reserved: Option<Value>,
    /// Given at creation only.
    pub(super) tags: Map<String, Value>,
}

#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) logical: String,
    /// Name of the function, with a qualifier if one was given.
    pub(super) function: String,
    /// ARN of the stream, or its mark.
    pub(super) source: String,
    /// Name of the stream's table.
    pub(super) table: String,
    /// The other members of CreateEventSourceMapping that were given.
    pub(super) settings: Map<String, Value>,
}

impl Desired {
    pub(super) fn ignore(&mut self, about: impl Into<String>, why: impl Into<String>) {
        self.ignored.push(Note::new(about, why));
    }

    pub(super) fn fault(&mut self, about: impl Into<String>, problem: impl Into<String>) {
        self.faults.push(Note::new(about, problem));
    }
}
