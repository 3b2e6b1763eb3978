//! Updates: clauses of actions. The right side of SET is one operand, or two with `+` or `-`
//! between them, each and the whole perhaps in parentheses.

use super::Parser;
use crate::ast::Comparator;
use crate::error::Fault;
use crate::lexer::TokenKind;
use crate::syntax::{RawAction, RawOperand, RawSetValue, RawUpdate, Section};

impl<'t> Parser<'t> {
    pub(super) fn update(&mut self) -> Result<RawUpdate<'t>, Fault> {
        let mut update = RawUpdate {
            sections: Vec::new(),
            actions: Vec::new(),
        };
        loop {
            let section = self.section()?;
            update.sections.push(section);
            update.actions.push(self.action(section)?);
            while self.take(TokenKind::Comma) {
                update.actions.push(self.action(section)?);
            }
            if self.kind() == TokenKind::End {
                return Ok(update);
            }
        }
    }

    fn section(&mut self) -> Result<Section, Fault> {
        let found = Section::ALL
            .into_iter()
            .find(|section| self.at_keyword(section.keyword()));
        match found {
            Some(section) => {
                self.advance();
                Ok(section)
            }
            None => Err(self.syntax_error()),
        }
    }

    fn action(&mut self, section: Section) -> Result<RawAction<'t>, Fault> {
        let path = self.path()?;
        Ok(match section {
            Section::Set => {
                self.expect(TokenKind::Comparator(Comparator::Equal))?;
                RawAction::Set(path, self.set_value()?)
            }
            Section::Remove => RawAction::Remove(path),
            Section::Add => RawAction::Add(path, self.value()?),
            Section::Delete => RawAction::Delete(path, self.value()?),
        })
    }

    fn value(&mut self) -> Result<&'t str, Fault> {
        let key = self.word();
        self.expect(TokenKind::Value)?;
        Ok(key)
    }

    fn set_value(&mut self) -> Result<RawSetValue<'t>, Fault> {
        match self.set_term()? {
            RawSetValue::Operand(left) => self.arithmetic(left),
            whole => Ok(whole),
        }
    }

    /// An operand, or anything in parentheses; a sum in parentheses is the whole right side.
    fn set_term(&mut self) -> Result<RawSetValue<'t>, Fault> {
        if !self.take(TokenKind::OpenParenthesis) {
            return self.bare_operand(0).map(RawSetValue::Operand);
        }
        let operand = self.operand(1)?;
        let value = self.arithmetic(operand)?;
        self.expect(TokenKind::CloseParenthesis)?;
        Ok(value)
    }

    fn arithmetic(&mut self, left: RawOperand<'t>) -> Result<RawSetValue<'t>, Fault> {
        let sum = match self.kind() {
            TokenKind::Plus => true,
            TokenKind::Minus => false,
            _ => return Ok(RawSetValue::Operand(left)),
        };
        self.count_operator()?;
        self.advance();
        let operands = [left, self.operand(0)?];
        Ok(if sum {
            RawSetValue::Sum(operands)
        } else {
            RawSetValue::Difference(operands)
        })
    }
}
