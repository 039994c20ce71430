//! The request that delivers a batch.

use holdfast_model::wire::{HttpRequest, Method};
use zeroize::Zeroizing;

use super::proof;
use crate::RequestContext;

/// `POST /{version}/{asset}/events`, the token in the `Authorization` header, so that it is in no
/// URL log on the way. The same input gives the same bytes.
pub fn request(fragments: &[&[u8]], cx: &RequestContext<'_>) -> HttpRequest {
    let version =
        cx.destination.settings.api_version.as_deref().unwrap_or(super::DEFAULT_API_VERSION);
    HttpRequest {
        method: Method::Post,
        base_url: cx.base_url.to_owned(),
        path: format!("/{version}/{}/events", cx.destination.asset),
        query: Zeroizing::new(proof::parameters(&cx.signing, cx.now).unwrap_or_default()),
        headers: vec![
            ("authorization", Zeroizing::new(format!("Bearer {}", cx.signing.token.expose()))),
            ("content-type", Zeroizing::new("application/json".to_owned())),
        ],
        body: body(fragments, &cx.group.0),
    }
}

/// `{"data":[…],…}` with the group's keys beside `data`. The group is a JSON object in canonical
/// form, or empty.
fn body(fragments: &[&[u8]], group: &str) -> Vec<u8> {
    let events: usize = fragments.iter().map(|fragment| fragment.len() + 1).sum();
    let mut body = Vec::with_capacity(events + group.len() + 16);
    body.extend_from_slice(b"{\"data\":[");
    for (position, fragment) in fragments.iter().enumerate() {
        if position > 0 {
            body.push(b',');
        }
        body.extend_from_slice(fragment);
    }
    body.push(b']');
    let keys = group.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or("");
    if !keys.is_empty() {
        body.push(b',');
        body.extend_from_slice(keys.as_bytes());
    }
    body.push(b'}');
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_joined_with_the_groups_keys_beside_them() {
        assert_eq!(body(&[b"{}", b"{\"a\":1}"], ""), b"{\"data\":[{},{\"a\":1}]}");
        assert_eq!(
            body(&[b"{}"], "{\"partner_agent\":\"x1y\"}"),
            b"{\"data\":[{}],\"partner_agent\":\"x1y\"}"
        );
    }
}
