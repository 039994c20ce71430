//! Apps and the versions of their secrets.

use holdfast_model::credential::App;
use holdfast_model::id::VersionNo;
use holdfast_model::platform::PlatformId;
use holdfast_model::time::UnixMillis;

use super::RegistryFactory;
use super::sample::{AT, app, app_id};
use crate::StorageError;

pub async fn an_app_is_stored_and_replaced(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    registry.put_app(&app("2")).await.unwrap();
    registry.put_app(&app("1")).await.unwrap();
    let renamed = App { label: "Shop, renamed".to_owned(), ..app("1") };
    registry.put_app(&renamed).await.unwrap();
    drop(registry);
    assert_eq!(factory.open().await.apps().await.unwrap(), [renamed, app("2")]);
}

pub async fn secrets_are_numbered_and_only_they_move_the_newest(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let boast = App { secret_version: Some(VersionNo(9)), ..app("1") };
    registry.put_app(&boast).await.unwrap();
    assert_eq!(registry.apps().await.unwrap()[0].secret_version, None);
    for number in 1..=2 {
        registry
            .add_app_secret(&app_id("1"), VersionNo(number), &[number as u8], AT)
            .await
            .unwrap();
    }
    registry.put_app(&app("1")).await.unwrap();
    drop(registry);

    let registry = factory.open().await;
    assert_eq!(registry.apps().await.unwrap()[0].secret_version, Some(VersionNo(2)));
    for number in 1..=2 {
        let secret = registry.app_secret(&app_id("1"), VersionNo(number)).await.unwrap();
        assert_eq!(secret, [number as u8], "older secrets stay readable");
    }
}

pub async fn secrets_need_their_app_and_the_next_number(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let (one, two) = (app_id("1"), VersionNo(2));
    assert!(matches!(
        registry.add_app_secret(&one, VersionNo(1), b"s", AT).await,
        Err(StorageError::NotFound { what: "app", .. })
    ));
    registry.put_app(&app("1")).await.unwrap();
    for wrong in [VersionNo(0), two] {
        assert!(matches!(
            registry.add_app_secret(&one, wrong, b"s", AT).await,
            Err(StorageError::Conflict { .. })
        ));
    }
    registry.add_app_secret(&one, VersionNo(1), b"first", AT).await.unwrap();
    assert!(matches!(
        registry.add_app_secret(&one, VersionNo(1), b"other", AT).await,
        Err(StorageError::Exists { .. })
    ));
    assert_eq!(registry.app_secret(&one, VersionNo(1)).await.unwrap(), b"first");
    assert!(matches!(
        registry.add_app_secret(&one, two, b"", AT).await,
        Err(StorageError::Refused { .. })
    ));
    assert!(matches!(
        registry.app_secret(&one, two).await,
        Err(StorageError::NotFound { what: "app secret", .. })
    ));
}

pub async fn each_secret_knows_when_it_was_added(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let one = app_id("1");
    registry.put_app(&app("1")).await.unwrap();
    for (number, at) in [(1, 1_000), (2, 5_000)] {
        let number = VersionNo(number);
        registry.add_app_secret(&one, number, b"s", UnixMillis(at)).await.unwrap();
    }
    drop(registry);

    let registry = factory.open().await;
    for (number, at) in [(1, 1_000), (2, 5_000)] {
        let added_at = registry.app_secret_added_at(&one, VersionNo(number)).await.unwrap();
        assert_eq!(added_at, UnixMillis(at));
    }
    for (app, number) in [(&one, 3), (&app_id("2"), 1)] {
        assert!(matches!(
            registry.app_secret_added_at(app, VersionNo(number)).await,
            Err(StorageError::NotFound { what: "app secret", .. })
        ));
    }
}

pub async fn an_app_keeps_its_platform(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    registry.put_app(&app("1")).await.unwrap();
    let moved = App { platform: PlatformId::Snap, ..app("1") };
    assert!(matches!(registry.put_app(&moved).await, Err(StorageError::Refused { .. })));
    assert_eq!(registry.apps().await.unwrap(), [app("1")]);
}
