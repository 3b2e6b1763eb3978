//! Tokens into raw trees: operator precedence for conditions, recursive descent for the rest.
//!
//! This file holds the cursor and what the languages share: paths, operands, calls. Recursion
//! happens only within operands, and is bounded by `OPERAND_DEPTH_MAX`; conditions nest as deeply
//! as the bound of operators lets them.

mod condition;
mod projection;
mod update;

use headwater_model::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_OPERATORS_MAX};

use crate::error::{ExpressionError, Fault};
use crate::kind::ExpressionKind;
use crate::lexer::{Token, TokenKind, tokens};
use crate::limits::OPERAND_DEPTH_MAX;
use crate::syntax::{ParsedCondition, RawCall, RawOperand, RawPath, RawSegment, RawUpdate};

/// Parses a condition, a filter or a key condition.
pub(crate) fn parse_condition(
    kind: ExpressionKind,
    text: &str,
) -> Result<ParsedCondition<'_>, ExpressionError> {
    parse(
        kind,
        text,
        &["AND", "OR", "NOT", "BETWEEN", "IN"],
        Parser::condition,
    )
}

/// Parses a projection into its paths.
pub(crate) fn parse_projection(text: &str) -> Result<Vec<RawPath<'_>>, ExpressionError> {
    parse(ExpressionKind::Projection, text, &[], Parser::projection)
}

/// Parses an update.
pub(crate) fn parse_update(text: &str) -> Result<RawUpdate<'_>, ExpressionError> {
    parse(
        ExpressionKind::Update,
        text,
        &["SET", "REMOVE", "ADD", "DELETE"],
        Parser::update,
    )
}

fn parse<'t, T>(
    kind: ExpressionKind,
    text: &'t str,
    keywords: &'static [&'static str],
    language: impl FnOnce(&mut Parser<'t>) -> Result<T, Fault>,
) -> Result<T, ExpressionError> {
    if text.is_empty() {
        return Err(Fault::Empty.of(kind));
    }
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(match kind {
            ExpressionKind::Update => Fault::UpdateTooLong.of(kind),
            _ => Fault::TooLong { bytes: text.len() }.of(kind),
        });
    }
    let mut parser = Parser {
        text,
        tokens: tokens(text),
        position: 0,
        keywords,
        operators: 0,
        redundant_parentheses: false,
    };
    language(&mut parser)
        .and_then(|tree| parser.expect(TokenKind::End).map(|()| tree))
        .map_err(|fault| fault.of(kind))
}

/// A place in the tokens, and what has been met on the way.
struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    position: usize,
    /// Words of this language that are no names, in upper case.
    keywords: &'static [&'static str],
    operators: usize,
    redundant_parentheses: bool,
}

impl<'t> Parser<'t> {
    fn kind(&self) -> TokenKind {
        self.tokens[self.position].kind
    }

    fn word(&self) -> &'t str {
        self.text_of(self.position)
    }

    fn text_of(&self, position: usize) -> &'t str {
        let token = self.tokens[position];
        &self.text[token.start..token.end]
    }

    fn advance(&mut self) {
        if self.kind() != TokenKind::End {
            self.position += 1;
        }
    }

    fn take(&mut self, kind: TokenKind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, kind: TokenKind) -> Result<(), Fault> {
        // The end is never passed, so that a further fault still finds it.
        if self.kind() == kind {
            self.advance();
            return Ok(());
        }
        Err(self.syntax_error())
    }

    fn at_keyword(&self, keyword: &str) -> bool {
        self.kind() == TokenKind::Word && self.word().eq_ignore_ascii_case(keyword)
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.at_keyword(keyword);
        if found {
            self.advance();
        }
        found
    }

    fn at_any_keyword(&self) -> bool {
        self.keywords.iter().any(|keyword| self.at_keyword(keyword))
    }

    /// The fault of the token at hand, with its neighbours.
    fn syntax_error(&self) -> Fault {
        let here = self.tokens[self.position];
        let before = self.tokens[self.position.saturating_sub(1)];
        let last_shown = match self.tokens.get(self.position + 1) {
            Some(next) if next.kind != TokenKind::End => *next,
            _ if here.kind == TokenKind::End => before,
            _ => here,
        };
        let token = if here.kind == TokenKind::End {
            "<EOF>"
        } else {
            self.word()
        };
        Fault::Syntax {
            token: token.to_owned(),
            near: self.text[before.start..last_shown.end].to_owned(),
        }
    }

    /// Comparisons, functions and sums count, and so does every AND, OR and NOT (aws-sdk-js issue 3721).
    fn count_operator(&mut self) -> Result<(), Fault> {
        self.operators += 1;
        if self.operators > EXPRESSION_OPERATORS_MAX {
            return Err(Fault::TooManyOperators {
                count: self.operators,
            });
        }
        Ok(())
    }

    fn check_depth(&self, depth: usize) -> Result<(), Fault> {
        if depth >= OPERAND_DEPTH_MAX {
            Err(self.syntax_error())
        } else {
            Ok(())
        }
    }

    /// `name`, `#name`, and then any of `.name`, `.#name`, `[n]`.
    fn path(&mut self) -> Result<RawPath<'t>, Fault> {
        let mut path = vec![self.name()?];
        self.path_rest(&mut path)?;
        Ok(path)
    }

    fn path_rest(&mut self, path: &mut RawPath<'t>) -> Result<(), Fault> {
        loop {
            if self.take(TokenKind::Dot) {
                path.push(self.name()?);
            } else if self.take(TokenKind::OpenBracket) {
                let digits = self.word();
                self.expect(TokenKind::Digits)?;
                self.expect(TokenKind::CloseBracket)?;
                path.push(RawSegment::Index(digits));
            } else {
                return Ok(());
            }
        }
    }

    fn name(&mut self) -> Result<RawSegment<'t>, Fault> {
        let segment = match self.kind() {
            TokenKind::Word if !self.at_any_keyword() => RawSegment::Word(self.word()),
            TokenKind::Name => RawSegment::Placeholder(self.word()),
            _ => return Err(self.syntax_error()),
        };
        self.advance();
        Ok(segment)
    }

    /// A path, a value or a call, without parentheses around it.
    fn bare_operand(&mut self, depth: usize) -> Result<RawOperand<'t>, Fault> {
        if self.kind() == TokenKind::Value {
            let key = self.word();
            self.advance();
            return Ok(RawOperand::Value(key));
        }
        let is_call = self.kind() == TokenKind::Word
            && !self.at_any_keyword()
            && self.tokens[self.position + 1].kind == TokenKind::OpenParenthesis;
        if is_call {
            return self.call(depth).map(RawOperand::Call);
        }
        self.path().map(RawOperand::Path)
    }

    /// `name(operand, ...)`, at least one operand.
    fn call(&mut self, depth: usize) -> Result<RawCall<'t>, Fault> {
        self.check_depth(depth)?;
        self.count_operator()?;
        let name = self.word();
        self.advance();
        self.expect(TokenKind::OpenParenthesis)?;
        let arguments = self.operand_list(depth + 1)?;
        self.expect(TokenKind::CloseParenthesis)?;
        Ok(RawCall { name, arguments })
    }

    /// Operands separated by commas, at least one.
    fn operand_list(&mut self, depth: usize) -> Result<Vec<RawOperand<'t>>, Fault> {
        let mut operands = vec![self.operand(depth)?];
        while self.take(TokenKind::Comma) {
            operands.push(self.operand(depth)?);
        }
        Ok(operands)
    }
}
