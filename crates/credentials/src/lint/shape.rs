//! What kind of thing a text is, by its shape alone.

use holdfast_model::platform::PlatformId;

use super::{Finding, snap};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Empty,
    /// `EA…`: a user, page or system-user token of Meta's Graph API.
    Graph,
    /// `APPID|SECRET`.
    AppToken,
    /// 32 hexadecimal digits: an app secret or a client token.
    AppSecret,
    /// Digits only: an id.
    Id,
    Instagram,
    Threads,
    /// Begins like three base64url parts with dots.
    Jwt,
    /// `hCgwKCj…`: an opaque OAuth token of Snap's.
    SnapOauth,
    /// An OAuth code, to be exchanged once.
    OauthCode,
    /// A variable that was never filled in.
    Template,
    /// `…` or `***` in the middle: copied from a display that hides it.
    Masked,
    /// Recognizably somebody else's; the word says whose.
    Foreign(&'static str),
    /// Nothing we know.
    Unknown,
}

/// Fewest characters after `EA` for something to count as a Graph token rather than a word.
const MIN_GRAPH_TAIL: usize = 8;

const FOREIGN: [(&str, &str); 14] = [
    ("ya29.", "a Google access token"),
    ("1//0", "a Google refresh token"),
    ("AIza", "a Google API key"),
    ("GOCSPX-", "a Google client secret"),
    ("xox", "a Slack token"),
    ("ghp_", "a GitHub token"),
    ("gho_", "a GitHub token"),
    ("github_pat_", "a GitHub token"),
    ("AKIA", "an AWS access key"),
    ("sk_live_", "a Stripe key"),
    ("sk-", "an API key of another service"),
    ("pina_", "a Pinterest token"),
    ("hfk_", "a Holdfast key"),
    ("act.", "a TikTok token"),
];

impl Shape {
    pub fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self::Empty;
        }
        if is_template(text) {
            return Self::Template;
        }
        if text.contains('…') || text.contains("***") || text.contains("...") {
            return Self::Masked;
        }
        if let Some((_, whose)) = FOREIGN.iter().find(|(prefix, _)| text.starts_with(prefix)) {
            return Self::Foreign(whose);
        }
        if is_app_token(text) {
            return Self::AppToken;
        }
        Self::of_run(text)
    }

    fn of_run(text: &str) -> Self {
        let all = |test: fn(&u8) -> bool| text.as_bytes().iter().all(test);
        if text.starts_with("eyJ") {
            Self::Jwt
        } else if text.starts_with(snap::OAUTH_PREFIX) {
            Self::SnapOauth
        } else if text.starts_with("IGQ") || text.starts_with("IGAA") {
            Self::Instagram
        } else if text.starts_with("THAA") || text.starts_with("THQ") {
            Self::Threads
        } else if text.starts_with("EA") && text.len() >= MIN_GRAPH_TAIL + 2 {
            Self::Graph
        } else if text.starts_with("AQ") || text.contains("#_") {
            Self::OauthCode
        } else if all(u8::is_ascii_digit) && (9..=20).contains(&text.len()) {
            Self::Id
        } else if all(u8::is_ascii_hexdigit) && text.len() == 32 {
            Self::AppSecret
        } else {
            Self::Unknown
        }
    }

    /// What this shape means for a token of `platform`.
    pub(super) fn finding(self, platform: PlatformId) -> Option<Finding> {
        match self {
            Self::Empty => None,
            Self::Template => Some(Finding::refuse(
                "This is an unfilled template variable or a stand-in, not a token: whatever should \
                 have put the token here did not.",
            )),
            Self::Masked => Some(Finding::refuse(
                "This was copied from a display that shows the token masked; the middle is missing. \
                 Use the Copy button.",
            )),
            Self::Foreign(whose) => {
                Some(Finding::refuse(format!("This is {whose}, not a token of {platform}.")))
            }
            _ if platform == PlatformId::Snap => self.finding_for_snap(),
            Self::Graph => None,
            Self::AppToken => Some(Finding::refuse(
                "This is an app token: its right half is the app secret. It cannot send events. Store \
                 the secret with `holdfast app add`, and use a system-user token here.",
            )),
            Self::AppSecret => Some(Finding::refuse(
                "This looks like an app secret or a client token (32 hexadecimal digits), not an \
                 access token. Store a secret with `holdfast app add`.",
            )),
            Self::Id => Some(Finding::refuse("This is an id, not a token: it has digits only.")),
            Self::Instagram => Some(Finding::warn(
                "This is an Instagram Login token; it works on graph.instagram.com only.",
            )),
            Self::Threads => {
                Some(Finding::warn("This is a Threads token, not one of the Graph API."))
            }
            Self::Jwt => Some(Finding::warn(
                "This is a JWT (an id token of Limited Login, or another platform's token), not an \
                 access token of the Graph API.",
            )),
            Self::OauthCode => Some(Finding::warn(
                "This looks like an OAuth code, which must be exchanged for a token first.",
            )),
            Self::SnapOauth => Some(Finding::refuse("This is a token of Snap, not one of Meta.")),
            Self::Unknown => Some(Finding::warn(
                "This does not look like a token of Meta's Graph API, which begins with \"EA\".",
            )),
        }
    }

    fn finding_for_snap(self) -> Option<Finding> {
        match self {
            Self::Jwt => None,
            Self::SnapOauth => Some(snap::oauth()),
            Self::Graph | Self::AppToken | Self::Instagram | Self::Threads => {
                Some(Finding::refuse("This is a token of Meta, not one of Snap."))
            }
            Self::Id => Some(Finding::refuse("This is an id, not a token: it has digits only.")),
            Self::AppSecret => Some(Finding::refuse(
                "This looks like a secret (32 hexadecimal digits), not an access token of Snap.",
            )),
            _ => Some(Finding::warn(
                "This does not look like a token of Snap: those of the Conversions API begin with \
                 \"eyJ\", those of OAuth with \"hCgwKCj\".",
            )),
        }
    }
}

fn is_template(text: &str) -> bool {
    const STAND_INS: [&str; 10] = [
        "undefined",
        "null",
        "none",
        "nil",
        "token",
        "changeme",
        "your_access_token",
        "your-access-token",
        "access_token",
        "todo",
    ];
    let lower = text.to_ascii_lowercase();
    let wrapped = [("{{", "}}"), ("${", "}"), ("<", ">"), ("%(", ")s"), ("[[", "]]"), ("#{", "}")]
        .iter()
        .any(|(open, close)| text.starts_with(open) && text.ends_with(close));
    let shell = text.len() > 1
        && text.starts_with('$')
        && text[1..].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    wrapped || shell || STAND_INS.contains(&lower.as_str()) || lower.bytes().all(|b| b == b'x')
}

fn is_app_token(text: &str) -> bool {
    text.split_once('|').is_some_and(|(id, secret)| {
        (9..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit()) && !secret.is_empty()
    })
}
