//! Taking off what people paste around a token, and saying so.

use super::Finding;

/// Invisible characters that come along when a token is copied from a page or a document.
const INVISIBLE: [char; 7] =
    ['\u{feff}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{00a0}', '\u{00ad}'];

const QUOTES: [(char, char); 5] =
    [('"', '"'), ('\'', '\''), ('`', '`'), ('\u{201c}', '\u{201d}'), ('\u{2018}', '\u{2019}')];

const PREFIXES: [(&str, &str); 4] = [
    ("bearer ", "the word \"Bearer\""),
    ("access_token=", "\"access_token=\""),
    ("authorization:", "\"Authorization:\""),
    ("oauth ", "the word \"OAuth\""),
];

/// How often wrapping is looked for inside wrapping. `"Authorization: Bearer …"` is two deep.
const MAX_LAYERS: usize = 8;

pub fn normalize(text: &str) -> (String, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut token = text.to_owned();
    for _ in 0..MAX_LAYERS {
        let unwrapped = unwrap_once(&token, &mut findings);
        if unwrapped == token {
            return (token, findings);
        }
        token = unwrapped;
    }
    findings.push(Finding::refuse(
        "The token is wrapped in quotation marks and words many times over. Copy it again with the \
         platform's Copy button.",
    ));
    (token, findings)
}

fn unwrap_once(text: &str, findings: &mut Vec<Finding>) -> String {
    let mut rest = trim(text, "around the token", findings);
    for (prefix, what) in PREFIXES {
        let matches =
            rest.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        if matches {
            findings.push(Finding::note(format!("Taken off: {what} before the token.")));
            rest = rest[prefix.len()..].trim();
        }
    }
    for (open, close) in QUOTES {
        let inner = rest.strip_prefix(open).and_then(|inner| inner.strip_suffix(close));
        if let Some(inner) = inner {
            findings.push(Finding::note("Taken off: quotation marks around the token."));
            rest = trim(inner, "inside the quotation marks", findings);
            break;
        }
    }
    let mut token = rest.to_owned();
    if token.to_ascii_lowercase().contains("%7c") {
        findings.push(Finding::note("Decoded: a percent-encoded bar (%7C)."));
        token = token.replace("%7C", "|").replace("%7c", "|");
    }
    let code = token.trim_end_matches("#_");
    if code.len() != token.len() {
        findings.push(Finding::note("Taken off: \"#_\" at the end, which a redirect adds."));
        token = code.to_owned();
    }
    token
}

fn trim<'a>(text: &'a str, place: &str, findings: &mut Vec<Finding>) -> &'a str {
    let trimmed = text.trim_matches(|c: char| c.is_whitespace() || INVISIBLE.contains(&c));
    if trimmed.len() != text.len() {
        let invisible = text.contains(INVISIBLE);
        let what = if invisible { "invisible characters" } else { "white space" };
        findings.push(Finding::note(format!("Taken off: {what} {place}.")));
    }
    trimmed
}
