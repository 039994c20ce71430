//! What happens at the same time is told in one message.
//!
//! A person who resets a password ends ten tokens, and ten messages hide each other. So what one look
//! finds of the same fault goes out as one message per channel that lists all of it. Each thing is
//! still taken once, by its own key: whatever is told here is not told again by itself.

use std::collections::BTreeMap;

use holdfast_model::alert::{Alert, Transition};
use holdfast_storage::StorageError;

use crate::state::Gateway;

/// Most different sentences that one message repeats.
const MAX_SENTENCES: usize = 10;

/// Tells what was not told yet.
pub async fn tell(gateway: &Gateway, alerts: Vec<Alert>) -> Result<(), StorageError> {
    let mut groups = BTreeMap::<(String, String), Vec<Alert>>::new();
    for alert in alerts {
        if gateway.registry.alert(&alert.key).await?.is_none() {
            let kind = (alert.fault.clone(), alert.transition.name());
            groups.entry(kind).or_default().push(alert);
        }
    }
    let channels = gateway.channels.names();
    for mut group in groups.into_values() {
        group.sort_by(|a, b| a.key.cmp(&b.key));
        let first = in_one(&group);
        // Somebody else was first: what they did not tell is found at the next look.
        if !gateway.registry.claim_alert(&first, &channels).await? {
            continue;
        }
        for told in &group[1..] {
            gateway.registry.claim_alert(told, &[]).await?;
        }
    }
    Ok(())
}

/// The first one with what is to be said of the others. Its counts stay its own, because its end is
/// reckoned from them.
fn in_one(group: &[Alert]) -> Alert {
    let mut one = group[0].clone();
    let [_, others @ ..] = group else { return one };
    if others.is_empty() {
        return one;
    }
    one.together_with = others.iter().map(|other| other.key.clone()).collect();
    one.destinations = group.iter().flat_map(|alert| alert.destinations.clone()).collect();
    one.destinations.sort();
    one.destinations.dedup();
    one.waiting = group.iter().map(|alert| alert.waiting).sum();
    one.first_deadline = group.iter().filter_map(|alert| alert.first_deadline).min();
    let titles = sentences(group.iter().map(|alert| alert.title.as_str()));
    let whats = sentences(group.iter().map(|alert| alert.what.as_str()));
    one.remedy = sentences(group.iter().map(|alert| alert.remedy.as_str()));
    (one.title, one.what) = match one.transition {
        Transition::Opened => (
            format!(
                "Held: {} at {} at the same time. Nothing is lost; {} items wait.",
                one.fault,
                one.destinations.join(", "),
                one.waiting
            ),
            whats,
        ),
        _ => (format!("{} And {} more.", one.title, others.len()), titles),
    };
    // One link cannot be for all of them.
    one.regrant_url = one
        .regrant_url
        .filter(|url| others.iter().all(|other| other.regrant_url.as_ref() == Some(url)));
    one
}

/// Each once, in order.
fn sentences<'a>(all: impl Iterator<Item = &'a str>) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for one in all {
        if !kept.contains(&one) && kept.len() < MAX_SENTENCES {
            kept.push(one);
        }
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use holdfast_model::time::{UnixMillis, UnixSeconds};

    use super::*;

    fn alert(name: &str, waiting: u64, deadline: Option<i64>) -> Alert {
        Alert {
            key: format!("hold:{name}:opened"),
            transition: Transition::Opened,
            hold: None,
            at: UnixMillis(1),
            fault: "meta.token_expired".to_owned(),
            title: format!("Held: meta.token_expired at {name}."),
            what: "The token has expired.".to_owned(),
            remedy: "Issue a new token.".to_owned(),
            destinations: vec![name.to_owned(), "both".to_owned()],
            waiting,
            first_deadline: deadline.map(UnixSeconds),
            delivered: 3,
            expired: 0,
            regrant_url: Some(format!("https://example.com/{name}")),
            together_with: Vec::new(),
        }
    }

    #[test]
    fn one_alone_is_told_as_it_is() {
        assert_eq!(in_one(&[alert("a", 1, None)]), alert("a", 1, None));
    }

    #[test]
    fn several_are_listed_and_counted_once() {
        let one = in_one(&[alert("a", 1, Some(9)), alert("b", 2, Some(5)), alert("c", 4, None)]);
        assert_eq!(one.key, "hold:a:opened");
        assert_eq!(one.together_with, ["hold:b:opened", "hold:c:opened"]);
        assert_eq!(one.destinations, ["a", "b", "both", "c"]);
        assert_eq!((one.waiting, one.first_deadline), (7, Some(UnixSeconds(5))));
        assert_eq!((one.what.as_str(), one.delivered), ("The token has expired.", 3));
        assert!(one.title.contains("at a, b, both, c at the same time"), "{}", one.title);
        assert_eq!(one.regrant_url, None, "each has a link of its own");
    }
}
