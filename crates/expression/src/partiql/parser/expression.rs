//! Expressions, by binding power (a Pratt parser).

use super::{Parser, check_depth, raised, tallest};
use crate::ast::Comparator;
use crate::partiql::error::{PartiqlError, SyntaxFault};
use crate::partiql::lexer::{Mark, Operator, Position, TokenKind};
use crate::partiql::syntax::{Node, Raw, RawPath, RawStep, StepKind};

/// How tightly operators hold their operands.
mod binding {
    pub(super) const NOTHING: u8 = 0;
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const EQUALITY: u8 = 4;
    pub(super) const ORDER: u8 = 5;
    pub(super) const SUM: u8 = 6;
    pub(super) const PRODUCT: u8 = 7;
}

/// An operator between operands.
#[derive(Clone, Copy)]
enum Infix {
    Or,
    And,
    Compare(Comparator),
    Binary(&'static str),
    Between { negated: bool },
    In { negated: bool },
    Like { negated: bool },
    Is { negated: bool },
}

impl Infix {
    fn binding(self) -> u8 {
        match self {
            Infix::Or => binding::OR,
            Infix::And => binding::AND,
            Infix::Compare(Comparator::Equal | Comparator::NotEqual)
            | Infix::In { .. }
            | Infix::Is { .. } => binding::EQUALITY,
            Infix::Compare(_) | Infix::Between { .. } | Infix::Like { .. } => binding::ORDER,
            Infix::Binary("+" | "-" | "||") => binding::SUM,
            Infix::Binary(_) => binding::PRODUCT,
        }
    }

    /// How many tokens it is.
    fn tokens(self) -> usize {
        match self {
            Infix::Between { negated }
            | Infix::In { negated }
            | Infix::Like { negated }
            | Infix::Is { negated } => 1 + usize::from(negated),
            _ => 1,
        }
    }
}

/// Names of types after `IS`, in the service's spelling.
const TYPE_NAMES: [(&str, &str); 29] = [
    ("missing", "MISSING"),
    ("null", "NULL"),
    ("bool", "BOOL"),
    ("boolean", "BOOLEAN"),
    ("smallint", "SMALLINT"),
    ("int", "INTEGER"),
    ("integer", "INTEGER"),
    ("float", "FLOAT"),
    ("real", "REAL"),
    ("decimal", "DECIMAL"),
    ("dec", "DECIMAL"),
    ("numeric", "NUMERIC"),
    ("timestamp", "TIMESTAMP"),
    ("date", "DATE"),
    ("time", "TIME"),
    ("character", "CHARACTER"),
    ("char", "CHARACTER"),
    ("varchar", "CHARACTER_VARYING"),
    ("varying", "CHARACTER_VARYING"),
    ("string", "STRING"),
    ("symbol", "SYMBOL"),
    ("clob", "CLOB"),
    ("blob", "BLOB"),
    ("struct", "STRUCT"),
    ("tuple", "TUPLE"),
    ("list", "LIST"),
    ("sexp", "SEXP"),
    ("bag", "BAG"),
    ("interval", "INTERVAL"),
];

/// Keywords that are names of functions.
const FUNCTION_KEYWORDS: [&str; 24] = [
    "avg",
    "bag",
    "bit_length",
    "char_length",
    "character_length",
    "coalesce",
    "count",
    "date_add",
    "date_diff",
    "exists",
    "extract",
    "list",
    "lower",
    "max",
    "min",
    "nullif",
    "octet_length",
    "position",
    "sexp",
    "size",
    "substring",
    "sum",
    "trim",
    "upper",
];

impl Parser {
    /// An expression of any kind.
    pub(super) fn expression(&mut self, depth: usize) -> Result<Raw, SyntaxFault> {
        self.bound_expression(binding::NOTHING, depth)
    }

