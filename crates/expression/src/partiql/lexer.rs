//! Text into tokens, as the parser that DynamoDB uses reads it (partiql-lang-kotlin's grammar). What is no token
//! ends the reading: a statement has no part that may be skipped.

use super::keyword::keyword;
use crate::ast::Comparator;

/// Where a token stands: line and column from 1, and how many characters it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// In characters.
    pub length: u32,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.line, self.column, self.length)
    }
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A word that is no keyword.
    Name(String),
    /// A name in double quotes.
    QuotedName(String),
    /// A reserved word, in lower case.
    Keyword(&'static str),
    /// A string in single quotes.
    Text(String),
    /// Digits with an optional point and exponent, as written.
    Number(String),
    /// Something in backquotes, and what it looks like.
    Ion(&'static str),
    Operator(Operator),
    Mark(Mark),
    /// After the last token.
    End,
}

/// Operators that are no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Compare(Comparator),
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Concatenate,
}

/// Punctuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    OpenParenthesis,
    CloseParenthesis,
    OpenBracket,
    CloseBracket,
    OpenBrace,
    CloseBrace,
    OpenBag,
    CloseBag,
    Comma,
    Colon,
    Dot,
    Semicolon,
    Parameter,
    At,
}

impl Mark {
    /// As messages call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Mark::OpenParenthesis => "LEFT_PAREN",
            Mark::CloseParenthesis => "RIGHT_PAREN",
            Mark::OpenBracket => "LEFT_BRACKET",
            Mark::CloseBracket => "RIGHT_BRACKET",
            Mark::OpenBrace => "LEFT_CURLY",
            Mark::CloseBrace => "RIGHT_CURLY",
            Mark::OpenBag => "LEFT_DOUBLE_ANGLE_BRACKET",
            Mark::CloseBag => "RIGHT_DOUBLE_ANGLE_BRACKET",
            Mark::Comma => "COMMA",
            Mark::Colon => "COLON",
            Mark::Dot => "DOT",
            Mark::Semicolon => "SEMICOLON",
            Mark::Parameter => "QUESTION_MARK",
            Mark::At => "AT",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) at: Position,
}

/// Something that is no token: an unknown character, or a string or comment without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoToken;

/// The tokens of a statement, [`TokenKind::End`] last.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, NoToken> {
    let mut reader = Reader {
        rest: text,
        line: 1,
        column: 1,
    };
    let mut tokens = Vec::with_capacity(text.len() / 4 + 1);
    loop {
        reader.skip_space()?;
        let (kind, bytes) = token(reader.rest)?;
        let is_end = kind == TokenKind::End;
        let at = reader.pass(bytes);
        tokens.push(Token { kind, at });
        if is_end {
            return Ok(tokens);
        }
    }
}

/// The text that is left, and where it begins.
struct Reader<'t> {
    rest: &'t str,
    line: u32,
    column: u32,
}

impl Reader<'_> {
    /// Goes on behind so many bytes; gives their place.
    fn pass(&mut self, bytes: usize) -> Position {
        let (passed, rest) = self.rest.split_at(bytes);
        let mut at = Position {
            line: self.line,
            column: self.column,
            length: 0,
        };
        for character in passed.chars() {
            at.length += 1;
            self.column += 1;
            if character == '\n' {
                self.line += 1;
                self.column = 1;
            }
        }
        self.rest = rest;
        at
    }

    /// Passes white space and comments.
    fn skip_space(&mut self) -> Result<(), NoToken> {
        loop {
            let rest = self.rest;
            let bytes = if rest.starts_with("--") {
                rest.find('\n').unwrap_or(rest.len())
            } else if let Some(comment) = rest.strip_prefix("/*") {
                2 + comment.find("*/").ok_or(NoToken)? + 2
            } else {
                run(rest, |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
            };
            if bytes == 0 {
                return Ok(());
            }
            self.pass(bytes);
        }
    }
}

