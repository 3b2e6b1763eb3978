//! Sentences of throughput that is exceeded or lowered, of warm throughput, and of the maxima of on-demand tables.
//! "Recorded" are answers of the service, found in public notes of probes from 2026.

use std::fmt::Display;

use headwater_model::UtcTime;

use crate::error::{ApiError, CancellationReason, ErrorDetail, ErrorKind, ThrottlingReason};

fn invalid(what: impl Display) -> ApiError {
    ApiError::validation(format!("One or more parameter values were invalid: {what}"))
}

/// Less warm throughput than a new on-demand table has anyway (recorded).
pub fn warm_below_on_demand(part: &str, of: impl Display) -> ApiError {
    invalid(format_args!(
        "Requested {part} for WarmThroughput for {of} is lower than initial throughput for OnDemand. See: \
         https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html#on-demand-capacity-mode-initial"
    ))
}

/// Less warm throughput than is provisioned (recorded).
pub fn warm_below_provisioned(part: &str, provisioned: &str, of: impl Display) -> ApiError {
    invalid(format_args!(
        "Requested {part} for WarmThroughput for {of} is lower than {provisioned} of ProvisionedThroughput"
    ))
}

/// Less warm throughput than there is (recorded).
pub fn warm_lowered(part: &str, of: impl Display) -> ApiError {
    invalid(format_args!(
        "Requested {part} for WarmThroughput for {of} is lower than current WarmThroughput, decreasing WarmThroughput is not supported"
    ))
}

/// An update of the warm throughput that names no part (recorded of an index, with a colon; a table gets an internal
/// error on AWS).
pub fn warm_without_units(of: impl Display) -> ApiError {
    let of = of.to_string().replacen(' ', ": ", 1);
    invalid(format_args!(
        "WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified for {of}"
    ))
}

/// Maxima of on-demand throughput with provisioned billing (recorded).
pub fn maximum_with_provisioned(part: &str) -> ApiError {
    invalid(format_args!(
        "{part} for OnDemandThroughput cannot be specified when the table BillingMode is PROVISIONED"
    ))
}

/// A maximum below 1, or one that is removed before it was set (recorded of a table).
pub fn maximum_out_of_range(part: &str, of: impl Display) -> ApiError {
    invalid(format_args!(
        "Requested {part} for OnDemandThroughput for {of} is outside of valid range"
    ))
}

/// An update of the maxima that names none. AWS gives an internal error; text ours.
pub fn maxima_without_units(of: impl Display) -> ApiError {
    let of = of.to_string().replacen(' ', ": ", 1);
    invalid(format_args!(
        "OnDemandThroughput must have at least one of MaxReadRequestUnits or MaxWriteRequestUnits specified for {of}"
    ))
}

/// UpdateTable that lowers provisioned throughput too often (recorded).
pub fn too_many_decreases(today: u32, last_ms: u64, next_ms: u64) -> ApiError {
    ApiError::new(
        ErrorKind::LimitExceeded,
        format!(
            "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. After the \
             first 4 decreases, each subsequent decrease in the same UTC day can be performed at most once every 3600 \
             seconds. Number of decreases today: {today}. Last decrease at {}. Next decrease can be made at {}",
            spelled(last_ms),
            spelled(next_ms)
        ),
    )
}

/// A moment as that sentence spells it.
fn spelled(ms: u64) -> String {
    // 1970 began on a Thursday.
    const DAYS: [&str; 7] = [
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
        "Monday",
        "Tuesday",
        "Wednesday",
    ];
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let time = UtcTime::of_ms(ms);
    let seconds = ms / 1_000;
    let weekday = DAYS[(seconds / 86_400 % 7) as usize];
    let month = MONTHS[(time.month - 1) as usize];
    let (hour, half) = match seconds / 3_600 % 24 {
        hour @ 0..12 => (hour, "AM"),
        hour => (hour - 12, "PM"),
    };
    let hour = if hour == 0 { 12 } else { hour };
    let (minute, second) = (seconds / 60 % 60, seconds % 60);
    let (day, year) = (time.day, time.year);
    format!(
        "{weekday}, {month} {day}, {year} at {hour}:{minute:02}:{second:02} {half} Coordinated Universal Time"
    )
}

/// What a request would have exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// The provisioned throughput of the table.
    Table,
    /// The provisioned throughput of one of its global indexes.
    Index,
    /// The maximum of an on-demand table or index.
    Maximum,
}

impl Exceeded {
    /// Model, of cancelled transactions; the guide, of the maximum.
    fn sentence(self) -> &'static str {
        match self {
            Exceeded::Table => {
                "The level of configured provisioned throughput for the table was exceeded. Consider increasing your \
                 provisioning level with the UpdateTable API."
            }
            Exceeded::Index => {
                "The level of configured provisioned throughput for one or more global secondary indexes of the table was \
                 exceeded. Consider increasing your provisioning level for the under-provisioned global secondary indexes \
                 with the UpdateTable API"
            }
            Exceeded::Maximum => {
                "Throughput exceeds the maximum OnDemandThroughput configured on table or index"
            }
        }
    }
}

/// Throughput that is exceeded, with whose and why (model; guide).
pub fn exceeded(what: Exceeded, reasons: Vec<ThrottlingReason>) -> ApiError {
    let kind = match what {
        Exceeded::Table | Exceeded::Index => ErrorKind::ProvisionedThroughputExceeded,
        Exceeded::Maximum => ErrorKind::Throttling,
    };
    ApiError::new(kind, what.sentence()).with(ErrorDetail::ThrottlingReasons(reasons))
}

/// The same as the end of a transaction (model).
pub fn reason_exceeded(what: Exceeded) -> CancellationReason {
    let code = match what {
        Exceeded::Table | Exceeded::Index => "ProvisionedThroughputExceeded",
        Exceeded::Maximum => "ThrottlingError",
    };
    CancellationReason {
        code: code.to_owned(),
        message: Some(what.sentence().to_owned()),
        item: None,
    }
}

#[cfg(test)]
mod tests {
    use super::spelled;

    #[test]
    fn moments_are_spelled_as_recorded() {
        for (ms, text) in [
            (1_791_505_294_999, "Friday, October 9, 2026 at 12:21:34 AM"),
            (
                1_791_501_648_000,
                "Thursday, October 8, 2026 at 11:20:48 PM",
            ),
            (
                1_676_283_939_000,
                "Monday, February 13, 2023 at 10:25:39 AM",
            ),
            (951_825_600_000, "Tuesday, February 29, 2000 at 12:00:00 PM"),
        ] {
            assert_eq!(spelled(ms), format!("{text} Coordinated Universal Time"));
        }
    }
}