    /// An expression whose operators hold tighter than `floor`.
    fn bound_expression(&mut self, floor: u8, depth: usize) -> Result<Raw, SyntaxFault> {
        check_depth(depth)?;
        let mut left = self.prefixed(depth)?;
        while let Some(infix) = self.infix().filter(|infix| infix.binding() > floor) {
            let at = self.at();
            (0..infix.tokens()).for_each(|_| self.advance());
            if *self.kind() == TokenKind::End {
                return Err(SyntaxFault::MissingRightSide);
            }
            left = self.infixed(left, infix, at, depth + 1)?;
        }
        Ok(left)
    }

    fn infix(&self) -> Option<Infix> {
        match self.kind() {
            TokenKind::Operator(operator) => Some(match operator {
                Operator::Compare(comparator) => Infix::Compare(*comparator),
                Operator::Plus => Infix::Binary("+"),
                Operator::Minus => Infix::Binary("-"),
                Operator::Star => Infix::Binary("*"),
                Operator::Slash => Infix::Binary("/"),
                Operator::Percent => Infix::Binary("%"),
                Operator::Concatenate => Infix::Binary("||"),
            }),
            TokenKind::Keyword("not") => match self.keyword_ahead(1)? {
                "between" => Some(Infix::Between { negated: true }),
                "in" => Some(Infix::In { negated: true }),
                "like" => Some(Infix::Like { negated: true }),
                _ => None,
            },
            TokenKind::Keyword(keyword) => match *keyword {
                "or" => Some(Infix::Or),
                "and" => Some(Infix::And),
                "between" => Some(Infix::Between { negated: false }),
                "in" => Some(Infix::In { negated: false }),
                "like" => Some(Infix::Like { negated: false }),
                "is" => Some(Infix::Is {
                    negated: self.keyword_ahead(1) == Some("not"),
                }),
                _ => None,
            },
            _ => None,
        }
    }

    /// The right side of an operator, and the whole. What calls itself here and below stays small on the stack.
    fn infixed(
        &mut self,
        left: Raw,
        infix: Infix,
        at: Position,
        depth: usize,
    ) -> Result<Raw, SyntaxFault> {
        let floor = infix.binding();
        match infix {
            Infix::In { negated } => {
                let right = self.in_list(floor, depth)?;
                pair(left, right, at, |operands| Node::In { negated, operands })
            }
            Infix::Between { negated } => self.between(left, negated, at, depth),
            Infix::Is { negated } => self.is(left, negated, at),
            Infix::Or | Infix::And | Infix::Compare(_) | Infix::Binary(_) | Infix::Like { .. } => {
                let right = self.bound_expression(floor, depth)?;
                self.joined(left, infix, right, at, depth)
            }
        }
    }

    /// Both sides of an operator in one.
    fn joined(
        &mut self,
        left: Raw,
        infix: Infix,
        right: Raw,
        at: Position,
        depth: usize,
    ) -> Result<Raw, SyntaxFault> {
        match infix {
            Infix::Or => junction(left, right, at, Node::Or, |node| match node {
                Node::Or(list) => Ok(list),
                other => Err(other),
            }),
            Infix::And => junction(left, right, at, Node::And, |node| match node {
                Node::And(list) => Ok(list),
                other => Err(other),
            }),
            Infix::Compare(comparator) => {
                pair(left, right, at, |pair| Node::Compare(comparator, pair))
            }
            Infix::Binary(operator) => pair(left, right, at, |pair| Node::Binary(operator, pair)),
            // Like; the others have right sides of their own.
            Infix::Like { .. } | Infix::In { .. } | Infix::Between { .. } | Infix::Is { .. } => {
                if self.take_keyword("escape") {
                    self.bound_expression(infix.binding(), depth)?;
                }
                pair(left, right, at, |pair| Node::Binary("like", pair))
            }
        }
    }

    fn between(
        &mut self,
        left: Raw,
        negated: bool,
        at: Position,
        depth: usize,
    ) -> Result<Raw, SyntaxFault> {
        let lower = self.bound_expression(binding::ORDER, depth)?;
        if !self.take_keyword("and") {
            return Err(SyntaxFault::ExpectedAnd);
        }
        let upper = self.bound_expression(binding::ORDER, depth)?;
        let operands = Box::new([left, lower, upper]);
        let below = tallest(&*operands);
        raised(Node::Between { negated, operands }, at, below)
    }

