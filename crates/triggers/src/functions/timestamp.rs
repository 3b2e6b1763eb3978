//! Epoch milliseconds as the UTC texts that logs use.

use headwater_model::UtcTime;

/// `2026-01-31T23:59:59.123Z`.
pub(super) fn iso(now_ms: u64) -> String {
    format!("{}Z", UtcTime::of_ms(now_ms))
}

/// `2026/01/31`, as log streams are named.
pub(super) fn day(now_ms: u64) -> String {
    let UtcTime {
        year, month, day, ..
    } = UtcTime::of_ms(now_ms);
    format!("{year:04}/{month:02}/{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        assert_eq!(iso(1_732_012_345_678), "2024-11-19T10:32:25.678Z");
        assert_eq!(day(1_735_689_599_999), "2024/12/31");
    }
}
