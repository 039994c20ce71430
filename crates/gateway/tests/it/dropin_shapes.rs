//! Every shape in which Meta's own libraries and gateways send events, over real HTTP: taken,
//! refused as a whole in Meta's words, and kept apart from test events on the way out.

use holdfast_model::access::Role;
use serde_json::{Value, json};

use crate::ear::Ear;
use crate::harness::{ASSET, Answer, Harness, read};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const MULTIPART: &str = "multipart/form-data; boundary=x7";

/// One way of sending the same events.
struct Shape {
    name: &'static str,
    path: String,
    content_type: &'static str,
    body: String,
    success: u16,
}

fn shapes(token: &str, events: &[Value]) -> Vec<Shape> {
    let texts: Vec<String> = events.iter().map(Value::to_string).collect();
    let array = format!("[{}]", texts.join(","));
    let doubly = serde_json::to_string(&texts).unwrap();
    let repeated = |name: &str| -> String {
        texts.iter().map(|text| format!("{}={}&", encode(name), encode(text))).collect()
    };
    let plain = format!("/v25.0/{ASSET}/events");
    let in_query = format!("{plain}?access_token={token}");
    let with_proof = format!("{in_query}&appsecret_proof=00ff");
    let node = json!({"data": events, "access_token": token, "appsecret_proof": "00ff",
        "partner_agent": null, "namespace_id": null, "upload_id": null, "upload_tag": null,
        "upload_source": null, "id": ASSET});
    let json_body = json!({"data": events}).to_string();
    let gateway = json!({"data": events, "accessKey": token}).to_string();
    let fields = [("data", &*array), ("access_token", token), ("appsecret_proof", "00ff")];
    let file = multipart(&fields[1..]).replacen(
        "--x7",
        &format!("--x7\r\nContent-Disposition: form-data; name=\"data\"; filename=\"e.json\"\r\nContent-Type: application/json\r\n\r\n{array}\r\n--x7"),
        1,
    );
    let shape = |name, path: &str, content_type, body: String| Shape {
        name,
        path: path.to_owned(),
        content_type,
        body,
        success: 200,
    };
    let mut shapes = vec![
        shape("Python, synchronous", &with_proof, FORM, format!("data={}", encode(&doubly))),
        shape(
            "Python, own client",
            &plain,
            FORM,
            format!("{}access_token={token}", repeated("data")),
        ),
        shape(
            "Python, asynchronous",
            &plain,
            FORM,
            format!("access_token={token}&data={}&appsecret_proof=00ff", encode(&array)),
        ),
        shape("Node", &in_query, JSON, node.to_string()),
        shape("PHP, Java", &plain, MULTIPART, multipart(&fields)),
        shape("Ruby", &with_proof, FORM, repeated("data[]")),
        shape("curl -F data=", &plain, MULTIPART, multipart(&fields[..2])),
        shape("curl -F data=@", &plain, MULTIPART, file),
        shape("curl -d, JSON as a form", &plain, FORM, node.to_string()),
        shape("JSON, token in the query alone", &in_query, JSON, json_body),
        shape(
            "everything in the query",
            &format!("{in_query}&data={}", encode(&array)),
            FORM,
            String::new(),
        ),
    ];
    let capi = |content_type| Shape {
        success: 202,
        ..shape("CAPI Gateway", &format!("/capi/{ASSET}/events"), content_type, gateway.clone())
    };
    shapes.push(capi("application/json; charset=utf-8"));
    shapes.push(capi(FORM));
    if let [text] = &texts[..] {
        let body = format!("data={}", encode(&json!([text]).to_string()));
        shapes.push(shape("RudderStack", &in_query, FORM, body));
    }
    shapes
}

#[tokio::test]
async fn every_shape_is_taken() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let mut sent = Vec::new();
    for count in [1, 3] {
        let events = harness.event_list(0..count);
        for shape in shapes(key.expose(), &events) {
            let answer = post(&harness, &shape).await;
            assert_eq!(answer.status, shape.success, "{}: {:#}", shape.name, answer.body);
            // Python's library fails without the last two.
            assert_eq!(answer.body["events_received"], count, "{}", shape.name);
            assert_eq!(answer.body["messages"], json!([]), "{}", shape.name);
            assert!(answer.body["fbtrace_id"].is_string(), "{}", shape.name);
            sent.extend(events.iter().map(|event| event["event_id"].clone()));
            assert_eq!(harness.accepted(&shop).await, sent.len() as u64, "{}", shape.name);
        }
    }
    let mut waiting: Vec<String> = Vec::new();
    for (event_id, fragment, group) in harness.waiting(&shop).await {
        assert_eq!((&fragment["event_id"], &*group), (&json!(event_id), ""), "no key is left over");
        waiting.push(event_id);
    }
    let mut sent: Vec<_> = sent.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    sent.sort();
    waiting.sort();
    assert_eq!(waiting, sent);
}

