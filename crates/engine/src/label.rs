//! Stream labels: UTC time in ISO 8601 with milliseconds and without `Z` (streams.md section 2).

const MS_PER_DAY: u64 = 86_400_000;

/// The label of a stream that was enabled at `ms` milliseconds since the epoch.
pub(crate) fn stream_label(ms: u64) -> String {
    let (year, month, day) = civil(ms / MS_PER_DAY);
    let in_day = ms % MS_PER_DAY;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}",
        in_day / 3_600_000,
        in_day / 60_000 % 60,
        in_day / 1_000 % 60,
        in_day % 1_000
    )
}

/// Year, month and day of a day count since 1970-01-01, by the 400-year cycle of the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // days since 0000-03-01
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::stream_label;

    #[test]
    fn labels_are_utc_with_milliseconds() {
        for (ms, label) in [
            (0, "1970-01-01T00:00:00.000"),
            (1_432_155_070_252, "2015-05-20T20:51:10.252"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999"),
            (4_102_444_800_000, "2100-01-01T00:00:00.000"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000"),
        ] {
            assert_eq!(stream_label(ms), label);
        }
    }
}
