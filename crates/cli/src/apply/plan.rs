//! What is to be done so that what is there becomes what is desired. Pure: nothing here asks a server.

mod compare;
mod print;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::desired::{Desired, Function, Mapping, Table};
use super::late;
pub(super) use compare::{CODE, INDEXES, RECOVERY, RESERVED, STREAM, TIME_TO_LIVE, function_of};

/// What the server has of what a template names.
#[derive(Debug, Default)]
pub(super) struct Actual {
    /// `Table` of DescribeTable, by name.
    pub(super) tables: BTreeMap<String, Value>,
    /// Answers of GetFunction, by name.
    pub(super) functions: BTreeMap<String, Value>,
    /// Mappings of these functions.
    pub(super) mappings: Vec<Value>,
}

/// Steps in the order in which they are taken: tables, functions, mappings.
#[derive(Debug)]
pub(super) struct Plan<'d> {
    pub(super) steps: Vec<Step<'d>>,
    /// Mappings of the template's functions that are not in it: they go on.
    pub(super) left: Vec<&'d Value>,
}

#[derive(Debug)]
pub(super) struct Step<'d> {
    pub(super) item: Item<'d>,
    pub(super) action: Action,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Item<'d> {
    Table(&'d Table),
    Function(&'d Function),
    /// With the mapping that is there.
    Mapping(&'d Mapping, Option<&'d Value>),
}

#[derive(Debug, PartialEq)]
pub(super) enum Action {
    Create,
    Update(Vec<Change>),
    Nothing,
    /// What would have to be changed can't be: sentences that say why.
    Refuse(Vec<String>),
}

/// A property that differs, in the API's words.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    pub(super) property: &'static str,
    pub(super) old: Value,
    pub(super) new: Value,
}

/// What is to be done, and in which order.
pub(super) fn plan<'d>(desired: &'d Desired, actual: &'d Actual) -> Plan<'d> {
    let tables = desired.tables.iter().map(|table| Step {
        item: Item::Table(table),
        action: match actual.tables.get(&table.name) {
            Some(there) => compare::table(table, there),
            None => Action::Create,
        },
    });
    let functions = desired.functions.iter().map(|function| Step {
        item: Item::Function(function),
        action: match actual.functions.get(&function.name) {
            Some(there) => compare::function(function, there),
            None => Action::Create,
        },
    });
    let mappings = desired.mappings.iter().map(|mapping| {
        let there = actual.mappings.iter().find(|there| is_same(mapping, there));
        Step {
            item: Item::Mapping(mapping, there),
            action: there.map_or(Action::Create, |there| compare::mapping(mapping, there)),
        }
    });
    let is_left = |there: &&Value| {
        !desired
            .mappings
            .iter()
            .any(|mapping| is_same(mapping, there))
    };
    Plan {
        steps: tables.chain(functions).chain(mappings).collect(),
        left: actual.mappings.iter().filter(is_left).collect(),
    }
}

impl Plan<'_> {
    /// Whether anything is to be created or updated.
    pub(super) fn has_changes(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.action, Action::Create | Action::Update(_)))
    }

    /// Whether anything can't be done.
    pub(super) fn is_refused(&self) -> bool {
        self.steps
            .iter()
            .any(|step| matches!(step.action, Action::Refuse(_)))
    }
}

/// A stream and a function have one mapping.
fn is_same(mapping: &Mapping, there: &Value) -> bool {
    // Table and label: a mapping shows the region and account of its table, whatever it was made with.
    let stream_of = |arn: &str| {
        arn.split_once(":table/")
            .map(|(_, stream)| stream.to_owned())
    };
    let source = there["EventSourceArn"].as_str().and_then(stream_of);
    source.is_some()
        && source == stream_of(&mapping.source)
        && function_of(there) == mapping.function
}

/// ARNs of the streams that are there already, by the logical ids of their tables.
pub(super) fn streams(desired: &Desired, actual: &Actual) -> late::Streams {
    let with_stream = desired
        .tables
        .iter()
        .filter(|table| table.stream_view().is_some());
    with_stream
        .filter_map(|table| {
            let there = actual.tables.get(&table.name)?;
            compare::stream_view(there)?;
            let arn = there["LatestStreamArn"].as_str()?;
            Some((table.logical.clone(), arn.to_owned()))
        })
        .collect()
}

impl Desired {
    /// Puts the ARNs of streams that are known in the place of their marks.
    pub(super) fn fill(&mut self, streams: &late::Streams) {
        for function in &mut self.functions {
            late::fill_members(&mut function.settings, streams);
        }
        for mapping in &mut self.mappings {
            mapping.source = late::filled(&mapping.source, streams);
            late::fill_members(&mut mapping.settings, streams);
        }
    }
}

/// A request of changed properties.
pub(super) fn changed(changes: &[Change]) -> Map<String, Value> {
    let changes = changes.iter();
    changes
        .map(|change| (change.property.to_owned(), change.new.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