    fn is(&mut self, left: Raw, negated: bool, at: Position) -> Result<Raw, SyntaxFault> {
        let type_name = self.type_name()?;
        let below = left.height;
        let node = Node::Is {
            negated,
            operand: Box::new(left),
            type_name,
        };
        raised(node, at, below)
    }

    /// `(a, b)`, even with one member or a subselect, or any expression.
    fn in_list(&mut self, floor: u8, depth: usize) -> Result<Raw, SyntaxFault> {
        if !self.at_mark(Mark::OpenParenthesis) {
            return self.bound_expression(floor, depth);
        }
        let at = self.at();
        self.advance();
        if self.at_keyword("select") {
            self.select(depth + 1)?;
            self.expect_mark(Mark::CloseParenthesis)?;
            return refused(PartiqlError::InOperands, at);
        }
        if self.at_mark(Mark::CloseParenthesis) {
            return Err(SyntaxFault::EmptyGroup);
        }
        let members = self.list_until(Mark::CloseParenthesis, depth)?;
        list_node(members, at, Node::List)
    }

    /// Expressions separated by commas, perhaps none, and the mark behind them.
    fn list_until(&mut self, end: Mark, depth: usize) -> Result<Vec<Raw>, SyntaxFault> {
        let mut list = Vec::new();
        if self.take_mark(end) {
            return Ok(list);
        }
        loop {
            list.push(self.expression(depth + 1)?);
            if !self.take_mark(Mark::Comma) {
                self.expect_mark(end)?;
                return Ok(list);
            }
        }
    }

    /// The name of a type, with its size or precision, which say nothing to DynamoDB.
    fn type_name(&mut self) -> Result<&'static str, SyntaxFault> {
        if self.take_keywords("double", "precision") {
            return Ok("DOUBLE_PRECISION");
        }
        let keyword = self.keyword().ok_or(SyntaxFault::ExpectedTypeName)?;
        let found = TYPE_NAMES.iter().find(|(written, _)| *written == keyword);
        let (_, name) = found.ok_or(SyntaxFault::ExpectedTypeName)?;
        self.advance();
        let follows = matches!(keyword, "character" | "char") && self.take_keyword("varying");
        if self.take_mark(Mark::OpenParenthesis) {
            loop {
                let TokenKind::Number(_) = self.kind() else {
                    return Err(SyntaxFault::UnexpectedTerm);
                };
                self.advance();
                if !self.take_mark(Mark::Comma) {
                    break;
                }
            }
            self.expect_mark(Mark::CloseParenthesis)?;
        }
        Ok(if follows { "CHARACTER_VARYING" } else { name })
    }

    /// Signs and NOT, and what they stand before.
    fn prefixed(&mut self, depth: usize) -> Result<Raw, SyntaxFault> {
        check_depth(depth)?;
        match self.kind() {
            TokenKind::Operator(Operator::Plus) => self.signed("+", depth),
            TokenKind::Operator(Operator::Minus) => self.signed("-", depth),
            TokenKind::Keyword("not") => self.negated(depth),
            TokenKind::Mark(Mark::OpenParenthesis) => {
                let group = self.group(depth)?;
                self.steps(group, depth)
            }
            _ => {
                let term = self.term(depth)?;
                self.steps(term, depth)
            }
        }
    }

    fn negated(&mut self, depth: usize) -> Result<Raw, SyntaxFault> {
        let at = self.at();
        self.advance();
        let inner = self.bound_expression(binding::NOT, depth + 1)?;
        let below = inner.height;
        raised(Node::Not(Box::new(inner)), at, below)
    }

