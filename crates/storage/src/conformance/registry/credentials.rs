//! Credentials and the life of their versions.

use std::sync::Arc;

use futures_util::future::join_all;
use holdfast_model::credential::{
    Credential, CredentialKind, CredentialVersion, Expiry, Made, Origin, Verification, VersionState,
};
use holdfast_model::id::VersionNo;
use holdfast_model::platform::PlatformId;

use super::RegistryFactory;
use super::sample::{
    AT, app, app_id, credential, credential_id, sealed, store_credential, version,
};
use crate::{Registry, StorageError};

const V1: VersionNo = VersionNo(1);
const V2: VersionNo = VersionNo(2);
const V3: VersionNo = VersionNo(3);

async fn states(registry: &Arc<dyn Registry>, id: &str) -> Vec<VersionState> {
    let versions = registry.credential_versions(&credential_id(id)).await.unwrap();
    versions.iter().map(|version| version.state).collect()
}

async fn activate(
    registry: &Arc<dyn Registry>,
    number: VersionNo,
    verification: Verification,
) -> Result<(), StorageError> {
    registry.activate_version(&credential_id("shop"), number, verification, AT).await
}

pub async fn a_credential_is_stored_once_and_needs_its_app(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let with_app = Credential { app: Some(app_id("1")), ..credential("shop") };
    assert!(matches!(
        registry.add_credential(&with_app).await,
        Err(StorageError::NotFound { what: "app", .. })
    ));
    registry.put_app(&app("1")).await.unwrap();
    registry.add_credential(&with_app).await.unwrap();
    registry.add_credential(&credential("eu")).await.unwrap();
    assert!(matches!(
        registry.add_credential(&credential("shop")).await,
        Err(StorageError::Exists { what: "credential", .. })
    ));
    drop(registry);
    let stored = factory.open().await.credentials().await.unwrap();
    assert_eq!(stored, [credential("eu"), with_app]);
}

pub async fn versions_are_numbered_without_gaps(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    assert!(matches!(
        registry.add_credential_version(&version("shop", 1), b"s").await,
        Err(StorageError::NotFound { what: "credential", .. })
    ));
    assert!(matches!(
        registry.credential_versions(&credential_id("shop")).await,
        Err(StorageError::NotFound { what: "credential", .. })
    ));
    store_credential(&registry, "shop", 2).await;
    for wrong in [0, 1, 2, 4] {
        assert!(matches!(
            registry.add_credential_version(&version("shop", wrong), b"s").await,
            Err(StorageError::Conflict { .. })
        ));
    }
    let active = CredentialVersion { state: VersionState::Active, ..version("shop", 3) };
    assert!(matches!(
        registry.add_credential_version(&active, b"s").await,
        Err(StorageError::Refused { .. })
    ));
    assert!(matches!(
        registry.add_credential_version(&version("shop", 3), b"").await,
        Err(StorageError::Refused { .. })
    ));
    store_credential(&registry, "eu", 1).await;
    assert_eq!(states(&registry, "shop").await, [VersionState::Candidate; 2]);
    assert!(matches!(
        registry.sealed_credential(&credential_id("shop"), V3).await,
        Err(StorageError::NotFound { what: "credential version", .. })
    ));
}

