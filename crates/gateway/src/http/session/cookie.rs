//! How a session travels: in a cookie that scripts cannot read and other sites' forms do not send.

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use holdfast_model::secret::Secret;

/// With TLS the name makes browsers insist on it, and on this very host.
const SECURE_NAME: &str = "__Host-holdfast";
const PLAIN_NAME: &str = "holdfast-session";

/// Longest text of a session: ours have 43 characters.
const MAX_TEXT: usize = 128;

fn name(is_secure: bool) -> &'static str {
    if is_secure { SECURE_NAME } else { PLAIN_NAME }
}

/// `Set-Cookie` for a session. It lasts as long as the browser; the gateway knows when it ends.
pub fn set(text: &Secret, is_secure: bool) -> Secret {
    let secure = if is_secure { "; Secure" } else { "" };
    Secret::new(format!(
        "{}={}; Path=/; HttpOnly; SameSite=Lax{secure}",
        name(is_secure),
        text.expose()
    ))
}

/// `Set-Cookie` that takes it back.
pub fn clear(is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}", name(is_secure))
}

/// The session's text in a request.
pub fn read(headers: &HeaderMap, is_secure: bool) -> Option<Secret> {
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let (_, text) = pairs.find(|(found, _)| found.trim() == name(is_secure))?;
    let text = text.trim();
    (1..=MAX_TEXT).contains(&text.len()).then(|| Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_comes_back_as_it_went() {
        let text = Secret::new("abc-_".to_owned());
        for (is_secure, expected) in [
            (true, "__Host-holdfast=abc-_; Path=/; HttpOnly; SameSite=Lax; Secure"),
            (false, "holdfast-session=abc-_; Path=/; HttpOnly; SameSite=Lax"),
        ] {
            let set = set(&text, is_secure);
            assert_eq!(set.expose(), expected);
            let pair = set.expose().split(';').next().unwrap();
            let line = format!("x=1; {pair}; y=2");
            let headers = HeaderMap::from_iter([(COOKIE, line.parse().unwrap())]);
            assert_eq!(read(&headers, is_secure).unwrap().expose(), "abc-_");
            assert!(read(&headers, !is_secure).is_none(), "the other name is another cookie");
        }
    }
}
