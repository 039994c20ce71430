//! What was delivered with which version, and versions that are forgotten.

use holdfast_model::credential::{SignedWith, VersionState};
use holdfast_model::id::VersionNo;

use super::RegistryFactory;
use super::sample::{AT, credential_id, sealed, store_credential, version};
use crate::{DeliveryCount, StorageError};

fn count(number: u32, requests: u64, at_ms: i64) -> DeliveryCount {
    DeliveryCount {
        signed_with: SignedWith {
            credential: credential_id("shop"),
            version: VersionNo(number),
            fingerprint: format!("{number:032x}"),
        },
        requests,
        items: requests * 100,
        first_at: AT.plus_millis(at_ms),
        last_at: AT.plus_millis(at_ms + 10),
    }
}

pub async fn counts_add_up_and_the_first_is_news(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let news = registry.count_deliveries(&[count(1, 3, 0), count(2, 1, 5)]).await.unwrap();
    assert_eq!(news, [count(1, 1, 0).signed_with, count(2, 1, 0).signed_with]);
    let news = registry.count_deliveries(&[count(1, 4, 50), count(3, 1, 50)]).await.unwrap();
    assert_eq!(news, [count(3, 1, 0).signed_with]);
    drop(registry);
    let registry = factory.open().await;
    let counts = registry.delivery_counts(&credential_id("shop")).await.unwrap();
    let both = DeliveryCount { last_at: AT.plus_millis(60), ..count(1, 7, 0) };
    assert_eq!(counts, [both, count(2, 1, 5), count(3, 1, 50)]);
    assert!(registry.delivery_counts(&credential_id("other")).await.unwrap().is_empty());
}

pub async fn old_retired_versions_are_forgotten_and_numbers_go_on(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let shop = credential_id("shop");
    store_credential(&registry, "shop", 5).await;
    for number in [1, 2, 4] {
        registry.set_version_state(&shop, VersionNo(number), VersionState::Retired).await.unwrap();
    }
    let all: Vec<DeliveryCount> = (1..=5).map(|number| count(number, 1, 0)).collect();
    registry.count_deliveries(&all).await.unwrap();
    assert_eq!(registry.forget_retired(&shop, 3).await.unwrap(), 0);
    assert_eq!(registry.forget_retired(&shop, 1).await.unwrap(), 2);
    drop(registry);
    let registry = factory.open().await;
    let left = registry.credential_versions(&shop).await.unwrap();
    let left: Vec<u32> = left.iter().map(|version| version.version.0).collect();
    assert_eq!(left, [3, 4, 5], "what is not retired stays, however old");
    let counted = registry.delivery_counts(&shop).await.unwrap();
    let counted: Vec<u32> = counted.iter().map(|count| count.signed_with.version.0).collect();
    assert_eq!(counted, [3, 4, 5]);
    let taken = registry.add_credential_version(&version("shop", 2), &sealed(2)).await;
    assert!(matches!(taken, Err(StorageError::Conflict { .. })), "{taken:?}");
    registry.add_credential_version(&version("shop", 6), &sealed(6)).await.unwrap();
}
