//! `GET /sign-in`, `POST /sign-in`: with a key, or with a link that is good once.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use holdfast_model::secret::Secret;

use super::cookie;
use super::form::Fields;
use super::guard::is_secure;
use crate::http::pages::{Frame, Problem, Web, page, page_at_secret, problem, see_other};
use crate::http::peer::Peer;
use crate::services::{ServiceError, sessions};
use crate::state::Gateway;

/// Where one goes who wants nothing in particular.
const HOME: &str = "/connect";

/// Longest address that is gone on to.
const MAX_NEXT: usize = 200;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    next: String,
    /// The link's text, if one was opened.
    link: String,
    /// What went wrong the last time.
    refusal: &'static str,
}

/// Shows the form. A link is not used up by looking at it: that takes a click.
pub async fn show(State(web): State<Web>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let value = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let (next, link) = (onward(&value("next")).to_owned(), value("link"));
    let has_link = !link.is_empty();
    let shown = SignIn { frame: Frame::default(), next, link, refusal: "" };
    let show = if has_link { page_at_secret } else { page };
    show(&web.gateway, StatusCode::OK, &shown)
}

pub async fn post(State(web): State<Web>, Peer(peer): Peer, fields: Fields) -> Response {
    let (gateway, now) = (&web.gateway, web.gateway.clock.now().mono);
    // Links are looked for on the disk, so they are bounded before; a key costs a look into memory,
    // and whoever has a right one is not kept out by others who have none.
    let is_right_key = fields.get("link").is_none()
        && fields.get("key").is_some_and(|key| sessions::may_begin(gateway, key));
    let tries = match is_right_key {
        true => web.attempts.may_begin(now),
        false => web.attempts.may_try(peer, now),
    };
    if let Err(seconds) = tries {
        return wait(gateway, seconds);
    }
    match begin(&web, &fields).await {
        Ok(Some(session)) => {
            let next = onward(fields.get("next").unwrap_or_default());
            let mut response = see_other(gateway, next);
            let cookie = cookie::set(&session, is_secure(gateway));
            if let Ok(mut cookie) = HeaderValue::from_str(cookie.expose()) {
                cookie.set_sensitive(true);
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            response
        }
        Ok(None) => {
            web.attempts.failed(peer, now);
            tracing::warn!(?peer, "somebody failed to sign in");
            let next = onward(fields.get("next").unwrap_or_default()).to_owned();
            let shown = SignIn {
                frame: Frame::default(),
                next,
                link: String::new(),
                refusal: refusal(&fields),
            };
            page(gateway, StatusCode::UNAUTHORIZED, &shown)
        }
        Err(error) => problem(gateway, Problem::of_service(Frame::default(), &error)),
    }
}

fn wait(gateway: &Gateway, seconds: u32) -> Response {
    let words = "there were too many attempts to sign in just now";
    let wait = Problem::new(Frame::default(), "Wait a little", words)
        .hint(format!("Try again in {seconds} seconds."))
        .onward("/sign-in", "Sign in");
    let mut response = problem(gateway, (StatusCode::TOO_MANY_REQUESTS, wait));
    response.headers_mut().insert(RETRY_AFTER, seconds.into());
    response
}

async fn begin(web: &Web, fields: &Fields) -> Result<Option<Secret>, ServiceError> {
    match (fields.get("link"), fields.get("key")) {
        (Some(link), _) => sessions::redeem(&web.gateway, &Secret::new(link.to_owned())).await,
        (None, Some(key)) => sessions::begin(&web.gateway, key).await,
        (None, None) => Ok(None),
    }
}

fn refusal(fields: &Fields) -> &'static str {
    if fields.get("link").is_some() {
        "This link was used before, or is older than five minutes. Make another with `holdfast \
         sign-in`, or sign in with a key."
    } else {
        "That is not the key of an operator or admin. Keys are made with `holdfast key create`, and \
         end when they are revoked."
    }
}

/// A path of ours, or home. Nothing that a browser could take for another site's address.
fn onward(next: &str) -> &str {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= MAX_NEXT
        && next.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"'));
    if is_ours { next } else { HOME }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for (next, expected) in [
            ("/connect/regrant/shop", "/connect/regrant/shop"),
            ("", HOME),
            ("connect", HOME),
            ("//evil.example.com", HOME),
            ("/\\evil.example.com", HOME),
            ("https://evil.example.com", HOME),
            ("/a b", HOME),
            ("/\t/evil.example.com", HOME),
        ] {
            assert_eq!(onward(next), expected, "{next:?}");
        }
    }
}
