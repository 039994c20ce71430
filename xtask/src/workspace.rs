//! The workspace as cargo sees it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

/// The members and what they depend on, as their manifests say.
#[derive(Debug, Deserialize)]
pub struct Workspace {
    #[serde(rename = "workspace_root")]
    pub root: PathBuf,
    #[serde(rename = "packages")]
    pub members: Vec<Member>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Member {
    pub name: String,
    pub manifest_path: PathBuf,
    pub dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Dependency {
    pub name: String,
    pub kind: Option<DependencyKind>,
    /// Set for dependencies inside the workspace.
    pub path: Option<PathBuf>,
}

/// Cargo writes no kind for a normal dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DependencyKind {
    Dev,
    Build,
}

impl Workspace {
    pub fn load() -> anyhow::Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let answer = cargo(&[
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--offline",
            "--manifest-path",
            &manifest.to_string_lossy(),
        ])?;
        serde_json::from_str(&answer).context("read what cargo metadata says")
    }

    /// Names of all packages that a member's normal dependencies reach, features as this member
    /// alone asks for them.
    pub fn normal_dependencies(&self, member: &str) -> anyhow::Result<Vec<String>> {
        let manifest = self.root.join("Cargo.toml");
        let answer = cargo(&[
            "tree",
            "--offline",
            "--edges=normal",
            "--prefix=none",
            "--format={p}",
            "--package",
            member,
            "--manifest-path",
            &manifest.to_string_lossy(),
        ])?;
        let names = answer.lines().filter_map(|line| line.split_whitespace().next());
        Ok(names.map(str::to_owned).collect())
    }
}

impl Member {
    /// Name of the directory the member is in.
    pub fn directory(&self) -> &str {
        let directory = self.manifest_path.parent().and_then(Path::file_name);
        directory.and_then(|name| name.to_str()).unwrap_or("")
    }
}

fn cargo(args: &[&str]) -> anyhow::Result<String> {
    // The cargo that runs this, or the one that built it.
    let program = std::env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let ran = Command::new(program).args(args).output().context("run cargo")?;
    if !ran.status.success() {
        bail!("cargo {}: {}", args[0], String::from_utf8_lossy(&ran.stderr).trim());
    }
    String::from_utf8(ran.stdout).context("read cargo's answer")
}
