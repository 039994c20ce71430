//! Destinations and their lane numbers.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use holdfast_model::destination::{Destination, DestinationSettings};
use holdfast_model::id::LaneId;
use holdfast_model::platform::PlatformId;

use super::RegistryFactory;
use super::sample::{credential_id, destination_id, new_destination, store_credential};
use crate::{NewDestination, StorageError};

pub async fn a_destination_is_stored_once_with_a_lane_of_its_own(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    store_credential(&registry, "shop", 0).await;
    store_credential(&registry, "spare", 0).await;
    let new = NewDestination {
        standby: vec![credential_id("spare")],
        settings: DestinationSettings {
            default_country: Some("DE".to_owned()),
            max_batch_items: 7,
            ..DestinationSettings::default()
        },
        ..new_destination("web", "shop")
    };
    let web = registry.add_destination(new.clone()).await.unwrap();
    assert_ne!(web.lane, LaneId(0));
    assert_eq!((&web.settings, &web.standby), (&new.settings, &new.standby));
    let app = registry.add_destination(new_destination("app", "shop")).await.unwrap();
    assert_ne!(web.lane, app.lane);
    assert!(matches!(
        registry.add_destination(new_destination("web", "spare")).await,
        Err(StorageError::Exists { what: "destination", .. })
    ));
    drop(registry);
    assert_eq!(factory.open().await.destinations().await.unwrap(), [app, web]);
}

pub async fn lanes_are_never_given_twice(factory: &dyn RegistryFactory) {
    let mut lanes = BTreeSet::new();
    for round in 0..3 {
        let registry = factory.open().await;
        if round == 0 {
            store_credential(&registry, "shop", 0).await;
        }
        let calls = (0..10)
            .map(|n| registry.add_destination(new_destination(&format!("d{round}-{n}"), "shop")));
        for destination in join_all(calls).await {
            assert!(lanes.insert(destination.unwrap().lane), "a lane was given twice");
        }
        // A refused destination must not bring the next one an old number either.
        assert!(registry.add_destination(new_destination("d0-0", "shop")).await.is_err());
    }
    assert_eq!(lanes.len(), 30);
}

pub async fn a_destination_is_replaced_but_keeps_lane_and_platform(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    store_credential(&registry, "shop", 0).await;
    store_credential(&registry, "new", 0).await;
    let web = registry.add_destination(new_destination("web", "shop")).await.unwrap();
    let changed = Destination {
        credential: credential_id("new"),
        standby: vec![credential_id("shop")],
        settings: DestinationSettings { max_in_flight: 1, ..web.settings.clone() },
        ..web.clone()
    };
    let again = Destination { standby: Vec::new(), ..changed.clone() };
    assert!(!registry.update_destination(&changed, &again).await.unwrap(), "it is not that now");
    assert!(registry.update_destination(&web, &changed).await.unwrap());
    assert!(!registry.update_destination(&web, &again).await.unwrap(), "somebody was first");
    for wrong in [
        Destination { lane: LaneId(web.lane.0 + 1), ..changed.clone() },
        Destination { platform: PlatformId::Snap, ..changed.clone() },
    ] {
        assert!(matches!(
            registry.update_destination(&changed, &wrong).await,
            Err(StorageError::Refused { .. })
        ));
    }
    let missing = Destination { id: destination_id("other"), ..changed.clone() };
    assert!(matches!(
        registry.update_destination(&missing, &missing).await,
        Err(StorageError::NotFound { what: "destination", .. })
    ));
    drop(registry);
    assert_eq!(factory.open().await.destinations().await.unwrap(), [changed]);
}

pub async fn credentials_must_be_known(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let unknown = |answer: Result<(), StorageError>| {
        assert!(
            matches!(&answer, Err(StorageError::NotFound { what: "credential", id }) if id == "no"),
            "{answer:?}"
        );
    };
    unknown(registry.add_destination(new_destination("web", "no")).await.map(drop));
    store_credential(&registry, "shop", 0).await;
    let standby = vec![credential_id("shop"), credential_id("no")];
    let with_standby =
        NewDestination { standby: standby.clone(), ..new_destination("web", "shop") };
    unknown(registry.add_destination(with_standby).await.map(drop));
    assert_eq!(registry.destinations().await.unwrap(), []);
    let web = registry.add_destination(new_destination("web", "shop")).await.unwrap();
    let bad = Destination { credential: credential_id("no"), ..web.clone() };
    unknown(registry.update_destination(&web, &bad).await.map(drop));
    let bad = Destination { standby, ..web.clone() };
    unknown(registry.update_destination(&web, &bad).await.map(drop));
}
