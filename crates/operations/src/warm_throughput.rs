//! Warm throughput: what may be asked for at creation, and that it is only raised later. On AWS it takes minutes to come;
//! here nothing has to be made ready for it.

use headwater_engine::{BillingMode, ON_DEMAND_WARM_THROUGHPUT, Throughput};
use headwater_wire::ApiError;
use headwater_wire::dynamodb::WarmThroughput;
use headwater_wire::messages::throughput as messages;

/// Of what it is the throughput, as sentences name it.
#[derive(Clone, Copy)]
pub(crate) enum Of<'a> {
    Table,
    Index(&'a str),
}

impl std::fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Of::Table => f.write_str("table"),
            Of::Index(name) => write!(f, "index {name}"),
        }
    }
}

/// What a new table or index asks for; parts of zero ask for nothing.
pub(crate) fn initial(
    given: Option<&WarmThroughput>,
    of: Of<'_>,
    billing: BillingMode,
    provisioned: Throughput,
) -> Result<Throughput, ApiError> {
    let (least, too_low): (_, fn(&str, &str, Of<'_>) -> ApiError) = match billing {
        BillingMode::PayPerRequest => (ON_DEMAND_WARM_THROUGHPUT, |part, _, of| {
            messages::warm_below_on_demand(part, of)
        }),
        BillingMode::Provisioned => (provisioned, |part, provisioned, of| {
            messages::warm_below_provisioned(part, provisioned, of)
        }),
    };
    parts(given, least, |part, provisioned| {
        too_low(part, provisioned, of)
    })
}

/// What an update asks for, of what has `present`; parts of zero ask for nothing.
pub(crate) fn raised(
    given: Option<&WarmThroughput>,
    of: Of<'_>,
    present: Throughput,
) -> Result<Throughput, ApiError> {
    parts(given, present, |part, _| messages::warm_lowered(part, of))
}

/// Refuses an update that names no part.
pub(crate) fn refuse_empty(given: Option<&WarmThroughput>, of: Of<'_>) -> Result<(), ApiError> {
    match given {
        Some(WarmThroughput {
            read_units_per_second: None,
            write_units_per_second: None,
        }) => Err(messages::warm_without_units(of)),
        _ => Ok(()),
    }
}

fn parts(
    given: Option<&WarmThroughput>,
    least: Throughput,
    too_low: impl Fn(&str, &str) -> ApiError,
) -> Result<Throughput, ApiError> {
    let part = |units: Option<i64>, least: u64, name: &str, provisioned: &str| match units {
        None => Ok(0),
        Some(units) => match u64::try_from(units) {
            Ok(units) if units >= least => Ok(units),
            _ => Err(too_low(name, provisioned)),
        },
    };
    let given = given.cloned().unwrap_or_default();
    Ok(Throughput {
        read: part(
            given.read_units_per_second,
            least.read,
            "ReadUnitsPerSecond",
            "ReadCapacityUnits",
        )?,
        write: part(
            given.write_units_per_second,
            least.write,
            "WriteUnitsPerSecond",
            "WriteCapacityUnits",
        )?,
    })
}
