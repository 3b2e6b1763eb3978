//! The list of targets. The name of a target is that of its corpus.

use crate::{
    encoded, expressions, filters, log, number, state, statements, streams, transfers, wire,
};

/// What is fuzzed.
#[derive(Clone, Copy)]
pub struct Target {
    /// On the command line, and of the folder below `corpus/`.
    pub name: &'static str,
    /// Runs it on an input. A panic is a finding.
    pub run: fn(&[u8]),
    /// Longer inputs find nothing that shorter ones don't.
    pub input_bytes_max: usize,
}

const fn target(name: &'static str, input_bytes_max: usize, run: fn(&[u8])) -> Target {
    Target {
        name,
        run,
        input_bytes_max,
    }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("json", 4096, wire::json),
    target("requests", 4096, wire::requests),
    target("rest", 4096, wire::rest),
    target("heads", 512, wire::heads),
    target("items", 4096, wire::items),
    target("condition", 4096, expressions::condition),
    target("key_condition", 4096, expressions::key_condition),
    target("projection", 4096, expressions::projection),
    target("update", 4096, expressions::update),
    target("statement", 4096, statements::statement),
    target("filter_pattern", 4096, filters::filter_pattern),
    target("number", 256, number::number),
    target("encoded_item", 4096, encoded::item),
    target("storage_key", 4096, encoded::storage_key),
    target("log_block", 8192, log::block),
    target("log_entries", 4096, log::entries),
    target("log_footer", 4096, log::footer),
    target("log_segment", 8192, log::segment),
    target("stream_names", 512, streams::names),
    target("import_line", 4096, transfers::line),
    target("csv_file", 4096, transfers::csv_file),
    target("state_parts", 8192, state::parts),
];

impl Target {
    /// The target of that name.
    pub fn find(name: &str) -> Option<Target> {
        TARGETS.iter().copied().find(|target| target.name == name)
    }
}
