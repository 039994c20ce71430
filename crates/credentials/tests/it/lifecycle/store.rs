//! What is durable: a registry as the conformance suite describes it, in memory. A crash leaves it.

use std::collections::BTreeMap;

use holdfast_credentials::lifecycle::Attempts;
use holdfast_model::credential::{Credential, CredentialVersion, VersionState};
use holdfast_model::id::VersionNo;
use holdfast_model::time::UnixMillis;

/// A credential with everything that belongs to it.
#[derive(Debug, Clone)]
pub struct Stored {
    pub credential: Credential,
    pub versions: Vec<CredentialVersion>,
    /// Shredded with the version.
    pub texts: BTreeMap<u32, String>,
    pub refresh_tokens: Vec<String>,
    pub attempts: Option<Attempts>,
    pub refused: Option<(VersionNo, UnixMillis)>,
    pub delivered: BTreeMap<u32, u64>,
    generation: u64,
    leased_until: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub generation: u64,
}

impl Stored {
    pub fn new(credential: Credential) -> Self {
        Self {
            credential,
            versions: Vec::new(),
            texts: BTreeMap::new(),
            refresh_tokens: Vec::new(),
            attempts: None,
            refused: None,
            delivered: BTreeMap::new(),
            generation: 0,
            leased_until: None,
        }
    }

    /// For whoever reads why a seed failed.
    pub fn summary(&self) -> String {
        let newest: Vec<String> = self
            .versions
            .iter()
            .rev()
            .take(4)
            .map(|v| {
                format!(
                    "{}: {:?} {:?} expires {:?} data {:?} added {} {:?}",
                    v.version,
                    v.state,
                    v.made,
                    v.expires_at,
                    v.data_access_expires_at,
                    v.added_at.0,
                    self.text(v.version)
                )
            })
            .collect();
        let refresh = self.refresh_tokens.last();
        format!("{newest:#?}\nrefresh {refresh:?}, refused {:?}, {:?}", self.refused, self.attempts)
    }

    pub fn active(&self) -> Option<&CredentialVersion> {
        self.versions.iter().find(|version| version.state == VersionState::Active)
    }

    pub fn text(&self, version: VersionNo) -> Option<&String> {
        self.texts.get(&version.0)
    }

    pub fn next_number(&self) -> VersionNo {
        VersionNo(self.versions.last().map_or(1, |version| version.version.0 + 1))
    }

    pub fn lease(&mut self, now: i64, until: i64) -> Option<Lease> {
        if self.leased_until.is_some_and(|leased| leased > now) {
            return None;
        }
        self.generation += 1;
        self.leased_until = Some(until);
        Some(Lease { generation: self.generation })
    }

    pub fn leased_until(&self) -> Option<i64> {
        self.leased_until
    }

    /// False, and nothing is stored, if the lease is not the newest.
    pub fn store_renewed(
        &mut self,
        lease: Lease,
        version: CredentialVersion,
        text: String,
        refresh_token: Option<String>,
    ) -> bool {
        if lease.generation != self.generation {
            return false;
        }
        self.refresh_tokens.extend(refresh_token);
        self.add(version, text);
        true
    }

    pub fn add(&mut self, version: CredentialVersion, text: String) {
        assert_eq!(version.version, self.next_number());
        self.texts.insert(version.version.0, text);
        self.versions.push(version);
    }

    pub fn end(&mut self, lease: Lease, record: Option<&Attempts>) -> bool {
        if lease.generation != self.generation {
            return false;
        }
        self.leased_until = None;
        if let Some(record) = record {
            self.attempts = Some(record.clone());
        }
        true
    }

    pub fn activate(&mut self, number: VersionNo, proved_at: Option<UnixMillis>) {
        for version in &mut self.versions {
            if version.state == VersionState::Active {
                version.state = VersionState::Superseded;
            }
            if version.version == number {
                assert!(version.state != VersionState::Retired, "a shredded version came back");
                version.state = VersionState::Active;
                version.verified_at = proved_at.or(version.verified_at);
            }
        }
        self.refused = None;
    }

    pub fn retire(&mut self, number: VersionNo) {
        self.texts.remove(&number.0);
        for version in self.versions.iter_mut().filter(|version| version.version == number) {
            version.state = VersionState::Retired;
        }
        // As the registry forgets all but the newest retired ones.
        let retired = self.versions.iter().filter(|v| v.state == VersionState::Retired).count();
        if retired > 3
            && let Some(at) = self.versions.iter().position(|v| v.state == VersionState::Retired)
        {
            self.versions.remove(at);
        }
    }

    pub fn version_mut(&mut self, number: VersionNo) -> Option<&mut CredentialVersion> {
        self.versions.iter_mut().find(|version| version.version == number)
    }
}