/// The token that a text begins with, and its bytes.
fn token(rest: &str) -> Result<(TokenKind, usize), NoToken> {
    use Operator::{Compare, Concatenate, Minus, Percent, Plus, Slash, Star};
    let bytes = rest.as_bytes();
    let Some(first) = bytes.first() else {
        return Ok((TokenKind::End, 0));
    };
    let second = bytes.get(1);
    let operator = |operator, length| Ok((TokenKind::Operator(operator), length));
    let mark = |mark, length| Ok((TokenKind::Mark(mark), length));
    match (first, second) {
        (b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$', _) => {
            let length = run(rest, is_word_byte);
            let word = &rest[..length];
            let kind = match keyword(word) {
                Some(keyword) => TokenKind::Keyword(keyword),
                None => TokenKind::Name(word.to_owned()),
            };
            Ok((kind, length))
        }
        (b'"', _) => quoted(rest, '"').map(|(text, length)| (TokenKind::QuotedName(text), length)),
        (b'\'', _) => quoted(rest, '\'').map(|(text, length)| (TokenKind::Text(text), length)),
        (b'`', _) => {
            let length = rest[1..].find('`').ok_or(NoToken)?;
            Ok((TokenKind::Ion(ion_type(&rest[1..=length])), length + 2))
        }
        (b'0'..=b'9', _) | (b'.', Some(b'0'..=b'9')) => number(rest),
        (b'<', Some(b'<')) => mark(Mark::OpenBag, 2),
        (b'>', Some(b'>')) => mark(Mark::CloseBag, 2),
        (b'<', Some(b'>')) | (b'!', Some(b'=')) => operator(Compare(Comparator::NotEqual), 2),
        (b'<', Some(b'=')) => operator(Compare(Comparator::LessOrEqual), 2),
        (b'>', Some(b'=')) => operator(Compare(Comparator::GreaterOrEqual), 2),
        (b'<', _) => operator(Compare(Comparator::Less), 1),
        (b'>', _) => operator(Compare(Comparator::Greater), 1),
        (b'=', _) => operator(Compare(Comparator::Equal), 1),
        (b'|', Some(b'|')) => operator(Concatenate, 2),
        (b'+', _) => operator(Plus, 1),
        (b'-', _) => operator(Minus, 1),
        (b'*', _) => operator(Star, 1),
        (b'/', _) => operator(Slash, 1),
        (b'%', _) => operator(Percent, 1),
        (b'(', _) => mark(Mark::OpenParenthesis, 1),
        (b')', _) => mark(Mark::CloseParenthesis, 1),
        (b'[', _) => mark(Mark::OpenBracket, 1),
        (b']', _) => mark(Mark::CloseBracket, 1),
        (b'{', _) => mark(Mark::OpenBrace, 1),
        (b'}', _) => mark(Mark::CloseBrace, 1),
        (b',', _) => mark(Mark::Comma, 1),
        (b':', _) => mark(Mark::Colon, 1),
        (b'.', _) => mark(Mark::Dot, 1),
        (b';', _) => mark(Mark::Semicolon, 1),
        (b'?', _) => mark(Mark::Parameter, 1),
        (b'@', _) => mark(Mark::At, 1),
        _ => Err(NoToken),
    }
}

/// The type of a literal in backquotes; DynamoDB only names it to refuse it.
fn ion_type(text: &str) -> &'static str {
    let text = text.trim();
    let is_year = |rest: &str| rest.starts_with(['T', '-']);
    match text.bytes().next() {
        Some(b'0'..=b'9') if text.get(4..).is_some_and(is_year) => "TIMESTAMP",
        Some(b'0'..=b'9' | b'-') if text.contains(['.', 'd', 'D']) => "DECIMAL",
        Some(b'0'..=b'9' | b'-') if text.contains(['e', 'E']) => "FLOAT",
        Some(b'0'..=b'9' | b'-') => "INT",
        Some(b'{') if text.starts_with("{{") => "BLOB",
        Some(b'{') => "STRUCT",
        Some(b'[') => "LIST",
        Some(b'(') => "SEXP",
        Some(b'"') => "STRING",
        _ => match text {
            "true" | "false" => "BOOL",
            "null" => "NULL",
            _ => "SYMBOL",
        },
    }
}