    fn signed(&mut self, sign: &'static str, depth: usize) -> Result<Raw, SyntaxFault> {
        let at = self.at();
        self.advance();
        let inner = self.prefixed(depth + 1)?;
        if let Node::Number(text) = inner.node {
            let node = Node::Number(signed(sign, text));
            return Ok(Raw { node, ..inner });
        }
        let below = inner.height;
        raised(Node::Sign(sign), at, below)
    }

    /// The steps into something.
    fn steps(&mut self, raw: Raw, depth: usize) -> Result<Raw, SyntaxFault> {
        let mut raw = raw;
        loop {
            let (kind, step_at) = if self.take_mark(Mark::Dot) {
                self.member()?
            } else if self.take_mark(Mark::OpenBracket) {
                self.element(depth)?
            } else {
                return Ok(raw);
            };
            let at = raw.at;
            match &mut raw.node {
                Node::Path(path) => path.steps.push(RawStep { kind, at: step_at }),
                Node::List(_) => raw = refused(PartiqlError::PathOfIndex { at }, at)?,
                Node::Refused(_) => {}
                _ => raw = refused(PartiqlError::UnexpectedPathComponent { at }, at)?,
            }
        }
    }

    fn member(&mut self) -> Result<(StepKind, Position), SyntaxFault> {
        let at = self.at();
        if self.take_operator(Operator::Star) {
            return Ok((StepKind::EveryMember, at));
        }
        let name = self.take_name().ok_or(SyntaxFault::InvalidDotComponent)?;
        Ok((StepKind::Name(name), at))
    }

    /// Behind `[`: what stands in brackets.
    pub(super) fn element(&mut self, depth: usize) -> Result<(StepKind, Position), SyntaxFault> {
        let at = self.at();
        let every = *self.kind() == TokenKind::Operator(Operator::Star)
            && *self.kind_ahead(1) == TokenKind::Mark(Mark::CloseBracket);
        if every {
            self.advance();
            self.expect_mark(Mark::CloseBracket)?;
            return Ok((StepKind::EveryElement, at));
        }
        let inner = self.expression(depth + 1)?;
        self.expect_mark(Mark::CloseBracket)?;
        let kind = match inner.node {
            Node::Number(text) => match text.contains(['.', 'e', 'E']) {
                true => StepKind::Fraction,
                false => StepKind::Index(text),
            },
            Node::Text(name) => StepKind::Name(name),
            // Names in brackets are those of members, not attributes that hold the name.
            Node::Path(path) if path.steps.is_empty() => StepKind::Name(path.root),
            _ => StepKind::Other,
        };
        Ok((kind, inner.at))
    }

    /// What has no operator outside of parentheses.
    fn term(&mut self, depth: usize) -> Result<Raw, SyntaxFault> {
        let at = self.at();
        let leaf = |node| raised(node, at, 0);
        let kind = self.kind().clone();
        match kind {
            TokenKind::Name(name) | TokenKind::QuotedName(name) => {
                let is_call = matches!(self.kind(), TokenKind::Name(_))
                    && *self.kind_ahead(1) == TokenKind::Mark(Mark::OpenParenthesis);
                self.advance();
                if is_call {
                    return self.call(name.to_ascii_lowercase(), at, depth);
                }
                leaf(Node::Path(RawPath {
                    root: name,
                    steps: Vec::new(),
                }))
            }
            TokenKind::Text(text) => {
                self.advance();
                leaf(Node::Text(text))
            }
            TokenKind::Number(text) => {
                self.advance();
                leaf(Node::Number(text))
            }
            TokenKind::Ion(what) => {
                self.advance();
                leaf(Node::Ion(what))
            }
            TokenKind::Keyword(keyword) => self.keyword_term(keyword, at, depth),
            TokenKind::Mark(mark) => {
                self.advance();
                self.marked_term(mark, at, depth)
            }
            TokenKind::Operator(_) => Err(SyntaxFault::UnexpectedOperator),
            TokenKind::End => Err(SyntaxFault::UnexpectedTerm),
        }
    }

