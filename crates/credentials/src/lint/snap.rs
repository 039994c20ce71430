//! The form of Snap's tokens. (`snap-conversions.md` §10 and the wording rules of its §13)
//!
//! A token of the Conversions API is a JWT of Snap's shared token issuer, "Canvas". That form is
//! the normal one and never the reason for a refusal. Damage, a start in the future and the staging
//! environment can be seen offline; whether the token was deleted, or belongs to another
//! organization, cannot.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use holdfast_model::time::{DAY_S, HOUR_S, UnixSeconds};
use serde_json::Value;

use super::Finding;

/// How OAuth tokens begin, access and refresh tokens alike.
pub const OAUTH_PREFIX: &str = "hCgwKCj";

/// Characters of an HS256 signature in base64url.
const SIGNATURE_CHARS: usize = 43;

/// The key under which Snap signs its server-to-server tokens.
const KEY_ID: &str = "CanvasS2SHMACProd";

/// New tokens have been refused for a while; nobody at Snap says for how long.
const YOUNG_S: i64 = DAY_S;

/// No token is made to begin later than this, and few clocks are so far behind: then a digit of the
/// time is another one.
const ABSURD_S: i64 = 366 * DAY_S;

/// What a text in the form of a JWT says of itself.
pub fn examine_jwt(token: &str, now: UnixSeconds) -> Vec<Finding> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        return vec![Finding::refuse(
            "The token is damaged: it has the beginning of a JWT but not its three parts.",
        )];
    };
    let (Some(header), Some(payload)) = (decode(header), decode(payload)) else {
        return vec![Finding::refuse(
            "The token is damaged: its first two parts cannot be read. Copy it again.",
        )];
    };
    if let Some(problem) = signature_problem(signature) {
        return vec![problem];
    }
    let mut findings = Vec::new();
    if header["kid"] != KEY_ID {
        findings.push(Finding::warn(
            "This is a JWT, but not one that Snap's server-to-server token issuer signed.",
        ));
        return findings;
    }
    findings.push(Finding::note(format!(
        "The token has the normal Snap S2S form (kid {KEY_ID}). This is what Conversions API tokens \
         look like; its form is not a reason for a 401."
    )));
    findings.extend(environment(&payload));
    findings.extend(age(&payload, now));
    findings
}

/// What can be read in a token without judging it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SnapFacts {
    /// When it was made.
    pub not_before: Option<UnixSeconds>,
    pub is_staging: bool,
}

impl SnapFacts {
    /// Whether tokens of this age have been refused although nothing was wrong with them.
    pub fn is_young(&self, now: UnixSeconds) -> bool {
        self.not_before.is_some_and(|made| (0..YOUNG_S).contains(&now.0.saturating_sub(made.0)))
    }

    pub fn is_of_the_future(&self, now: UnixSeconds) -> bool {
        self.not_before.is_some_and(|made| made.0 > now.0)
    }

    /// Whether it names a time that Snap cannot have written.
    pub fn begins_absurdly_late(&self, now: UnixSeconds) -> bool {
        self.not_before.is_some_and(|made| made.0.saturating_sub(now.0) > ABSURD_S)
    }
}

pub fn facts(token: &str) -> SnapFacts {
    let payload = token.split('.').nth(1).and_then(decode).unwrap_or_default();
    SnapFacts {
        not_before: payload["nbf"].as_i64().map(UnixSeconds),
        is_staging: payload["sub"].as_str().is_some_and(|subject| subject.contains("~STAGING~")),
    }
}

/// What an opaque OAuth text means.
pub fn oauth() -> Finding {
    Finding::note(
        "This is an OAuth token of Snap's Marketing API. Access tokens last about an hour, and access \
         and refresh tokens look alike: only a probe tells which one this is.",
    )
}

fn decode(part: &str) -> Option<Value> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

fn signature_problem(signature: &str) -> Option<Finding> {
    let is_base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !signature.bytes().all(is_base64url) {
        return Some(Finding::refuse(
            "The token is damaged: there are characters in its signature that no token has.",
        ));
    }
    let found = signature.len();
    (found != SIGNATURE_CHARS).then(|| {
        let what =
            if found < SIGNATURE_CHARS { "its end is missing" } else { "something follows it" };
        Finding::refuse(format!(
            "The token is damaged: {what}. Its signature has {found} characters, expected \
             {SIGNATURE_CHARS}. Copy it again, whole."
        ))
    })
}

fn environment(payload: &Value) -> Option<Finding> {
    let subject = payload["sub"].as_str().unwrap_or_default();
    if subject.contains("~STAGING~") {
        return Some(Finding::warn(
            "The token is of the environment STAGING: not a Conversions API production token, \
             probably one of Camera Kit or Snap Kit.",
        ));
    }
    subject.contains("~PRODUCTION~").then(|| {
        Finding::note(
            "Environment PRODUCTION. Offline it cannot be told from a Camera Kit token, which has the \
             same form.",
        )
    })
}

