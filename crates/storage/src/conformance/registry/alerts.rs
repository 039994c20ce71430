//! Alerts: told once, and kept until each channel has them.

use futures_util::future::join_all;
use holdfast_model::alert::{Alert, Transition};
use holdfast_model::time::UnixMillis;

use super::RegistryFactory;
use crate::AlertOutcome;

fn alert(key: &str, at: i64) -> Alert {
    Alert {
        key: key.to_owned(),
        transition: Transition::Test,
        hold: None,
        at: UnixMillis(at),
        fault: "meta.token_expired".to_owned(),
        title: "a title".to_owned(),
        what: "what".to_owned(),
        remedy: "do".to_owned(),
        destinations: vec!["shop".to_owned()],
        waiting: 7,
        first_deadline: None,
        delivered: 3,
        expired: 0,
        regrant_url: None,
        together_with: Vec::new(),
    }
}

fn channels() -> Vec<String> {
    vec!["slack".to_owned(), "webhook".to_owned()]
}

pub async fn of_fifty_claims_at_once_one_is_told_yes(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    let alert = alert("hold:1:opened", 10);
    let channels = channels();
    let claims = (0..50).map(|_| registry.claim_alert(&alert, &channels));
    let told = join_all(claims).await.into_iter().filter(|told| *told.as_ref().unwrap()).count();
    assert_eq!(told, 1);
    let due = registry.due_alerts(UnixMillis(10), 100).await.unwrap();
    assert_eq!(due.len(), 2, "one for each channel");
    assert_eq!(registry.alert("hold:1:opened").await.unwrap(), Some(alert));
    assert_eq!(registry.alert("hold:2:opened").await.unwrap(), None);
}

pub async fn an_alert_is_due_until_its_channel_has_it(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    assert!(registry.claim_alert(&alert("a", 10), &channels()).await.unwrap());
    assert!(registry.due_alerts(UnixMillis(9), 10).await.unwrap().is_empty(), "not yet");
    registry.postpone_alert("a", "slack", UnixMillis(50), "no answer").await.unwrap();
    drop(registry);
    let registry = factory.open().await;
    let due = registry.due_alerts(UnixMillis(10), 10).await.unwrap();
    assert_eq!((due.len(), due[0].channel.as_str(), due[0].attempts), (1, "webhook", 0));
    let delivered = AlertOutcome::Delivered(UnixMillis(11));
    registry.close_alert("a", "webhook", &delivered).await.unwrap();
    assert!(registry.due_alerts(UnixMillis(49), 10).await.unwrap().is_empty());
    let due = registry.due_alerts(UnixMillis(50), 10).await.unwrap();
    assert_eq!((due.len(), due[0].channel.as_str(), due[0].attempts), (1, "slack", 1));
    let given_up = AlertOutcome::GivenUp(UnixMillis(60));
    registry.close_alert("a", "slack", &given_up).await.unwrap();
    registry.postpone_alert("a", "slack", UnixMillis(1), "late").await.unwrap();
    assert!(registry.due_alerts(UnixMillis(i64::MAX), 10).await.unwrap().is_empty(), "closed");
    let sent = registry.alerts(10).await.unwrap();
    let [slack, webhook] = &sent[0].channels[..] else { panic!("{sent:?}") };
    assert_eq!(
        (slack.given_up_at, slack.error.as_deref()),
        (Some(UnixMillis(60)), Some("no answer"))
    );
    assert_eq!((webhook.delivered_at, webhook.attempts), (Some(UnixMillis(11)), 1));
}

pub async fn alerts_are_listed_newest_first(factory: &dyn RegistryFactory) {
    let registry = factory.open().await;
    for (key, at) in [("b", 20), ("a", 10), ("c", 30)] {
        assert!(registry.claim_alert(&alert(key, at), &[]).await.unwrap());
    }
    let listed = registry.alerts(2).await.unwrap();
    let keys: Vec<&str> = listed.iter().map(|sent| sent.alert.key.as_str()).collect();
    assert_eq!(keys, ["c", "b"]);
}