    fn marked_term(&mut self, mark: Mark, at: Position, depth: usize) -> Result<Raw, SyntaxFault> {
        match mark {
            Mark::Parameter => {
                let node = Node::Parameter(self.parameters);
                self.parameters += 1;
                raised(node, at, 0)
            }
            Mark::OpenBracket => {
                let members = self.list_until(Mark::CloseBracket, depth)?;
                list_node(members, at, Node::List)
            }
            Mark::OpenBag => {
                let members = self.list_until(Mark::CloseBag, depth)?;
                list_node(members, at, Node::Bag)
            }
            Mark::OpenBrace => self.tuple(at, depth),
            // A name out of another scope; there is only one.
            Mark::At => match self.take_name() {
                Some(root) => {
                    let steps = Vec::new();
                    raised(Node::Path(RawPath { root, steps }), at, 0)
                }
                None => Err(SyntaxFault::UnexpectedTerm),
            },
            _ => Err(SyntaxFault::UnexpectedTerm),
        }
    }

    /// At `(`: an expression, a list of several, or a subselect.
    fn group(&mut self, depth: usize) -> Result<Raw, SyntaxFault> {
        let at = self.at();
        self.advance();
        if self.at_keyword("select") {
            let inner = self.subselect(depth)?;
            self.expect_mark(Mark::CloseParenthesis)?;
            return Ok(inner);
        }
        if self.at_mark(Mark::CloseParenthesis) {
            return Err(SyntaxFault::EmptyGroup);
        }
        let first = self.bound_expression(binding::NOTHING, depth + 1)?;
        match self.take_mark(Mark::CloseParenthesis) {
            true => Ok(first),
            false => self.group_of_several(first, at, depth),
        }
    }

    /// Behind the first of several expressions in parentheses, which are a list.
    fn group_of_several(
        &mut self,
        first: Raw,
        at: Position,
        depth: usize,
    ) -> Result<Raw, SyntaxFault> {
        let mut members = vec![first];
        if !self.take_mark(Mark::Comma) {
            self.expect_mark(Mark::CloseParenthesis)?;
        }
        if self.at_mark(Mark::CloseParenthesis) {
            return Err(SyntaxFault::UnexpectedTerm);
        }
        members.extend(self.list_until(Mark::CloseParenthesis, depth)?);
        list_node(members, at, Node::List)
    }

    fn subselect(&mut self, depth: usize) -> Result<Raw, SyntaxFault> {
        let at = self.at();
        self.select(depth + 1)?;
        unsupported("SELECT", at)
    }

    /// Behind `{`: pairs of names and values.
    fn tuple(&mut self, at: Position, depth: usize) -> Result<Raw, SyntaxFault> {
        let mut pairs = Vec::new();
        let mut below = 0;
        if !self.take_mark(Mark::CloseBrace) {
            loop {
                let name = self.expression(depth + 1)?;
                self.expect_mark(Mark::Colon)?;
                let value = self.expression(depth + 1)?;
                below = below.max(name.height).max(value.height);
                pairs.push((name, value));
                if !self.take_mark(Mark::Comma) {
                    self.expect_mark(Mark::CloseBrace)?;
                    break;
                }
            }
        }
        raised(Node::Struct(pairs), at, below)
    }

    fn keyword_term(
        &mut self,
        keyword: &'static str,
        at: Position,
        depth: usize,
    ) -> Result<Raw, SyntaxFault> {
        let literal = match keyword {
            "null" => Some(Node::Null),
            "missing" => Some(Node::Missing),
            "true" => Some(Node::Bool(true)),
            "false" => Some(Node::Bool(false)),
            _ => None,
        };
        if let Some(node) = literal {
            self.advance();
            return raised(node, at, 0);
        }
        let opens = *self.kind_ahead(1) == TokenKind::Mark(Mark::OpenParenthesis);
        match keyword {
            "select" => self.subselect(depth),
            "cast" if opens => self.cast(depth),
            "date" | "time" if matches!(self.kind_ahead(1), TokenKind::Text(_)) => {
                self.advance();
                let at = self.at();
                self.advance();
                unsupported("UNKNOWN", at)
            }
            "case" => self.case(at, depth),
            "in" | "is" | "like" | "between" | "and" | "or" => Err(SyntaxFault::UnexpectedOperator),
            _ if opens && FUNCTION_KEYWORDS.contains(&keyword) => {
                self.advance();
                self.call(keyword.to_owned(), at, depth)
            }
            _ => Err(SyntaxFault::UnexpectedKeyword),
        }
    }

