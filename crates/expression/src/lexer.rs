//! Text into tokens. Every byte belongs to a token or is white space; what no language knows is an
//! [`TokenKind::Unknown`] token, so that the parser alone reports faults.

use crate::ast::Comparator;

/// What a token is; its text is told by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A letter, then letters, digits and `_`.
    Word,
    /// `#` and at least one letter, digit or `_`.
    Name,
    /// `:` and at least one letter, digit or `_`.
    Value,
    /// `0`, or digits that do not begin with it: `01` is two tokens, as in the service.
    Digits,
    Comparator(Comparator),
    OpenParenthesis,
    CloseParenthesis,
    OpenBracket,
    CloseBracket,
    Dot,
    Comma,
    Plus,
    Minus,
    /// One character that begins no token.
    Unknown,
    /// After the last token; its text is empty.
    End,
}

/// A token's kind and its bytes in the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The tokens of `text`, [`TokenKind::End`] last.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 4 + 1);
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        if matches!(first, ' ' | '\t' | '\r' | '\n') {
            start += 1;
            continue;
        }
        let (kind, length) = token(&text.as_bytes()[start..], first);
        tokens.push(Token {
            kind,
            start,
            end: start + length,
        });
        start += length;
    }
    tokens.push(Token {
        kind: TokenKind::End,
        start,
        end: start,
    });
    tokens
}

fn token(rest: &[u8], first: char) -> (TokenKind, usize) {
    match first {
        'a'..='z' | 'A'..='Z' => (TokenKind::Word, run(rest, is_word_byte)),
        '#' | ':' => placeholder(rest),
        '0' => (TokenKind::Digits, 1),
        '1'..='9' => (TokenKind::Digits, run(rest, |byte| byte.is_ascii_digit())),
        '<' | '>' | '=' => comparator(rest),
        '(' => (TokenKind::OpenParenthesis, 1),
        ')' => (TokenKind::CloseParenthesis, 1),
        '[' => (TokenKind::OpenBracket, 1),
        ']' => (TokenKind::CloseBracket, 1),
        '.' => (TokenKind::Dot, 1),
        ',' => (TokenKind::Comma, 1),
        '+' => (TokenKind::Plus, 1),
        '-' => (TokenKind::Minus, 1),
        other => (TokenKind::Unknown, other.len_utf8()),
    }
}

fn placeholder(rest: &[u8]) -> (TokenKind, usize) {
    let length = 1 + run(&rest[1..], is_word_byte);
    match (rest[0], length) {
        (_, 1) => (TokenKind::Unknown, 1),
        (b'#', _) => (TokenKind::Name, length),
        _ => (TokenKind::Value, length),
    }
}

fn comparator(rest: &[u8]) -> (TokenKind, usize) {
    let (comparator, length) = match (rest[0], rest.get(1)) {
        (b'<', Some(b'>')) => (Comparator::NotEqual, 2),
        (b'<', Some(b'=')) => (Comparator::LessOrEqual, 2),
        (b'>', Some(b'=')) => (Comparator::GreaterOrEqual, 2),
        (b'<', _) => (Comparator::Less, 1),
        (b'>', _) => (Comparator::Greater, 1),
        _ => (Comparator::Equal, 1),
    };
    (TokenKind::Comparator(comparator), length)
}

fn is_word_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

fn run(bytes: &[u8], belongs: impl Fn(&u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| belongs(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let tokens = tokens(text);
        let texts: Vec<&str> = tokens
            .iter()
            .map(|token| &text[token.start..token.end])
            .collect();
        assert_eq!(
            texts.split_last().map(|(end, rest)| (*end, rest)),
            Some(("", expected))
        );
    }

    #[test]
    fn splits_text() {
        check("a.b[10]<>:v", &["a", ".", "b", "[", "10", "]", "<>", ":v"]);
        check(" a>=b  AND\tc<d ", &["a", ">=", "b", "AND", "c", "<", "d"]);
        check("a[01]", &["a", "[", "0", "1", "]"]);
        check("_id", &["_", "id"]);
        check("#a-b # :", &["#a", "-", "b", "#", ":"]);
        check("\u{fc} > a", &["\u{fc}", ">", "a"]);
        check("", &[]);
    }
}
