//! Projections: paths separated by commas.

use super::Parser;
use crate::error::Fault;
use crate::lexer::TokenKind;
use crate::syntax::RawPath;

impl<'t> Parser<'t> {
    pub(super) fn projection(&mut self) -> Result<Vec<RawPath<'t>>, Fault> {
        let mut paths = vec![self.path()?];
        while self.take(TokenKind::Comma) {
            paths.push(self.path()?);
        }
        Ok(paths)
    }
}
