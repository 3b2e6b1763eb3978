//! Source files that no `mod` line reaches, and files that do not say what they are for.

use std::collections::BTreeSet;

use super::Finding;
use super::metadata::Metadata;
use super::tree::{Tree, is_generated};

/// Roots of packages that are no members of the workspace.
const OTHER_ROOTS: &[&str] = &["fuzz/libfuzzer/src/main.rs"];

/// Dead files, missing files, and files without a `//!` at their top.
pub fn check(metadata: &Metadata, tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    for package in metadata.ours() {
        for root in &package.roots {
            reach(root, true, tree, &mut reached);
        }
    }
    for root in OTHER_ROOTS {
        reach(root, true, tree, &mut reached);
    }
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["rs"]) {
        if !reached.contains(path) {
            findings.push(Finding::new(path, "no mod line reaches this file"));
        }
        if !text.starts_with("//!") && !is_generated(text) {
            findings.push(Finding::new(path, "the file does not start with a //! doc"));
        }
    }
    findings
}

fn reach(path: &str, is_root: bool, tree: &Tree, reached: &mut BTreeSet<String>) {
    let Some(text) = tree.get(path) else { return };
    if !reached.insert(path.to_string()) {
        return;
    }
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let below = if is_root || file == "mod.rs" {
        folder.to_string()
    } else {
        path.trim_end_matches(".rs").to_string()
    };
    for child in children(text) {
        match child {
            Child::Module(name) => {
                reach(&format!("{below}/{name}.rs"), false, tree, reached);
                reach(&format!("{below}/{name}/mod.rs"), false, tree, reached);
            }
            Child::Path(relative) => {
                reach(&join(folder, &relative), false, tree, reached);
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Child {
    /// `mod name;`
    Module(String),
    /// `#[path = "..."]` or `include!("...")`
    Path(String),
}

fn children(text: &str) -> Vec<Child> {
    let mut children = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(path) =
            quoted_after(line, "#[path = ").or_else(|| quoted_after(line, "include!("))
        {
            children.push(Child::Path(path));
        } else if let Some(name) = module_name(line) {
            children.push(Child::Module(name.to_string()));
        }
    }
    children
}

fn module_name(line: &str) -> Option<&str> {
    let line = line.strip_suffix(';')?;
    let (visibility, name) = line.split_once("mod ").unwrap_or(("-", ""));
    let visible = visibility.is_empty() || visibility.starts_with("pub");
    (visible && name.chars().all(|c| c.is_alphanumeric() || c == '_')).then_some(name)
}

fn quoted_after(line: &str, start: &str) -> Option<String> {
    let rest = line.split_once(start)?.1.strip_prefix('"')?;
    Some(rest.split_once('"')?.0.to_string())
}

/// Joins a relative path to a folder and resolves its `..`.
pub fn join(folder: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_mod_lines() {
        let tree = Tree::of(&[
            ("a/src/lib.rs", "//! A.\nmod one;\npub(crate) mod two;\n"),
            ("a/src/one.rs", "#[cfg(test)]\nmod tests;\n"),
            ("a/src/one/tests.rs", ""),
            ("a/src/two/mod.rs", "#[path = \"../odd.rs\"]\nmod odd;\n"),
            ("a/src/odd.rs", ""),
            ("a/src/dead.rs", ""),
        ]);
        let mut reached = BTreeSet::new();
        reach("a/src/lib.rs", true, &tree, &mut reached);
        assert_eq!(reached.len(), 5);
        assert!(!reached.contains("a/src/dead.rs"));
    }

    #[test]
    fn reads_only_mod_lines() {
        assert_eq!(module_name("pub mod key;"), Some("key"));
        assert_eq!(module_name("mod tests {"), None);
        assert_eq!(module_name("let model = 1;"), None);
    }
}
