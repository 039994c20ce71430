//! Holds: one open per scope, opened and lifted exactly once.

use futures_util::future::join_all;
use holdfast_model::hold::Hold;
use holdfast_model::scope::{Scope, SelectorKind};

use super::RegistryFactory;
use super::sample::{hold, lifted, scope};
use crate::{OpenedHold, StorageError};

pub async fn a_hold_is_opened_once_per_scope(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let first = hold(1, scope("shop"));
    assert_eq!(registry.open_hold(&first).await.unwrap(), OpenedHold::New);
    drop(registry);

    let registry = factory.open().await;
    for again in [hold(2, scope("shop")), first.clone()] {
        let answer = registry.open_hold(&again).await.unwrap();
        assert_eq!(answer, OpenedHold::Already(first.clone()));
    }
    assert_eq!(registry.open_holds().await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(registry.holds(10).await.unwrap(), [first]);
}

pub async fn of_fifty_openings_at_once_one_is_new(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let holds: Vec<Hold> = (0..50).map(|n| hold(n, scope("shop"))).collect();
    let answers = join_all(holds.iter().map(|hold| registry.open_hold(hold))).await;
    let mut winners = Vec::new();
    let mut told = Vec::new();
    for (hold, answer) in holds.into_iter().zip(answers) {
        match answer.unwrap() {
            OpenedHold::New => winners.push(hold),
            OpenedHold::Already(open) => told.push(open),
        }
    }
    assert_eq!(winners.len(), 1, "exactly one caller alerts");
    assert_eq!(told.len(), 49);
    assert!(told.iter().all(|open| *open == winners[0]), "the others learn which one is open");
    assert_eq!(registry.open_holds().await.unwrap(), winners);
}

pub async fn other_scopes_are_other_holds(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let asset = |value: &str| (SelectorKind::Asset, value.to_owned());
    let shop = (SelectorKind::Credential, "shop".to_owned());
    let scopes = [
        Scope::new([shop.clone()]),
        Scope::new([shop.clone(), asset("1")]),
        Scope::new([shop.clone(), asset("2")]),
        Scope::new([asset("1")]),
    ];
    for (number, scope) in (1..).zip(&scopes) {
        let answer = registry.open_hold(&hold(number, scope.clone())).await.unwrap();
        assert_eq!(answer, OpenedHold::New);
    }
    // The same selectors named in another order are the same scope.
    let reordered = Scope::new([asset("1"), shop]);
    let answer = registry.open_hold(&hold(9, reordered.clone())).await.unwrap();
    assert_eq!(answer, OpenedHold::Already(hold(2, reordered)));
    let open: Vec<_> = registry.open_holds().await.unwrap().into_iter().map(|h| h.scope).collect();
    assert_eq!(open, scopes, "oldest first");
}

pub async fn a_lifted_scope_can_be_held_again(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let (first, second) = (hold(1, scope("shop")), hold(2, scope("shop")));
    registry.open_hold(&first).await.unwrap();
    assert!(registry.lift_hold(first.id, &lifted("ops")).await.unwrap());
    assert_eq!(registry.open_holds().await.unwrap(), []);
    assert!(
        matches!(registry.open_hold(&first).await, Err(StorageError::Exists { what: "hold", .. })),
        "an id is used once"
    );
    assert_eq!(registry.open_hold(&second).await.unwrap(), OpenedHold::New);
    assert_eq!(registry.open_holds().await.unwrap(), [second]);
}

pub async fn lifting_happens_once(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let first = hold(1, scope("shop"));
    assert!(!registry.lift_hold(first.id, &lifted("ops")).await.unwrap(), "nothing is open yet");
    registry.open_hold(&first).await.unwrap();
    let lifts: Vec<_> = (0..20).map(|n| lifted(&format!("ops-{n}"))).collect();
    let answers = join_all(lifts.iter().map(|lift| registry.lift_hold(first.id, lift))).await;
    let winners: Vec<_> = lifts
        .into_iter()
        .zip(answers)
        .filter_map(|(lift, answer)| answer.unwrap().then_some(lift))
        .collect();
    assert_eq!(winners.len(), 1);
    drop(registry);
    let expected = Hold { lifted: winners.into_iter().next(), ..first };
    let registry = factory.open().await;
    assert_eq!(registry.holds(10).await.unwrap(), [expected]);
    assert_eq!(registry.open_holds().await.unwrap(), []);
}

pub async fn impossible_holds_are_refused(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let empty = hold(1, Scope::default());
    let done = Hold { lifted: Some(lifted("ops")), ..hold(2, scope("shop")) };
    for wrong in [empty, done] {
        assert!(matches!(registry.open_hold(&wrong).await, Err(StorageError::Refused { .. })));
    }
    assert_eq!(registry.holds(10).await.unwrap(), []);
}

pub async fn listings_are_newest_first_and_bounded(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    for number in [3, 1, 2] {
        let opened = hold(number, scope(&format!("c{number}")));
        registry.open_hold(&opened).await.unwrap();
    }
    registry.lift_hold(hold(2, scope("c2")).id, &lifted("ops")).await.unwrap();
    let ids = |holds: Vec<Hold>| holds.into_iter().map(|hold| hold.id).collect::<Vec<_>>();
    let id = |number: u8| hold(number, scope("any")).id;
    assert_eq!(ids(registry.holds(10).await.unwrap()), [id(3), id(2), id(1)]);
    assert_eq!(ids(registry.holds(2).await.unwrap()), [id(3), id(2)]);
    assert_eq!(ids(registry.holds(0).await.unwrap()), []);
    assert_eq!(ids(registry.open_holds().await.unwrap()), [id(1), id(3)]);
}
