//! One event for several destinations, by the routes of the configuration.

use holdfast_model::access::Role;
use holdfast_model::destination::Destination;
use serde_json::{Value, json};

use crate::harness::{ASSET, Answer, Harness, read};

/// `shop` is what the callers know; `copy` and `leads` get what a route sends there. `shop-all` is
/// named by callers itself.
const ROUTES: &str = r#"
[routes.copies]
from = ["shop"]
[[routes.copies.to]]
destination = "copy"
rename_events = { Purchase = "Bought" }
fields = { "custom_data.order_id" = "custom_data.ref", "custom_data.value" = "custom_data.amount" }
set = { action_source = "other" }
[[routes.copies.to]]
destination = "leads"
events = ["Lead"]

[routes.all]
[[routes.all.to]]
destination = "copy"
events = ["Purchase", "Lead"]
[[routes.all.to]]
destination = "leads"
events = ["Lead"]
fields = { "custom_data.value" = "custom_data.amount" }

[routes.broken]
[[routes.broken.to]]
destination = "nowhere"
"#;

struct Routed {
    harness: Harness,
    destinations: [Destination; 3],
}

impl Routed {
    async fn start() -> Self {
        let harness = Harness::with(ROUTES).await;
        let make = |name, asset| harness.destination(name, asset, json!({}));
        let destinations = [
            make("shop", ASSET).await,
            make("copy", "2000000001").await,
            make("leads", "2000000002").await,
        ];
        Self { harness, destinations }
    }

    /// What each destination accepted; that nothing of it is lost is checked on the way.
    async fn accepted(&self) -> [u64; 3] {
        let mut accepted = [0; 3];
        for (destination, accepted) in self.destinations.iter().zip(&mut accepted) {
            let ledger = self.harness.counts(destination).await.ledger;
            assert!(ledger.is_conserved(), "{}: {ledger:?}", destination.id);
            *accepted = ledger.accepted;
        }
        accepted
    }
}

fn named(harness: &Harness, n: u64, name: &str) -> Value {
    let mut event = harness.event(n);
    event["event_name"] = json!(name);
    event
}

fn receipts(answer: &Answer) -> Vec<(u64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let receipts = answer.body["receipts"].as_array().unwrap();
    receipts
        .iter()
        .map(|one| {
            (one["index"].as_u64().unwrap(), text(&one["status"]), text(&one["destination"]))
        })
        .collect()
}

#[tokio::test]
async fn what_is_sent_to_one_destination_is_copied_by_its_rules() {
    let routed = Routed::start().await;
    let harness = &routed.harness;
    let key = harness.key("sender", Role::Ingest, &["shop"]).await;
    let mut bought = named(harness, 1, "Purchase");
    bought["custom_data"] = json!({"value": 10.10, "currency": "EUR", "ref": "o-1"});
    let body = json!([bought, named(harness, 2, "Lead"), {"event_name": "Lead"}]);
    let answer = harness.send(&key, "?destination=shop", body.to_string()).await.expect(202);
    let expected = [
        (0, "accepted", "shop"),
        (0, "accepted", "copy"),
        (1, "accepted", "shop"),
        (1, "accepted", "copy"),
        (1, "accepted", "leads"),
        (2, "refused", "shop"),
        (2, "refused", "copy"),
        (2, "refused", "leads"),
    ];
    let expected = expected.map(|(n, status, to)| (n, status.to_owned(), to.to_owned()));
    assert_eq!(receipts(&answer), expected);
    assert_eq!(routed.accepted().await, [2, 2, 1]);
    let [_, copy, _] = &routed.destinations;
    let waiting = harness.waiting(copy).await;
    let bought = waiting.iter().find(|(_, event, _)| event["event_name"] == "Bought").unwrap();
    assert_eq!(bought.1["custom_data"]["order_id"], "o-1");
    assert_eq!(bought.1["custom_data"]["value"], json!(10.10));
    assert!(bought.1["custom_data"].get("ref").is_none());
    assert_eq!(bought.1["action_source"], "other");
}

