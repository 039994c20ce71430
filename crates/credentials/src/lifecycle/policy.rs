//! Which way of renewal a credential has, and when. `spec: tokens.md §2, §10`.

use holdfast_model::credential::{CredentialKind, CredentialVersion, Expiry, Origin};
use holdfast_model::platform::PlatformId;
use holdfast_model::time::{DAY_S, HOUR_S, MINUTE_S, UnixMillis};
use serde::Serialize;

use super::known::{Known, is_over, left_ms};

/// How a credential gets its next token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "way")]
pub enum Way {
    /// A system user's token of sixty days is exchanged for another; the old one stays valid.
    RefreshSystemUser,
    /// A person's token is exchanged for a longer one, as long as it lives.
    ExtendUser,
    /// Instagram's own refresh, for tokens that are a day old.
    RefreshInstagram,
    /// Read anew with the token of its parent.
    DerivePage { page: String },
    /// With the refresh token. Access tokens live about an hour.
    RefreshSnap,
    /// There is nothing to extend.
    None {
        /// Fits after "nothing to extend: ".
        why: String,
        /// What to do when it has to be replaced all the same, in a sentence.
        instead: String,
    },
}

impl Way {
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None { .. })
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::RefreshSystemUser => "refresh_system_user",
            Self::ExtendUser => "extend_user",
            Self::RefreshInstagram => "refresh_instagram",
            Self::DerivePage { .. } => "derive_page",
            Self::RefreshSnap => "refresh_snap",
            Self::None { .. } => "none",
        }
    }

    /// What it does, for people; fits after "it renews itself: ".
    pub fn describe(&self) -> &'static str {
        match self {
            Self::RefreshSystemUser => "the system user's token is refreshed with the app's secret",
            Self::ExtendUser => "the person's token is exchanged for a longer one",
            Self::RefreshInstagram => "Instagram refreshes it",
            Self::DerivePage { .. } => "it is read anew with the token of its parent",
            Self::RefreshSnap => "the refresh token brings the next access token",
            Self::None { .. } => "it does not renew itself",
        }
    }

    /// Expired tokens of these kinds cannot be exchanged; of the others something else is shown.
    fn needs_a_living_token(&self) -> bool {
        matches!(self, Self::RefreshSystemUser | Self::ExtendUser | Self::RefreshInstagram)
    }

    /// How long such a token lives when it is fresh.
    fn usual_life_ms(&self) -> i64 {
        let seconds = match self {
            Self::RefreshSnap => HOUR_S,
            Self::DerivePage { .. } => DERIVE_AGAIN_S,
            _ => 60 * DAY_S,
        };
        seconds * 1_000
    }
}

/// A page's token is read anew so often although nothing seems to have changed.
const DERIVE_AGAIN_S: i64 = 7 * DAY_S;

/// Instagram refuses to refresh a younger token.
const INSTAGRAM_MIN_AGE_MS: i64 = DAY_S * 1_000;

/// Longest pause between two attempts: a token of sixty days is first tried on its thirtieth, and
/// then has thirty more tries.
const LONGEST_PAUSE_MS: i64 = DAY_S * 1_000;

const FIRST_PAUSE_MS: i64 = MINUTE_S * 1_000;
const SHORTEST_PAUSE_MS: i64 = 30 * 1_000;

/// What has expired is tried this often where it can still be renewed.
const PAUSE_AFTER_DEATH_MS: i64 = 5 * MINUTE_S * 1_000;

/// So many failures in a row are worth telling, where one alone says little.
pub const WORRYING_FAILURES: u32 = 5;

/// Somebody has to mend the app first; then it should not take a day.
const PAUSE_FOR_APP_MS: i64 = 6 * HOUR_S * 1_000;

/// Which way the credential has now.
pub fn way(known: &Known) -> Way {
    let Some(active) = known.active() else {
        return none("it has no active version", add_again(known));
    };
    match known.credential.platform {
        PlatformId::Snap => snap(known),
        PlatformId::Meta | PlatformId::Whatsapp => meta(known, active),
    }
}

fn snap(known: &Known) -> Way {
    if !known.has_refresh_token {
        return none(
            "a static token of Snap's does not expire, and an access token without its refresh \
             token cannot be renewed",
            rotate(known),
        );
    }
    if !known.has_app_secret {
        return none(
            "the secret of the OAuth app it was granted to is not known here",
            "Store it: `holdfast app add --platform snap ID --secret-file PATH`.".to_owned(),
        );
    }
    Way::RefreshSnap
}

fn meta(known: &Known, active: &CredentialVersion) -> Way {
    if let Origin::Page { page, .. } = &known.credential.origin {
        return match known.parent {
            Some(_) => Way::DerivePage { page: page.clone() },
            None => none(
                "its parent has no active version to derive it with",
                "Mend the parent first; this one follows by itself.".to_owned(),
            ),
        };
    }
    if is_instagram(active) {
        return Way::RefreshInstagram;
    }
    match (active.expires_at, active.data_access_expires_at) {
        (Expiry::Never, Expiry::At(_)) => {
            return none(
                "the token never expires; its access to data ends all the same, and only the \
                 person can renew that",
                "Have the person sign in and grant it anew.".to_owned(),
            );
        }
        (Expiry::Never, _) => return none("the token never expires", rotate(known)),
        (Expiry::Unknown, _) => {
            return none(
                "the platform has not said when it expires",
                format!("Ask again: `holdfast credential verify {}`.", known.credential.id),
            );
        }
        (Expiry::At(_), _) => {}
    }
    if !known.has_app_secret {
        return none("the app that issued it is not ours", rotate(known));
    }
    match active.kind {
        CredentialKind::SystemUser => Way::RefreshSystemUser,
        CredentialKind::User => Way::ExtendUser,
        CredentialKind::Page => {
            none("a page's token is derived, and with whose token is not known here", rotate(known))
        }
        _ => none("tokens of its kind cannot be extended", rotate(known)),
    }
}

