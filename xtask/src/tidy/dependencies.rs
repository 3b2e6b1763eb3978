//! Declared dependencies that no source of the package names.

use super::Finding;
use super::metadata::{Dependency, Kind, Metadata, Package};
use super::tree::Tree;

/// Used without being named: each with the reason.
const UNNAMED: &[(&str, &str, &str)] =
    &[("headwater-transfers", "md-5", "its library is called md5")];

/// Every dependency whose identifier does not occur where it could be used.
pub fn check(metadata: &Metadata, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in metadata.ours() {
        for dependency in &package.dependencies {
            let unnamed = UNNAMED
                .iter()
                .any(|(name, used, _)| *name == package.name && *used == dependency.name);
            if !unnamed && !is_named(package, dependency, tree) {
                let name = &dependency.name;
                findings.push(Finding::new(
                    &package.name,
                    format!("{name} is declared but not used; remove it from Cargo.toml"),
                ));
            }
        }
    }
    findings
}

fn is_named(package: &Package, dependency: &Dependency, tree: &Tree) -> bool {
    let folder = package.folder.as_deref().unwrap_or_default();
    tree.with_extension(&["rs"])
        .filter(|(path, _)| path.starts_with(&format!("{folder}/")))
        .filter(|(path, _)| match dependency.kind {
            Kind::Normal => !path[folder.len() + 1..].starts_with("tests/"),
            Kind::Dev | Kind::Build => true,
        })
        .any(|(_, text)| has_word(text, &dependency.identifier))
}

/// Whether `word` occurs in code, not as a part of another word and not in a comment.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .any(|line| {
            line.match_indices(word).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let after = line[at + word.len()..].chars().next();
                !before.is_some_and(is_part) && !after.is_some_and(is_part)
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_whole_words_of_code() {
        assert!(has_word("use bytes::Bytes;", "bytes"));
        assert!(!has_word("let size_bytes = 1;", "bytes"));
        assert!(!has_word("// bytes would do", "bytes"));
    }
}
