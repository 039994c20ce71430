//! What left the queue undelivered, over HTTP: looked for, counted, put back, corrected, decided.

use holdfast_model::access::Role;
use holdfast_model::destination::Destination;
use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::id::Seq;
use holdfast_model::secret::Secret;
use holdfast_storage::{LeaseAsk, Settlement};
use serde_json::{Value, json};

use crate::harness::Harness;

struct Office {
    harness: Harness,
    shop: Destination,
    sender: Secret,
    operator: Secret,
    admin: Secret,
}

impl Office {
    async fn open() -> Self {
        let harness = Harness::start().await;
        let (shop, sender) = harness.with_shop().await;
        let operator = harness.key("operator", Role::Operator, &[]).await;
        let admin = harness.key("boss", Role::Admin, &[]).await;
        Self { harness, shop, sender, operator, admin }
    }

    /// Accepts events and returns their positions in the queue.
    async fn waiting(&self, events: std::ops::Range<u64>) -> Vec<Seq> {
        let body = json!({ "data": self.harness.event_list(events) }).to_string();
        self.harness.send(&self.sender, "?destination=shop", body).await.expect(202);
        self.lease().await
    }

    async fn lease(&self) -> Vec<Seq> {
        let outbox = &self.harness.gateway().outbox;
        let now = self.harness.gateway().clock.wall();
        let ask = LeaseAsk { max_items: 2_000, max_unsafe_items: 2_000, max_bytes: 64 << 20, now };
        let lease = outbox.lease(self.shop.lane, ask).await.unwrap();
        lease.items.iter().map(|item| item.meta.seq).collect()
    }

    async fn settle(&self, settlement: Settlement) {
        self.harness.gateway().outbox.settle(self.shop.lane, settlement).await.unwrap();
    }

    async fn reject(&self, events: std::ops::Range<u64>, fault_name: &str) {
        let at = self.harness.gateway().clock.wall();
        let items = self.waiting(events).await;
        let items = items.into_iter().map(|seq| (seq, fault(fault_name))).collect();
        self.settle(Settlement::Rejected { items, at }).await;
    }

    async fn lose(&self, events: std::ops::Range<u64>) {
        let at = self.harness.gateway().clock.wall();
        let items = self.waiting(events).await;
        self.settle(Settlement::Unknown { items, fault: fault("meta.answer_lost"), at }).await;
    }

    async fn get(&self, path: &str) -> Value {
        let path = format!("/v1/dead-letters{path}");
        let key = Some(self.operator.expose());
        self.harness.call("GET", &path, key, &Value::Null).await.expect(200).body
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let path = format!("/v1/dead-letters{path}");
        let key = Some(self.operator.expose());
        self.harness.call("POST", &path, key, &body).await.expect(200).body
    }

    /// `accepted`, `queued` and `held` together, `rejected`, `unknown`, `delivered`.
    async fn ledger(&self) -> [u64; 5] {
        let counts = self.harness.counts(&self.shop).await.ledger;
        assert!(counts.is_conserved(), "{counts:?}");
        let waits = counts.queued + counts.held;
        [counts.accepted, waits, counts.rejected, counts.unknown, counts.delivered]
    }

    async fn audited(&self, action: &str) -> Vec<Value> {
        let key = Some(self.operator.expose());
        let audit = self.harness.call("GET", "/v1/audit", key, &Value::Null).await.expect(200).body;
        let of_it = audit.as_array().unwrap().iter().filter(|entry| entry["action"] == action);
        of_it.cloned().collect()
    }
}

fn fault(name: &str) -> Fault {
    Fault {
        name: name.to_owned(),
        class: FaultClass::Payload,
        action: FaultAction::DeadLetter,
        selectors: Vec::new(),
        code: None,
        summary: "The event was refused.".to_owned(),
        remedy: "Mend it.".to_owned(),
        platform_message: "no".to_owned(),
        trace_id: None,
    }
}

fn ids(letters: &Value) -> Vec<String> {
    let letters = letters["dead_letters"].as_array().unwrap();
    letters.iter().map(|letter| letter["item_id"].as_str().unwrap().to_owned()).collect()
}

fn length(answer: &Value, field: &str) -> usize {
    answer[field].as_array().unwrap_or_else(|| panic!("{answer}")).len()
}

