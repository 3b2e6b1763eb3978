//! What the operations on Kinesis streaming destinations have in common.

use headwater_engine::{EngineError, KinesisPrecision, KinesisRefusal};
use headwater_wire::ApiError;
use headwater_wire::decode::Choice;
use headwater_wire::dynamodb::ApproximateCreationDateTimePrecision as Precision;
use headwater_wire::messages::kinesis;

use crate::failure::of_tables;

/// An operation on a destination was refused; `arn` is the one that was asked for.
pub(crate) fn of_kinesis(error: EngineError, arn: &str) -> ApiError {
    let EngineError::Kinesis(refusal) = error else {
        return of_tables(error);
    };
    match refusal {
        KinesisRefusal::Enabled => kinesis::not_disabled(),
        KinesisRefusal::NotActive => kinesis::not_active(),
        KinesisRefusal::NotUpdatable { table } => kinesis::not_updatable(&table),
        KinesisRefusal::SamePrecision {
            table_id,
            precision,
        } => kinesis::same_precision(shown(precision).as_str(), &table_id, arn),
    }
}

pub(crate) fn stored(precision: Precision) -> KinesisPrecision {
    match precision {
        Precision::Millisecond => KinesisPrecision::Millisecond,
        Precision::Microsecond => KinesisPrecision::Microsecond,
    }
}

pub(crate) fn shown(precision: KinesisPrecision) -> Precision {
    match precision {
        KinesisPrecision::Millisecond => Precision::Millisecond,
        KinesisPrecision::Microsecond => Precision::Microsecond,
    }
}

/// Most characters of a stream's name (Kinesis' API reference).
const NAME_LEN_MAX: usize = 128;
const ACCOUNT_LEN: usize = 12;

/// Refuses what is no ARN of a Kinesis stream, to which nothing could be sent. AWS takes it and fails later.
pub(crate) fn check_arn(arn: &str) -> Result<(), ApiError> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let is_one = match parts.as_slice() {
        ["arn", partition, "kinesis", region, account, resource] => {
            let name = resource.strip_prefix("stream/").unwrap_or_default();
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            !partition.is_empty()
                && !region.is_empty()
                && account.len() == ACCOUNT_LEN
                && account.chars().all(|c| c.is_ascii_digit())
                && (1..=NAME_LEN_MAX).contains(&name.len())
                && name.chars().all(is_name)
        }
        _ => false,
    };
    if is_one {
        return Ok(());
    }
    Err(kinesis::invalid_arn(arn))
}

#[cfg(test)]
mod tests {
    use super::check_arn;

    #[test]
    fn arns_of_kinesis_streams() {
        assert!(check_arn("arn:aws:kinesis:us-east-1:000000000000:stream/s").is_ok());
        for other in [
            "arn:aws:kinesis:us-east-1:000000000000:stream/",
            "arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1",
            "arn:aws:kinesis:us-east-1:000000000000:stream/a name",
            "arn:aws:kinesis:us-east-1:0:stream/s",
            "arn:aws:kinesis::000000000000:stream/s",
            "arn:aws:kinesis:us-east-1:000000000000:s",
            "arn:aws:dynamodb:us-east-1:000000000000:table/t",
            "a name of some length that is no arn at all",
        ] {
            assert!(check_arn(other).is_err(), "{other}");
        }
    }
}
