//! Moments as people write them: UTC, by the Gregorian calendar.

use std::fmt;

const MS_PER_DAY: u64 = 86_400_000;

/// A moment in UTC. Its text is ISO 8601 with milliseconds and no zone: `2015-05-20T20:51:10.252`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UtcTime {
    /// Year, such as 2015.
    pub year: u64,
    /// Month, from 1.
    pub month: u64,
    /// Day of the month, from 1.
    pub day: u64,
    ms_of_day: u64,
}

impl UtcTime {
    /// The moment so many milliseconds after 1970 began.
    pub fn of_ms(ms: u64) -> Self {
        let (year, month, day) = civil(ms / MS_PER_DAY);
        UtcTime {
            year,
            month,
            day,
            ms_of_day: ms % MS_PER_DAY,
        }
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = (self.year, self.month, self.day);
        let seconds = self.ms_of_day / 1_000;
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}",
            self.ms_of_day % 1_000
        )
    }
}

/// Year, month and day of a count of days since 1970-01-01, by the calendar's cycle of 400 years.
fn civil(days: u64) -> (u64, u64, u64) {
    // Counted from 0000-03-01, so that the leap day ends a year and a cycle.
    let shifted = days + 719_468;
    let (cycle, day_of_cycle) = (shifted / 146_097, shifted % 146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524
        - day_of_cycle / 146_096)
        / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (
        cycle * 400 + year_of_cycle + u64::from(month <= 2),
        month,
        day,
    )
}

#[cfg(test)]
mod tests {
    use super::UtcTime;

    #[test]
    fn known_moments() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000"),
            (951_782_400_000, "2000-02-29T00:00:00.000"),
            (1_432_155_070_252, "2015-05-20T20:51:10.252"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999"),
            (4_102_444_800_000, "2100-01-01T00:00:00.000"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000"),
        ] {
            assert_eq!(UtcTime::of_ms(ms).to_string(), text);
        }
    }
}
