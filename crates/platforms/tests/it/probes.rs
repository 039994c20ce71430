//! What the answers to probes prove, refute, and leave open.

use holdfast_model::platform::PlatformId;
use holdfast_model::wire::HttpResponse;
use holdfast_platforms::ProbeAnswer::{Proved, Refuted, Silent, Unprobeable};
use holdfast_platforms::ProbeKind::{Asset, DebugToken, Identity, Quality};
use holdfast_platforms::{ProbeAnswer, ProbeKind, ProbeReading, platform};
use serde_json::{Value, json};

fn read(kind: ProbeKind, status: u16, body: &Value) -> ProbeReading {
    let response = HttpResponse { status, headers: Vec::new(), body: body.to_string().into() };
    platform(PlatformId::Meta).unwrap().read_probe(kind, &response)
}

fn check(kind: ProbeKind, status: u16, body: &Value, expected: ProbeAnswer) {
    assert_eq!(read(kind, status, body).answer, expected, "{kind:?} {status} {body}");
}

#[test]
fn what_was_asked_for_proves() {
    check(Asset, 200, &json!({ "id": "1", "name": "Shop" }), Proved);
    check(Identity, 200, &json!({ "id": "1" }), Proved);
    check(Quality, 200, &json!({ "web": [] }), Proved);
    check(DebugToken, 200, &json!({ "data": { "is_valid": true } }), Proved);
    check(DebugToken, 200, &json!({ "data": { "is_valid": false } }), Refuted);
}

#[test]
fn json_of_a_proxy_neither_proves_nor_refutes() {
    for kind in [Asset, Identity, Quality, DebugToken] {
        for body in [
            json!({ "id": "1" }),
            json!({ "message": "bad gateway" }),
            json!({ "data": { "is_valid": true } }),
            json!({ "data": { "is_valid": false } }),
            json!([]),
        ] {
            check(kind, 502, &body, Silent);
            check(kind, 302, &body, Silent);
        }
        check(kind, 200, &json!({ "error": "unavailable", "id": "1" }), Silent);
        check(kind, 200, &json!({ "error": "unavailable", "data": { "is_valid": false } }), Silent);
    }
}

#[test]
fn a_refused_read_refutes_only_where_it_is_about_the_token() {
    let error =
        |code: i64, subcode: i64| json!({ "error": { "code": code, "error_subcode": subcode } });
    check(Asset, 400, &error(190, 463), Refuted);
    check(Asset, 400, &error(190, 459), Silent);
    check(Asset, 400, &error(368, 0), Silent);
    check(Asset, 400, &error(10, 0), Unprobeable);
    check(Asset, 500, &error(2, 0), Silent);
    check(DebugToken, 400, &error(190, 463), Unprobeable);
}

#[test]
fn what_was_learned_is_masked_and_bounded() {
    let token = format!("EAA{}", "Bc3".repeat(60));
    let many: Vec<String> = (0..1_000).map(|n| format!("scope_{n}")).collect();
    let data = json!({ "is_valid": true, "app_id": token, "scopes": [token] });
    let shown = format!("{:?}", read(DebugToken, 200, &json!({ "data": data })));
    assert!(!shown.contains(&token[..20]), "{shown}");
    let data = json!({ "is_valid": true, "scopes": many });
    assert_eq!(read(DebugToken, 200, &json!({ "data": data })).learned.scopes.len(), 256);
}
