//! The pure crates reach no runtime, no HTTP and no SQL, however many steps away.

use crate::workspace::Workspace;

const PURE: &[&str] = &["model", "platforms", "delivery", "gate", "credentials"];

const IMPURE: &[&str] = &[
    "async-nats",
    "axum",
    "h2",
    "hyper",
    "hyper-util",
    "libsqlite3-sys",
    "mio",
    "redis",
    "reqwest",
    "rusqlite",
    "socket2",
    "tokio",
    "tokio-postgres",
];

pub fn check(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    let pure = workspace.members.iter().filter(|member| PURE.contains(&member.directory()));
    for member in pure {
        let reached = workspace.normal_dependencies(&member.name)?;
        findings.extend(judge(&member.name, &reached));
    }
    Ok(findings)
}

fn judge(member: &str, reached: &[String]) -> Vec<String> {
    let impure = IMPURE.iter().filter(|name| reached.iter().any(|found| found == *name));
    impure.map(|name| format!("{member} is pure but reaches {name}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached_is_named() {
        let reached = ["serde", "tokio", "tokio-macros"].map(str::to_owned);
        assert_eq!(judge("holdfast-model", &reached), ["holdfast-model is pure but reaches tokio"]);
        assert_eq!(judge("holdfast-model", &reached[..1]), [""; 0]);
    }
}
