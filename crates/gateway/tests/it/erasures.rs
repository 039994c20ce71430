//! Erasing what is kept of a person, over HTTP: what waits, what left, what is on its way.

use std::time::Duration;

use holdfast_model::access::Role;
use holdfast_model::destination::Destination;
use holdfast_model::secret::Secret;
use serde_json::{Value, json};

use crate::ear::Ear;
use crate::harness::{Answer, Harness};

struct Office {
    harness: Harness,
    shop: Destination,
    sender: Secret,
    admin: Secret,
}

impl Office {
    async fn with(harness: Harness) -> Self {
        let (shop, sender) = harness.with_shop().await;
        let admin = harness.key("boss", Role::Admin, &[]).await;
        Self { harness, shop, sender, admin }
    }

    async fn send(&self, events: &[Value]) {
        let body = json!({ "data": events }).to_string();
        self.harness.send(&self.sender, "?destination=shop", body).await.expect(202);
    }

    async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.harness.call(method, path, Some(self.admin.expose()), body).await
    }

    async fn erase(&self, person: Value) -> Value {
        self.call("POST", "/v1/erasures", &person).await.expect(200).body
    }

    async fn letters(&self) -> Vec<Value> {
        let page = self.call("GET", "/v1/dead-letters?events=true", &Value::Null).await;
        page.expect(200).body["dead_letters"].as_array().unwrap().clone()
    }
}

/// The event with this number, of the customer with this id.
fn event_of(harness: &Harness, number: u64, id: &str) -> Value {
    let mut event = harness.event(number);
    event["user_data"]["fb_login_id"] = json!(id);
    event
}

#[tokio::test]
async fn what_waits_is_erased_and_stays_so() {
    let office = Office::with(Harness::start().await).await;
    let events: Vec<Value> = (0..6)
        .map(|n| event_of(&office.harness, n, if n < 2 { "10158912345678901" } else { "77" }))
        .collect();
    office.send(&events).await;
    let erased = office.erase(json!({ "fb_login_id": "10158912345678901" })).await;
    assert_eq!((&erased["waiting"], &erased["letters"]), (&json!(2), &json!(0)), "{erased:#}");
    assert_eq!((&erased["looked_at"], &erased["complete"]), (&json!(6), &json!(true)));

    let letters = office.letters().await;
    assert_eq!(letters.len(), 2);
    for letter in &letters {
        assert_eq!(letter["fault"]["name"], "holdfast.erased");
        assert_eq!(letter["state"], "rejected");
        assert!(letter["event"].is_null() && letter["event_id"] == "", "{letter:#}");
        assert_eq!(letter["erased_at"], erased["at"]);
    }
    let id = letters[0]["item_id"].as_str().unwrap();
    let replayed = json!({ "item_ids": [id] });
    let replayed = office.call("POST", "/v1/dead-letters/replay", &replayed).await.expect(200).body;
    assert_eq!((&replayed["moved"], &replayed["erased"]), (&json!([]), &json!([id])));
    let path = format!("/v1/dead-letters/{id}/edit");
    let refused = office.call("POST", &path, &events[0]).await.expect(409);
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("erased"));

    // What people are known by is not kept, by hand or by hash.
    let audit = office.call("GET", "/v1/audit", &Value::Null).await.expect(200).body;
    let entries = audit.as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["action"] == "erasure").unwrap();
    assert!(entry["detail"].as_str().unwrap().contains("fb_login_id"), "{entry}");
    assert!(entry["detail"].as_str().unwrap().contains("2 waiting"), "{entry}");
    assert!(!audit.to_string().contains("10158912345678901"));
    let person = format!("person:{}", erased["person"].as_str().unwrap());
    assert_eq!(entry["subject"], person.as_str());

    let office = Office { harness: office.harness.restart().await, ..office };
    let counts = office.harness.counts(&office.shop).await.ledger;
    assert_eq!((counts.accepted, counts.queued, counts.rejected), (6, 4, 2));
    assert!(counts.is_conserved());
    let again = office.erase(json!({ "fb_login_id": ["10158912345678901"] })).await;
    assert_eq!((&again["waiting"], &again["letters"]), (&json!(0), &json!(0)));
    assert_eq!(again["person"], erased["person"], "the same person by the same fingerprint");
}

