//! Sentences of throughput that is exceeded, of warm throughput, and of the maxima of on-demand tables. "Recorded" are answers of the service, found in
//! public notes of probes from 2026.

use std::fmt::Display;

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
