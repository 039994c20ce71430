//! One run: what the state machine commands, under a lease.

use std::sync::Arc;

use holdfast_credentials::lifecycle::{
    Command, End, Event, Found, Known, Proof, Rotation, is_revocable, policy,
};
use holdfast_model::credential::{CredentialVersion, Expiry, Made};
use holdfast_model::id::{CredentialId, VersionNo};
use holdfast_model::time::UnixMillis;
use holdfast_storage::{RenewalLease, StorageError};

use super::exchange::{self, Brought};
use super::{finish, known, lock, prove, store, tell};
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

/// Beside three requests, which may take as long as any: what the registry needs, and probes.
const LEASE_MARGIN_MS: i64 = 60_000;

/// Left of the lease after a proof: what the registry needs to take the version into use.
const PROVED_MARGIN_MS: i64 = 10_000;

pub(crate) enum Ran {
    /// There was nothing to do, until then.
    Waits {
        until: Option<UnixMillis>,
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
    // A run can do without, and says better what is wrong if nothing can be opened.
    if let Err(error) = prove::learn_dates(gateway, &known).await {
        tracing::warn!(credential = %id, %error, "failed to ask when a token ends");
    }
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
            if let Command::End(end) = command {
                self.end(&end).await?;
                return Ok(end);
            }
            event = match self.step(command).await {
                Ok(event) => event,
                Err(error) => {
                    tracing::error!(credential = %self.lease.credential, %error,
                        "a step of a renewal failed");
                    let is_passing = matches!(error, ServiceError::Storage(_));
                    Event::Broke { says: error.to_string(), is_passing }
                }
            };
        }
    }

    async fn step(&mut self, command: Command) -> Result<Event, ServiceError> {
        let gateway = self.gateway;
        // What an exchange brought is stored in any case; everything else is found again later.
        let has_to_be = matches!(command, Command::Store { .. });
        if gateway.renewals.stopping.is_cancelled() && !has_to_be {
            return Ok(Event::NotLeased);
        }
        Ok(match command {
            // A run has one lease, and has it already; its end is not a step.
            Command::Lease | Command::End(_) => Event::NotLeased,
            Command::Exchange { way, with } => {
                let (event, brought) =
                    exchange::exchange(gateway, self.rotation.known(), &way, with).await?;
                self.brought = brought;
                Event::Exchanged(event)
            }
            Command::Store { made } => Event::Stored(self.store(made).await?),
            Command::Adopt { version, made, expires_at } => {
                self.adopt(version, made, expires_at).await?;
                Event::Done
            }
            Command::Prove { version, even_if_silent } => {
                Event::Proved(self.prove(version, even_if_silent).await?)
            }
            Command::GoBack { to } => {
                Event::WentBack(prove::go_back(gateway, self.rotation.known(), to).await?)
            }
            Command::Revoke { version } => Event::Revoked(self.revoke(version).await?),
            Command::Retire { version } => {
                let id = &self.lease.credential;
                finish::retire(gateway, Actor::HOLDFAST, id, version).await?;
                Event::Done
            }
        })
    }

    async fn fresh(&self) -> Result<Known, ServiceError> {
        let known = known::read(self.gateway, &self.lease.credential).await?;
        Ok(known.unwrap_or_else(|| self.rotation.known().clone()))
    }

    async fn store(&mut self, made: Made) -> Result<Option<VersionNo>, ServiceError> {
        let Some(brought) = self.brought.take() else { return Ok(None) };
        store::store(self.gateway, &self.lease, self.rotation.known(), brought, made).await
    }

    async fn prove(&self, version: VersionNo, even_if_silent: bool) -> Result<Proof, ServiceError> {
        let known = self.fresh().await?;
        let until = self.lease.until.plus_millis(-PROVED_MARGIN_MS);
        prove::prove(self.gateway, &known, version, even_if_silent, until).await
    }

    /// Looks once more whether it is kept elsewhere, since a moment ago it may not have been.
    async fn revoke(&self, version: VersionNo) -> Result<Found, ServiceError> {
        let known = self.fresh().await?;
        match is_revocable(&known, version) {
            true => finish::revoke(self.gateway, &known, version).await,
            false => Ok(Found::No("the same token is kept elsewhere too".to_owned())),
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
        if let Some(after) = end.not_before {
            lock(&self.gateway.renewals.revoke_after).insert(id.clone(), after);
        }
        self.gateway.metrics.renewal(way.name(), end.outcome.as_str());
        Ok(())
    }
}
