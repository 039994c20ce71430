//! What holds for the workspace as a whole. A rule answers with findings: sentences that name the
//! place and what was expected, none if all is well.

pub mod directions;
pub mod purity;
pub mod texts;

use crate::workspace::Workspace;

pub fn all(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let mut findings = directions::check(&workspace.members);
    findings.extend(purity::check(workspace)?);
    findings.extend(texts::check(&workspace.root)?);
    Ok(findings)
}
