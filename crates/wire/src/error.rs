//! The errors that clients see: one kind per AWS error type, a message, and the two envelopes they travel in.
//!
//! What goes wrong inside the server is not an [`ApiError`]; its cause is logged where it is consumed, and the client
//! gets [`ErrorKind::InternalServerError`].

use headwater_model::{CorruptItem, EncodedItem};

pub use crate::generated::errors::ErrorKind;
use crate::generated::errors::SPECS;
use crate::json::{ObjectWriter, WriteJson};

/// Where an error type lives: the part of `__type` before the `#` (dynamodb-api.md section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// Errors of the DynamoDB model.
    DynamoDb,
    /// Checks of the request framework.
    Validate,
    /// The request framework itself.
    Service,
    /// Throttling by the request framework.
    Availability,
    /// Lambda, which has no namespaces.
    Lambda,
}

impl Namespace {
    fn prefix(self) -> &'static str {
        match self {
            Namespace::DynamoDb => "com.amazonaws.dynamodb.v20120810#",
            Namespace::Validate => "com.amazon.coral.validate#",
            Namespace::Service => "com.amazon.coral.service#",
            Namespace::Availability => "com.amazon.coral.availability#",
            Namespace::Lambda => "",
        }
    }
}

/// How one kind of error looks on the wire.
#[derive(Clone, Copy, Debug)]
pub struct ErrorSpec {
    /// The name that SDKs switch on, such as `ResourceNotFoundException`.
    pub code: &'static str,
    /// Its namespace.
    pub namespace: Namespace,
    /// The HTTP status.
    pub status: u16,
    /// The member that holds the message: `message` or `Message`.
    pub message_member: &'static str,
}

impl ErrorKind {
    /// How this kind looks on the wire.
    pub fn spec(self) -> &'static ErrorSpec {
        &SPECS[self as usize]
    }

    /// The name that SDKs switch on.
    pub fn code(self) -> &'static str {
        self.spec().code
    }
}

/// An error for the client.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}: {message}", kind.code())]
pub struct ApiError {
    /// Which error type.
    pub kind: ErrorKind,
    /// What the client reads; left out of the body when empty.
    pub message: String,
    /// What some types carry beside the message.
    pub detail: Option<Box<ErrorDetail>>,
}

/// What some error types carry beside the message.
#[derive(Clone, Debug, PartialEq)]
pub enum ErrorDetail {
    /// The item that failed a condition (`ReturnValuesOnConditionCheckFailure`).
    Item(EncodedItem),
    /// Why each action of a transaction was refused, in the order of the request.
    CancellationReasons(Vec<CancellationReason>),
    /// Which limits throttled the request.
    ThrottlingReasons(Vec<ThrottlingReason>),
    /// Which limit of Lambda throttled the request.
    Reason(&'static str),
}

/// The verdict on one action of a cancelled transaction (dynamodb-api.md section 12).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CancellationReason {
    /// `None`, `ConditionalCheckFailed`, ...
    pub code: String,
    /// Absent for actions that were fine.
    pub message: Option<String>,
    /// The item that failed a condition, if it was asked for.
    pub item: Option<EncodedItem>,
}

/// One limit that throttled a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ThrottlingReason {
    /// Such as `TableReadProvisionedThroughputExceeded`.
    pub reason: String,
    /// The ARN of what was throttled.
    pub resource: String,
}

impl ApiError {
    /// An error of a kind with its message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        ApiError {
            kind,
            message: message.into(),
            detail: None,
        }
    }

    /// A `ValidationException`, the most usual kind.
    pub fn validation(message: impl Into<String>) -> Self {
        ApiError::new(ErrorKind::Validation, message)
    }

    /// The same error with something beside its message.
    #[must_use]
    pub fn with(mut self, detail: ErrorDetail) -> Self {
        self.detail = Some(Box::new(detail));
        self
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        self.kind.spec().status
    }

    /// Whether the server is to blame (a 5xx status).
    pub fn is_server_fault(&self) -> bool {
        self.status() >= 500
    }

    /// Writes the body of a JSON 1.0 answer: `{"__type":...,"message":...}`.
    pub fn write_dynamodb(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        let spec = self.kind.spec();
        let mut object = ObjectWriter::new(out);
        object.put(
            "__type",
            &format!("{}{}", spec.namespace.prefix(), spec.code),
        )?;
        self.put_message(&mut object)?;
        match self.detail.as_deref() {
            Some(ErrorDetail::Item(item)) => object.put("Item", item)?,
            Some(ErrorDetail::CancellationReasons(reasons)) => {
                object.put("CancellationReasons", reasons)?
            }
            Some(ErrorDetail::ThrottlingReasons(reasons)) => {
                object.put(throttling_member(self.kind), reasons)?
            }
            Some(ErrorDetail::Reason(_)) | None => {}
        }
        object.finish();
        Ok(())
    }

    /// Writes the body of a Lambda answer; the header `x-amzn-ErrorType` takes [`ErrorKind::code`]
    /// (triggers.md section 1: a constraint failure has no `Type`).
    pub fn write_lambda(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        let mut object = ObjectWriter::new(out);
        if let Some(ErrorDetail::Reason(reason)) = self.detail.as_deref() {
            object.put("Reason", *reason)?;
        }
        if self.kind.spec().namespace == Namespace::Lambda {
            object.put(
                "Type",
                if self.is_server_fault() {
                    "Service"
                } else {
                    "User"
                },
            )?;
        }
        self.put_message(&mut object)?;
        object.finish();
        Ok(())
    }

    fn put_message(&self, object: &mut ObjectWriter<'_>) -> Result<(), CorruptItem> {
        if !self.message.is_empty() {
            object.put(self.kind.spec().message_member, &self.message)?;
        }
        Ok(())
    }
}

/// The model spells this member of `ThrottlingException` with a small letter, elsewhere with a capital.
fn throttling_member(kind: ErrorKind) -> &'static str {
    if kind == ErrorKind::Throttling {
        "throttlingReasons"
    } else {
        "ThrottlingReasons"
    }
}

impl WriteJson for CancellationReason {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        let mut object = ObjectWriter::new(out);
        object.put("Code", &self.code)?;
        object.opt("Item", &self.item)?;
        object.opt("Message", &self.message)?;
        object.finish();
        Ok(())
    }
}

impl WriteJson for ThrottlingReason {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), CorruptItem> {
        let mut object = ObjectWriter::new(out);
        object.put("reason", &self.reason)?;
        object.put("resource", &self.resource)?;
        object.finish();
        Ok(())
    }
}
