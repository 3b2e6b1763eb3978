//! Which room may know which: the arrows of the architecture, as Cargo sees them.

use super::Finding;
use super::metadata::{Kind, Metadata};

/// Each room and the rooms it may depend on. A room that is not listed here may not exist.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("expression", &["model"]),
    ("wire", &["model"]),
    ("cipher", &[]),
    ("changelog", &["model", "cipher"]),
    ("state", &["cipher"]),
    (
        "engine",
        &["model", "cipher", "expression", "changelog", "state"],
    ),
    ("streams", &["model", "changelog", "engine"]),
    (
        "operations",
        &["model", "wire", "expression", "engine", "streams"],
    ),
    ("outgoing", &["wire"]),
    (
        "triggers",
        &[
            "model",
            "wire",
            "expression",
            "streams",
            "operations",
            "outgoing",
        ],
    ),
    (
        "transfers",
        &["model", "wire", "engine", "operations", "outgoing"],
    ),
    ("server", &["model", "wire", "operations", "triggers"]),
];

/// Packages that are not rooms: the composition root and what is only used in development.
const OUTSIDE: &[&str] = &[
    "headwater",
    "headwater-bench",
    "headwater-fuzz",
    "headwater-sdk-handler",
    "headwater-sim",
    "headwater-sdk-tests",
    "headwater-sim",
    "xtask",
];

/// Rooms that do no I/O: what they must not depend on either.
const PURE: &[&str] = &["model", "cipher", "expression", "wire"];
const IMPURE_CRATES: &[&str] = &["tokio", "hyper", "redb", "rustix", "parking_lot"];

/// Every dependency between rooms that is not an arrow. Tests may put together what stands below their room.
pub fn check(metadata: &Metadata) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in metadata.ours() {
        if OUTSIDE.contains(&package.name.as_str()) {
            continue;
        }
        let room = room(&package.name).unwrap_or(&package.name);
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            findings.push(Finding::new(
                &package.name,
                "no arrows are given for this room",
            ));
            continue;
        };
        for dependency in &package.dependencies {
            if let Some(problem) = problem(room, allowed, &dependency.name, dependency.kind) {
                findings.push(Finding::new(&package.name, problem));
            }
        }
    }
    findings
}

fn problem(room_name: &str, allowed: &[&str], dependency: &str, kind: Kind) -> Option<String> {
    if let Some(other) = room(dependency) {
        if kind == Kind::Dev && place(other) < place(room_name) {
            return None;
        }
        return (!allowed.contains(&other))
            .then(|| format!("{room_name} -> {other} is not an arrow"));
    }
    if OUTSIDE.contains(&dependency) {
        return Some(format!("a room may not depend on {dependency}"));
    }
    let pure = PURE.contains(&room_name) && kind == Kind::Normal;
    (pure && IMPURE_CRATES.contains(&dependency))
        .then(|| format!("{room_name} is a pure room and may not depend on {dependency}"))
}

/// Place of a room in the list, in which every room stands behind those that it may depend on.
fn place(room_name: &str) -> Option<usize> {
    ARROWS.iter().position(|(name, _)| *name == room_name)
}

fn room(package: &str) -> Option<&str> {
    let name = package.strip_prefix("headwater-")?;
    ARROWS.iter().any(|(room, _)| *room == name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_arrows_pass() {
        let engine = &["model", "expression", "changelog", "state"];
        assert_eq!(
            problem("engine", engine, "headwater-state", Kind::Normal),
            None
        );
        assert_eq!(problem("engine", engine, "tokio", Kind::Normal), None);
        assert!(problem("engine", engine, "headwater-wire", Kind::Normal).is_some());
        assert_eq!(problem("engine", engine, "headwater-wire", Kind::Dev), None);
        assert!(problem("engine", engine, "headwater-streams", Kind::Dev).is_some());
        assert!(problem("model", &[], "tokio", Kind::Normal).is_some());
        assert!(problem("model", &[], "xtask", Kind::Normal).is_some());
    }

    #[test]
    fn the_arrows_have_one_direction() {
        for (at, (room, targets)) in ARROWS.iter().enumerate() {
            for target in *targets {
                let found = ARROWS.iter().position(|(name, _)| name == target);
                assert!(found.is_some_and(|found| found < at), "{room} -> {target}");
            }
        }
    }
}
