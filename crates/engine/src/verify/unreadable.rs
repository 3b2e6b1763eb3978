//! Which errors say that something can't be read, and are findings; the others say something of the caller, its rights and
//! what its process may have, and end a verification.

use headwater_changelog::{LogError, is_of_a_file};
use headwater_state::StateError;

use super::{Finding, Verified};
use crate::error::EngineError;

/// What is wrong with something of the state that gave this error, as the detail of a finding.
///
/// # Errors
/// The error, if it is none of the state.
pub(super) fn detail(error: StateError) -> Result<String, StateError> {
    match is_of_the_state(&error) {
        true => Ok(error.to_string()),
        false => Err(error),
    }
}

/// Whether there is something that was not written so, or that the disk does not give back.
pub(super) fn is_of_the_state(error: &StateError) -> bool {
    match error {
        // A tree that failed once gives nothing any more that is not in memory.
        StateError::Damaged { .. } | StateError::Stopped { .. } => true,
        StateError::Io { source, .. } => is_of_a_file(source),
        _ => false,
    }
}

/// Damage of the log that ended a run is a finding as well, beside what was found before.
pub(super) fn or_finding(
    checked: Result<(), EngineError>,
    verified: &mut Verified,
) -> Result<(), EngineError> {
    match checked {
        Err(EngineError::Log(LogError::Damaged {
            file,
            offset,
            detail,
        })) => {
            verified.not_compared = true;
            verified.find(Finding::of_log(&file, offset, detail));
            Ok(())
        }
        Err(EngineError::Log(LogError::Io {
            action,
            file,
            source,
        })) if is_of_a_file(&source) => {
            verified.not_compared = true;
            let detail = format!("the system can't {action} it: {source}");
            verified.find(Finding::of_log(&file, 0, detail));
            Ok(())
        }
        checked => checked,
    }
}
