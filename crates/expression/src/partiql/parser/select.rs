//! `SELECT`, with all clauses that the grammar has.

use super::Parser;
use crate::partiql::error::{PartiqlError, SyntaxFault};
use crate::partiql::lexer::{Mark, Operator, TokenKind};
use crate::partiql::syntax::{Raw, RawOrder, RawSelect};

impl Parser {
    /// At `SELECT` or `PIVOT`.
    pub(super) fn select(&mut self, depth: usize) -> Result<RawSelect, SyntaxFault> {
        super::check_depth(depth)?;
        let pivot = self.at_keyword("pivot");
        self.advance();
        if self.take_keyword("distinct") {
            self.refuse(PartiqlError::UnsupportedToken {
                token: "DISTINCT".to_owned(),
                at: None,
            });
        } else {
            self.take_keyword("all");
        }
        let columns = if pivot {
            self.pivot(depth)?;
            None
        } else if self.take_keyword("value") {
            self.expression(depth)?;
            self.refuse(PartiqlError::ValueOrPivot);
            None
        } else {
            self.columns(depth)?
        };
        if !self.take_keyword("from") {
            return Err(SyntaxFault::ExpectedFromAfterSelect);
        }
        let source = self.sources(depth)?;
        let condition = match self.take_keyword("where") {
            true => Some(self.expression(depth)?),
            false => None,
        };
        let order = match self.take_keywords("order", "by") {
            true => self.order(depth)?,
            false => Vec::new(),
        };
        self.other_clauses(depth)?;
        Ok(RawSelect {
            columns,
            source,
            condition,
            order,
        })
    }

    /// `value AT name`
    fn pivot(&mut self, depth: usize) -> Result<(), SyntaxFault> {
        self.expression(depth)?;
        if !self.take_keyword("at") {
            return Err(SyntaxFault::UnexpectedTerm);
        }
        self.expression(depth)?;
        self.refuse(PartiqlError::ValueOrPivot);
        Ok(())
    }

    /// What is selected; nothing for `*`.
    fn columns(&mut self, depth: usize) -> Result<Option<Vec<Raw>>, SyntaxFault> {
        let mut columns = Vec::new();
        let mut every = false;
        loop {
            if self.take_operator(Operator::Star) {
                every = true;
                columns.push(None);
            } else {
                columns.push(Some(self.expression(depth)?));
                self.alias(&["as"])?;
            }
            if !self.take_mark(Mark::Comma) {
                break;
            }
        }
        match (every, columns.len()) {
            (true, 1) => Ok(None),
            (true, _) => Err(SyntaxFault::OthersBesideStar),
            (false, _) => Ok(Some(columns.into_iter().flatten().collect())),
        }
    }

    /// A name behind what it names, perhaps behind one of the words.
    pub(super) fn alias(&mut self, words: &[&str]) -> Result<(), SyntaxFault> {
        let word = words.iter().any(|word| self.take_keyword(word));
        let named = self.take_name().is_some();
        match (word, named) {
            (true, false) => Err(SyntaxFault::ExpectedAlias),
            (false, false) => Ok(()),
            (_, true) => {
                self.refuse(PartiqlError::Aliasing);
                Ok(())
            }
        }
    }

    /// The first of the sources; more than one are refused.
    pub(super) fn sources(&mut self, depth: usize) -> Result<Raw, SyntaxFault> {
        let source = self.source(depth)?;
        loop {
            let joined = self.take_mark(Mark::Comma) || self.take_join();
            if !joined {
                return Ok(source);
            }
            self.refuse(PartiqlError::SeveralSources);
            self.source(depth)?;
            if self.take_keyword("on") {
                self.expression(depth)?;
            }
        }
    }

    fn source(&mut self, depth: usize) -> Result<Raw, SyntaxFault> {
        let source = self.expression(depth)?;
        self.alias(&["as"])?;
        self.alias_behind("at")?;
        self.alias_behind("by")?;
        Ok(source)
    }

    fn alias_behind(&mut self, word: &str) -> Result<(), SyntaxFault> {
        let is_word = match self.kind() {
            TokenKind::Keyword(keyword) => *keyword == word,
            _ => false,
        };
        if is_word {
            self.alias(&[word])?;
        }
        Ok(())
    }

    fn take_join(&mut self) -> bool {
        let place = self.position;
        let qualified = ["inner", "cross", "left", "right", "full"]
            .into_iter()
            .any(|word| self.take_keyword(word));
        if qualified {
            self.take_keyword("outer");
        }
        let joined = self.take_keyword("join");
        if !joined {
            self.position = place;
        }
        joined
    }

    fn order(&mut self, depth: usize) -> Result<Vec<RawOrder>, SyntaxFault> {
        let mut order = Vec::new();
        loop {
            let by = self.expression(depth)?;
            let descending = self.take_keyword("desc");
            if !descending {
                self.take_keyword("asc");
            }
            order.push(RawOrder { by, descending });
            if !self.take_mark(Mark::Comma) {
                return Ok(order);
            }
        }
    }

    /// Clauses that DynamoDB does not do.
    fn other_clauses(&mut self, depth: usize) -> Result<(), SyntaxFault> {
        if self.take_keywords("group", "by") {
            loop {
                self.expression(depth)?;
                self.alias(&["as"])?;
                if !self.take_mark(Mark::Comma) {
                    break;
                }
            }
            self.refuse(PartiqlError::UnsupportedClause {
                clause: "GROUP BY",
                at: None,
            });
        }
        for (keyword, clause) in [("having", "HAVING"), ("limit", "LIMIT")] {
            if self.take_keyword(keyword) {
                let at = self.expression(depth)?.at;
                self.refuse(PartiqlError::UnsupportedClause {
                    clause,
                    at: Some(at),
                });
            }
        }
        Ok(())
    }
}
