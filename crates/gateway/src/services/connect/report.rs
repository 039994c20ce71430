//! What came of a sign-in, in words. Free of secrets.

use holdfast_model::credential::{Expiry, Verification};
use holdfast_model::id::{AppId, CredentialId, VersionNo};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_storage::{StorageError, Ticket, TicketPurpose};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Holder;
use crate::services::credentials::VersionOutcome;
use crate::state::Gateway;

/// Most assets and probes that a report lists. More are counted in words.
const MAX_LISTED: usize = 20;

/// Longest report that is kept whole: below what a ticket may hold.
const MAX_KEPT_BYTES: usize = 12 << 10;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GrantReport {
    pub credential: CredentialId,
    pub platform: PlatformId,
    pub app: AppId,
    pub version: VersionNo,
    /// Whether requests are signed with it from now on.
    pub activated: bool,
    /// Whether a probe on what it is for succeeded.
    pub proved: bool,
    /// What that means, in a sentence.
    pub verdict: String,
    /// What to do next, in a sentence. Empty if nothing is left to do.
    pub next: String,
    pub granted: Vec<String>,
    /// Asked for and not granted.
    pub missing: Vec<String>,
    /// Granted to the version before and not to this one.
    pub lost: Vec<String>,
    pub expires_at: Expiry,
    /// What the token shows of what was granted with it.
    pub assets: Vec<SeenAsset>,
    pub probes: Vec<SeenProbe>,
    pub holds_lifted: u32,
    /// Whatever else is worth knowing.
    pub remarks: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub page: Option<PageReport>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenAsset {
    /// `page`, `organization`, `ad account`, `pixel`.
    pub kind: String,
    pub id: String,
    pub name: String,
    /// What is amiss with it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub note: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenProbe {
    pub destination: String,
    pub probe: String,
    pub answer: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub says: Option<String>,
}

impl SeenProbe {
    /// What was asked, in words.
    pub fn question(&self) -> &str {
        match self.probe.as_str() {
            "asset" => "Reading what it sends to",
            "quality" => "Reading the quality of what was sent",
            "debugtoken" => "What the platform says of the token",
            "identity" => "Whose it is",
            other => other,
        }
    }
}

/// What became of a page's own token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageReport {
    pub page: String,
    pub name: String,
    pub credential: CredentialId,
    pub stored: bool,
    pub activated: bool,
    pub verdict: String,
}

/// Whether anything can be sent with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// No destination uses it.
    Nowhere,
    Bound,
    /// Destinations use it, and what sending needs was expressly declined.
    CannotSend,
}

/// What is known of a grant before its token was stored.
pub(super) struct Findings {
    pub platform: PlatformId,
    pub app: AppId,
    pub granted: Vec<String>,
    pub missing: Vec<String>,
    pub lost: Vec<String>,
    pub assets: Vec<SeenAsset>,
    pub remarks: Vec<String>,
}

impl GrantReport {
    pub(super) fn new(findings: Findings, outcome: VersionOutcome, bound: Use) -> Self {
        let version = &outcome.version;
        let proved = outcome.activated && version.verification == Verification::Proved;
        let mut report = Self {
            credential: version.credential.clone(),
            platform: findings.platform,
            app: findings.app,
            version: version.version,
            activated: outcome.activated,
            proved,
            verdict: String::new(),
            next: String::new(),
            granted: findings.granted,
            missing: findings.missing,
            lost: findings.lost,
            expires_at: version.expires_at,
            assets: findings.assets,
            probes: probes(&outcome),
            holds_lifted: outcome.holds_lifted,
            remarks: findings.remarks,
            page: None,
        };
        if report.assets.len() > MAX_LISTED {
            let more = report.assets.len() - MAX_LISTED;
            report.assets.truncate(MAX_LISTED);
            report.remarks.push(format!("{more} more are not listed here."));
        }
        (report.verdict, report.next) = report.judge(&outcome, bound);
        report
    }

