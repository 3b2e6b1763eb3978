//! How many files may be open, and so how many connections: a server that has used up its descriptors for
//! connections cannot open the next segment of its log.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are kept for other things than connections: the log's segments, the state, pipes to functions.
const OTHER_FILES: usize = 512;
/// So many connections are served, whatever the limit.
const CONNECTIONS_MIN: usize = 16;

/// The number of connections that there can be under the limit of open files, at most `wanted`.
pub(crate) fn connections_max(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    let possible = possible(wanted, limit);
    if possible < wanted {
        tracing::warn!(
            limit,
            connections_max = possible,
            "the limit of open files allows fewer connections than connections-max says; raise it with ulimit -n"
        );
    }
    possible
}

fn possible(wanted: usize, limit: usize) -> usize {
    let left = limit.saturating_sub(OTHER_FILES).max(CONNECTIONS_MIN);
    wanted.min(left)
}

/// Raises the limit of open files as far as it goes: each connection needs one.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let highest = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, highest) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

#[cfg(test)]
mod tests {
    use super::possible;

    #[test]
    fn connections_leave_files_for_the_rest() {
        for (wanted, limit, expected) in [
            (10_000, usize::MAX, 10_000),
            (10_000, 20_000, 10_000),
            (10_000, 4_096, 3_584),
            (10_000, 256, 16),
            (8, 256, 8),
        ] {
            assert_eq!(possible(wanted, limit), expected, "{wanted} of {limit}");
        }
    }
}
