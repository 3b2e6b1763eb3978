//! What PartiQL's operations have in common: statements about one item, and reads of several
//! (dynamodb-api.md section 13).

mod fault;
mod item_read;
mod item_write;
mod next_token;
mod select;

use headwater_expression::partiql::{PartiqlError, Statement};
use headwater_model::{AttributeValue, Item};
use headwater_wire::ApiError;

use crate::request_digest::RequestDigest;

pub(crate) use fault::StatementFault;
pub(crate) use item_read::StatementRead;
pub(crate) use item_write::{StatementWrite, returned};
pub(crate) use select::{Paging, SelectTarget};

/// Reads a statement and its parameters.
pub(crate) fn parse(
    text: &str,
    parameters: Option<Vec<AttributeValue>>,
) -> Result<Statement, PartiqlError> {
    Statement::parse(text, parameters.unwrap_or_default())
}

/// A statement was refused.
pub(crate) fn refused(error: PartiqlError) -> ApiError {
    ApiError::validation(error.to_string())
}

/// Adds what a statement says to a digest.
pub(crate) fn digest(
    digest: &mut RequestDigest,
    text: &str,
    parameters: Option<&[AttributeValue]>,
) {
    digest.text(text);
    let parameters = parameters.unwrap_or_default().iter().enumerate();
    let parameters = parameters.map(|(place, value)| (place.to_string(), value.clone()));
    digest.optional_item(Some(&parameters.collect::<Item>()));
}
