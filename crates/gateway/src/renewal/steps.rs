//! One run: what the state machine commands, under a lease.

use std::sync::Arc;
use std::time::Duration;

use holdfast_credentials::lifecycle::{Command, End, Event, Rotation, policy};
use holdfast_credentials::lint;
use holdfast_model::credential::{CredentialVersion, Expiry, Made};
use holdfast_model::id::{CredentialId, VersionNo};
use holdfast_storage::{RenewalLease, SealedRefreshToken, StorageError};

use super::exchange::{self, Brought};
use super::{finish, known, prove, tell};
use crate::services::credentials::describe;
use crate::services::secrets::{credential_aad, refresh_aad};
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

/// Beside three requests, which may take as long as any: what the registry needs, and probes.
const LEASE_MARGIN_MS: i64 = 60_000;

/// What a platform has issued is on no disk until it is stored, so storage gets so many tries.
const STORE_TRIES: u32 = 10;
const STORE_PAUSE: Duration = Duration::from_millis(500);

pub(crate) enum Ran {
    /// There was nothing to do, until then.
    Waits {
        until: Option<holdfast_model::time::UnixMillis>,
    },
    /// Somebody else has the lease.
    Busy,
    Done {
        end: End,
    },
}

pub(crate) async fn run(gateway: &Arc<Gateway>, id: &CredentialId) -> Result<Ran, ServiceError> {
    go(gateway, id, false).await
}

/// The same because somebody asked for it.
pub(crate) async fn run_asked(
    gateway: &Arc<Gateway>,
    id: &CredentialId,
) -> Result<Ran, ServiceError> {
    go(gateway, id, true).await
}

async fn go(
    gateway: &Arc<Gateway>,
    id: &CredentialId,
    is_asked_for: bool,
) -> Result<Ran, ServiceError> {
    let missing = || ServiceError::NotFound { what: "credential", name: id.to_string() };
    let known = known::read(gateway, id).await?.ok_or_else(missing)?;
    prove::learn_dates(gateway, &known).await?;
    let known = known::read(gateway, id).await?.ok_or_else(missing)?;
    let now = gateway.clock.wall();
    let begun = match is_asked_for {
        true => Rotation::begin_asked(known, now),
        false => Rotation::begin(known, now),
    };
    let rotation = match begun {
        Ok(rotation) => rotation,
        Err(until) => return Ok(Ran::Waits { until }),
    };
    let life = timeout_ms(gateway).saturating_mul(3).saturating_add(LEASE_MARGIN_MS);
    let until = now.plus_millis(life);
    let holder = &gateway.renewals.holder;
    let Some(lease) = gateway.registry.lease_renewal(id, holder, now, until).await? else {
        return Ok(Ran::Busy);
    };
    let mut run = Run { gateway, rotation, lease, brought: None };
    let end = run.finish().await?;
    Ok(Ran::Done { end })
}

fn timeout_ms(gateway: &Gateway) -> i64 {
    i64::try_from(gateway.settings.delivery.request_timeout_ms).unwrap_or(i64::MAX)
}

struct Run<'a> {
    gateway: &'a Arc<Gateway>,
    rotation: Rotation,
    lease: RenewalLease,
    brought: Option<Brought>,
}