#[tokio::test]
async fn hashed_identifiers_are_found_by_what_they_were() {
    let office = Office::with(Harness::start().await).await;
    office.send(&office.harness.event_list(0..5)).await;
    let by_mail = office.erase(json!({ "email": ["buyer.1@shop.example", "x@example.com"] })).await;
    assert_eq!(by_mail["waiting"], 1, "{by_mail:#}");
    let phone = office.harness.event(2)["user_data"]["ph"][0].clone();
    let by_phone = office.erase(json!({ "phone": phone, "platform": "snap" })).await;
    assert_eq!((&by_phone["waiting"], &by_phone["looked_at"]), (&json!(0), &json!(0)));
    let by_phone = office.erase(json!({ "phone": phone, "platform": "meta" })).await;
    assert_eq!(by_phone["waiting"], 1, "{by_phone:#}");
    let left: Vec<String> =
        office.harness.waiting(&office.shop).await.into_iter().map(|(id, ..)| id).collect();
    let expected: Vec<String> =
        [0, 3, 4].map(|n| office.harness.event(n)["event_id"].as_str().unwrap().to_owned()).into();
    assert_eq!(left, expected);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_without_repeating_it() {
    let office = Office::with(Harness::start().await).await;
    for (body, status) in [
        (json!({}), 422),
        (json!({ "email": "jane.doe" }), 422),
        (json!({ "email": 7 }), 422),
        (json!({ "fb_login_id": "jane.doe" }), 422),
        (json!({ "e-mail": "jane.doe@example.com" }), 422),
        (json!({ "email": "jane.doe@example.com", "platform": "myspace" }), 422),
        (json!({ "email": "jane.doe@example.com", "app": "123" }), 404),
    ] {
        let answer = office.call("POST", "/v1/erasures", &body).await.expect(status);
        assert!(!answer.body.to_string().contains("jane.doe"), "{body}: {:#}", answer.body);
    }
}

#[tokio::test]
async fn what_is_on_its_way_is_not_sent_again() {
    let ear = Ear::open().await;
    let office = Office::with(Harness::toward(&ear.url).await).await;
    office.harness.resume("shop").await;
    // After a hold the first event goes alone.
    office.send(&[event_of(&office.harness, 9, "9")]).await;
    office.harness.until(&office.shop, |ledger| ledger.delivered == 1).await;
    ear.stall(true);
    let events: Vec<Value> = (0..3).map(|n| event_of(&office.harness, n, &n.to_string())).collect();
    office.send(&events).await;
    let ids = |body: &Value| -> Vec<String> {
        let events = body["data"].as_array().unwrap().iter();
        events.map(|event| event["user_data"]["fb_login_id"].to_string()).collect()
    };
    let has_it = |body: &Value| ids(body).contains(&"\"1\"".to_owned());
    let heard = async {
        while !ear.heard().iter().any(has_it) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), heard).await.unwrap();

    // The request is out with all three, and fails while the erasure waits for it.
    let fail = async {
        while !office.is_looking().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ear.stall(false);
    };
    let fail = tokio::time::timeout(Duration::from_secs(60), fail);
    let (erased, failed) = tokio::join!(office.erase(json!({ "fb_login_id": "1" })), fail);
    failed.expect("the erasure waits for what is in flight");
    assert_eq!((&erased["waiting"], &erased["complete"]), (&json!(1), &json!(true)), "{erased:#}");
    office.harness.until(&office.shop, |ledger| ledger.delivered == 3).await;
    let counts = office.harness.counts(&office.shop).await.ledger;
    assert_eq!((counts.queued, counts.rejected), (0, 1), "{counts:?}");
    let sent = ear.heard().iter().filter(|body| has_it(body)).count();
    assert_eq!(sent, 1, "{:?}", ear.heard());
}

impl Office {
    /// Whether an item of the lane must not be sent any more.
    async fn is_looking(&self) -> bool {
        use holdfast_model::id::Seq;
        let all: Vec<Seq> = (0..100).map(Seq).collect();
        let erasing = self.harness.gateway().outbox.record_intent(self.shop.lane, &all).await;
        !erasing.unwrap().is_empty()
    }
}
