//! `AttributesToGet`: a list of top-level attributes.

use std::collections::BTreeSet;

use super::error::LegacyError;
use crate::ast::Path;
use crate::projection::Projection;

/// The projection that `AttributesToGet` means.
///
/// # Errors
/// [`LegacyError::DuplicateAttribute`], [`LegacyError::EmptyName`].
pub fn attributes_to_get(names: &[String]) -> Result<Projection, LegacyError> {
    let mut seen = BTreeSet::new();
    if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(LegacyError::DuplicateAttribute { name: name.clone() });
    }
    if seen.contains("") {
        return Err(LegacyError::EmptyName);
    }
    let paths: Vec<Path> = seen.into_iter().map(Path::top_level).collect();
    Ok(Projection::of_paths(&paths))
}