impl Run<'_> {
    async fn finish(&mut self) -> Result<End, ServiceError> {
        let fresh = known::read(self.gateway, &self.lease.credential).await?;
        // A request that has begun may take its time.
        let until = self.lease.until.plus_millis(-timeout_ms(self.gateway));
        let mut event = match fresh {
            Some(known) => Event::Leased { known: Box::new(known), until },
            None => Event::NotLeased,
        };
        loop {
            let command = self.rotation.handle(event, self.gateway.clock.wall());
            tracing::debug!(credential = %self.lease.credential, ?command, "renewing");
            event = match command {
                Command::End(end) => {
                    self.end(&end).await?;
                    return Ok(end);
                }
                // A run has one lease, and has it already.
                Command::Lease => Event::NotLeased,
                Command::Exchange { way, with } => {
                    let exchanged =
                        exchange::exchange(self.gateway, self.rotation.known(), &way, with).await?;
                    let (event, brought) = exchanged;
                    self.brought = brought;
                    Event::Exchanged(event)
                }
                Command::Store { made } => Event::Stored(self.store(made).await?),
                Command::Adopt { version, made, expires_at } => {
                    self.adopt(version, made, expires_at).await?;
                    Event::Done
                }
                Command::Prove { version, even_if_silent } => {
                    let known = known::read(self.gateway, &self.lease.credential).await?;
                    let known = known.as_ref().unwrap_or_else(|| self.rotation.known());
                    Event::Proved(prove::prove(self.gateway, known, version, even_if_silent).await?)
                }
                Command::GoBack { to } => {
                    Event::WentBack(prove::go_back(self.gateway, self.rotation.known(), to).await?)
                }
                Command::Revoke { version } => Event::Revoked(
                    finish::revoke(self.gateway, self.rotation.known(), version).await?,
                ),
                Command::Retire { version } => {
                    finish::retire(self.gateway, Actor::HOLDFAST, &self.lease.credential, version)
                        .await?;
                    Event::Done
                }
            };
        }
    }

    /// Seals what came, and stores it if the lease still stands. Nobody has seen it before.
    async fn store(&mut self, made: Made) -> Result<Option<VersionNo>, ServiceError> {
        let Some(brought) = self.brought.take() else { return Ok(None) };
        let gateway = self.gateway;
        let credential = &self.rotation.known().credential;
        let versions = gateway.registry.credential_versions(&credential.id).await?;
        let number = VersionNo(versions.last().map_or(1, |newest| newest.version.0 + 1));
        let now = gateway.clock.wall();
        let linted = lint(
            brought.token.expose(),
            credential.platform,
            credential.app.as_ref(),
            now.to_seconds(),
        );
        let version = self.version_of(&brought, number, made, &linted);
        let sealed = gateway
            .vault
            .seal(linted.token().expose().as_bytes(), &credential_aad(credential, number))?;
        let refresh = match &brought.refresh_token {
            Some((version, token)) => Some(SealedRefreshToken {
                version: *version,
                sealed: gateway
                    .vault
                    .seal(token.expose().as_bytes(), &refresh_aad(credential, *version))?,
            }),
            None => None,
        };
        if !store_until_taken(gateway, &self.lease, &version, &sealed, refresh.as_ref()).await? {
            tracing::warn!(credential = %credential.id, "a renewal took longer than its lease");
            return Ok(None);
        }
        let way = policy::way(self.rotation.known());
        let subject = format!("credential:{}/{number}", credential.id);
        let with_it = if refresh.is_some() { ", and a new refresh token" } else { "" };
        let detail = format!("{}, fingerprint {}{with_it}", way.name(), version.fingerprint);
        gateway.audit(Actor::HOLDFAST.0, "credential.renew", subject, detail).await?;
        gateway.reload_directory().await?;
        Ok(Some(number))
    }

    /// What the answer left out is taken from the version that it replaces, where it cannot have
    /// changed.
    fn version_of(
        &self,
        brought: &Brought,
        number: VersionNo,
        made: Made,
        linted: &holdfast_credentials::Lint,
    ) -> CredentialVersion {
        let known = self.rotation.known();
        let fingerprint = self.gateway.vault.fingerprint(linted.token());
        let described = describe(self.gateway, &known.credential, number, fingerprint, linted);
        let Some(old) = known.active() else { return CredentialVersion { made, ..described } };
        CredentialVersion {
            made,
            kind: old.kind,
            expires_at: brought.expires_at,
            data_access_expires_at: old.data_access_expires_at,
            subject: old.subject.clone(),
            scopes: match brought.scopes.is_empty() {
                true => old.scopes.clone(),
                false => brought.scopes.clone(),
            },
            ..described
        }
    }

    async fn adopt(
        &self,
        version: VersionNo,
        made: Made,
        expires_at: Expiry,
    ) -> Result<(), StorageError> {
        let Some(active) = self.rotation.known().version(version) else { return Ok(()) };
        let expires_at = match expires_at {
            Expiry::Unknown => active.expires_at,
            known => known,
        };
        let adopted = CredentialVersion { made, expires_at, ..active.clone() };
        self.gateway.registry.describe_version(&adopted).await?;
        self.gateway.reload_directory().await?;
        Ok(())
    }

    async fn end(&self, end: &End) -> Result<(), ServiceError> {
        let known = self.rotation.known();
        let id = &self.lease.credential;
        let way = policy::way(known);
        // First, because a crash in between must not leave a failure that nobody hears of. What was
        // told already is not told again.
        if let Some((trouble, says)) = &end.trouble {
            tell::of_trouble(self.gateway, known, &way, *trouble, says).await?;
            let subject = format!("credential:{id}");
            self.gateway
                .audit(Actor::HOLDFAST.0, "credential.renewal_failed", subject, says.clone())
                .await?;
        }
        let attempts = end.record.as_ref().or(known.attempts.as_ref());
        self.gateway.registry.end_renewal(&self.lease, &known::record(id, attempts)).await?;
        self.gateway.metrics.renewal(way.name(), end.outcome.as_str());
        Ok(())
    }
}

/// False if the lease was lost.
async fn store_until_taken(
    gateway: &Gateway,
    lease: &RenewalLease,
    version: &CredentialVersion,
    sealed: &[u8],
    refresh: Option<&SealedRefreshToken>,
) -> Result<bool, StorageError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match gateway.registry.store_renewed(lease, version, sealed, refresh).await {
            Ok(()) => return Ok(true),
            Err(StorageError::Conflict { .. }) => return Ok(false),
            Err(error @ StorageError::Io { .. }) if tries < STORE_TRIES => {
                tracing::error!(credential = %lease.credential, %error,
                    "failed to store what a renewal brought; it is tried again");
                tokio::time::sleep(STORE_PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}
