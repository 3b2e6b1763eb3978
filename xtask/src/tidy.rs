//! `cargo xtask tidy`: style as a test. One file per kind of check; this one runs them all.

mod arrows;
mod dependencies;
mod licences;
mod links;
mod metadata;
mod modules;
mod text;
mod tree;

use anyhow::{Result, bail};

use metadata::Metadata;
use tree::Tree;

/// One thing that is not as it must be: where, and what.
pub struct Finding {
    /// A path in the repository, with a line if there is one; or a package.
    pub place: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl Finding {
    /// A finding at `place`.
    pub fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

/// The task: every check, all findings at once.
pub fn run_task() -> Result<()> {
    let tree = Tree::read()?;
    let metadata = Metadata::read()?;
    let mut findings = Vec::new();
    findings.extend(arrows::check(&metadata));
    findings.extend(dependencies::check(&metadata, &tree));
    findings.extend(licences::check(&metadata)?);
    findings.extend(modules::check(&metadata, &tree));
    findings.extend(links::check(&tree));
    findings.extend(text::check(&tree));
    findings.sort_by(|a, b| a.place.cmp(&b.place));
    for finding in &findings {
        println!("{}: {}", finding.place, finding.problem);
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    println!("tidy: {} files are in order", tree.len());
    Ok(())
}
