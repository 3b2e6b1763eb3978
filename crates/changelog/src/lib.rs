//! The commit log: entries, blocks, segments, index, group commit, tailing and retention.
