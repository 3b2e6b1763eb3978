//! Names the commit that the program is built from, where there is one to be found: not in an archive of the sources.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let commit = commit().map(|commit| format!(" ({commit})"));
    let commit = commit.unwrap_or_default();
    println!("cargo::rustc-env=HEADWATER_COMMIT={commit}");
}

/// Its short hash and its date.
fn commit() -> Option<String> {
    // An archive may have been unpacked into another repository.
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?);
    let own = package.ancestors().nth(2)?;
    if Path::new(&top).canonicalize().ok()? != own.canonicalize().ok()? {
        return None;
    }
    // Each of these changes with another commit, and with nothing else.
    for name in ["HEAD", "logs/HEAD"] {
        let file = git(&["rev-parse", "--path-format=absolute", "--git-path", name])?;
        // What is not there would seem changed each time.
        if Path::new(&file).exists() {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    git(&["log", "-1", "--abbrev=10", "--format=%h, %cs"])
}

/// What git says; `None` without git or a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let said = said.trim();
    (output.status.success() && !said.is_empty()).then(|| said.to_owned())
}