#[tokio::test]
async fn a_drop_in_caller_is_refused_for_its_own_destination_alone() {
    let routed = Routed::start().await;
    let harness = &routed.harness;
    let key = harness.key("sender", Role::Ingest, &[]).await;
    let path = format!("/v25.0/{ASSET}/events");
    // Meta takes any key of one's own; the copy's rules move it to where a number is expected.
    let mut odd = named(harness, 1, "Lead");
    odd["custom_data"] = json!({"amount": "much"});
    let body = json!({"data": [odd, named(harness, 2, "Lead")]});
    let answer = harness.call("POST", &path, Some(key.expose()), &body).await.expect(200);
    assert_eq!(answer.body["events_received"], 2);
    let messages = answer.body["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1, "{messages:?}");
    let remark = messages[0].as_str().unwrap();
    assert!(remark.starts_with("event 0 was not copied to copy: meta."), "{remark}");
    assert_eq!(routed.accepted().await, [2, 1, 2]);

    let body = json!({"data": [named(harness, 3, "Lead"), {"event_name": "Lead"}]});
    harness.call("POST", &path, Some(key.expose()), &body).await.expect(400);
    assert_eq!(routed.accepted().await, [2, 1, 2], "all or nothing, copies too");
}

#[tokio::test]
async fn a_route_is_named_in_the_place_of_destinations() {
    let routed = Routed::start().await;
    let harness = &routed.harness;
    let key = harness.key("sender", Role::Ingest, &[]).await;
    let mut lead = named(harness, 1, "Lead");
    lead["custom_data"] = json!({"amount": "abc", "currency": "EUR"});
    let body = json!([lead, named(harness, 2, "Purchase"), named(harness, 3, "Heartbeat")]);
    let answer = harness.send(&key, "?route=all", body.to_string()).await.expect(202);
    let receipts = answer.body["receipts"].as_array().unwrap();
    let refused: Vec<&Value> = receipts.iter().filter(|one| one["status"] == "refused").collect();
    assert_eq!(refused.len(), 2, "{receipts:#?}");
    assert_eq!(refused[0]["field"], "custom_data.amount", "as the caller calls it");
    assert_eq!(refused[0]["destination"], "leads");
    assert_eq!(
        (&refused[1]["index"], &refused[1]["fault"]),
        (&json!(2), &json!("holdfast.not_routed"))
    );
    assert_eq!(routed.accepted().await, [0, 2, 0]);

    let lines: String = (4..8).map(|n| format!("{}\n", named(harness, n, "Lead"))).collect();
    let request = harness.events(&key, "?route=all").header("content-type", "application/x-ndjson");
    let answer = read(request.body(lines)).await.expect(202);
    assert_eq!(answer.body["accepted"], 8);
    assert_eq!(routed.accepted().await, [0, 6, 4]);
}

#[tokio::test]
async fn a_request_under_a_route_is_repeated_like_any_other() {
    let routed = Routed::start().await;
    let harness = &routed.harness;
    let key = harness.key("sender", Role::Ingest, &[]).await;
    let body = json!([named(harness, 1, "Lead")]).to_string();
    let send = |query: &'static str| {
        let request = harness.events(&key, query).header("idempotency-key", "one");
        read(request.body(body.clone()))
    };
    let first = send("?route=all").await.expect(202);
    let again = send("?route=all").await.expect(202);
    assert_eq!(first.body, again.body);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    send("?destination=copy").await.expect(422);
    assert_eq!(routed.accepted().await, [0, 1, 1]);
}

#[tokio::test]
async fn what_cannot_be_routed_is_refused_and_nothing_is_half_done() {
    let routed = Routed::start().await;
    let harness = &routed.harness;
    let key = harness.key("sender", Role::Ingest, &[]).await;
    let bound = harness.key("bound", Role::Ingest, &["copy"]).await;
    let body = json!([named(harness, 1, "Lead")]).to_string();
    for (key, query, status, fault) in [
        (&key, "?route=none", 404, "holdfast.unknown_route"),
        (&key, "?route=broken", 409, "holdfast.broken_route"),
        (&key, "?route=all&destination=copy", 422, "holdfast.invalid_body"),
        (&bound, "?route=all", 403, "holdfast.destination_not_allowed"),
    ] {
        let answer = harness.send(key, query, body.clone()).await.expect(status);
        assert_eq!(answer.fault(), fault, "{query}");
    }
    assert_eq!(routed.accepted().await, [0, 0, 0]);
}

/// The page and what is read must not drift apart.
#[test]
fn the_example_of_the_documentation_is_valid() {
    let page = include_str!("../../../../docs/routing.md");
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let settings =
        holdfast_gateway::config::Settings::parse(example, &std::collections::BTreeMap::new());
    assert_eq!(settings.unwrap().routes[0].to.len(), 2);
}
