//! What is stored of a credential.

use holdfast_model::credential::{Credential, CredentialVersion, Verification, VersionState};
use holdfast_model::destination::Destination;
use holdfast_model::fault::Fault;
use holdfast_model::id::{AppId, AssetId, CredentialId};
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;

use super::{Complaint, Practice, Shelf, Subject, Waiting};
use crate::services::ServiceError;
use crate::services::secrets::{open_app_secret, open_token};

pub struct Record {
    pub token: Secret,
    pub source: String,
    pub credential: Option<CredentialId>,
    pub version: Option<CredentialVersion>,
    pub app: Option<(AppId, Option<Secret>)>,
    /// The version that worked last.
    pub last_good: Option<Good>,
    /// Where it should work, with the version of the platform's API.
    pub assets: Vec<(AssetId, Option<String>)>,
    /// WhatsApp: what the numbers belong to.
    pub account: Option<AssetId>,
    pub holds: Vec<Fault>,
    pub waiting: Waiting,
}

pub struct Good {
    pub version: CredentialVersion,
    pub at: UnixMillis,
}

impl Practice<'_> {
    pub(super) async fn record(&self, complaint: &Complaint) -> Result<Record, ServiceError> {
        let mut record = match &complaint.subject {
            Subject::Given { token, source, app } => Record {
                token: Secret::new(token.expose().to_owned()),
                source: source.clone(),
                credential: None,
                version: None,
                app: app.as_ref().map(|(id, secret)| {
                    let copy = |secret: &Secret| Secret::new(secret.expose().to_owned());
                    (id.clone(), secret.as_ref().map(copy))
                }),
                last_good: None,
                assets: Vec::new(),
                account: None,
                holds: Vec::new(),
                waiting: Waiting::default(),
            },
            Subject::Stored(id) => self.stored(complaint, id).await?,
        };
        for asset in &complaint.assets {
            if !record.assets.iter().any(|(known, _)| known == asset) {
                record.assets.push((asset.clone(), None));
            }
        }
        record.account = complaint.account.clone().or(record.account);
        Ok(record)
    }

    async fn stored(
        &self,
        complaint: &Complaint,
        id: &CredentialId,
    ) -> Result<Record, ServiceError> {
        let missing = || ServiceError::NotFound { what: "credential", name: id.to_string() };
        let stores = self.stores.ok_or_else(missing)?;
        let all = stores.registry.credentials().await?;
        let credential = all.into_iter().find(|known| known.id == *id).ok_or_else(missing)?;
        if credential.platform != complaint.platform {
            let expected = format!("credential {id} belongs to {}", credential.platform);
            return Err(ServiceError::invalid("platform", expected));
        }
        let versions = stores.registry.credential_versions(id).await?;
        let version = newest(&versions).cloned().ok_or_else(|| ServiceError::NotFound {
            what: "usable version of credential",
            name: id.to_string(),
        })?;
        let token = open_token(stores.registry, stores.vault, &credential, &version).await;
        let token = token?;
        let destinations: Vec<Destination> = stores
            .registry
            .destinations()
            .await?
            .into_iter()
            .filter(|one| one.credential == *id || one.standby.contains(id))
            .collect();
        let app = app(stores, &credential).await?;
        let app_id = app.as_ref().map(|(id, _)| id.as_str());
        let (holds, waiting) = waiting(stores, &destinations, id, app_id).await?;
        let state = format!("{:?}", version.state).to_lowercase();
        Ok(Record {
            token,
            source: format!("The vault: {id}, version {}, {state}.", version.version),
            credential: Some(id.clone()),
            last_good: last_good(&versions),
            version: Some(version),
            app,
            assets: assets(&destinations),
            account: account(&destinations),
            holds,
            waiting,
        })
    }
}

/// The candidate that is to be, else the one in use.
fn newest(versions: &[CredentialVersion]) -> Option<&CredentialVersion> {
    let of = |state| versions.iter().rev().find(move |version| version.state == state);
    of(VersionState::Candidate).or_else(|| of(VersionState::Active))
}

fn last_good(versions: &[CredentialVersion]) -> Option<Good> {
    let worked = |version: &CredentialVersion| {
        let proved = version.verified_at.filter(|_| version.verification == Verification::Proved);
        let at = version.last_delivery_at.max(proved)?;
        Some(Good { version: version.clone(), at })
    };
    versions.iter().filter_map(worked).max_by_key(|good| good.at)
}

async fn app(
    stores: Shelf<'_>,
    credential: &Credential,
) -> Result<Option<(AppId, Option<Secret>)>, ServiceError> {
    let Some(id) = &credential.app else { return Ok(None) };
    let apps = stores.registry.apps().await?;
    let secret = match apps.iter().find(|app| app.id == *id) {
        Some(app) => open_app_secret(stores.registry, stores.vault, app).await?,
        None => None,
    };
    Ok(Some((id.clone(), secret)))
}

fn assets(destinations: &[Destination]) -> Vec<(AssetId, Option<String>)> {
    let mut assets: Vec<(AssetId, Option<String>)> = Vec::new();
    for destination in destinations {
        if !assets.iter().any(|(known, _)| *known == destination.asset) {
            assets.push((destination.asset.clone(), destination.settings.api_version.clone()));
        }
    }
    assets
}

/// The first that a destination names.
fn account(destinations: &[Destination]) -> Option<AssetId> {
    let named = destinations.iter().filter_map(|one| one.settings.account.as_ref());
    named.filter_map(|account| AssetId::new(account.clone()).ok()).next()
}

/// What stops the destinations that it signs for now, and what waits there.
async fn waiting(
    stores: Shelf<'_>,
    destinations: &[Destination],
    id: &CredentialId,
    app: Option<&str>,
) -> Result<(Vec<Fault>, Waiting), ServiceError> {
    let open = stores.registry.open_holds().await?;
    let (mut holds, mut waiting) = (Vec::<Fault>::new(), Waiting::default());
    for destination in destinations.iter().filter(|one| one.credential == *id) {
        let counts = stores.outbox.counts(destination.lane).await?;
        waiting.items += counts.ledger.queued;
        let deadlines = [waiting.first_deadline, counts.first_deadline];
        waiting.first_deadline = deadlines.into_iter().flatten().min();
        waiting.destinations.push(destination.id.to_string());
        let facts = destination.scope_facts(app);
        for hold in open.iter().filter(|hold| hold.scope.covers(&facts)) {
            if !waiting.holds.contains(&hold.fault.name) {
                waiting.holds.push(hold.fault.name.clone());
                holds.push(hold.fault.clone());
            }
        }
    }
    Ok((holds, waiting))
}
