//! Licences, banned crates and sources of all dependencies, by the rules of `deny.toml`.
//!
//! The file has cargo-deny's format, so that cargo-deny can be run with it too; these three rules are
//! checked here so that nothing has to be installed for it.

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::Finding;
use super::metadata::{Metadata, Package};
use crate::process::root;

const INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every dependency that breaks a rule.
pub fn check(metadata: &Metadata) -> Result<Vec<Finding>> {
    let text = std::fs::read_to_string(root().join("deny.toml")).context("reading deny.toml")?;
    let rules = Rules::parse(&text)?;
    Ok(metadata
        .packages
        .iter()
        .filter_map(|package| {
            let problem = rules.problem(package)?;
            let place = format!("{} {}", package.name, package.version);
            Some(Finding::new(place, problem))
        })
        .collect())
}

struct Rules {
    allowed: Vec<String>,
    exceptions: Vec<(String, Vec<String>)>,
    banned: Vec<String>,
}

impl Rules {
    fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse().context("deny.toml")?;
        let section = |name: &str| table.get(name).and_then(Value::as_table);
        let licences = section("licenses").context("deny.toml: no [licenses]")?;
        let exceptions = tables(licences, "exceptions")
            .map(|entry| (crate_name(entry), strings(entry, "allow")))
            .collect();
        let banned = section("bans").map_or_else(Vec::new, |bans| {
            tables(bans, "deny").map(crate_name).collect()
        });
        Ok(Self {
            allowed: strings(licences, "allow"),
            exceptions,
            banned,
        })
    }

    fn problem(&self, package: &Package) -> Option<String> {
        if self.banned.contains(&package.name) {
            return Some("the crate is banned in deny.toml".to_string());
        }
        if package
            .source
            .as_deref()
            .is_some_and(|source| source != INDEX)
        {
            return Some("does not come from crates.io".to_string());
        }
        let Some(licence) = &package.licence else {
            return Some("names no licence".to_string());
        };
        let exception = self
            .exceptions
            .iter()
            .find(|(name, _)| *name == package.name);
        let allows = |name: &str| {
            let extra = exception.is_some_and(|(_, names)| names.iter().any(|n| n == name));
            extra || self.allowed.iter().any(|allowed| allowed == name)
        };
        (!is_allowed(licence, &allows)).then(|| format!("licence not allowed: {licence}"))
    }
}

fn tables<'a>(table: &'a Table, member: &str) -> impl Iterator<Item = &'a Table> {
    let list = table.get(member).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_table)
}

fn crate_name(entry: &Table) -> String {
    let name = entry.get("crate").or_else(|| entry.get("name"));
    name.and_then(Value::as_str).unwrap_or_default().to_string()
}

fn strings(table: &Table, member: &str) -> Vec<String> {
    let list = table.get(member).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|value| value.as_str().map(str::to_string))
        .collect()
}

/// Whether an SPDX expression (or the old form with slashes) can be met by allowed licences alone.
fn is_allowed(expression: &str, allows: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any(&words, &mut at, allows);
    met && at == words.len()
}

fn any(words: &[&str], at: &mut usize, allows: &dyn Fn(&str) -> bool) -> bool {
    let mut met = all(words, at, allows);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(words, at, allows);
    }
    met
}

fn all(words: &[&str], at: &mut usize, allows: &dyn Fn(&str) -> bool) -> bool {
    let mut met = one(words, at, allows);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allows);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allows: &dyn Fn(&str) -> bool) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *word == "(" {
        let met = any(words, at, allows);
        *at += 1;
        return met;
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return allows(&format!("{word} WITH {exception}"));
    }
    allows(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(expression: &str) -> bool {
        let names = [
            "MIT",
            "Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
            "Unicode-3.0",
        ];
        is_allowed(expression, &|name| names.contains(&name))
    }

    #[test]
    fn reads_expressions() {
        assert!(allowed("MIT"));
        assert!(allowed("MIT/GPL-3.0"));
        assert!(allowed("GPL-3.0 OR Apache-2.0 WITH LLVM-exception"));
        assert!(allowed("(MIT OR GPL-3.0) AND Unicode-3.0"));
        assert!(!allowed("(MIT OR Apache-2.0) AND OpenSSL"));
        assert!(!allowed("GPL-3.0"));
        assert!(!allowed("MIT garbage"));
    }
}
