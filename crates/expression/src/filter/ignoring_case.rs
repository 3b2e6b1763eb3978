//! Comparing text without regard to case: character by character, by their simple lower or upper case forms.

/// Whether the texts are equal.
pub(super) fn equals(text: &str, wanted: &str) -> bool {
    let (mut text, mut wanted) = (text.chars(), wanted.chars());
    loop {
        match (text.next(), wanted.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if same(a, b) => {}
            _ => return false,
        }
    }
}

/// Whether the text begins with `prefix`.
pub(super) fn starts_with(text: &str, prefix: &str) -> bool {
    leads(text.chars(), prefix.chars())
}

/// Whether the text ends with `suffix`.
pub(super) fn ends_with(text: &str, suffix: &str) -> bool {
    leads(text.chars().rev(), suffix.chars().rev())
}

fn leads(mut text: impl Iterator<Item = char>, wanted: impl Iterator<Item = char>) -> bool {
    wanted
        .into_iter()
        .all(|wanted| text.next().is_some_and(|found| same(found, wanted)))
}

fn same(a: char, b: char) -> bool {
    a == b || a.to_lowercase().eq(b.to_lowercase()) || a.to_uppercase().eq(b.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_have_two_forms_and_length_counts() {
        assert!(equals("Done", "dONE"));
        assert!(equals("STRA\u{df}E", "stra\u{df}e"));
        assert!(!equals("STRASSE", "stra\u{df}e"));
        assert!(equals("\u{3a3}", "\u{3c2}"));
        assert!(!equals("done", "don") && !equals("don", "done"));
        assert!(starts_with("Done", "dO") && !starts_with("d", "dO"));
        assert!(ends_with("Done", "NE") && !ends_with("e", "NE"));
        assert!(starts_with("", "") && ends_with("x", ""));
    }
}
