//! The request that delivers a batch.

use holdfast_model::wire::{HttpRequest, Method};
use zeroize::Zeroizing;

use super::proof;
use crate::RequestContext;
use crate::body::with_data;

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
        body: with_data(fragments, &cx.group.0),
    }
}