/// By its kind, or by its form where nothing has told the kind.
fn is_instagram(version: &CredentialVersion) -> bool {
    version.kind == CredentialKind::Instagram || version.head.starts_with("IG")
}

fn none(why: &str, instead: String) -> Way {
    Way::None { why: why.to_owned(), instead }
}

fn rotate(known: &Known) -> String {
    format!(
        "Make a second token beside it, then `holdfast credential rotate {} --token-file PATH`: the \
         old one stays in use until the new one has delivered.",
        known.credential.id
    )
}

fn add_again(known: &Known) -> String {
    format!("Add a token: `holdfast credential add {} --token-file PATH`.", known.credential.id)
}

/// When the next attempt is due; none if there is nothing to attempt.
pub fn due_at(known: &Known, way: &Way, now: UnixMillis) -> Option<UnixMillis> {
    let active = known.active()?;
    if way.is_none() || way.needs_a_living_token() && is_over(active.expires_at, now) {
        return None;
    }
    if known.failures() == 0 && is_urgent(known, way) {
        return Some(now);
    }
    let planned = match known.attempts_with_active() {
        Some(attempts) => attempts.next_at,
        None => first_attempt(known, way, active),
    };
    let youngest = match way {
        Way::RefreshInstagram => active.added_at.plus_millis(INSTAGRAM_MIN_AGE_MS),
        _ => active.added_at,
    };
    Some(planned.max(youngest))
}

/// The parent has another token, or the platform refuses what is in use and what brings the next
/// one is something else than the refused token. Once: what that did not mend is tried again at its
/// time.
fn is_urgent(known: &Known, way: &Way) -> bool {
    match way {
        Way::DerivePage { .. } => known.parent_has_changed() || known.is_refused_anew(),
        Way::RefreshSnap => known.is_refused_anew(),
        _ => false,
    }
}

/// Half a usual life before the end, however old it was when it came in.
fn first_attempt(known: &Known, way: &Way, active: &CredentialVersion) -> UnixMillis {
    let usual = way.usual_life_ms();
    match (way, active.expires_at) {
        (Way::DerivePage { .. }, _) => {
            active.added_at.plus_millis(usual - jitter_ms(known.credential.id.as_str(), usual))
        }
        (_, Expiry::At(at)) => {
            let before = usual / 2 + jitter_ms(known.credential.id.as_str(), usual);
            at.to_millis().plus_millis(-before)
        }
        // Once it was renewed its end is known.
        _ => active.added_at,
    }
}

/// When a version ends, as far as that is known. An access token of Snap's whose answer did not say
/// so lives as long as they all do.
pub fn ends_at(way: &Way, version: &CredentialVersion) -> Option<UnixMillis> {
    match (version.expires_at, way) {
        (Expiry::At(at), _) => Some(at.to_millis()),
        (Expiry::Unknown, Way::RefreshSnap) => {
            Some(version.added_at.plus_millis(way.usual_life_ms()))
        }
        _ => None,
    }
}

/// When what was renewed just now is renewed again: in the middle of its life.
pub fn after_success(name: &str, way: &Way, expires_at: Expiry, now: UnixMillis) -> UnixMillis {
    let usual = way.usual_life_ms();
    if matches!(way, Way::DerivePage { .. }) {
        return now.plus_millis(usual - jitter_ms(name, usual));
    }
    let life = left_ms(expires_at, now).unwrap_or(usual);
    let middle = life / 2 - jitter_ms(name, life);
    now.plus_millis(middle.max(SHORTEST_PAUSE_MS))
}

/// When nothing was gained: tomorrow there will be.
pub fn after_no_gain(way: &Way, now: UnixMillis) -> UnixMillis {
    match way {
        Way::DerivePage { .. } => now.plus_millis(way.usual_life_ms()),
        _ => now.plus_millis(LONGEST_PAUSE_MS),
    }
}

/// What kept a renewal from succeeding, as far as it decides when to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// No usable answer.
    Transient,
    /// The app is refused, whatever the token.
    App,
    /// What came is refused, though the exchange was not: another one may be good.
    Unfit,
    /// The platform will say the same again.
    Definitive,
}

/// When to try again after so many failures in a row. Sooner and sooner towards the end of the
/// token's life, so that there are always several tries left.
pub fn after_failure(
    name: &str,
    way: &Way,
    setback: Setback,
    failures: u32,
    ends_at: Option<UnixMillis>,
    now: UnixMillis,
) -> UnixMillis {
    let left = ends_at.map_or_else(|| way.usual_life_ms(), |at| at.0 - now.0);
    let longest = match left <= 0 {
        true => PAUSE_AFTER_DEATH_MS,
        false => (left / 8).clamp(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS),
    };
    let doublings = failures.saturating_sub(1).min(20);
    let pause = match setback {
        Setback::Transient => (FIRST_PAUSE_MS << doublings).min(longest),
        Setback::App => PAUSE_FOR_APP_MS.min(longest),
        Setback::Unfit => longest,
        Setback::Definitive => LONGEST_PAUSE_MS,
    };
    now.plus_millis(pause + jitter_ms(name, pause))
}

/// Up to a thirtieth, always the same for the same name: what was added together is not renewed
/// together.
pub fn jitter_ms(name: &str, of_ms: i64) -> i64 {
    let fnv = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let most = (of_ms / 30).max(1);
    (fnv % most.unsigned_abs()) as i64
}
