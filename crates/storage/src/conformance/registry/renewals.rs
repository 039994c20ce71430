//! Renewals: one at a time, and none by whoever was away too long.

use std::sync::Arc;

use futures_util::future::join_all;
use holdfast_model::id::VersionNo;
use holdfast_model::time::UnixMillis;

use super::RegistryFactory;
use super::sample::{AT, credential, credential_id, version};
use crate::{Registry, RenewalLease, RenewalRecord, SealedRefreshToken, StorageError};

const LATER: UnixMillis = UnixMillis(AT.0 + 60_000);

async fn with_shop(factory: &dyn RegistryFactory) -> Arc<dyn Registry> {
    let registry = factory.open().await;
    registry.add_credential(&credential("shop")).await.unwrap();
    registry
}

async fn lease(registry: &dyn Registry, now: UnixMillis) -> Option<RenewalLease> {
    let until = now.plus_millis(60_000);
    registry.lease_renewal(&credential_id("shop"), "a node", now, until).await.unwrap()
}

fn record(outcome: &str) -> RenewalRecord {
    RenewalRecord {
        credential: credential_id("shop"),
        version: Some(VersionNo(2)),
        tried_at: AT,
        renewed_at: Some(AT),
        failures: 0,
        next_at: LATER,
        outcome: outcome.to_owned(),
    }
}

fn refresh(number: u32) -> SealedRefreshToken {
    SealedRefreshToken { version: VersionNo(number), sealed: vec![number as u8; 40] }
}

pub async fn of_fifty_leases_at_once_one_is_given(factory: &dyn RegistryFactory) {
    let registry = with_shop(factory).await;
    let leases = (0..50).map(|_| lease(&*registry, AT));
    assert_eq!(join_all(leases).await.into_iter().flatten().count(), 1);
    let unknown = credential_id("unknown");
    let refused = registry.lease_renewal(&unknown, "a node", AT, LATER).await;
    assert!(matches!(refused, Err(StorageError::NotFound { .. })), "{refused:?}");
}

pub async fn a_lease_ends_by_time_or_by_being_given_back(factory: &dyn RegistryFactory) {
    let registry = with_shop(factory).await;
    let first = lease(&*registry, AT).await.unwrap();
    assert_eq!(lease(&*registry, LATER.plus_millis(-1)).await, None);
    drop(registry);
    let registry = factory.open().await;
    let second = lease(&*registry, LATER).await.unwrap();
    assert!(second.generation > first.generation);
    assert!(registry.end_renewal(&second, &record("renewed")).await.unwrap());
    assert_eq!(registry.renewals().await.unwrap(), [record("renewed")]);
    let third = lease(&*registry, LATER).await.unwrap();
    assert!(third.generation > second.generation);
    assert_eq!(registry.renewals().await.unwrap(), [record("renewed")], "a lease erases nothing");
}

pub async fn whoever_was_away_too_long_stores_nothing(factory: &dyn RegistryFactory) {
    let registry = with_shop(factory).await;
    let slow = lease(&*registry, AT).await.unwrap();
    let quick = lease(&*registry, LATER).await.unwrap();
    let late = registry.store_renewed(&slow, &version("shop", 1), b"late", Some(&refresh(1))).await;
    assert!(matches!(late, Err(StorageError::Conflict { .. })), "{late:?}");
    assert!(!registry.end_renewal(&slow, &record("late")).await.unwrap());
    assert!(registry.credential_versions(&credential_id("shop")).await.unwrap().is_empty());
    assert_eq!(registry.refresh_token(&credential_id("shop")).await.unwrap(), None);
    registry.store_renewed(&quick, &version("shop", 1), b"quick", None).await.unwrap();
    let stored = registry.sealed_credential(&credential_id("shop"), VersionNo(1)).await.unwrap();
    assert_eq!(stored, b"quick");
}

pub async fn what_a_renewal_brought_is_stored_together(factory: &dyn RegistryFactory) {
    let registry = with_shop(factory).await;
    let held = lease(&*registry, AT).await.unwrap();
    // The version's number is not the next: nothing of it is kept, the refresh token neither.
    let bad = registry.store_renewed(&held, &version("shop", 7), b"x", Some(&refresh(1))).await;
    assert!(matches!(bad, Err(StorageError::Conflict { .. })), "{bad:?}");
    assert_eq!(registry.refresh_token(&credential_id("shop")).await.unwrap(), None);
    registry.store_renewed(&held, &version("shop", 1), b"x", Some(&refresh(1))).await.unwrap();
    drop(registry);
    let registry = factory.open().await;
    assert_eq!(registry.refresh_token(&credential_id("shop")).await.unwrap(), Some(refresh(1)));
}

pub async fn the_last_two_refresh_tokens_are_kept(factory: &dyn RegistryFactory) {
    let registry = with_shop(factory).await;
    let shop = credential_id("shop");
    for number in 1..=3 {
        registry.add_refresh_token(&shop, &refresh(number), AT).await.unwrap();
        assert_eq!(registry.refresh_token(&shop).await.unwrap(), Some(refresh(number)));
    }
    for taken in [3, 5] {
        let refused = registry.add_refresh_token(&shop, &refresh(taken), AT).await;
        assert!(matches!(refused, Err(StorageError::Conflict { .. })), "{taken}: {refused:?}");
    }
    registry.shred_refresh_tokens(&shop).await.unwrap();
    assert_eq!(registry.refresh_token(&shop).await.unwrap(), None);
    registry.add_refresh_token(&shop, &refresh(1), AT).await.unwrap();
    assert_eq!(registry.refresh_token(&shop).await.unwrap(), Some(refresh(1)));
}
