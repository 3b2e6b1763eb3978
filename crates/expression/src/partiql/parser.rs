//! Tokens into the tree of `syntax`: the cursor, and what statements and expressions share.
//!
//! What the grammar allows and DynamoDB does not is parsed to its end, because a fault of syntax further right is
//! told before it; the first such thing is kept in [`Parsed::refused`].

mod expression;
mod select;
mod statement;

use super::error::{PartiqlError, SyntaxFault};
use super::lexer::{Mark, Operator, Position, Token, TokenKind, tokens};
use super::syntax::{Node, Parsed, Raw};
use crate::limits::PARTIQL_DEPTH_MAX;

/// Parses one statement.
pub(super) fn parse(text: &str) -> Result<Parsed, SyntaxFault> {
    let tokens = tokens(text).map_err(|_| SyntaxFault::NoToken)?;
    let mut parser = Parser {
        tokens,
        position: 0,
        parameters: 0,
        refused: None,
    };
    parser.whole()
}

struct Parser {
    tokens: Vec<Token>,
    position: usize,
    parameters: usize,
    refused: Option<PartiqlError>,
}

impl Parser {
    fn kind(&self) -> &TokenKind {
        self.kind_ahead(0)
    }

    /// The kind of the token so many places further.
    fn kind_ahead(&self, places: usize) -> &TokenKind {
        self.tokens
            .get(self.position + places)
            .map_or(&TokenKind::End, |token| &token.kind)
    }

    fn at(&self) -> Position {
        self.tokens[self.position].at
    }

    fn advance(&mut self) {
        if *self.kind() != TokenKind::End {
            self.position += 1;
        }
    }

    fn at_mark(&self, mark: Mark) -> bool {
        *self.kind() == TokenKind::Mark(mark)
    }

    fn take_mark(&mut self, mark: Mark) -> bool {
        let found = self.at_mark(mark);
        if found {
            self.advance();
        }
        found
    }

    fn expect_mark(&mut self, mark: Mark) -> Result<(), SyntaxFault> {
        match self.take_mark(mark) {
            true => Ok(()),
            false => Err(SyntaxFault::Expected { mark: mark.name() }),
        }
    }

    fn take_operator(&mut self, operator: Operator) -> bool {
        let found = *self.kind() == TokenKind::Operator(operator);
        if found {
            self.advance();
        }
        found
    }

    fn keyword(&self) -> Option<&'static str> {
        self.keyword_ahead(0)
    }

    fn keyword_ahead(&self, places: usize) -> Option<&'static str> {
        match self.kind_ahead(places) {
            TokenKind::Keyword(keyword) => Some(keyword),
            _ => None,
        }
    }

    fn at_keyword(&self, keyword: &str) -> bool {
        self.keyword() == Some(keyword)
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.at_keyword(keyword);
        if found {
            self.advance();
        }
        found
    }

    /// Takes two keywords that stand behind one another.
    fn take_keywords(&mut self, first: &str, second: &str) -> bool {
        let found = self.at_keyword(first) && self.keyword_ahead(1) == Some(second);
        if found {
            self.advance();
            self.advance();
        }
        found
    }

    /// A name, quoted or not.
    fn take_name(&mut self) -> Option<String> {
        let (TokenKind::Name(name) | TokenKind::QuotedName(name)) = self.kind() else {
            return None;
        };
        let name = name.clone();
        self.advance();
        Some(name)
    }

    /// Keeps the first thing that DynamoDB does not do.
    fn refuse(&mut self, error: PartiqlError) {
        self.refused.get_or_insert(error);
    }
}

/// A node above others, the tallest of which has `below` levels.
fn raised(node: Node, at: Position, below: usize) -> Result<Raw, SyntaxFault> {
    let height = below + 1;
    check_depth(height)?;
    Ok(Raw { node, at, height })
}

fn tallest<'r>(list: impl IntoIterator<Item = &'r Raw>) -> usize {
    list.into_iter().map(|raw| raw.height).max().unwrap_or(0)
}

/// Bounds recursion, in the parser and in all that walks over its trees.
fn check_depth(depth: usize) -> Result<(), SyntaxFault> {
    match depth > PARTIQL_DEPTH_MAX {
        true => Err(SyntaxFault::TooDeep),
        false => Ok(()),
    }
}
