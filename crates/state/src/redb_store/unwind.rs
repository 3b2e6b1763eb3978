//! Panics of redb become errors: it trusts its pages, and slices, unwraps or gives up on one that does not
//! hold what it should. Only the calls into redb run in here, never a caller's code.

use crate::StateError;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a call into redb. A panic says that a page is damaged; what it may have left half done is a read
/// that is thrown away, or a write after which the store takes no more.
pub(super) fn or_damaged<T>(
    doing: &'static str,
    call: impl FnOnce() -> Result<T, StateError>,
) -> Result<T, StateError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        Err(StateError::Damaged {
            doing,
            detail: format!("a page holds what it should not: {}", said(&*panic)),
        })
    })
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason was given")
}
