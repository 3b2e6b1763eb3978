//! Wildcards: `*` stands for any run of characters, `\*` and `\\` for themselves.

use super::WILDCARD_STARS_MAX;

/// The literal parts between the stars of a wildcard.
///
/// The first part is looked for at the front, the last at the end, each other one at its leftmost place behind the one
/// before. Leftmost is always good enough, so nothing is tried twice: the time is linear in the text.
#[derive(Clone, Debug)]
pub(super) struct Wildcard {
    first: String,
    /// The part before each further star, then the part behind the last; empty without a star.
    rest: Vec<String>,
}

impl Wildcard {
    /// Reads the text, or says what is wrong with it: an escape of another character and two stars in a row are
    /// refused, as by the ruler.
    pub(super) fn parse(text: &str) -> Result<Wildcard, String> {
        let mut parts = vec![String::new()];
        let mut after_star = false;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let is_star = c == '*';
            if is_star && after_star {
                return Err("two * of a wildcard follow each other".to_owned());
            }
            after_star = is_star;
            if is_star {
                parts.push(String::new());
                continue;
            }
            let literal = match c {
                '\\' => match chars.next() {
                    Some(escaped @ ('*' | '\\')) => escaped,
                    _ => return Err(r"in a wildcard, \ stands only before * or \".to_owned()),
                },
                other => other,
            };
            if let Some(part) = parts.last_mut() {
                part.push(literal);
            }
        }
        if parts.len() > WILDCARD_STARS_MAX + 1 {
            return Err(format!("a wildcard has more than {WILDCARD_STARS_MAX} *"));
        }
        let rest = parts.split_off(1);
        let first = parts.pop().unwrap_or_default();
        Ok(Wildcard { first, rest })
    }

    /// Whether the whole text is of this form.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some((last, inner)) = self.rest.split_last() else {
            return text == self.first;
        };
        let ends = text.strip_prefix(self.first.as_str());
        let Some(mut text) = ends.and_then(|text| text.strip_suffix(last.as_str())) else {
            return false;
        };
        for part in inner {
            let Some(at) = text.find(part.as_str()) else {
                return false;
            };
            text = &text[at + part.len()..];
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(wildcard: &str, text: &str) -> bool {
        Wildcard::parse(wildcard).expect(wildcard).matches(text)
    }

    #[test]
    fn stars_stand_for_any_run() {
        for (wildcard, yes, no) in [
            (
                "a*b",
                &["ab", "axxb", "abab"][..],
                &["a", "b", "abx", "xab", ""][..],
            ),
            ("*", &["", "x"], &[]),
            ("*a*", &["a", "bab"], &["", "b"]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("ab*ba", &["abba"], &["aba"]),
            ("*ab*abc*", &["ababc", "xabxabcx"], &["ab", "abc"]),
            ("abc", &["abc"], &["ab", "abcd"]),
            ("", &[""], &["a"]),
            (r"a\*b", &["a*b"], &["ab", "axb", r"a\*b"]),
            (r"a\\*", &[r"a\", r"a\x"], &["a", "ax"]),
            (
                "\u{e4}*\u{f6}",
                &["\u{e4}\u{f6}", "\u{e4}x\u{f6}"],
                &["\u{e4}"],
            ),
        ] {
            for text in yes {
                assert!(matches(wildcard, text), "{wildcard} {text}");
            }
            for text in no {
                assert!(!matches(wildcard, text), "{wildcard} {text}");
            }
        }
    }

    #[test]
    fn what_the_ruler_refuses_is_refused() {
        for bad in ["a**b", "**", r"a\b", r"a\", r"\\\"] {
            assert!(Wildcard::parse(bad).is_err(), "{bad}");
        }
        assert!(Wildcard::parse(r"a*\*b").is_ok());
        assert!(Wildcard::parse(&"a*".repeat(WILDCARD_STARS_MAX)).is_ok());
        assert!(Wildcard::parse(&"a*".repeat(WILDCARD_STARS_MAX + 1)).is_err());
    }
}