    fn judge(&self, outcome: &VersionOutcome, bound: Use) -> (String, String) {
        let again = format!("Ask again for what is missing: {}.", self.missing.join(", "));
        if let Some(fault) = &outcome.fault {
            let verdict = format!("Not active. {}", outcome.because);
            return (verdict, fault.remedy.clone());
        }
        if bound == Use::CannotSend {
            let verdict = "Not active, and not kept: without ads_management, which was declined, \
                           Meta takes no events. The version before it stays in use.";
            return (verdict.to_owned(), again);
        }
        if bound == Use::Nowhere {
            let verdict = "Stored, not yet proved: no destination uses it, so there is nothing to \
                           try it on.";
            let bind = format!(
                "Bind a destination to it: `holdfast destination add NAME --platform {} --asset \
                 ID --credential {}`.",
                self.platform, self.credential
            );
            return (verdict.to_owned(), bind);
        }
        match (self.activated, self.missing.is_empty()) {
            (true, true) => {
                ("Active. A probe on what it is for succeeded.".to_owned(), String::new())
            }
            (true, false) => {
                let verdict = "Active. A probe on what it is for succeeded, although not \
                               everything was granted.";
                (verdict.to_owned(), again)
            }
            (false, false) => {
                let verdict = "Not active. What it is for could not be read with it, and not \
                               everything was granted. The version before it stays in use.";
                (verdict.to_owned(), again)
            }
            (false, true) => {
                let said = self.probes.iter().find_map(|probe| probe.says.clone());
                let said =
                    said.map_or_else(String::new, |said| format!(" The platform said: {said}"));
                let verdict = format!("Not active. No probe on what it is for succeeded.{said}");
                let retry = format!(
                    "See that it may use the asset, then `holdfast credential verify {}`.",
                    self.credential
                );
                (verdict, retry)
            }
        }
    }
}

fn probes(outcome: &VersionOutcome) -> Vec<SeenProbe> {
    let probes = outcome.probes.iter().take(MAX_LISTED);
    let seen = probes.map(|probe| SeenProbe {
        destination: probe.destination.clone(),
        probe: probe.probe.clone(),
        answer: probe.answer.to_owned(),
        says: probe.says.clone(),
    });
    seen.collect()
}

/// How long a report can be looked at again.
const KEPT_MS: i64 = 30 * 60 * 1_000;

/// Keeps a report for whoever got it, so that the page that shows it has no code in its address
/// and can be loaded again. Returns the name it is found under.
pub async fn keep(
    gateway: &Gateway,
    holder: &Holder,
    report: &GrantReport,
) -> Result<Secret, StorageError> {
    let name = crate::random::text();
    let now = gateway.clock.wall();
    let ticket = Ticket {
        purpose: TicketPurpose::Grant,
        sha256: digest(&name),
        body: body(holder, report),
        created_at: now,
        expires_at: now.plus_millis(KEPT_MS),
    };
    gateway.registry.put_ticket(&ticket).await?;
    Ok(name)
}

/// A very long one without its lists: what came of it matters more.
fn body(holder: &Holder, report: &GrantReport) -> String {
    let written = |report: GrantReport| {
        serde_json::to_string(&Kept { holder: holder.clone(), report }).unwrap_or_default()
    };
    let whole = written(report.clone());
    if whole.len() <= MAX_KEPT_BYTES {
        return whole;
    }
    let remarks = vec!["There is more than fits here: `holdfast credential show`.".to_owned()];
    let (granted, assets, probes) = (Vec::new(), Vec::new(), Vec::new());
    written(GrantReport { granted, assets, probes, remarks, ..report.clone() })
}

/// A report that was kept for this holder.
pub async fn kept(
    gateway: &Gateway,
    holder: &Holder,
    name: &Secret,
) -> Result<Option<GrantReport>, StorageError> {
    let now = gateway.clock.wall();
    let found = gateway.registry.ticket(TicketPurpose::Grant, &digest(name), now).await?;
    let kept = found.and_then(|ticket| serde_json::from_str::<Kept>(&ticket.body).ok());
    Ok(kept.filter(|kept| kept.holder == *holder).map(|kept| kept.report))
}

#[derive(Serialize, Deserialize)]
struct Kept {
    holder: Holder,
    report: GrantReport,
}

/// Apart from what is found under a `state`.
fn digest(name: &Secret) -> [u8; 32] {
    Sha256::new().chain_update(b"report:").chain_update(name.expose()).finalize().into()
}
