//! Rules for the text of files: length, ASCII, leftover markers, and what must not be published.

use super::Finding;
use super::tree::{Tree, is_generated};

/// Sources that people read and change.
const SOURCES: &[&str] = &["rs", "py", "js", "mjs", "ts", "tsx", "css", "sh", "toml"];
const LINES_MAX: usize = 700;

/// Longer than allowed, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Leftovers of work; split so that this file does not hold them.
const MARKERS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("db", "g!("),
    concat!("to", "do!("),
    concat!("unimplement", "ed!("),
];

/// Paths of one machine, and names of package registries other than the public ones.
const PRIVATE: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/Use", "rs/"),
    concat!("arti", "factory"),
    concat!("dev", "pi"),
    concat!("--index", "-url"),
    concat!("--find", "-links"),
];

/// Files that package managers write or read, and the only hosts that they may name.
const PACKAGE_FILES: &[&str] = &[
    "Cargo.lock",
    "package-lock.json",
    ".npmrc",
    "pip.conf",
    "requirements.txt",
    "config.toml",
];
const PUBLIC_HOSTS: &[&str] = &["github.com/rust-lang/crates.io-index", "127.0.0.1"];

/// Every breach of those rules.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.iter() {
        leaks(path, text, &mut findings);
    }
    for (path, text) in tree.with_extension(SOURCES) {
        if !is_generated(text) {
            length(path, text, &mut findings);
        }
        ascii(path, text, &mut findings);
        markers(path, text, &mut findings);
    }
    for (path, text) in tree.with_extension(&["md", "yml", "yaml"]) {
        markers(path, text, &mut findings);
    }
    findings
}

fn length(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let lines = text.lines().count();
    let allowed = LONG_FILES.iter().any(|(long, _)| *long == path);
    if lines > LINES_MAX && !allowed {
        let problem = format!("{lines} lines; split it (at most {LINES_MAX})");
        findings.push(Finding::new(path, problem));
    }
}

fn ascii(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (number, line) in numbered(text) {
        if let Some(c) = line.chars().find(|c| !c.is_ascii()) {
            let problem = format!("not ASCII: {}", c.escape_unicode());
            findings.push(Finding::new(format!("{path}:{number}"), problem));
        }
    }
}

fn markers(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (number, line) in numbered(text) {
        for marker in MARKERS.iter().filter(|marker| stands_alone(line, marker)) {
            let problem = format!("leftover marker {marker}");
            findings.push(Finding::new(format!("{path}:{number}"), problem));
        }
    }
}

fn leaks(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (number, line) in numbered(text) {
        for private in PRIVATE.iter().filter(|private| line.contains(**private)) {
            let problem = format!("names a machine's path or registry: {private}");
            findings.push(Finding::new(format!("{path}:{number}"), problem));
        }
    }
    let file = path.rsplit_once('/').map_or(path, |(_, file)| file);
    if !PACKAGE_FILES.contains(&file) {
        return;
    }
    for (number, line) in numbered(text) {
        // npm notes where a package asks for money; nothing is installed from there.
        let start = line.trim_start();
        let funding = file == "package-lock.json"
            && (start.starts_with("\"url\":") || start.starts_with("\"https:"));
        let foreign = !funding
            && line
                .split("://")
                .skip(1)
                .any(|rest| !PUBLIC_HOSTS.iter().any(|host| rest.starts_with(host)));
        if foreign {
            let problem = "a package manager's file may name no host";
            findings.push(Finding::new(format!("{path}:{number}"), problem));
        }
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

/// Whether the marker occurs, and not inside of a longer word.
fn stands_alone(line: &str, marker: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(marker).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + marker.len()..].chars().next();
        let open = marker.ends_with('(');
        !before.is_some_and(is_part) && (open || !after.is_some_and(is_part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn finds_each_breach() {
        assert_eq!(problems("a.rs", "//! Fine.\n"), 0);
        assert_eq!(problems("a.rs", concat!("// TO", "DO: later\n")), 1);
        assert_eq!(problems("a.rs", "let mastodon = 1;\n"), 0);
        assert_eq!(problems("a.rs", "// caf\u{e9}\n"), 1);
        assert_eq!(problems("a.md", "caf\u{e9}\n"), 0);
        assert_eq!(problems("a.rs", &"\n".repeat(LINES_MAX + 1)), 1);
        assert_eq!(problems("a.txt", concat!("/ho", "me/me/key")), 1);
    }

    #[test]
    fn lock_files_name_no_host() {
        let line = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        assert_eq!(problems("Cargo.lock", line), 0);
        let line = "\"resolved\": \"https://mirror.example/x.tgz\"";
        assert_eq!(problems("js/package-lock.json", line), 1);
        for line in [
            "  \"url\": \"https://example.com/sponsors\"",
            "  \"https://example.com/sponsors\",",
        ] {
            assert_eq!(problems("js/package-lock.json", line), 0);
        }
        assert_eq!(problems("js/.npmrc", line), 1);
        assert_eq!(problems("README.md", "https://example.com"), 0);
    }
}
