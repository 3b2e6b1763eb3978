//! `X-Amz-Target`: which operation a JSON 1.0 request is for.

use crate::error::ApiError;
use crate::messages;
use crate::operation::{Operation, Service};

/// A target that names an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The API of the prefix.
    pub service: Service,
    /// The operation after the dot; perhaps one that is not served.
    pub operation: Operation,
}

impl Target {
    /// Reads the header, such as `DynamoDB_20120810.PutItem`. Anything else is an `UnknownOperationException`.
    pub fn parse(header: &str) -> Result<Target, ApiError> {
        let (prefix, name) = header
            .split_once('.')
            .ok_or_else(messages::unknown_operation)?;
        let service = [Service::DynamoDb, Service::DynamoDbStreams]
            .into_iter()
            .find(|service| service.target_prefix() == Some(prefix))
            .ok_or_else(messages::unknown_operation)?;
        let operation = Operation::find(service, name).ok_or_else(messages::unknown_operation)?;
        Ok(Target { service, operation })
    }
}

#[cfg(test)]
mod tests {
    use super::Target;
    use crate::error::ErrorKind;
    use crate::operation::{Operation, Service};

    #[test]
    fn finds_known_operations_of_both_services() {
        for (header, service, operation) in [
            (
                "DynamoDB_20120810.PutItem",
                Service::DynamoDb,
                Operation::PutItem,
            ),
            (
                "DynamoDB_20120810.SearchVectors",
                Service::DynamoDb,
                Operation::SearchVectors,
            ),
            (
                "DynamoDBStreams_20120810.GetRecords",
                Service::DynamoDbStreams,
                Operation::GetRecords,
            ),
        ] {
            assert_eq!(Target::parse(header), Ok(Target { service, operation }));
        }
    }

    #[test]
    fn everything_else_is_unknown() {
        for header in [
            "",
            "PutItem",
            "DynamoDB_20120810.",
            "DynamoDB_20120810.GetRecords",
            "DynamoDB_20111205.PutItem",
        ] {
            let error = Target::parse(header).expect_err(header);
            assert_eq!(error.kind, ErrorKind::UnknownOperation);
        }
    }
}
