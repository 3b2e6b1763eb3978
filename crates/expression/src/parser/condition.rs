//! Conditions: `OR`, `AND`, `NOT`, then comparisons, by binding power.
//!
//! A parenthesis may open a condition, an operand or the beginning of a path; which of them is known
//! only at its end, so all are read as one thing and told apart where they are used. What waits for
//! its right side is kept in a list and not on the stack: clients nest chains of conditions deeply.

use super::Parser;
use crate::error::Fault;
use crate::lexer::TokenKind;
use crate::syntax::{ParsedCondition, RawCondition, RawOperand};

/// How tightly an operator holds its operands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Not,
    Comparison,
}

/// What waits for the thing to its right.
enum Pending<'t> {
    Parenthesis,
    Not,
    /// The left sides of AND or OR.
    Junction(Binding, Vec<RawCondition<'t>>),
}

impl Pending<'_> {
    /// How tightly it holds what comes, or nothing for a parenthesis, which holds all.
    fn binding(&self) -> Option<Binding> {
        match self {
            Self::Parenthesis => None,
            Self::Not => Some(Binding::Not),
            Self::Junction(binding, _) => Some(*binding),
        }
    }
}

enum Node<'t> {
    Operand(RawOperand<'t>),
    Condition(RawCondition<'t>),
}

struct Parsed<'t> {
    node: Node<'t>,
    /// Whether it is one pair of parentheses and what they hold.
    in_parentheses: bool,
}

impl<'t> Parsed<'t> {
    fn condition(condition: RawCondition<'t>) -> Self {
        Self {
            node: Node::Condition(condition),
            in_parentheses: false,
        }
    }

    fn operand(operand: RawOperand<'t>) -> Self {
        Self {
            node: Node::Operand(operand),
            in_parentheses: false,
        }
    }
}