/// What stands between two quotes; a quote within is written twice.
fn quoted(rest: &str, quote: char) -> Result<(String, usize), NoToken> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((place, character)) = characters.next() {
        if character != quote {
            text.push(character);
        } else if characters.next_if(|(_, next)| *next == quote).is_some() {
            text.push(quote);
        } else {
            return Ok((text, place + 1));
        }
    }
    Err(NoToken)
}

/// `1`, `1.`, `.5`, `1.5e-3`; a letter or digit right behind it belongs to no number.
fn number(rest: &str) -> Result<(TokenKind, usize), NoToken> {
    let digits = |from: usize| run(&rest[from..], |byte| byte.is_ascii_digit());
    let mut length = digits(0);
    if rest[length..].starts_with('.') {
        length += 1;
        length += digits(length);
    }
    if rest[length..].starts_with(['e', 'E']) {
        length += 1;
        length += usize::from(rest[length..].starts_with(['+', '-']));
        let exponent = digits(length);
        if exponent == 0 {
            return Err(NoToken);
        }
        length += exponent;
    }
    let text = &rest[..length];
    if rest[length..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_')
        || !exponent_is_in_range(text)
    {
        return Err(NoToken);
    }
    Ok((TokenKind::Number(text.to_owned()), length))
}

/// Numbers are read as Java's decimals, whose exponents are 32 bits wide.
fn exponent_is_in_range(text: &str) -> bool {
    let Some((digits, exponent)) = text.split_once(['e', 'E']) else {
        return true;
    };
    let fraction = digits.split_once('.').map_or(0, |(_, digits)| digits.len());
    exponent
        .parse::<i64>()
        .ok()
        .and_then(|exponent| exponent.checked_sub(i64::try_from(fraction).ok()?))
        .is_some_and(|exponent| i32::try_from(exponent).is_ok())
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

fn run(text: &str, belongs: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| belongs(*byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let Ok(tokens) = tokens(text) else {
            return "no token".to_owned();
        };
        let shown = tokens.iter().map(|token| match &token.kind {
            TokenKind::Name(name) => format!("name {name}"),
            TokenKind::QuotedName(name) => format!("quoted {name}"),
            TokenKind::Keyword(keyword) => (*keyword).to_owned(),
            TokenKind::Text(text) => format!("text {text}"),
            TokenKind::Number(text) => format!("number {text}"),
            TokenKind::Ion(what) => format!("ion {what}"),
            TokenKind::Operator(operator) => format!("{operator:?}"),
            TokenKind::Mark(mark) => format!("{mark:?}"),
            TokenKind::End => "end".to_owned(),
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn splits_statements() {
        for (text, expected) in [
            (
                "select Status FROM \"a\"\"b\"",
                "select, name Status, from, quoted a\"b, end",
            ),
            ("'it''s' ''", "text it's, text , end"),
            (
                "1 1. .5 1.5E-3 1e+3",
                "number 1, number 1., number .5, number 1.5E-3, number 1e+3, end",
            ),
            (
                "a.b[0]",
                "name a, Dot, name b, OpenBracket, number 0, CloseBracket, end",
            ),
            (
                "<<1>> <> != <=",
                "OpenBag, number 1, CloseBag, Compare(NotEqual), Compare(NotEqual), Compare(LessOrEqual), end",
            ),
            ("a--b\n/* c\n */ d", "name a, name d, end"),
            ("`1` `a` `1.5`", "ion INT, ion SYMBOL, ion DECIMAL, end"),
            ("", "end"),
            ("'a", "no token"),
            ("\"a", "no token"),
            ("/* a", "no token"),
            ("a # b", "no token"),
            ("\u{fc}", "no token"),
            ("1e", "no token"),
            ("1a", "no token"),
            ("1e2147483648", "no token"),
            ("!", "no token"),
            ("|", "no token"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn places_are_in_characters() {
        let tokens = tokens("a '\u{fc}\u{1d11e}'\n  bcd").unwrap();
        let places: Vec<String> = tokens.iter().map(|token| token.at.to_string()).collect();
        assert_eq!(places, ["1:1:1", "1:3:4", "2:3:3", "2:6:0"]);
    }
}
