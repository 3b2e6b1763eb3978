//! What the code of functions may be. A server that others reach need not run everything that they name.

use super::config::CodeSource;
use super::interpreter::SetupError;

/// What the code of functions may be, by the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AllowedCode {
    /// Packages, folders and programs of this machine, and what lies elsewhere.
    #[default]
    All,
    /// Packages that requests bring.
    Packages,
    /// None: no function is given any, and none runs.
    None,
}

impl AllowedCode {
    /// Checks code before a function is given it, and again before it runs: the settings may have been others between.
    ///
    /// # Errors
    /// [`SetupError::PackagesOnly`], [`SetupError::NoCode`].
    pub(crate) fn check(self, is_package: bool) -> Result<(), SetupError> {
        match self {
            Self::Packages if !is_package => Err(SetupError::PackagesOnly),
            Self::None => Err(SetupError::NoCode),
            Self::All | Self::Packages => Ok(()),
        }
    }
}

impl CodeSource {
    /// Whether it is a package in the code store.
    pub(super) fn is_package(&self) -> bool {
        match self {
            Self::Zip { .. } => true,
            Self::Directory { .. } | Self::Target(_) => false,
        }
    }
}
