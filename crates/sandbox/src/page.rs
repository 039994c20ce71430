//! Pages of the stand-ins for a person with a browser: where the platforms ask whether an app may.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

/// Whether a person may be looking: browsers ask for pages, programs do not. With `auto=1` nobody
/// is asked even in a browser.
pub fn is_wanted(headers: &HeaderMap, auto: Option<&str>) -> bool {
    let accepted = headers.get("accept").and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.contains("text/html") && auto != Some("1")
}

/// A whole page. `body` is HTML.
pub fn page(title: &str, body: &str) -> Response {
    const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;\
                         padding:0 1rem;color:#1c1e21;background:#fff}fieldset{margin:1rem 0;\
                         border:1px solid #8a8d91;border-radius:6px}label{display:block;\
                         padding:.25rem 0}button{font:inherit;padding:.5rem 1rem;margin:.25rem \
                         .5rem .25rem 0;border-radius:6px;border:1px solid #1c1e21;background:#fff;\
                         color:#1c1e21}button[value=allow]{background:#1c1e21;color:#fff}";
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><main><h1>{title}</h1>{body}\
         <p><small>This is the sandbox. Nobody is behind it.</small></p></main></body></html>"
    );
    (StatusCode::OK, [("content-type", "text/html; charset=utf-8")], html).into_response()
}

/// A form that posts to where it came from, with the same query.
pub fn form(path: &str, query: &str, inside: &str) -> String {
    format!("<form method=\"post\" action=\"{}?{}\">{inside}</form>", escape(path), escape(query))
}

/// A box that can be ticked.
pub fn checkbox(name: &str, words: &str, is_ticked: bool) -> String {
    let ticked = if is_ticked { " checked" } else { "" };
    let (name, words) = (escape(name), escape(words));
    format!("<label><input type=\"checkbox\" name=\"{name}\"{ticked}> {words}</label>")
}

pub fn fieldset(legend: &str, inside: &str) -> String {
    if inside.is_empty() {
        return String::new();
    }
    format!("<fieldset><legend>{}</legend>{inside}</fieldset>", escape(legend))
}

/// Two buttons: what the form says is in `decision`, `allow` or `cancel`.
pub fn decision(allow: &str) -> String {
    let allow = escape(allow);
    format!(
        "<button name=\"decision\" value=\"allow\">{allow}</button>\
         <button name=\"decision\" value=\"cancel\">Cancel</button>"
    )
}

pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The address a browser goes back to, with these parameters.
pub fn going_back(redirect_uri: &str, pairs: &[(&str, &str)], state: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    format!("{redirect_uri}{joint}{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_app_is_called_does_not_become_a_part_of_the_page() {
        let shown = form("/x", "a=1&b=\"", &checkbox("<i>", "x & y", true));
        assert_eq!(
            shown,
            "<form method=\"post\" action=\"/x?a=1&amp;b=&quot;\"><label><input \
             type=\"checkbox\" name=\"&lt;i&gt;\" checked> x &amp; y</label></form>"
        );
    }

    #[test]
    fn the_way_back_keeps_what_is_there() {
        let back = |uri| going_back(uri, &[("code", "a b")], Some("s&"));
        assert_eq!(back("http://x/y"), "http://x/y?code=a+b&state=s%26");
        assert_eq!(back("http://x/y?z=1"), "http://x/y?z=1&code=a+b&state=s%26");
    }
}
