//! Links in Markdown files that point to no file, or to no heading.

use super::Finding;
use super::modules::join;
use super::tree::Tree;
use crate::process::root;

/// Every stale link.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension(&["md"]) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, target) in links(text) {
            if let Some(problem) = problem(path, folder, &target, tree) {
                findings.push(Finding::new(format!("{path}:{number}"), problem));
            }
        }
    }
    findings
}

fn problem(path: &str, folder: &str, target: &str, tree: &Tree) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let linked = if file.is_empty() {
        path.to_string()
    } else {
        join(folder, file)
    };
    if tree.get(&linked).is_none() && !root().join(&linked).exists() {
        return Some(format!("the link to {target} leads nowhere"));
    }
    let known = |text: &str| anchors(text).any(|known| known == anchor);
    let missing = linked.ends_with(".md") && tree.get(&linked).is_some_and(|text| !known(text));
    (!anchor.is_empty() && missing).then(|| format!("there is no heading for {target}"))
}

/// The targets of `[text](target)`, with their line numbers, outside of code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code_spans(line);
        let mut rest = line.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let end = after.find([')', ' ']).unwrap_or(after.len());
            found.push((number, after[..end].trim_matches(['<', '>']).to_string()));
            rest = &after[end..];
        }
    }
    found
}

fn anchors(text: &str) -> impl Iterator<Item = String> {
    prose(text)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| slug(line.trim_start_matches('#').trim()))
}

/// How a heading reads in a link: lower case, punctuation dropped, blanks as hyphens.
fn slug(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines()
        .enumerate()
        .filter(move |(_, line)| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fenced && !fence
        })
        .map(|(index, line)| (index + 1, line))
}

fn without_code_spans(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_links_outside_of_code() {
        let text = "See [a](x.md#one) and [b](../y.md).\n```\n[c](z.md)\n```\n`[d](w.md)`\n";
        let found = links(text);
        assert_eq!(
            found,
            [(1, "x.md#one".to_string()), (1, "../y.md".to_string())]
        );
    }

    #[test]
    fn checks_headings() {
        let tree = Tree::of(&[("docs/a.md", "# Life of a write\n"), ("docs/b.md", "")]);
        let good = problem("docs/b.md", "docs", "a.md#life-of-a-write", &tree);
        assert_eq!(good, None);
        assert!(problem("docs/b.md", "docs", "a.md#death", &tree).is_some());
        assert!(problem("docs/b.md", "docs", "gone.md", &tree).is_some());
    }
}
