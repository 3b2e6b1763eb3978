//! How many files may be open, and so how many connections: a server that has used up its descriptors for
//! connections cannot open the next segment of its log.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are kept for other things than connections and functions: the log's segments, the state, buckets, requests that
/// the server sends.
const OTHER_FILES: usize = 192;
/// Files of one process of a function: its listener, a connection to it, its pipe, its handle, and one while it starts.
const FILES_PER_PROCESS: usize = 5;
/// So many connections are served, whatever the limit.
const CONNECTIONS_MIN: usize = 16;

/// The number of connections that there can be under the limit of open files beside so many processes of functions, at most
/// `wanted`.
pub(crate) fn connections_max(wanted: usize, processes_max: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    let possible = possible(wanted, limit, processes_max);
    if possible < wanted {
        tracing::warn!(
            limit,
            connections_max = possible,
            "the limit of open files allows fewer connections than connections-max says; raise it with ulimit -n"
        );
    }
    possible
}

fn possible(wanted: usize, limit: usize, processes_max: usize) -> usize {
    let of_processes = processes_max.saturating_mul(FILES_PER_PROCESS);
    let others = OTHER_FILES.saturating_add(of_processes);
    wanted.min(limit.saturating_sub(others).max(CONNECTIONS_MIN))
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
        for (wanted, limit, processes_max, expected) in [
            (10_000, usize::MAX, 64, 10_000),
            (10_000, 20_000, 64, 10_000),
            (10_000, 4_096, 64, 3_584),
            (10_000, 4_096, 500, 1_404),
            (10_000, 4_096, usize::MAX, 16),
            (10_000, 256, 64, 16),
            (8, 256, 64, 8),
        ] {
            let possible = possible(wanted, limit, processes_max);
            assert_eq!(possible, expected, "{wanted} of {limit}");
        }
    }
}
