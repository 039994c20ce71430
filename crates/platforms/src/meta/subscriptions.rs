//! What Meta tells an app by itself, so that a token's death need not be found out by asking.
//! (`tokens.md` §7)

use super::probes::{get_as_app, read_list};
use crate::{ProbeContext, ProbeReading};
use holdfast_model::wire::{HttpRequest, HttpResponse};

/// Asks what the app is subscribed to; `None` where the app is not ours.
pub fn subscriptions(cx: &ProbeContext<'_>) -> Option<HttpRequest> {
    let (id, _) = cx.app?;
    get_as_app(cx, &format!("/{id}/subscriptions"), "fields=object,fields,active")
}

/// Lists each active object, and each of its fields as `object.field`.
pub fn read_subscriptions(response: &HttpResponse) -> ProbeReading {
    read_list(response, |row| {
        let Some(object) = row["object"].as_str().filter(|_| row["active"] != false) else {
            return Vec::new();
        };
        let fields = row["fields"].as_array().into_iter().flatten();
        // Older versions list names, newer ones objects with a name.
        let names = fields.filter_map(|field| field.as_str().or_else(|| field["name"].as_str()));
        let named = names.map(|field| format!("{object}.{field}"));
        std::iter::once(object.to_owned()).chain(named).collect()
    })
}

/// Whether a list of subscriptions has what tells that access was taken away; if not, what is
/// missing.
pub fn missing_death_signals(listed: &[String]) -> Vec<&'static str> {
    let has = |wanted: &str| listed.iter().any(|name| name.starts_with(wanted));
    [("permissions", "permissions"), ("application.business_integration", "business_integration")]
        .into_iter()
        .filter_map(|(wanted, name)| (!has(wanted)).then_some(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn listed(body: &Value) -> Option<Vec<String>> {
        let body = body.to_string().into_bytes();
        read_subscriptions(&HttpResponse { status: 200, headers: Vec::new(), body }).learned.listed
    }

    #[test]
    fn active_objects_and_their_fields_are_listed() {
        let body = json!({ "data": [
            { "object": "permissions", "active": true, "fields": [{ "name": "email" }],
              "callback_url": "https://example.com/?verify=secret" },
            { "object": "application", "fields": ["business_integration_uninstall"] },
            { "object": "page", "active": false, "fields": [{ "name": "feed" }] },
            { "something": 1 },
        ]});
        let found = listed(&body).unwrap();
        assert_eq!(
            found,
            [
                "permissions",
                "permissions.email",
                "application",
                "application.business_integration_uninstall"
            ]
        );
        assert!(missing_death_signals(&found).is_empty());
        assert_eq!(listed(&json!({ "data": [] })), Some(Vec::new()));
        assert_eq!(listed(&json!({ "data": 1 })), None);
        assert_eq!(missing_death_signals(&[]), ["permissions", "business_integration"]);
        let one = ["application".to_owned(), "permissions".to_owned()];
        assert_eq!(missing_death_signals(&one), ["business_integration"]);
    }
}
