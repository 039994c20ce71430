//! Making durable what an exchange brought.

use std::time::Duration;

use holdfast_credentials::lifecycle::{Known, policy};
use holdfast_credentials::{Lint, lint};
use holdfast_model::credential::{CredentialVersion, Made};
use holdfast_model::id::VersionNo;
use holdfast_storage::{RenewalLease, SealedRefreshToken, StorageError};

use super::exchange::Brought;
use crate::services::credentials::describe;
use crate::services::secrets::{credential_aad, refresh_aad};
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

/// What a platform has issued is on no disk until it is stored, so storage gets so many tries.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// Whoever adds a token meanwhile takes its number, and cannot do so much faster than we ask for
/// the next one.
const NUMBERINGS: u32 = 5;

/// Seals what came, and stores it if the lease still stands. Nobody has seen it before. None if the
/// lease was lost.
pub(super) async fn store(
    gateway: &Gateway,
    lease: &RenewalLease,
    known: &Known,
    brought: Brought,
    made: Made,
) -> Result<Option<VersionNo>, ServiceError> {
    let credential = &known.credential;
    let now = gateway.clock.wall().to_seconds();
    let linted = lint(brought.token.expose(), credential.platform, credential.app.as_ref(), now);
    let mut numberings = 0;
    let version = loop {
        numberings += 1;
        let sealed = seal(gateway, known, &brought, made, &linted).await?;
        match store_until_taken(gateway, lease, &sealed).await {
            Ok(()) => break sealed.version,
            Err(StorageError::Conflict { what: "renewal", .. }) => {
                tracing::warn!(credential = %credential.id, "a renewal took longer than its lease");
                return Ok(None);
            }
            // The lease stands: somebody has added a token or a grant, and the next number is free.
            Err(StorageError::Conflict { .. }) if numberings < NUMBERINGS => {}
            Err(error) => return Err(error.into()),
        }
    };
    let subject = format!("credential:{}/{}", credential.id, version.version);
    let with_it = if brought.refresh_token.is_some() { ", and a new refresh token" } else { "" };
    let way = policy::way(known);
    let detail = format!("{}, fingerprint {}{with_it}", way.name(), version.fingerprint);
    gateway.audit(Actor::HOLDFAST.0, "credential.renew", subject, detail).await?;
    gateway.reload_directory().await?;
    Ok(Some(version.version))
}

struct Sealed {
    version: CredentialVersion,
    text: Vec<u8>,
    refresh: Option<SealedRefreshToken>,
}

/// Under the numbers that are free now: what is sealed is bound to its number.
async fn seal(
    gateway: &Gateway,
    known: &Known,
    brought: &Brought,
    made: Made,
    linted: &Lint,
) -> Result<Sealed, ServiceError> {
    let credential = &known.credential;
    let versions = gateway.registry.credential_versions(&credential.id).await?;
    let number = VersionNo(versions.last().map_or(1, |newest| newest.version.0 + 1));
    let aad = credential_aad(credential, number);
    let text = gateway.vault.seal(linted.token().expose().as_bytes(), &aad)?;
    let refresh = match &brought.refresh_token {
        Some(token) => {
            let newest = gateway.registry.refresh_token(&credential.id).await?;
            let number = VersionNo(newest.map_or(1, |newest| newest.version.0 + 1));
            let aad = refresh_aad(credential, number);
            let sealed = gateway.vault.seal(token.expose().as_bytes(), &aad)?;
            Some(SealedRefreshToken { version: number, sealed })
        }
        None => None,
    };
    Ok(Sealed { version: version_of(gateway, known, brought, number, made, linted), text, refresh })
}

/// What the answer left out is taken from the version that it replaces, where it cannot have
/// changed.
fn version_of(
    gateway: &Gateway,
    known: &Known,
    brought: &Brought,
    number: VersionNo,
    made: Made,
    linted: &Lint,
) -> CredentialVersion {
    let fingerprint = gateway.vault.fingerprint(linted.token());
    let described = describe(gateway, &known.credential, number, fingerprint, linted);
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

async fn store_until_taken(
    gateway: &Gateway,
    lease: &RenewalLease,
    sealed: &Sealed,
) -> Result<(), StorageError> {
    let Sealed { version, text, refresh } = sealed;
    let mut tries = 0;
    loop {
        tries += 1;
        match gateway.registry.store_renewed(lease, version, text, refresh.as_ref()).await {
            Err(error @ StorageError::Io { .. }) if tries < TRIES => {
                tracing::error!(credential = %lease.credential, %error,
                    "failed to store what a renewal brought; it is tried again");
                tokio::time::sleep(PAUSE).await;
            }
            stored => return stored,
        }
    }
}
