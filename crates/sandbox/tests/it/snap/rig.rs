//! A sandbox with an organization, a pixel, an app and tokens of Snap.

use holdfast_sandbox::{
    Habits, IssuedOrganization, NewSnapAsset, NewSnapToken, SandboxHandle, SnapAssetKind,
    SnapTokenKind,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::rig::{Answer, Rig, answer, encoded, json_post, now};

pub const ORGANIZATION: &str = "mine";
pub const OTHERS: &str = "theirs";
pub const PIXEL: &str = "11111111-1111-4111-8111-111111111111";
pub const APP: &str = "22222222-2222-4222-8222-222222222222";
pub const FOREIGN_PIXEL: &str = "33333333-3333-4333-8333-333333333333";

pub struct SnapRig {
    pub rig: Rig,
    pub organization: IssuedOrganization,
    pub token: String,
}

impl SnapRig {
    pub async fn start() -> Self {
        let rig = Rig::start().await;
        let control = rig.control();
        let organization = control.add_organization(ORGANIZATION);
        control.add_organization(OTHERS);
        control.add_pixel(PIXEL, ORGANIZATION);
        control.add_pixel(FOREIGN_PIXEL, OTHERS);
        let app = NewSnapAsset {
            id: APP.to_owned(),
            organization: Some(ORGANIZATION.to_owned()),
            kind: SnapAssetKind::SnapApp,
        };
        control.add_snap(app).unwrap();
        let token = control.issue_snap_token(ORGANIZATION, SnapTokenKind::Static);
        Self { rig, organization, token }
    }

    pub fn control(&self) -> &SandboxHandle {
        self.rig.control()
    }

    pub fn habits(&self, habits: Habits) {
        self.control().set_snap_habits(habits);
    }

    pub fn issue(&self, entry: NewSnapToken) -> String {
        let organization = entry.organization.clone().or(Some(ORGANIZATION.to_owned()));
        self.control().issue_snap(NewSnapToken { organization, ..entry }).unwrap().text
    }

    /// A production request of version 3.
    pub async fn send(&self, events: &[Value]) -> Answer {
        self.send_with(&self.token, PIXEL, events).await
    }

    pub async fn send_with(&self, token: &str, asset: &str, events: &[Value]) -> Answer {
        self.post_v3(token, asset, "/events", &json!({ "data": events })).await
    }

    pub async fn validate(&self, events: &[Value]) -> Answer {
        self.post_v3(&self.token, PIXEL, "/events/validate", &json!({ "data": events })).await
    }

    pub async fn post_v3(&self, token: &str, asset: &str, path: &str, body: &Value) -> Answer {
        answer(self.request_v3(token, asset, path, body).send().await.unwrap()).await
    }

    pub fn request_v3(&self, token: &str, asset: &str, path: &str, body: &Value) -> RequestBuilder {
        let query = encoded(&[("access_token", token)]);
        json_post(self.rig.request(Method::POST, &format!("/v3/{asset}{path}?{query}")), body)
    }

    /// A read of version 3: `logs` or `stats`.
    pub async fn read(&self, what: &str, token: &str) -> Answer {
        let path = format!("/v3/{PIXEL}/events/validate/{what}");
        self.rig.ask(&path, &[("access_token", token)]).await
    }

    /// A request of version 2: to `/v2/conversion` and what follows.
    pub async fn post_v2(&self, path: &str, body: &Value) -> Answer {
        let request = self.rig.request(Method::POST, &format!("/v2/conversion{path}"));
        answer(json_post(request.bearer_auth(&self.token), body).send().await.unwrap()).await
    }

    pub fn received(&self) -> u64 {
        self.control().state().total.received
    }

    /// Distinct, deduplicated and counted twice, at the pixel.
    pub fn counts(&self) -> (u64, u64, u64) {
        let counts = self.control().state().assets[PIXEL].clone();
        assert_eq!(
            counts.received,
            counts.distinct + counts.deduplicated + counts.counted_twice,
            "every event is one of the three"
        );
        (counts.distinct, counts.deduplicated, counts.counted_twice)
    }
}

/// An event that is accepted.
pub fn event(id: &str) -> Value {
    json!({
        "event_name": "SIGN_UP", "event_time": now() - 60, "event_id": id,
        "action_source": "WEB", "event_source_url": "https://example.com/",
        "user_data": { "em": ["ab".repeat(32)] },
    })
}

/// A purchase that is accepted.
pub fn purchase(id: &str, order: &str) -> Value {
    changed(
        event(id),
        json!({
            "event_name": "PURCHASE",
            "custom_data": { "value": 1.5, "currency": "USD", "order_id": order },
        }),
    )
}

/// The event in the form of version 2.
pub fn event_v2(id: &str) -> Value {
    json!({
        "event_type": "SIGN_UP", "event_conversion_type": "WEB", "client_dedup_id": id,
        "timestamp": ((now() - 60) * 1_000).to_string(), "pixel_id": PIXEL,
        "hashed_email": "ab".repeat(32),
    })
}

/// Other values at some keys; null takes a key away.
pub fn changed(mut event: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            event.as_object_mut().unwrap().remove(key);
        } else {
            event[key] = value.clone();
        }
    }
    event
}
