//! The form of a token, offline. (Shapes and structure: `tokens.md` §3 of the platform facts.)

mod normalize;
mod shape;
mod snap;
mod structure;

use std::fmt;

use holdfast_model::id::AppId;
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixSeconds;

pub use shape::Shape;
pub use snap::SnapFacts;
pub use structure::StructureProblem;

/// What was found, and the token as it would be stored.
#[derive(Debug)]
pub struct Lint {
    token: Secret,
    pub shape: Shape,
    pub findings: Vec<Finding>,
    /// The app id that the token's own bytes name, where they could be read.
    pub decoded_app_id: Option<u64>,
    /// Its structure is not one that the platform would write.
    pub is_damaged: bool,
    /// What a token of Snap's says of itself.
    pub snap: SnapFacts,
}

/// One sentence about the token. Never repeats any of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// For information.
    Note,
    /// Probably wrong, but the platform decides.
    Warn,
    /// Cannot work: not stored.
    Refuse,
}

/// Looks at a token meant for a platform. `configured_app` is the app it should come from.
pub fn lint(
    text: &str,
    platform: PlatformId,
    configured_app: Option<&AppId>,
    now: UnixSeconds,
) -> Lint {
    let (normalized, mut findings) = normalize::normalize(text);
    let shape = Shape::of(&normalized);
    findings.extend(shape.finding(platform));
    let mut decoded_app_id = None;
    let (mut is_damaged, mut snap_facts) = (false, SnapFacts::default());
    if platform == PlatformId::Snap && shape == Shape::Jwt {
        findings.extend(snap::examine_jwt(&normalized, now));
        snap_facts = snap::facts(&normalized);
        is_damaged = findings.iter().any(|finding| finding.severity == Severity::Refuse);
    }
    if platform != PlatformId::Snap && shape == Shape::Graph {
        let structure = structure::examine(&normalized);
        decoded_app_id = structure.app_id;
        is_damaged = structure.problem.is_some();
        findings.extend(structure.findings());
        findings.extend(compare_app(decoded_app_id, configured_app));
    }
    let unsendable = unsendable(&normalized);
    is_damaged |= unsendable.is_some() && !normalized.is_empty();
    findings.extend(unsendable);
    let token = Secret::new(normalized);
    Lint { token, shape, findings, decoded_app_id, is_damaged, snap: snap_facts }
}

impl Lint {
    /// The normalized token, for sealing.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// Whether it makes sense to store it at all.
    pub fn is_storable(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < Severity::Refuse)
    }

    /// Sentences for a person, the gravest first.
    pub fn describe(&self) -> Vec<String> {
        let mut findings: Vec<&Finding> = self.findings.iter().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings.iter().map(|finding| finding.text.clone()).collect()
    }

    /// First six characters: enough to recognize a token, too few to use it.
    pub fn head(&self) -> String {
        self.ends_may_be_shown(|text| text.chars().take(6).collect())
    }

    /// Last four characters.
    pub fn tail(&self) -> String {
        self.ends_may_be_shown(|text| {
            let skip = text.chars().count().saturating_sub(4);
            text.chars().skip(skip).collect()
        })
    }

    /// Ten characters of a short secret would be too much of it.
    fn ends_may_be_shown(&self, part: impl Fn(&str) -> String) -> String {
        const LONG_ENOUGH: usize = 60;
        if self.token.len() < LONG_ENOUGH { "…".to_owned() } else { part(self.token.expose()) }
    }
}

impl Finding {
    pub(crate) fn note(text: impl Into<String>) -> Self {
        Self { severity: Severity::Note, text: text.into() }
    }

    pub(crate) fn warn(text: impl Into<String>) -> Self {
        Self { severity: Severity::Warn, text: text.into() }
    }

