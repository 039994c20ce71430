//! What all the requests are made of.

use holdfast_model::secret::Secret;
use holdfast_model::wire::{HttpRequest, Method};
use zeroize::Zeroizing;

/// Encodes pairs for a query or a form.
pub(super) fn encode(pairs: &[(&str, &str)]) -> Zeroizing<String> {
    let mut encoded = form_urlencoded::Serializer::new(String::new());
    encoded.extend_pairs(pairs);
    Zeroizing::new(encoded.finish())
}

pub(super) fn form(base_url: &str, path: String, pairs: &[(&str, &str)]) -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        base_url: base_url.to_owned(),
        path,
        query: Zeroizing::new(String::new()),
        headers: vec![(
            "content-type",
            Zeroizing::new("application/x-www-form-urlencoded".to_owned()),
        )],
        body: encode(pairs).as_bytes().to_vec(),
    }
}

pub(super) fn get(
    base_url: &str,
    path: String,
    query: Zeroizing<String>,
    bearer: Option<&Secret>,
) -> HttpRequest {
    let headers =
        bearer.map(|token| ("authorization", Zeroizing::new(format!("Bearer {}", token.expose()))));
    HttpRequest {
        method: Method::Get,
        base_url: base_url.to_owned(),
        path,
        query,
        headers: headers.into_iter().collect(),
        body: Vec::new(),
    }
}
