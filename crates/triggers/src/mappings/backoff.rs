//! How long a failed batch waits before it is tried again (triggers.md section 5: the service's schedule
//! is not published; this is the usual one).

const FIRST_MS: u64 = 500;
const LONGEST_MS: u64 = 60_000;

/// The pause after this many failures in a row, at least one.
pub(crate) fn pause_ms(failures: u32) -> u64 {
    let doublings = failures.saturating_sub(1).min(16);
    (FIRST_MS << doublings).min(LONGEST_MS)
}

#[cfg(test)]
mod tests {
    use super::pause_ms;

    #[test]
    fn doubles_up_to_a_minute() {
        let pauses: Vec<u64> = [1, 2, 3, 7, 8, 9, u32::MAX].map(pause_ms).to_vec();
        assert_eq!(pauses, [500, 1_000, 2_000, 32_000, 60_000, 60_000, 60_000]);
    }
}
