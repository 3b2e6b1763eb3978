//! Statements other than `SELECT`, and what stands around every statement.

use super::{Parser, raised};
use crate::ast::Comparator;
use crate::partiql::error::{PartiqlError, SyntaxFault};
use crate::partiql::lexer::{Mark, Operator, TokenKind};
use crate::partiql::syntax::{
    Node, Parsed, Raw, RawChange, RawPath, RawReturned, RawReturning, RawStatement, RawStep,
    StepKind,
};

impl Parser {
    pub(super) fn whole(&mut self) -> Result<Parsed, SyntaxFault> {
        let statement = self.statement()?;
        if self.take_mark(Mark::Semicolon) && *self.kind() != TokenKind::End {
            return Err(SyntaxFault::BehindSemicolon);
        }
        if *self.kind() != TokenKind::End {
            return Err(SyntaxFault::BehindExpression);
        }
        let refused = self.refused.take();
        // What is no statement of DynamoDB's was refused by the name of what it is.
        let (statement, refused) = match statement {
            Ok(statement) => (statement, refused),
            Err(error) => (self.nothing()?, Some(refused.unwrap_or(error))),
        };
        Ok(Parsed {
            statement,
            refused,
            parameters: self.parameters,
        })
    }

    /// Stands for a statement that is refused.
    fn nothing(&self) -> Result<RawStatement, SyntaxFault> {
        Ok(RawStatement::Insert {
            target: self.no_path(),
            value: raised(Node::Missing, self.at(), 0)?,
        })
    }

    fn statement(&mut self) -> Result<Result<RawStatement, PartiqlError>, SyntaxFault> {
        if let Some(parentheses) = self.parentheses_before_select() {
            (0..parentheses).for_each(|_| self.advance());
            let select = self.select(1)?;
            (0..parentheses).try_for_each(|_| self.expect_mark(Mark::CloseParenthesis))?;
            return Ok(Ok(RawStatement::Select(select)));
        }
        match self.keyword() {
            Some("select" | "pivot") => Ok(Ok(RawStatement::Select(self.select(1)?))),
            Some("insert") => self.insert(),
            Some("update") => self.update(false).map(Ok),
            Some("from") => self.update(true).map(Ok),
            Some("delete") => self.delete().map(Ok),
            Some("exists") => self.exists(),
            Some("create") => self.of_table("CreateTable"),
            Some("drop") => self.of_table("DropTable"),
            _ => {
                let raw = self.expression(1)?;
                Ok(Err(refused_alone(&raw.node)))
            }
        }
    }

    /// How many parentheses stand around a SELECT.
    fn parentheses_before_select(&self) -> Option<usize> {
        let is_open =
            |places: usize| *self.kind_ahead(places) == TokenKind::Mark(Mark::OpenParenthesis);
        let count = (0..).take_while(|places| is_open(*places)).count();
        (count > 0 && self.keyword_ahead(count) == Some("select")).then_some(count)
    }

    /// `EXISTS(SELECT ...)`
    fn exists(&mut self) -> Result<Result<RawStatement, PartiqlError>, SyntaxFault> {
        let opens = *self.kind_ahead(1) == TokenKind::Mark(Mark::OpenParenthesis);
        if !opens || self.keyword_ahead(2) != Some("select") {
            let raw = self.expression(1)?;
            return Ok(Err(refused_alone(&raw.node)));
        }
        self.advance();
        self.advance();
        let select = self.select(1)?;
        self.expect_mark(Mark::CloseParenthesis)?;
        Ok(Ok(RawStatement::Exists(select)))
    }

    /// `CREATE TABLE` and `DROP TABLE`
    fn of_table(
        &mut self,
        name: &'static str,
    ) -> Result<Result<RawStatement, PartiqlError>, SyntaxFault> {
        self.advance();
        if !self.take_keyword("table") || self.take_name().is_none() {
            return Err(SyntaxFault::UnexpectedTerm);
        }
        Ok(Err(PartiqlError::UnsupportedOperation { name }))
    }

    fn insert(&mut self) -> Result<Result<RawStatement, PartiqlError>, SyntaxFault> {
        let at = self.at();
        self.advance();
        if !self.take_keyword("into") {
            return Err(SyntaxFault::ExpectedInto);
        }
        let target = self.simple_path()?;
        if !self.take_keyword("value") {
            if *self.kind_ahead(1) == TokenKind::Mark(Mark::OpenParenthesis) {
                self.take_keyword("values");
            }
            self.expression(1)?;
            return Ok(Err(PartiqlError::UnsupportedOperation { name: "InsertOp" }));
        }
        let value = self.expression(1)?;
        if self.take_keyword("at") {
            self.expression(1)?;
            self.refuse(PartiqlError::AtInInsert { at });
        }
        if self.take_keywords("on", "conflict") {
            self.conflict()?;
        }
        if self.returning()?.is_some() {
            self.refuse(PartiqlError::ReturningInInsert);
        }
        Ok(Ok(RawStatement::Insert { target, value }))
    }

    /// `WHERE condition DO NOTHING`
    fn conflict(&mut self) -> Result<(), SyntaxFault> {
        if !self.take_keyword("where") {
            return Err(SyntaxFault::ExpectedConflictCondition);
        }
        self.expression(1)?;
        if !self.take_keywords("do", "nothing") {
            return Err(SyntaxFault::ExpectedDoNothing);
        }
        self.refuse(PartiqlError::UnsupportedClause {
            clause: "ON CONFLICT",
            at: None,
        });
        Ok(())
    }