    pub(crate) fn refuse(text: impl Into<String>) -> Self {
        Self { severity: Severity::Refuse, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn compare_app(decoded: Option<u64>, configured: Option<&AppId>) -> Option<Finding> {
    let (decoded, configured) = (decoded?, configured?);
    (decoded.to_string() != configured.as_str()).then(|| {
        Finding::warn(format!(
            "The token's bytes name app {decoded}, but it is configured for app {configured}: it \
             may come from another app or environment. Proofs and debug_token would then fail."
        ))
    })
}

/// A header cannot carry these, whatever the token is.
fn unsendable(token: &str) -> Option<Finding> {
    if token.is_empty() {
        return Some(Finding::refuse("There is no token: the text is empty."));
    }
    let (offset, character) = token.char_indices().find(|(_, c)| !c.is_ascii_graphic())?;
    let what = match character {
        ' ' => "a space".to_owned(),
        '\n' | '\r' => "a line break".to_owned(),
        '\t' => "a tab".to_owned(),
        c => format!("the character U+{:04X}", u32::from(c)),
    };
    Some(Finding::refuse(format!(
        "There is {what} inside the token, at position {}. Copy it again with the platform's Copy \
         button.",
        offset + 1
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_testkit::{APP_ID, Damage, LARGE_APP_ID, fake_app_token, fake_token};
    use proptest::prelude::*;

    fn meta(text: &str) -> Lint {
        lint(text, PlatformId::Meta, None, UnixSeconds(0))
    }

    #[test]
    fn a_whole_token_is_clean_and_names_its_app() {
        for app in [APP_ID, LARGE_APP_ID] {
            for seed in 0..50 {
                let token = fake_token(app, seed);
                let lint = meta(&token);
                assert!(lint.is_storable());
                assert_eq!(lint.decoded_app_id, Some(app));
                assert!(lint.describe().join(" ").contains("no structural damage found"));
                assert!(
                    lint.findings.iter().all(|f| f.severity == Severity::Note),
                    "{:?}",
                    lint.findings
                );
            }
        }
    }

    #[test]
    fn another_apps_token_is_noticed() {
        let app = AppId::new("999999999999999").unwrap();
        let lint = lint(&fake_token(APP_ID, 1), PlatformId::Meta, Some(&app), UnixSeconds(0));
        assert!(lint.is_storable(), "lint warns, the platform decides");
        assert!(lint.describe()[0].contains("999999999999999"));
    }

    #[test]
    fn wrappers_are_taken_off_and_named() {
        let token = fake_token(APP_ID, 2);
        for wrapped in [
            format!("  {token}\n"),
            format!("\"{token}\""),
            format!("'{token}'"),
            format!("Bearer {token}"),
            format!("\u{feff}{token}\u{200b}"),
            format!("access_token={token}"),
            format!("\"access_token={token}\""),
            format!("'Authorization: Bearer {token}'"),
            format!("Authorization: \"Bearer {token}\""),
        ] {
            let lint = meta(&wrapped);
            assert_eq!(lint.token().expose(), token, "{wrapped:?}");
            assert!(lint.is_storable());
            assert!(lint.findings.len() > 1, "it says what it took off");
        }
    }

    #[test]
    fn wrapping_without_end_is_refused_and_nothing_is_stored_half_unwrapped() {
        let token = fake_token(APP_ID, 2);
        let nested = |layers| format!("{}{token}{}", "'".repeat(layers), "'".repeat(layers));
        assert_eq!(meta(&nested(5)).token().expose(), token);
        assert!(!meta(&nested(50)).is_storable());
        assert!(meta(&nested(50)).describe()[0].contains("many times over"));
        assert_eq!(meta(&format!("{token}#_#_")).token().expose(), token);
    }

    #[test]
    fn what_is_not_a_token_of_meta_is_told_apart() {
        let app_token = fake_app_token(APP_ID, 3);
        for (text, expected) in [
            (app_token.as_str(), "app token"),
            ("", "empty"),
            ("undefined", "template"),
            ("{{myToken}}", "template"),
            ("${META_TOKEN}", "template"),
            ("<token>", "template"),
            ("EAAB…xyz", "masked"),
            ("EAAB****xyz", "masked"),
            ("123456789012345", "id"),
            ("0123456789abcdef0123456789abcdef", "app secret"),
            ("ya29.a0AfH6SMBx", "Google"),
            ("xoxb-123456789012-abcdefghij", "Slack"),
        ] {
            let lint = meta(text);
            assert!(!lint.is_storable(), "{text:?} must be refused");
            let said = lint.describe().join(" ");
            assert!(said.contains(expected), "{text:?}: {said}");
        }
    }

    #[test]
    fn an_inner_line_break_is_refused_with_its_place() {
        let token = fake_token(APP_ID, 4);
        let lint = meta(&format!("{}\n{}", &token[..30], &token[30..]));
        assert!(!lint.is_storable());
        assert!(lint.describe()[0].contains("position 31"), "{:?}", lint.describe());
    }

    #[test]
    fn most_cut_tails_and_all_cut_heads_are_caught() {
        let (mut tails, mut heads, mut total) = (0, 0, 0);
        for seed in 0..60 {
            let token = fake_token(APP_ID, seed);
            for cut in 1..=40 {
                total += 1;
                tails += u32::from(is_suspicious(&token[..token.len() - cut]));
                heads += u32::from(is_suspicious(&token[cut..]));
            }
        }
        assert!(tails * 100 >= total * 70, "{tails} of {total} cut tails");
        assert_eq!(heads, total, "a cut head never looks whole");
    }

    fn is_suspicious(text: &str) -> bool {
        meta(text).findings.iter().any(|finding| finding.severity >= Severity::Warn)
    }

    proptest! {
        #[test]
        fn damage_is_never_called_expiry_and_the_token_never_repeated(
            seed in 0u64..500, kind in 0..Damage::ALL.len(),
        ) {
            let damaged = Damage::ALL[kind].apply(&fake_token(APP_ID, seed), seed);
            let lint = meta(&damaged);
            let said = lint.describe().join(" ");
            prop_assert!(!said.to_lowercase().contains("expired"));
            prop_assert!(!said.contains("intact"));
            for window in damaged.as_bytes().windows(20) {
                if let Ok(window) = std::str::from_utf8(window) {
                    prop_assert!(!said.contains(window));
                }
            }
        }

        #[test]
        fn never_panics(text in "\\PC{0,300}") {
            let lint = meta(&text);
            let _ = (lint.describe(), lint.head(), lint.tail(), format!("{lint:?}"));
        }
    }
}
