//! Why a statement about one item cannot be carried out. By itself it is refused in any case; in a transaction it makes
//! a difference what is at fault.

use headwater_expression::partiql::PartiqlError;
use headwater_wire::ApiError;

use super::refused;
use crate::transaction::ActionFault;

/// What is at fault.
pub(crate) enum StatementFault {
    /// The statement, whatever its values are.
    Statement(ApiError),
    /// Its values, as far as a transaction tells them as a reason for its end or for the whole request.
    Action(ActionFault),
}

impl StatementFault {
    /// An item is too large.
    pub(super) fn of_request(error: ApiError) -> Self {
        StatementFault::Action(ActionFault::Request(error))
    }

    pub(super) fn of_action(error: ApiError) -> Self {
        StatementFault::Action(ActionFault::Action(error))
    }

    /// The error of a statement that stands alone.
    pub(crate) fn into_error(self) -> ApiError {
        match self {
            StatementFault::Statement(error)
            | StatementFault::Action(ActionFault::Request(error) | ActionFault::Action(error)) => {
                error
            }
        }
    }
}

impl From<PartiqlError> for StatementFault {
    fn from(error: PartiqlError) -> Self {
        match error {
            PartiqlError::KeyType { .. }
            | PartiqlError::KeyEmpty { .. }
            | PartiqlError::ConditionOnKeyType => Self::of_action(refused(error)),
            _ => Self::Statement(refused(error)),
        }
    }
}