    /// `UPDATE table SET ... WHERE condition`, or `FROM table WHERE condition SET ...`
    fn update(&mut self, condition_first: bool) -> Result<RawStatement, SyntaxFault> {
        self.advance();
        let target = self.simple_path()?;
        self.alias(&["as"])?;
        let (changes, condition) = if condition_first {
            let condition = self.condition()?;
            (self.changes()?, condition)
        } else {
            (self.changes()?, self.condition()?)
        };
        let returning = self.returning()?;
        Ok(RawStatement::Update {
            target,
            changes,
            condition,
            returning,
        })
    }

    fn delete(&mut self) -> Result<RawStatement, SyntaxFault> {
        self.advance();
        if !self.take_keyword("from") {
            return Err(SyntaxFault::ExpectedFromAfterDelete);
        }
        let target = self.simple_path()?;
        self.alias(&["as"])?;
        let condition = self.condition()?;
        let returning = self.returning()?;
        Ok(RawStatement::Delete {
            target,
            condition,
            returning,
        })
    }

    fn condition(&mut self) -> Result<Option<Raw>, SyntaxFault> {
        match self.take_keyword("where") {
            true => self.expression(1).map(Some),
            false => Ok(None),
        }
    }

    /// `SET` and `REMOVE`, at least one of them.
    fn changes(&mut self) -> Result<Vec<RawChange>, SyntaxFault> {
        let mut changes = Vec::new();
        loop {
            if self.take_keyword("set") {
                loop {
                    let path = self.simple_path()?;
                    if !self.take_operator(Operator::Compare(Comparator::Equal)) {
                        return Err(SyntaxFault::ExpectedEquals);
                    }
                    changes.push(RawChange::Set(path, self.expression(1)?));
                    if !self.take_mark(Mark::Comma) {
                        break;
                    }
                }
            } else if self.take_keyword("remove") {
                changes.push(RawChange::Remove(self.simple_path()?));
            } else if self.at_keyword("insert") {
                let _inserted = self.insert()?;
                self.refuse(PartiqlError::OnlySetAndRemove);
                changes.push(RawChange::Remove(self.no_path()));
            } else if changes.is_empty() {
                return Err(SyntaxFault::ExpectedManipulation);
            } else {
                return Ok(changes);
            }
        }
    }

    fn no_path(&self) -> RawPath {
        RawPath {
            root: String::new(),
            steps: Vec::new(),
        }
    }

    /// A name, and steps that are known when they are written.
    fn simple_path(&mut self) -> Result<RawPath, SyntaxFault> {
        let root = self
            .take_name()
            .ok_or(SyntaxFault::ExpectedSimplePathName)?;
        let mut steps = Vec::new();
        loop {
            if self.take_mark(Mark::Dot) {
                let at = self.at();
                let name = self
                    .take_name()
                    .ok_or(SyntaxFault::InvalidSimpleDotComponent)?;
                let kind = StepKind::Name(name);
                steps.push(RawStep { kind, at });
            } else if self.take_mark(Mark::OpenBracket) {
                let (kind, at) = self.element(1)?;
                if matches!(kind, StepKind::Other | StepKind::EveryElement) {
                    return Err(SyntaxFault::InvalidSimpleBracketComponent);
                }
                steps.push(RawStep { kind, at });
            } else {
                return Ok(RawPath { root, steps });
            }
        }
    }

    fn returning(&mut self) -> Result<Option<RawReturning>, SyntaxFault> {
        if !self.take_keyword("returning") {
            return Ok(None);
        }
        let mut elements = Vec::new();
        loop {
            let modified = match self.keyword() {
                Some("modified") => true,
                Some("all") => false,
                _ => return Err(SyntaxFault::ReturningElement),
            };
            self.advance();
            let new = match self.keyword() {
                Some("new") => true,
                Some("old") => false,
                _ => return Err(SyntaxFault::ReturningElement),
            };
            self.advance();
            let all = self.take_operator(Operator::Star);
            if !all {
                self.expression(1)?;
            }
            elements.push(RawReturned { modified, new, all });
            if !self.take_mark(Mark::Comma) {
                return Ok(Some(RawReturning { elements }));
            }
        }
    }
}

/// An expression that stands alone.
fn refused_alone(node: &Node) -> PartiqlError {
    let name = match node {
        Node::Path(path) if path.steps.is_empty() => "VariableReference",
        Node::Path(_) => "Path",
        Node::Missing => "LiteralMissing",
        Node::Null | Node::Bool(_) | Node::Text(_) | Node::Number(_) | Node::Ion(_) => "Literal",
        Node::Parameter(_) => "Parameter",
        Node::List(_) | Node::Bag(_) => "Seq",
        Node::Struct(_) => "Struct",
        Node::Is { .. } => "IsType",
        Node::Refused(_) => "Typed",
        Node::Call { .. }
        | Node::And(_)
        | Node::Or(_)
        | Node::Not(_)
        | Node::Compare(..)
        | Node::Binary(..)
        | Node::Sign(_)
        | Node::Between { .. }
        | Node::In { .. } => return PartiqlError::ConditionAlone,
    };
    PartiqlError::UnsupportedOperation { name }
}
