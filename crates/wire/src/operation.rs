//! The one table of operations: it drives dispatch, metric labels and the compatibility page.

use crate::error::ErrorKind;
pub use crate::generated::operations::{OPERATIONS, Operation};

/// An API that is served here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Tables and items.
    DynamoDb,
    /// The streams of tables.
    DynamoDbStreams,
    /// Functions and event source mappings.
    Lambda,
}

impl Service {
    /// What `X-Amz-Target` begins with; Lambda is addressed by path.
    pub fn target_prefix(self) -> Option<&'static str> {
        match self {
            Service::DynamoDb => Some("DynamoDB_20120810"),
            Service::DynamoDbStreams => Some("DynamoDBStreams_20120810"),
            Service::Lambda => None,
        }
    }

    /// The service in a credential scope.
    pub fn signing_name(self) -> &'static str {
        match self {
            Service::DynamoDb | Service::DynamoDbStreams => "dynamodb",
            Service::Lambda => "lambda",
        }
    }
}

/// How an operation is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// `POST /` with `X-Amz-Target: <prefix>.<name>`.
    Target,
    /// A method and a path with `{labels}`.
    Rest {
        /// `GET`, `POST`, ...
        method: &'static str,
        /// Such as `/2015-03-31/functions/{FunctionName}`.
        path: &'static str,
        /// The HTTP status of success.
        status: u16,
    },
}

/// What there is to know of an operation.
#[derive(Clone, Copy, Debug)]
pub struct OperationSpec {
    /// Its name in the API model.
    pub name: &'static str,
    /// Its API.
    pub service: Service,
    /// How it is addressed.
    pub binding: Binding,
    /// Whether it is served; others are known, so that they can be told from unknown ones.
    pub served: bool,
    /// The errors that the API model names for it.
    pub errors: &'static [ErrorKind],
}

impl Operation {
    /// What there is to know of it.
    pub fn spec(self) -> &'static OperationSpec {
        &OPERATIONS[self as usize]
    }

    /// Its name in the API model.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The operation of a service with this name.
    pub fn find(service: Service, name: &str) -> Option<Operation> {
        Operation::ALL.iter().copied().find(|operation| {
            let spec = operation.spec();
            spec.service == service && spec.name == name
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Binding, Operation, Service};

    fn count(service: Service) -> usize {
        Operation::ALL
            .iter()
            .filter(|operation| operation.spec().service == service)
            .count()
    }

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (place, operation) in Operation::ALL.iter().enumerate() {
            assert_eq!(*operation as usize, place);
            assert_eq!(
                Operation::find(operation.spec().service, operation.name()),
                Some(*operation)
            );
        }
    }

    #[test]
    fn every_operation_of_dynamodb_is_known() {
        assert_eq!(count(Service::DynamoDb), 62);
        assert_eq!(count(Service::DynamoDbStreams), 4);
        assert!(Operation::PutItem.spec().served);
        assert!(!Operation::CreateGlobalTable.spec().served);
        assert!(Operation::Invoke.spec().served);
    }

    #[test]
    fn only_lambda_is_addressed_by_path() {
        for operation in Operation::ALL {
            let spec = operation.spec();
            assert_eq!(
                spec.service == Service::Lambda,
                matches!(spec.binding, Binding::Rest { .. })
            );
        }
    }
}
