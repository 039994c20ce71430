//! The doctor: gathers what is known of a credential, asks the platform harmless questions, and
//! has `holdfast_credentials::doctor` say what fits.
//!
//! It works on whatever there is: in a running gateway, on the data directory of one that is
//! stopped, or on nothing but a token that was handed in. It changes nothing, and its report never
//! holds a piece of a token.

mod questions;
mod record;

use holdfast_credentials::doctor::{Conclusion, Diagnosis, Evidence, History, examine};
use holdfast_credentials::lint;
use holdfast_model::id::{AppId, AssetId, CredentialId};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixSeconds;
use holdfast_storage::{Outbox, Registry};
use holdfast_vault::Vault;
use serde::Serialize;

use crate::alerts::regrant;
use crate::clock::Clock;
use crate::config::Settings;
use crate::egress::Egress;
use crate::services::ServiceError;
use crate::state::Gateway;
use questions::Patient;
use record::Record;

pub use questions::Cell;

/// What the doctor is asked to look at.
#[derive(Debug)]
pub struct Complaint {
    pub platform: PlatformId,
    pub subject: Subject,
    /// Where it should work, besides where destinations use it.
    pub assets: Vec<AssetId>,
    /// WhatsApp: the account that the numbers belong to, where destinations name none.
    pub account: Option<AssetId>,
    /// Ask nobody.
    pub is_offline: bool,
    pub dry_run: DryRun,
    /// Try every way of asking that the platform has ever documented.
    pub with_matrix: bool,
}

#[derive(Debug)]
pub enum Subject {
    Stored(CredentialId),
    /// A token that is not stored, and what came with it.
    Given {
        token: Secret,
        /// Where it was taken from.
        source: String,
        app: Option<(AppId, Option<Secret>)>,
    },
}

/// An event that counts nowhere, or nearly nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DryRun {
    #[default]
    None,
    /// Where the platform has a check that counts nothing.
    Check,
    /// Meta shows it under this code, and counts it all the same.
    TestEvent(String),
}

#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub platform: PlatformId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
    /// What waits behind the credential.
    pub waiting: Waiting,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matrix: Vec<Cell>,
    /// Where the person who granted the credential can grant it anew, if it is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regrant_url: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Waiting {
    pub items: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_deadline: Option<UnixSeconds>,
    pub destinations: Vec<String>,
    /// Names of the faults that hold them.
    pub holds: Vec<String>,
}

/// What there is to work with.
pub(crate) struct Practice<'a> {
    pub settings: &'a Settings,
    pub clock: &'a Clock,
    pub egress: &'a Egress,
    pub stores: Option<Shelf<'a>>,
}

/// What is stored.
#[derive(Clone, Copy)]
pub(crate) struct Shelf<'a> {
    pub registry: &'a dyn Registry,
    pub vault: &'a Vault,
    pub outbox: &'a dyn Outbox,
}

/// In a running gateway.
pub async fn diagnose(gateway: &Gateway, complaint: Complaint) -> Result<Report, ServiceError> {
    let stores =
        Shelf { registry: &*gateway.registry, vault: &gateway.vault, outbox: &*gateway.outbox };
    let practice = Practice {
        settings: &gateway.settings,
        clock: &gateway.clock,
        egress: &gateway.egress,
        stores: Some(stores),
    };
    let mut report = practice.diagnose(complaint).await?;
    if report.diagnosis.conclusion == Conclusion::Broken {
        report.regrant_url = report.credential.as_ref().and_then(|id| regrant::url(gateway, id));
    }
    Ok(report)
}

impl Practice<'_> {
    pub async fn diagnose(&self, complaint: Complaint) -> Result<Report, ServiceError> {
        let record = self.record(&complaint).await?;
        let now = self.clock.wall();
        let app = record.app.as_ref().map(|(id, _)| id.clone());
        let lint = lint(record.token.expose(), complaint.platform, app.as_ref(), now.to_seconds());
        let history = self.history(&record, lint.token());
        let heard = if complaint.is_offline || !lint.is_storable() {
            questions::Heard::default()
        } else {
            let patient = Patient { record: &record, token: lint.token(), complaint: &complaint };
            questions::ask(self, &patient).await
        };
        let evidence = Evidence {
            platform: complaint.platform,
            source: record.source,
            credential: record.credential.as_ref().map(ToString::to_string),
            lint,
            configured_app: app,
            has_app_secret: record.app.is_some_and(|(_, secret)| secret.is_some()),
            history,
            known: record.version,
            clock_ahead_s: heard.clock_ahead_s,
            asked: heard.asked,
            holds: record.holds,
            now: now.to_seconds(),
            is_offline: complaint.is_offline,
        };
        Ok(Report {
            platform: complaint.platform,
            credential: record.credential,
            diagnosis: examine(&evidence),
            waiting: record.waiting,
            matrix: heard.matrix,
            regrant_url: None,
        })
    }

    fn history(&self, record: &Record, token: &Secret) -> History {
        let (Some(good), Some(stores)) = (&record.last_good, self.stores) else {
            return History::None;
        };
        match good.version.fingerprint == stores.vault.fingerprint(token) {
            true => History::SameAsLastGood { at: good.at },
            false => History::DiffersFromLastGood { at: good.at, length: good.version.length },
        }
    }
}
