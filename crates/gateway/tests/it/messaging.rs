//! Events from conversations on their way out. Meta counts each repetition of one, so few share a
//! request, nothing else is among them, and what nobody heard the answer to is not sent again.

use holdfast_model::access::Role;
use serde_json::{Value, json};

use crate::ear::Ear;
use crate::harness::{ASSET, Harness};

/// As many as the platform's code lets share a request.
const MOST_TOGETHER: usize = 50;

#[tokio::test]
async fn few_of_them_and_nothing_else_share_a_request() {
    let ear = Ear::open().await;
    let harness = Harness::toward(&ear.url).await;
    let (shop, key) = harness.with_shop().await;
    let events: Vec<Value> = (0..240)
        .map(|n| if n % 100 >= 80 { harness.event(n) } else { conversation(&harness, n) })
        .collect();
    let path = format!("/v25.0/{ASSET}/events");
    let body = json!({"data": events});
    harness.call("POST", &path, Some(key.expose()), &body).await.expect(200);
    harness.resume("shop").await;
    harness.until(&shop, |ledger| ledger.delivered == 240).await;
    let (mut from_conversations, mut most) = (0, 0);
    for request in ear.heard() {
        let events = request["data"].as_array().unwrap().clone();
        let is_conversation = |event: &Value| event["action_source"] == "business_messaging";
        let of_them = events.iter().filter(|event| is_conversation(event)).count();
        assert!(of_them == 0 || of_them == events.len(), "{of_them} of {}", events.len());
        assert!(of_them <= MOST_TOGETHER, "{of_them}");
        from_conversations += of_them;
        most = most.max(of_them);
    }
    assert_eq!((from_conversations, most), (200, MOST_TOGETHER));
}

#[tokio::test]
async fn what_nobody_heard_the_answer_to_is_not_sent_again() {
    let ear = Ear::open().await;
    let harness = Harness::toward(&ear.url).await;
    let shop = harness.destination("shop", ASSET, json!({"max_in_flight": 1})).await;
    let key = harness.key("sender", Role::Ingest, &[]).await;
    let path = format!("/v25.0/{ASSET}/events");
    let body = json!({"data": [conversation(&harness, 1)]});
    harness.call("POST", &path, Some(key.expose()), &body).await.expect(200);
    ear.lose_answers(1);
    harness.resume("shop").await;
    harness.until(&shop, |ledger| ledger.unknown == 1).await;
    // Whatever comes after it goes out, and it does not go with it.
    let body = json!({"data": [conversation(&harness, 2), harness.event(3)]});
    harness.call("POST", &path, Some(key.expose()), &body).await.expect(200);
    harness.until(&shop, |ledger| ledger.delivered == 2 && ledger.unknown == 1).await;
    let heard = ear.heard();
    let first = conversation(&harness, 1)["event_id"].clone();
    let sent = heard.iter().flat_map(|request| request["data"].as_array().unwrap());
    assert_eq!(sent.filter(|event| event["event_id"] == first).count(), 1);
}

fn conversation(harness: &Harness, n: u64) -> Value {
    json!({
        "event_name": "LeadSubmitted", "event_time": harness.now().0, "event_id": format!("c-{n}"),
        "action_source": "business_messaging", "messaging_channel": "whatsapp",
        "user_data": {"ctwa_clid": format!("ARAk{n}"), "whatsapp_business_account_id": "123"},
    })
}