pub async fn of_two_versions_with_one_number_one_is_stored(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    store_credential(&registry, "shop", 1).await;
    let candidates: Vec<_> = (0..20u8).map(|n| (version("shop", 2), vec![n; 40])).collect();
    let calls = candidates.iter().map(|(v, sealed)| registry.add_credential_version(v, sealed));
    let answers = join_all(calls).await;
    let stored: Vec<_> = (0..20u8).filter(|n| answers[usize::from(*n)].is_ok()).collect();
    assert_eq!(stored.len(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.is_err()) {
        assert!(matches!(answer, Err(StorageError::Conflict { .. })), "{answer:?}");
    }
    let sealed = registry.sealed_credential(&credential_id("shop"), V2).await.unwrap();
    assert_eq!(sealed, vec![stored[0]; 40], "whose call succeeded, that one's bytes are stored");
}

pub async fn describing_changes_everything_but_the_state(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    store_credential(&registry, "shop", 2).await;
    activate(&registry, V1, Verification::Proved).await.unwrap();
    let learned = CredentialVersion {
        state: VersionState::Retired,
        verification: Verification::Refuted,
        kind: CredentialKind::Page,
        expires_at: Expiry::Never,
        data_access_expires_at: Expiry::Unknown,
        decoded_app_id: None,
        scopes: Vec::new(),
        last_delivery_at: None,
        made: Made::Rotated,
        ..version("shop", 1)
    };
    registry.describe_version(&learned).await.unwrap();
    let stored = registry.credential_versions(&credential_id("shop")).await.unwrap();
    let expected = CredentialVersion { state: VersionState::Active, ..learned };
    assert_eq!(stored, [expected, version("shop", 2)]);
    assert_eq!(
        registry.sealed_credential(&credential_id("shop"), V1).await.unwrap(),
        sealed(1),
        "a description never touches the secret"
    );
    assert!(matches!(
        registry.describe_version(&version("shop", 3)).await,
        Err(StorageError::NotFound { what: "credential version", .. })
    ));
}

pub async fn activation_supersedes_the_former(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    store_credential(&registry, "shop", 2).await;
    store_credential(&registry, "eu", 1).await;
    activate(&registry, V1, Verification::Unprobeable).await.unwrap();
    let first = &registry.credential_versions(&credential_id("shop")).await.unwrap()[0];
    assert_eq!(first.verification, Verification::Unprobeable);
    assert_eq!(first.verified_at, version("shop", 1).verified_at, "only proof moves the date");

    activate(&registry, V2, Verification::Proved).await.unwrap();
    assert_eq!(states(&registry, "shop").await, [VersionState::Superseded, VersionState::Active]);
    assert_eq!(states(&registry, "eu").await, [VersionState::Candidate], "nobody else's");
    let second = &registry.credential_versions(&credential_id("shop")).await.unwrap()[1];
    assert_eq!((second.verification, second.verified_at), (Verification::Proved, Some(AT)));

    activate(&registry, V1, Verification::Proved).await.unwrap();
    assert_eq!(states(&registry, "shop").await, [VersionState::Active, VersionState::Superseded]);
    assert!(matches!(
        activate(&registry, V3, Verification::Proved).await,
        Err(StorageError::NotFound { what: "credential version", .. })
    ));
    assert_eq!(
        states(&registry, "shop").await,
        [VersionState::Active, VersionState::Superseded],
        "a failed activation leaves the active one alone"
    );
}

pub async fn of_many_activations_at_once_one_is_left_active(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    store_credential(&registry, "shop", 20).await;
    let calls = (1..=20).map(|n| activate(&registry, VersionNo(n), Verification::Proved));
    for answer in join_all(calls).await {
        answer.unwrap();
    }
    let states = states(&registry, "shop").await;
    let count = |state| states.iter().filter(|found| **found == state).count();
    assert_eq!((count(VersionState::Active), count(VersionState::Superseded)), (1, 19));
}

pub async fn only_candidates_and_superseded_ones_become_active(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    store_credential(&registry, "shop", 2).await;
    activate(&registry, V1, Verification::Proved).await.unwrap();
    let shop = credential_id("shop");
    registry.set_version_state(&shop, V2, VersionState::Retired).await.unwrap();
    for wrong in [V1, V2] {
        let refused = activate(&registry, wrong, Verification::Proved).await;
        assert!(matches!(refused, Err(StorageError::Refused { .. })), "{refused:?}");
    }
    assert_eq!(states(&registry, "shop").await, [VersionState::Active, VersionState::Retired]);
}

pub async fn retiring_shreds_and_is_final(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    store_credential(&registry, "shop", 3).await;
    let shop = credential_id("shop");
    let set = async |number, state| registry.set_version_state(&shop, number, state).await;
    activate(&registry, V1, Verification::Proved).await.unwrap();

    for (number, wrong) in
        [(V2, VersionState::Superseded), (V2, VersionState::Active), (V1, VersionState::Candidate)]
    {
        assert!(matches!(set(number, wrong).await, Err(StorageError::Refused { .. })));
    }
    for _ in 0..2 {
        set(V1, VersionState::Superseded).await.unwrap();
    }
    assert_eq!(registry.sealed_credential(&shop, V1).await.unwrap(), sealed(1));

    for _ in 0..2 {
        set(V1, VersionState::Retired).await.unwrap();
    }
    set(V2, VersionState::Retired).await.unwrap();
    assert!(matches!(set(V1, VersionState::Superseded).await, Err(StorageError::Refused { .. })));
    assert!(matches!(
        registry.sealed_credential(&shop, V1).await,
        Err(StorageError::NotFound { .. })
    ));
    assert_eq!(registry.sealed_credential(&shop, V3).await.unwrap(), sealed(3));
    let kept = &registry.credential_versions(&shop).await.unwrap()[0];
    assert_eq!(kept.fingerprint, version("shop", 1).fingerprint, "the fingerprint stays");
    registry.add_credential_version(&version("shop", 4), b"s").await.unwrap();
    assert!(matches!(
        set(VersionNo(5), VersionState::Retired).await,
        Err(StorageError::NotFound { what: "credential version", .. })
    ));
}

pub async fn versions_survive_reopening(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    store_credential(&registry, "shop", 3).await;
    activate(&registry, V1, Verification::Proved).await.unwrap();
    activate(&registry, V2, Verification::Proved).await.unwrap();
    let shop = credential_id("shop");
    registry.set_version_state(&shop, V1, VersionState::Retired).await.unwrap();
    let before = registry.credential_versions(&shop).await.unwrap();
    drop(registry);

    let registry = factory.open().await;
    assert_eq!(registry.credential_versions(&shop).await.unwrap(), before);
    assert_eq!(
        states(&registry, "shop").await,
        [VersionState::Retired, VersionState::Active, VersionState::Candidate]
    );
    assert_eq!(registry.sealed_credential(&shop, V2).await.unwrap(), sealed(2));
    assert!(registry.sealed_credential(&shop, V1).await.is_err());
}

pub async fn describing_a_credential_leaves_what_its_secrets_are_bound_to(
    factory: &dyn RegistryFactory,
) {
    let registry = factory.open().await;
    registry.put_app(&app("1")).await.unwrap();
    let shop = Credential { app: Some(app_id("1")), ..credential("shop") };
    registry.add_credential(&shop).await.unwrap();
    let origin = Origin::Granted { scopes: vec!["ads_management".to_owned()], config_id: None };
    let described = Credential {
        platform: PlatformId::Snap,
        app: None,
        created_at: AT.plus_millis(1),
        origin: origin.clone(),
        contact: Some("owner@example.com".to_owned()),
        ..shop.clone()
    };
    registry.describe_credential(&described).await.unwrap();
    drop(registry);
    let registry = factory.open().await;
    let expected = Credential { origin, contact: described.contact.clone(), ..shop };
    assert_eq!(registry.credentials().await.unwrap(), [expected]);
    let unknown = registry.describe_credential(&credential("unknown")).await;
    assert!(matches!(unknown, Err(StorageError::NotFound { .. })), "{unknown:?}");
}
