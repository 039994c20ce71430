//! Pushes: kept once, whatever is sent again, until they are dealt with.

use futures_util::future::join_all;
use holdfast_model::id::AppId;
use holdfast_model::time::UnixMillis;

use super::RegistryFactory;
use crate::{Inbound, MAX_WAITING_INBOUND, StorageError};

fn push(number: u32) -> Inbound {
    let mut sha256 = [7; 32];
    sha256[..4].copy_from_slice(&number.to_be_bytes());
    Inbound {
        sha256,
        app: AppId::new("100000000000001").expect("an id"),
        received_at: UnixMillis(i64::from(number)),
        sealed: vec![number as u8; 40],
        attempts: 0,
    }
}

pub async fn a_push_is_kept_once_until_it_is_dealt_with(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let (first, second) = (push(1), push(2));
    let puts = join_all((0..20).map(|_| registry.put_inbound(&first))).await;
    assert_eq!(puts.into_iter().filter(|put| *put.as_ref().unwrap()).count(), 1);
    assert!(registry.put_inbound(&second).await.unwrap());
    drop(registry);
    let registry = factory.open().await;
    let due = registry.due_inbound(UnixMillis(2), 10).await.unwrap();
    assert_eq!(due, [first.clone(), second.clone()]);
    assert_eq!(
        registry.due_inbound(UnixMillis(1), 10).await.unwrap(),
        std::slice::from_ref(&first)
    );
    assert_eq!(registry.due_inbound(UnixMillis(2), 1).await.unwrap().len(), 1);
    registry.close_inbound(&first.sha256, UnixMillis(3)).await.unwrap();
    assert_eq!(registry.due_inbound(UnixMillis(9), 10).await.unwrap(), [second]);
}

pub async fn a_push_is_put_off_and_comes_back(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    registry.put_inbound(&push(1)).await.unwrap();
    registry.postpone_inbound(&push(1).sha256, UnixMillis(50), None).await.unwrap();
    assert_eq!(registry.due_inbound(UnixMillis(49), 10).await.unwrap(), []);
    let again = Inbound { attempts: 1, ..push(1) };
    assert_eq!(registry.due_inbound(UnixMillis(50), 10).await.unwrap(), [again]);
    registry.postpone_inbound(&push(1).sha256, UnixMillis(60), Some(b"learned")).await.unwrap();
    drop(registry);
    let registry = factory.open().await;
    let learned = Inbound { attempts: 2, sealed: b"learned".to_vec(), ..push(1) };
    assert_eq!(registry.due_inbound(UnixMillis(60), 10).await.unwrap(), [learned]);
}

pub async fn what_was_dealt_with_is_remembered_for_a_while(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    registry.put_inbound(&push(1)).await.unwrap();
    registry.close_inbound(&push(1).sha256, UnixMillis(10)).await.unwrap();
    assert!(!registry.put_inbound(&push(1)).await.unwrap(), "it came before");
    registry.postpone_inbound(&push(1).sha256, UnixMillis(11), Some(b"late")).await.unwrap();
    assert_eq!(registry.due_inbound(UnixMillis(99), 10).await.unwrap(), [], "it is over");
    assert_eq!(registry.purge_inbound(UnixMillis(10)).await.unwrap(), 0);
    assert_eq!(registry.purge_inbound(UnixMillis(11)).await.unwrap(), 1);
    assert!(registry.put_inbound(&push(1)).await.unwrap(), "it is forgotten");
    registry.put_inbound(&push(2)).await.unwrap();
    assert_eq!(registry.purge_inbound(UnixMillis(99)).await.unwrap(), 0, "none is dealt with");
}

pub async fn too_many_are_refused(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    for number in 0..MAX_WAITING_INBOUND {
        assert!(registry.put_inbound(&push(number)).await.unwrap());
    }
    let more = push(MAX_WAITING_INBOUND);
    let refused = registry.put_inbound(&more).await;
    assert!(matches!(refused, Err(StorageError::Refused { .. })), "{refused:?}");
    assert!(!registry.put_inbound(&push(0)).await.unwrap(), "what is known is known");
    registry.close_inbound(&push(0).sha256, UnixMillis(1)).await.unwrap();
    assert!(registry.put_inbound(&more).await.unwrap(), "the refused one left nothing behind");
}