impl<'t> Parser<'t> {
    pub(super) fn condition(&mut self) -> Result<ParsedCondition<'t>, Fault> {
        let mut pending = Vec::new();
        let mut left = self.first_operand(&mut pending)?;
        loop {
            left = match self.operator_at_hand() {
                Some(Binding::Not | Binding::Comparison) => self.comparison(left)?,
                Some(junction) => {
                    let mut list = Vec::new();
                    let left = self.reduce(&mut pending, left, junction)?;
                    flatten(junction, self.require_condition(left)?, &mut list);
                    self.count_operator()?;
                    self.advance();
                    pending.push(Pending::Junction(junction, list));
                    self.first_operand(&mut pending)?
                }
                None => {
                    let whole = self.reduce(&mut pending, left, Binding::Or)?;
                    if pending.pop().is_none() {
                        let root = self.require_condition(whole)?;
                        let redundant_parentheses = self.redundant_parentheses;
                        return Ok(ParsedCondition {
                            root,
                            redundant_parentheses,
                        });
                    }
                    self.close(whole)?
                }
            };
        }
    }

    /// An operand, perhaps in parentheses.
    pub(super) fn operand(&mut self, depth: usize) -> Result<RawOperand<'t>, Fault> {
        self.grouped_operand(depth).map(|(operand, _)| operand)
    }

    /// An operand, and whether it is in parentheses as a whole.
    fn grouped_operand(&mut self, depth: usize) -> Result<(RawOperand<'t>, bool), Fault> {
        if self.kind() != TokenKind::OpenParenthesis {
            return Ok((self.bare_operand(depth)?, false));
        }
        self.check_depth(depth)?;
        self.advance();
        let (mut operand, in_parentheses) = self.grouped_operand(depth + 1)?;
        self.expect(TokenKind::CloseParenthesis)?;
        self.redundant_parentheses |= in_parentheses;
        let goes_on = self.path_goes_on(&mut operand)?;
        Ok((operand, !goes_on))
    }

    /// After the parentheses of `(a.b).c`: reads the rest of the path, if there is one.
    fn path_goes_on(&mut self, operand: &mut RawOperand<'t>) -> Result<bool, Fault> {
        let RawOperand::Path(path) = operand else {
            return Ok(false);
        };
        let segments = path.len();
        self.path_rest(path)?;
        Ok(path.len() > segments)
    }

    /// What stands where a condition begins: NOTs and parentheses wait, the operand is given.
    fn first_operand(&mut self, pending: &mut Vec<Pending<'t>>) -> Result<Parsed<'t>, Fault> {
        loop {
            if self.take_keyword("NOT") {
                self.count_operator()?;
                // Two of them undo each other.
                match pending.last() {
                    Some(Pending::Not) => drop(pending.pop()),
                    _ => pending.push(Pending::Not),
                }
            } else if self.take(TokenKind::OpenParenthesis) {
                pending.push(Pending::Parenthesis);
            } else {
                return self.bare_operand(0).map(Parsed::operand);
            }
        }
    }

    fn close(&mut self, whole: Parsed<'t>) -> Result<Parsed<'t>, Fault> {
        self.expect(TokenKind::CloseParenthesis)?;
        self.redundant_parentheses |= whole.in_parentheses;
        let mut closed = Parsed {
            in_parentheses: true,
            ..whole
        };
        if let Node::Operand(operand) = &mut closed.node {
            closed.in_parentheses = !self.path_goes_on(operand)?;
        }
        Ok(closed)
    }

    fn operator_at_hand(&self) -> Option<Binding> {
        match self.kind() {
            TokenKind::Comparator(_) => Some(Binding::Comparison),
            _ if self.at_keyword("BETWEEN") || self.at_keyword("IN") => Some(Binding::Comparison),
            _ if self.at_keyword("AND") => Some(Binding::And),
            _ if self.at_keyword("OR") => Some(Binding::Or),
            _ => None,
        }
    }

    /// Gives `right` to all that waits for it and holds it at least as tightly as `least`.
    fn reduce(
        &self,
        pending: &mut Vec<Pending<'t>>,
        right: Parsed<'t>,
        least: Binding,
    ) -> Result<Parsed<'t>, Fault> {
        let mut right = right;
        while let Some(waiting) =
            pending.pop_if(|waiting| waiting.binding().is_some_and(|binding| binding >= least))
        {
            let condition = self.require_condition(right)?;
            right = Parsed::condition(match waiting {
                Pending::Junction(binding, mut list) => {
                    flatten(binding, condition, &mut list);
                    if binding == Binding::Or {
                        RawCondition::Or(list)
                    } else {
                        RawCondition::And(list)
                    }
                }
                Pending::Not | Pending::Parenthesis => negated(condition),
            });
        }
        Ok(right)
    }

    fn comparison(&mut self, left: Parsed<'t>) -> Result<Parsed<'t>, Fault> {
        let Node::Operand(left) = left.node else {
            return Err(self.syntax_error());
        };
        self.count_operator()?;
        let operator = self.kind();
        let between = self.at_keyword("BETWEEN");
        self.advance();
        let condition = if let TokenKind::Comparator(comparator) = operator {
            RawCondition::Compare(comparator, Box::new([left, self.operand(0)?]))
        } else if between {
            self.between(left)?
        } else {
            self.membership(left)?
        };
        Ok(Parsed::condition(condition))
    }

    fn between(&mut self, operand: RawOperand<'t>) -> Result<RawCondition<'t>, Fault> {
        let lower = self.operand(0)?;
        if !self.take_keyword("AND") {
            return Err(self.syntax_error());
        }
        Ok(RawCondition::Between(Box::new([
            operand,
            lower,
            self.operand(0)?,
        ])))
    }

    fn membership(&mut self, operand: RawOperand<'t>) -> Result<RawCondition<'t>, Fault> {
        let mut operands = vec![operand];
        self.expect(TokenKind::OpenParenthesis)?;
        operands.append(&mut self.operand_list(0)?);
        self.expect(TokenKind::CloseParenthesis)?;
        Ok(RawCondition::In(operands))
    }

    /// A condition, or the fault of the token that asked for one.
    fn require_condition(&self, parsed: Parsed<'t>) -> Result<RawCondition<'t>, Fault> {
        match parsed.node {
            Node::Condition(condition) => Ok(condition),
            Node::Operand(RawOperand::Call(call)) => Ok(RawCondition::Call(call)),
            Node::Operand(_) => Err(self.syntax_error()),
        }
    }
}

fn negated(condition: RawCondition<'_>) -> RawCondition<'_> {
    match condition {
        RawCondition::Not(inner) => *inner,
        condition => RawCondition::Not(Box::new(condition)),
    }
}

/// Chains of one operator become one flat list.
fn flatten<'t>(binding: Binding, condition: RawCondition<'t>, list: &mut Vec<RawCondition<'t>>) {
    match (binding, condition) {
        (Binding::And, RawCondition::And(mut inner))
        | (Binding::Or, RawCondition::Or(mut inner)) => {
            list.append(&mut inner);
        }
        (_, condition) => list.push(condition),
    }
}
