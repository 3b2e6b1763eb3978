//! What `cargo metadata` says about the workspace and everything that it depends on.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::{cargo, root};

/// All packages, ours marked.
pub struct Metadata {
    /// Ours and foreign ones.
    pub packages: Vec<Package>,
}

/// One package, as far as the checks need it.
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence expression.
    pub licence: Option<String>,
    /// Where it comes from; nothing for ours.
    pub source: Option<String>,
    /// Its folder from the repository's root; only ours.
    pub folder: Option<String>,
    /// What it declares to depend on.
    pub dependencies: Vec<Dependency>,
    /// The root source files of its targets, from the repository's root; only ours.
    pub roots: Vec<String>,
}

/// A declared dependency.
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// The name it has in the sources.
    pub identifier: String,
    /// `normal`, `dev` or `build`.
    pub kind: Kind,
}

/// When a dependency is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By the package itself.
    Normal,
    /// By its tests, examples and benches.
    Dev,
    /// By its build script.
    Build,
}

impl Metadata {
    /// Asks cargo, with the lock file as it is.
    pub fn read() -> Result<Self> {
        let output = cargo()
            .args(["metadata", "--format-version", "1", "--locked"])
            .output()
            .context("cannot start cargo metadata")?;
        if !output.status.success() {
            bail!(
                "cargo metadata: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let value: Value = serde_json::from_slice(&output.stdout)?;
        let packages = list(&value, "packages").iter().map(package).collect();
        Ok(Self { packages })
    }

    /// Only our own packages.
    pub fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| package.source.is_none())
    }
}

fn package(value: &Value) -> Package {
    let source = text(value, "source");
    let ours = source.is_none();
    let manifest = text(value, "manifest_path").unwrap_or_default();
    Package {
        name: text(value, "name").unwrap_or_default(),
        version: text(value, "version").unwrap_or_default(),
        licence: text(value, "license"),
        folder: ours.then(|| from_root(manifest.trim_end_matches("/Cargo.toml"))),
        dependencies: list(value, "dependencies").iter().map(dependency).collect(),
        roots: list(value, "targets")
            .iter()
            .filter(|_| ours)
            .filter_map(|target| text(target, "src_path"))
            .map(|path| from_root(&path))
            .collect(),
        source,
    }
}

fn dependency(value: &Value) -> Dependency {
    let name = text(value, "name").unwrap_or_default();
    let identifier = text(value, "rename").unwrap_or_else(|| name.clone());
    Dependency {
        identifier: identifier.replace('-', "_"),
        name,
        kind: match text(value, "kind").as_deref() {
            Some("dev") => Kind::Dev,
            Some("build") => Kind::Build,
            _ => Kind::Normal,
        },
    }
}

fn from_root(path: &str) -> String {
    let root = root().to_string_lossy().into_owned();
    let below = path.strip_prefix(&root).unwrap_or(path);
    below.trim_start_matches('/').to_string()
}

fn text(value: &Value, member: &str) -> Option<String> {
    value.get(member)?.as_str().map(str::to_string)
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value
        .get(member)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
