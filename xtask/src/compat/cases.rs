//! What is written down of each operation in `tests/cases/*.txt`: how many requests have an answer to compare, and how many
//! an error. The test that runs the cases compares its own numbers with those of the page.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::process::root;

const FOLDER: &str = "tests/cases";

/// Requests of one operation that have an expectation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    pub answers: usize,
    pub errors: usize,
}

/// The numbers by operation.
pub fn by_operation() -> Result<BTreeMap<String, Expected>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(root().join(FOLDER)).context(FOLDER)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let text = std::fs::read_to_string(&path);
            count(
                &text.with_context(|| path.display().to_string())?,
                &mut found,
            );
        }
    }
    Ok(found)
}

/// A request stands behind `>`, an answer behind `<` or `=`, an error behind `!`.
fn count(text: &str, found: &mut BTreeMap<String, Expected>) {
    let mut asked = None;
    for line in text.lines() {
        match line.split_once(' ') {
            Some((">", rest)) => asked = rest.split(' ').next(),
            Some((mark @ ("<" | "=" | "!"), _)) => {
                if let Some(operation) = asked.take() {
                    let expected = found.entry(operation.to_owned()).or_default();
                    match mark {
                        "!" => expected.errors += 1,
                        _ => expected.answers += 1,
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_has_an_expectation() {
        let text = "=== a case\ntable t pk:S\n> PutItem {}\n> PutItem {\"a\":\n  1}\n= {}\n\
                    > GetItem {}\n# why\n! 400 X: no\n& {\"Item\": {}}\n> GetItem {}\n< {}\n";
        let mut found = BTreeMap::new();
        count(text, &mut found);
        let expected = |answers, errors| Expected { answers, errors };
        assert_eq!(found["PutItem"], expected(1, 0));
        assert_eq!(found["GetItem"], expected(1, 1));
    }
}
