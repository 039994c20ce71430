//! Which crate may use which: arrows only point downward in one list.

use crate::workspace::{Dependency, DependencyKind, Member};

/// From the outermost to the innermost. A crate may use those that come after it.
const LAYERS: &[&str] = &[
    "cli",
    "mcp",
    "gateway",
    "sandbox",
    "storage-embedded",
    "storage-cluster",
    "storage",
    "vault",
    "credentials",
    "gate",
    "delivery",
    "platforms",
    "model",
];

/// Pairs that must not know each other although the list would allow it: the stand-in platforms,
/// what talks to them and what knows their formats (two readings of one specification check each
/// other only while they are independent), and the two backends.
const STRANGERS: &[(&str, &str)] =
    &[("gateway", "sandbox"), ("sandbox", "platforms"), ("storage-embedded", "storage-cluster")];

/// For tests, benchmarks and chores only: nothing that ships depends on them.
const ASIDE: &[&str] = &["testkit", "xtask", "bench"];

const PREFIX: &str = "holdfast-";

pub fn check(members: &[Member]) -> Vec<String> {
    members.iter().flat_map(check_member).collect()
}

fn check_member(member: &Member) -> Vec<String> {
    let directory = member.directory();
    if !LAYERS.contains(&directory) && !ASIDE.contains(&directory) {
        return vec![format!("{}: {directory} is not on the map of the crates", member.name)];
    }
    let expected =
        if directory == "xtask" { "xtask".to_owned() } else { format!("{PREFIX}{directory}") };
    let mut findings = Vec::new();
    if member.name != expected {
        findings.push(format!("{}: expected the name {expected}", member.name));
    }
    let inside = member.dependencies.iter().filter(|dependency| dependency.path.is_some());
    findings.extend(inside.filter_map(|dependency| check_arrow(directory, dependency)));
    findings
}

fn check_arrow(from: &str, dependency: &Dependency) -> Option<String> {
    // What only tests use may come from anywhere: it does not ship.
    if dependency.kind == Some(DependencyKind::Dev) {
        return None;
    }
    let to = dependency.name.strip_prefix(PREFIX).unwrap_or(&dependency.name);
    if ASIDE.contains(&to) && !ASIDE.contains(&from) {
        return Some(format!("{from} uses {to}, which only dev-dependencies may name"));
    }
    if ASIDE.contains(&from) {
        return None;
    }
    if STRANGERS.contains(&(from, to)) || STRANGERS.contains(&(to, from)) {
        return Some(format!("{from} uses {to}, but these two must not know each other"));
    }
    let place = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    match (place(from), place(to)) {
        (Some(above), Some(below)) if above < below => None,
        _ => Some(format!("{from} uses {to}, which is not below it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(directory: &str, uses: &[(&str, Option<DependencyKind>)]) -> Member {
        let dependency = |(name, kind): &(&str, Option<DependencyKind>)| Dependency {
            name: (*name).to_owned(),
            kind: *kind,
            path: name.starts_with(PREFIX).then(|| name.into()),
        };
        Member {
            name: format!("{PREFIX}{directory}"),
            manifest_path: format!("/somewhere/crates/{directory}/Cargo.toml").into(),
            dependencies: uses.iter().map(dependency).collect(),
        }
    }

    fn check_one(directory: &str, uses: &str, kind: Option<DependencyKind>) -> Option<String> {
        check(&[member(directory, &[(uses, kind)])]).pop()
    }

    #[test]
    fn downward_and_outside_are_fine() {
        assert_eq!(check_one("cli", "holdfast-gateway", None), None);
        assert_eq!(check_one("delivery", "holdfast-model", None), None);
        assert_eq!(check_one("model", "serde", None), None);
    }

    #[test]
    fn upward_sideways_and_to_itself_are_not() {
        for (from, to) in [
            ("model", "holdfast-platforms"),
            ("storage", "holdfast-storage-embedded"),
            ("gateway", "holdfast-sandbox"),
            ("sandbox", "holdfast-platforms"),
            ("storage-embedded", "holdfast-storage-cluster"),
            ("vault", "holdfast-vault"),
            ("vault", "holdfast-testkit"),
        ] {
            assert!(check_one(from, to, None).is_some(), "{from} -> {to}");
            assert!(check_one(from, to, Some(DependencyKind::Build)).is_some(), "{from} -> {to}");
            assert_eq!(check_one(from, to, Some(DependencyKind::Dev)), None, "{from} -> {to}");
        }
    }

    #[test]
    fn a_crate_must_be_on_the_map_under_its_directorys_name() {
        assert!(check(&[member("utils", &[])])[0].contains("not on the map"));
        let misnamed = Member { name: "gate".to_owned(), ..member("gate", &[]) };
        assert!(check(&[misnamed])[0].contains("expected the name holdfast-gate"));
    }
}