#[tokio::test]
async fn one_bad_event_refuses_the_request_in_every_shape() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    for (count, bad) in [(1, 0), (3, 2)] {
        let mut events = harness.event_list(0..count);
        events[bad]["event_time"] = json!(harness.now().0 - 9 * 86_400);
        for shape in shapes(key.expose(), &events) {
            let error = post(&harness, &shape).await.expect(400).body["error"].clone();
            assert_eq!(error["code"], 100, "{}", shape.name);
            assert_eq!(error["error_subcode"], 2_804_003, "{}", shape.name);
            let path = format!("$['data'][{bad}]['event_time']");
            assert!(error["message"].as_str().unwrap().contains(&path), "{}: {error}", shape.name);
            assert!(error["fbtrace_id"].is_string(), "{}", shape.name);
        }
    }
    for shape in shapes("nonsense", &harness.event_list(0..1)) {
        let error = post(&harness, &shape).await.expect(401).body["error"].clone();
        assert_eq!(error["code"], 190, "{}", shape.name);
    }
    assert_eq!(harness.accepted(&shop).await, 0);
}

#[tokio::test]
async fn a_test_event_code_is_seen_wherever_it_stands() {
    let harness = Harness::start().await;
    let (shop, key) = harness.with_shop().await;
    let testing = harness.destination("testing", "777", json!({"allow_test_events": true})).await;
    let events = harness.event_list(0..1);
    let array = Value::from(events.clone()).to_string();
    let token = key.expose();
    let ways = |asset: &str| {
        let plain = format!("/v25.0/{asset}/events?access_token={token}");
        let in_query = format!("{plain}&test_event_code=TEST1");
        let with = json!({"data": events, "test_event_code": "TEST1"}).to_string();
        let form = format!("data={}", encode(&array));
        let fields = [("data", &*array), ("test_event_code", "TEST1")];
        let capi = json!({"data": events, "accessKey": token, "test_event_code": "TEST1"});
        [
            (plain.clone(), JSON, with),
            (in_query.clone(), JSON, json!({"data": events}).to_string()),
            (in_query.clone(), FORM, form.clone()),
            (plain.clone(), FORM, format!("{form}&test_event_code=TEST1")),
            (plain.clone(), MULTIPART, multipart(&fields)),
            (in_query, MULTIPART, multipart(&fields)),
            (format!("/capi/{asset}/events"), JSON, capi.to_string()),
        ]
    };
    let sent = ways("777").len();
    for (path, content_type, body) in ways("777") {
        let answer = send(&harness, &path, content_type, body).await;
        assert!(matches!(answer.status, 200 | 202), "{path} {content_type}: {:#}", answer.body);
    }
    let groups: Vec<_> = harness.waiting(&testing).await.into_iter().map(|item| item.2).collect();
    assert_eq!(groups, vec![r#"{"test_event_code":"TEST1"}"#; sent]);
    // Where nobody meant to test, such events would count as real ones.
    for (path, content_type, body) in ways(ASSET) {
        let error = send(&harness, &path, content_type, body).await.expect(400);
        assert_eq!(error.body["error"]["error_user_title"], "meta.test_event_refused", "{path}");
    }
    let path = format!("/v25.0/777/events?access_token={token}&test_event_code=TEST1");
    let two = json!({"data": events, "test_event_code": "TEST2"}).to_string();
    let error = send(&harness, &path, JSON, two).await.expect(400);
    assert_eq!(error.body["error"]["code"], 100);
    assert_eq!(harness.accepted(&shop).await, 0);
    assert_eq!(harness.accepted(&testing).await, sent as u64);
}

#[tokio::test]
async fn test_events_and_others_never_share_a_request() {
    let ear = Ear::open().await;
    let harness = Harness::toward(&ear.url).await;
    let settings = json!({"allow_test_events": true});
    let shop = harness.destination("shop", ASSET, settings).await;
    let key = harness.key("sender", Role::Ingest, &[]).await;
    let kinds = [
        json!({}),
        json!({"test_event_code": "TEST1"}),
        json!({"test_event_code": "TEST2"}),
        json!({"test_event_code": "TEST1", "partner_agent": "plshop"}),
    ];
    let mut meant = std::collections::BTreeMap::new();
    for n in 0..40_u64 {
        let mut body = kinds[n as usize % kinds.len()].clone();
        let event = harness.event(n);
        meant.insert(event["event_id"].as_str().unwrap().to_owned(), body.clone());
        body["data"] = json!([event]);
        let path = format!("/v25.0/{ASSET}/events");
        harness.call("POST", &path, Some(key.expose()), &body).await.expect(200);
    }
    harness.resume("shop").await;
    harness.until(&shop, |ledger| ledger.delivered == 40).await;
    let mut arrived = 0;
    for mut request in ear.heard() {
        let events = request.as_object_mut().unwrap().remove("data").unwrap();
        for event in events.as_array().unwrap() {
            assert_eq!(meant[event["event_id"].as_str().unwrap()], request, "{event}");
            arrived += 1;
        }
    }
    assert_eq!(arrived, 40);
    assert!(ear.heard().len() < 40, "what may share a request does");
}

async fn post(harness: &Harness, shape: &Shape) -> Answer {
    send(harness, &shape.path, shape.content_type, shape.body.clone()).await
}

async fn send(harness: &Harness, path: &str, content_type: &str, body: String) -> Answer {
    read(harness.request("POST", path).header("content-type", content_type).body(body)).await
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn multipart(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("--x7\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().map(part).collect::<String>() + "--x7--\r\n"
}