#[tokio::test]
async fn pages_hold_everything_once_and_a_replay_goes_through_them() {
    let office = Office::open().await;
    for hundred in 0..12 {
        let name = if hundred % 3 == 0 { "meta.odd_one" } else { "meta.event_refused" };
        office.reject(hundred * 100..(hundred + 1) * 100, name).await;
    }
    let counts = office.get("/counts").await;
    let count =
        |position: usize| (counts[position]["fault"].clone(), counts[position]["items"].clone());
    assert_eq!(count(0), (json!("meta.event_refused"), json!(800)));
    assert_eq!(count(1), (json!("meta.odd_one"), json!(400)));
    assert_eq!(counts[0]["destination"], "shop");

    let mut seen = Vec::new();
    let mut path = "?limit=500".to_owned();
    for expected in [500, 500, 200] {
        let page = office.get(&path).await;
        let page_ids = ids(&page);
        assert_eq!(page_ids.len(), expected);
        seen.extend(page_ids);
        path = format!("?limit=500&after={}", page["next"].as_str().unwrap_or("-"));
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 1_200);
    let newest = ids(&office.get("?limit=1&newest_first=true").await);
    assert!(!ids(&office.get("?limit=1").await).contains(&newest[0]));

    let matching = |after: &Value| json!({ "matching": { "destination": "shop", "fault": "meta.event_refused", "limit": 300, "after": after } });
    let mut after = Value::Null;
    let mut pages = Vec::new();
    loop {
        let answer = office.post("/replay", matching(&after)).await;
        pages.push(length(&answer, "moved"));
        after = answer["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(pages, [300, 300, 200]);
    assert_eq!(office.ledger().await, [1_200, 800, 400, 0, 0]);
    let again = office.post("/replay", matching(&Value::Null)).await;
    assert_eq!(length(&again, "moved"), 0, "what is put back is put back once");
    let audit = office.audited("dead_letter.replay").await;
    assert_eq!(audit.len(), 4);
    let detail = audit[3]["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("300 of 300 items: all rejected and expired, of shop, "),
        "{detail}"
    );
    assert!(detail.contains("meta.event_refused"), "{detail}");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_by_name() {
    let office = Office::open().await;
    let key = Some(office.operator.expose());
    let page = office.harness.call("GET", "/v1/dead-letters", key, &Value::Null).await.expect(200);
    assert_eq!(page.body, json!({ "dead_letters": [] }));
    for (query, expected) in [
        ("fault=", 200),
        ("state=delivered", 422),
        ("state=nonsense", 422),
        ("hold=nonsense", 422),
        ("since=yesterday", 422),
        ("after=nonsense", 422),
        ("limit=-1", 422),
        ("color=red", 422),
        ("destination=nobody", 404),
    ] {
        for path in ["/v1/dead-letters", "/v1/dead-letters/counts"] {
            let path = format!("{path}?{query}");
            let answer = office.harness.call("GET", &path, key, &Value::Null).await;
            assert_eq!(answer.status, expected, "{path}: {:#}", answer.body);
            let field = query.split('=').next().unwrap();
            let said = answer.body.to_string();
            assert!(expected != 422 || said.contains(field), "{path}: {said}");
        }
    }
    let nothing = "00000000-0000-7000-8000-000000000000";
    for (path, body, expected) in [
        ("replay", json!({}), 422),
        ("replay", json!({ "item_ids": [], "matching": {} }), 422),
        ("replay", json!({ "item_ids": ["x"] }), 422),
        ("replay", json!({ "item_ids": vec![nothing; 1_001] }), 422),
        ("replay", json!({ "matching": { "state": "unknown" } }), 422),
        ("replay", json!({ "matching": { "colour": "red" } }), 422),
        ("resolve", json!({ "item_ids": [nothing] }), 422),
        ("resolve", json!({ "item_ids": [nothing], "as": "lost" }), 422),
        ("resolve", json!({ "item_ids": [nothing], "as": "delivered" }), 200),
        ("nonsense/edit", json!({}), 422),
        (&format!("{nothing}/edit"), json!({}), 404),
    ] {
        let path = format!("/v1/dead-letters/{path}");
        let answer = office.harness.call("POST", &path, key, &body).await;
        assert_eq!(answer.status, expected, "{path} {body}: {:#}", answer.body);
    }
}

#[tokio::test]
async fn events_in_bulk_are_for_admins_and_are_written_down() {
    let office = Office::open().await;
    office.reject(0..3, "meta.event_refused").await;
    let path = "/v1/dead-letters?events=true";
    let call = async |key: &Secret| {
        office.harness.call("GET", path, Some(key.expose()), &Value::Null).await
    };
    call(&office.operator).await.expect(403);
    assert!(office.audited("dead_letter.export").await.is_empty());
    let page = call(&office.admin).await.expect(200).body;
    for letter in page["dead_letters"].as_array().unwrap() {
        assert_eq!(letter["event"]["event_name"], "Purchase");
    }
    let without = office.get("").await;
    assert!(without["dead_letters"][0]["event"].is_null());
    assert_eq!(office.audited("dead_letter.export").await.len(), 1);
}

#[tokio::test]
async fn a_correction_takes_the_place_of_a_letter() {
    let office = Office::open().await;
    let body = json!({ "data": [office.harness.event(1)], "partner_agent": "till-1" }).to_string();
    office.harness.send(&office.sender, "?destination=shop", body).await.expect(202);
    let items = office.lease().await;
    let at = office.harness.gateway().clock.wall();
    let items = items.into_iter().map(|seq| (seq, fault("meta.event_refused"))).collect();
    office.settle(Settlement::Rejected { items, at }).await;
    let letter = ids(&office.get("").await)[0].clone();

    let path = format!("/v1/dead-letters/{letter}/edit");
    let key = Some(office.operator.expose());
    let mut too_old = office.harness.event(2);
    too_old["event_time"] = json!(1);
    for (event, said) in [
        (json!({ "event_name": "Purchase" }), "event_time"),
        (json!([]), "expected"),
        (too_old, "event_time"),
    ] {
        let refused = office.harness.call("POST", &path, key, &event).await.expect(422);
        assert!(refused.body.to_string().contains(said), "{event}: {:#}", refused.body);
        assert_eq!(office.ledger().await, [1, 0, 1, 0, 0]);
    }
    let mut event = office.get(&format!("/{letter}")).await["event"].clone();
    event["custom_data"]["value"] = json!(47.11);
    let corrected = office.harness.call("POST", &path, key, &event).await.expect(200).body;
    assert_eq!(corrected["origin"], letter.as_str());
    assert_eq!(office.ledger().await, [2, 1, 1, 0, 0]);
    office.harness.call("POST", &path, key, &event).await.expect(409);

    let item = corrected["item_id"].as_str().unwrap();
    let found = office.harness.call("GET", &format!("/v1/items/{item}"), key, &Value::Null).await;
    assert_eq!(found.expect(200).body["origin"], letter.as_str());
    let shown = office.get(&format!("/{letter}")).await;
    assert_eq!(shown["replaced_by"], item);
    assert!(ids(&office.get("").await).is_empty(), "it is done with");
    let replayed = office.post("/replay", json!({ "item_ids": [letter] })).await;
    assert_eq!(length(&replayed, "moved"), 0);

    let waiting = office.harness.waiting(&office.shop).await;
    let [(event_id, sent, group)] = waiting.as_slice() else { panic!("{waiting:?}") };
    assert_eq!(corrected["event_id"], event_id.as_str());
    assert_eq!(sent["custom_data"]["value"], 47.11);
    assert_eq!(sent["user_data"], event["user_data"], "what was hashed is not hashed again");
    assert!(group.contains("till-1"), "and what came with its request is kept: {group}");
    let audit = office.audited("dead_letter.edit").await;
    assert!(audit[0]["detail"].as_str().unwrap().contains(item));
}

#[tokio::test]
async fn somebody_decides_about_unknown_items() {
    let office = Office::open().await;
    office.lose(0..4).await;
    assert!(ids(&office.get("").await).is_empty());
    let unknown = ids(&office.get("?state=unknown").await);
    assert_eq!(unknown.len(), 4);
    let replayed = office.post("/replay", json!({ "item_ids": unknown })).await;
    assert_eq!(length(&replayed, "moved"), 0, "a replay does not decide");
    let arrived = json!({ "item_ids": unknown[..3], "as": "delivered" });
    for moved in [3, 0] {
        assert_eq!(length(&office.post("/resolve", arrived.clone()).await, "moved"), moved);
    }
    assert_eq!(office.ledger().await, [4, 0, 0, 1, 3]);
    let again = json!({ "item_ids": unknown, "as": "resend" });
    assert_eq!(length(&office.post("/resolve", again).await, "moved"), 1);
    assert_eq!(office.ledger().await, [4, 1, 0, 0, 3]);
    let office = Office { harness: office.harness.restart().await, ..office };
    assert_eq!(office.ledger().await, [4, 1, 0, 0, 3]);
    assert_eq!(office.audited("unknown.delivered").await.len(), 2);
    assert_eq!(office.audited("unknown.resend").await.len(), 1);
}
