//! The audit trail, and the values that are put once.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::RegistryFactory;
use super::sample::AT;
use crate::AuditEntry;

fn entry(number: u32) -> AuditEntry {
    AuditEntry {
        at: AT.plus_millis(i64::from(number)),
        actor: "ops".to_owned(),
        action: "hold.lift".to_owned(),
        subject: format!("hold:{number}"),
        detail: "checked by hand: naïve \"quotes\" and\nlines".to_owned(),
    }
}

pub async fn the_trail_is_newest_first_and_survives_reopening(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    assert_eq!(registry.audit(10).await.unwrap(), []);
    for number in 1..=3 {
        registry.append_audit(&entry(number)).await.unwrap();
    }
    drop(registry);
    let registry = factory.open().await;
    // Order is the order of appending: a clock set back does not reorder the trail.
    registry.append_audit(&entry(0)).await.unwrap();
    assert_eq!(registry.audit(10).await.unwrap(), [entry(0), entry(3), entry(2), entry(1)]);
    assert_eq!(registry.audit(2).await.unwrap(), [entry(0), entry(3)]);
}

pub async fn entries_at_once_are_all_kept(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let entries: Vec<_> = (0..30).map(entry).collect();
    for answer in join_all(entries.iter().map(|entry| registry.append_audit(entry))).await {
        answer.unwrap();
    }
    let kept = registry.audit(100).await.unwrap();
    let subjects: BTreeSet<_> = kept.iter().map(|entry| entry.subject.clone()).collect();
    assert_eq!((kept.len(), subjects.len()), (30, 30));
}

pub async fn a_value_is_put_once(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    assert_eq!(registry.put_once("canary", b"first").await.unwrap(), b"first");
    assert_eq!(registry.put_once("canary", b"second").await.unwrap(), b"first");
    assert_eq!(registry.put_once("epoch", b"").await.unwrap(), b"");
    drop(registry);
    let registry = factory.open().await;
    assert_eq!(registry.put_once("canary", b"third").await.unwrap(), b"first");
    assert_eq!(registry.put_once("epoch", b"1").await.unwrap(), b"", "an empty value is a value");
}

pub async fn an_installation_that_was_never_restored_is_in_epoch_0(factory: &dyn RegistryFactory) {
    assert_eq!(factory.open().await.epoch().await.unwrap(), 0);
    assert_eq!(factory.open().await.epoch().await.unwrap(), 0, "a restart is no restore");
}

pub async fn of_many_puts_at_once_all_see_one_value(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let values: Vec<[u8; 1]> = (0..30).map(|n| [n]).collect();
    let answers = join_all(values.iter().map(|value| registry.put_once("canary", value))).await;
    let seen: BTreeSet<_> = answers.into_iter().map(|answer| answer.unwrap()).collect();
    assert_eq!(seen.len(), 1);
}
