//! Instagram Login. Its tokens live on a host of their own. `spec/tokens.md §2, §4`.

use holdfast_model::secret::Secret;
use holdfast_model::wire::HttpRequest;

pub use super::meta::read_token;
use super::request::{encode, get};

/// Another sixty days for a token that is a day old and still lives. The platform takes the token
/// in the query alone.
pub fn refresh(base_url: &str, token: &Secret) -> HttpRequest {
    let query = encode(&[("grant_type", "ig_refresh_token"), ("access_token", token.expose())]);
    get(base_url, "/refresh_access_token".to_owned(), query, None)
}

/// Sixty days for an hour's token.
pub fn exchange(base_url: &str, app_secret: &Secret, token: &Secret) -> HttpRequest {
    let query = encode(&[
        ("grant_type", "ig_exchange_token"),
        ("client_secret", app_secret.expose()),
        ("access_token", token.expose()),
    ]);
    get(base_url, "/access_token".to_owned(), query, None)
}