    /// At `(`: the arguments of a function.
    fn call(&mut self, name: String, at: Position, depth: usize) -> Result<Raw, SyntaxFault> {
        self.advance();
        let of_every = name == "count"
            && *self.kind() == TokenKind::Operator(Operator::Star)
            && *self.kind_ahead(1) == TokenKind::Mark(Mark::CloseParenthesis);
        if of_every {
            self.advance();
        }
        let arguments = self.list_until(Mark::CloseParenthesis, depth)?;
        let below = tallest(&arguments);
        raised(Node::Call { name, arguments }, at, below)
    }

    fn cast(&mut self, depth: usize) -> Result<Raw, SyntaxFault> {
        self.advance();
        let at = self.at();
        self.advance();
        self.expression(depth + 1)?;
        if !self.take_keyword("as") {
            return Err(SyntaxFault::ExpectedAs);
        }
        self.type_name()?;
        self.expect_mark(Mark::CloseParenthesis)?;
        unsupported("cast", at)
    }

    fn case(&mut self, at: Position, depth: usize) -> Result<Raw, SyntaxFault> {
        self.advance();
        if !self.at_keyword("when") {
            self.expression(depth + 1)?;
        }
        while self.take_keyword("when") {
            self.expression(depth + 1)?;
            if !self.take_keyword("then") {
                return Err(SyntaxFault::UnexpectedTerm);
            }
            self.expression(depth + 1)?;
        }
        if self.take_keyword("else") {
            self.expression(depth + 1)?;
        }
        if !self.take_keyword("end") {
            return Err(SyntaxFault::UnexpectedTerm);
        }
        unsupported("CASE", at)
    }
}

/// The number with a sign before it.
fn signed(sign: &str, text: String) -> String {
    match (sign, text.strip_prefix('-')) {
        ("-", Some(magnitude)) => magnitude.to_owned(),
        ("-", None) => format!("-{text}"),
        _ => text,
    }
}

/// Something that was parsed and that DynamoDB does not do.
fn refused(error: PartiqlError, at: Position) -> Result<Raw, SyntaxFault> {
    raised(Node::Refused(Box::new(error)), at, 0)
}

fn unsupported(token: &str, at: Position) -> Result<Raw, SyntaxFault> {
    let error = PartiqlError::UnsupportedToken {
        token: token.to_owned(),
        at: Some(at),
    };
    refused(error, at)
}

fn pair(
    left: Raw,
    right: Raw,
    at: Position,
    build: impl FnOnce(Box<[Raw; 2]>) -> Node,
) -> Result<Raw, SyntaxFault> {
    let pair = Box::new([left, right]);
    let below = tallest(&*pair);
    raised(build(pair), at, below)
}

fn list_node(
    members: Vec<Raw>,
    at: Position,
    build: fn(Vec<Raw>) -> Node,
) -> Result<Raw, SyntaxFault> {
    let below = tallest(&members);
    raised(build(members), at, below)
}

/// Chains of AND and of OR are one node, however long they are.
fn junction(
    left: Raw,
    right: Raw,
    at: Position,
    build: fn(Vec<Raw>) -> Node,
    members: fn(Node) -> Result<Vec<Raw>, Node>,
) -> Result<Raw, SyntaxFault> {
    let height = left.height;
    let (mut list, at, below) = match members(left.node) {
        Ok(list) => (list, left.at, height - 1),
        Err(node) => (vec![Raw { node, ..left }], at, height),
    };
    let below = below.max(right.height);
    list.push(right);
    raised(build(list), at, below)
}