fn age(payload: &Value, now: UnixSeconds) -> Option<Finding> {
    let created = payload["nbf"].as_i64()?;
    let age = now.0.saturating_sub(created);
    Some(if age < -ABSURD_S {
        Finding::warn(
            "The token says that it begins in years, which Snap would not write: a character in its \
             middle is probably another one than it was.",
        )
    } else if age < 0 {
        Finding::warn(format!(
            "The token begins on {}, which is in the future: either it is not active yet \
             or the clock of this machine is behind.",
            UnixSeconds(created).to_millis()
        ))
    } else if age < YOUNG_S {
        Finding::note(format!(
            "The token is young: made {} h ago. New tokens are sometimes refused for a while (45 \
             minutes were seen, a day is folklore); wait rather than make another, which starts the \
             time anew.",
            age / HOUR_S
        ))
    } else {
        Finding::note(format!(
            "Made {} days ago; a token of this kind does not expire.",
            age / DAY_S
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Lint, Severity, lint};
    use super::*;
    use holdfast_model::platform::PlatformId;
    use holdfast_testkit::{SNAP_PRODUCTION, SNAP_STAGING, fake_snap_token};
    use proptest::prelude::*;

    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

    fn production(not_before: i64) -> String {
        fake_snap_token(SNAP_PRODUCTION, not_before, 7)
    }

    fn snap(text: &str) -> Lint {
        lint(text, PlatformId::Snap, None, NOW)
    }

    #[track_caller]
    fn says(lint: &Lint, worst: Severity, words: &str) {
        let found = lint.findings.iter().map(|finding| finding.severity).max();
        assert_eq!(found, Some(worst), "{:?}", lint.findings);
        let text = lint.describe().join(" ");
        assert!(text.contains(words), "{words}: {text}");
    }

    #[test]
    fn the_normal_form_is_called_normal() {
        let lint = snap(&production(NOW.0 - 40 * DAY_S));
        says(&lint, Severity::Note, "the normal Snap S2S form");
        says(&lint, Severity::Note, "Made 40 days ago; a token of this kind does not expire");
        assert!(lint.is_storable());
        let words = lint.describe().join(" ").to_lowercase();
        for never in
            ["wrong token type", "canvas api token", "expired", "signature valid", "regenerate"]
        {
            assert!(!words.contains(never), "{never}: {words}");
        }
    }

    #[test]
    fn what_can_be_seen_offline_is_told() {
        let normal = production(NOW.0 - 40 * DAY_S);
        let cut = &normal[..normal.len() - 12];
        says(&snap(cut), Severity::Refuse, "its end is missing");
        says(&snap(&format!("{normal}x")), Severity::Refuse, "something follows it");
        says(&snap(&normal.replacen('.', "", 1)), Severity::Refuse, "not its three parts");
        says(&snap(&fake_snap_token(SNAP_STAGING, NOW.0 - DAY_S, 1)), Severity::Warn, "Camera Kit");
        says(&snap(&production(NOW.0 - HOUR_S)), Severity::Note, "The token is young");
        says(&snap(&production(NOW.0 + 600)), Severity::Warn, "in the future");
        let (_, rest) = normal.split_once('.').unwrap();
        let elsewhere = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"other"}"#);
        says(&snap(&format!("{elsewhere}.{rest}")), Severity::Warn, "not one that Snap's");
        says(
            &snap(&format!("{OAUTH_PREFIX}{}", "aB3_-".repeat(12))),
            Severity::Note,
            "OAuth token",
        );
        says(&snap(&holdfast_testkit::fake_token(7, 1)), Severity::Refuse, "a token of Meta");
        for wrapped in [format!("\"{normal}\""), format!("Bearer {normal}"), format!(" {normal}\n")]
        {
            let lint = snap(&wrapped);
            assert_eq!(lint.token().expose(), normal, "unwrapped");
            assert!(lint.is_storable());
        }
    }

    proptest! {
        #[test]
        fn a_cut_end_is_always_seen_and_nothing_is_called_expired(cut in 1usize..300) {
            let normal = production(NOW.0 - DAY_S * 40);
            let keep = normal.len().saturating_sub(cut).max(8);
            let lint = snap(&normal[..keep]);
            prop_assert!(lint.findings.iter().any(|finding| finding.severity >= Severity::Warn));
            let words = lint.describe().join(" ").to_lowercase();
            prop_assert!(!words.contains("expired") && !words.contains(&normal.to_lowercase()[..20]));
        }

        #[test]
        fn whatever_it_is_nothing_of_it_is_repeated(text in "[A-Za-z0-9._-]{24,200}") {
            for finding in snap(&text).findings {
                for piece in text.as_bytes().windows(20) {
                    prop_assert!(!finding.text.contains(std::str::from_utf8(piece).unwrap()));
                }
            }
        }
    }
}
