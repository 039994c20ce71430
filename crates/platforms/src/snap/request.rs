//! The request that delivers a batch.

use holdfast_model::secret::Secret;
use holdfast_model::wire::{HttpRequest, Method};
use zeroize::Zeroizing;

use super::API_VERSION;
use crate::RequestContext;
use crate::admission::query::percent_encoded;
use crate::body::with_data;

/// `POST /v3/{asset}/events?access_token=…`. The same input gives the same bytes.
pub fn request(fragments: &[&[u8]], cx: &RequestContext<'_>) -> HttpRequest {
    let version = cx.destination.settings.api_version.as_deref().unwrap_or(API_VERSION);
    HttpRequest {
        method: Method::Post,
        base_url: cx.base_url.to_owned(),
        path: format!("/{version}/{}/events", cx.destination.asset),
        query: token_query(cx.signing.token),
        headers: vec![("content-type", Zeroizing::new("application/json".to_owned()))],
        body: with_data(fragments, &cx.group.0),
    }
}

/// The same to `…/events/validate`: Snap makes tests of the events, which no campaign counts.
pub fn validation(fragments: &[&[u8]], cx: &RequestContext<'_>) -> HttpRequest {
    let mut request = request(fragments, cx);
    request.path.push_str("/validate");
    request
}

/// The token where all four calls of version 3 want it. That a header alone would do is unknown.
pub fn token_query(token: &Secret) -> Zeroizing<String> {
    let encoded = Zeroizing::new(percent_encoded(token.expose()));
    Zeroizing::new(format!("access_token={}", encoded.as_str()))
}
