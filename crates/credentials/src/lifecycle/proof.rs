//! Whether what a renewal brought is as good as what it replaces. `spec: tokens.md §10.3`.

use holdfast_model::credential::{CredentialVersion, Expiry};
use holdfast_platforms::Learned;

use super::known::is_later;

/// What came of proving a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It is active now.
    Active { expires_at: Expiry },
    /// It is as good as the one in use and no better: it does not live longer.
    NoGain,
    /// The platform gave no usable answer.
    Silent { says: String },
    /// The platform refuses it, or it is not the same person's or app's.
    Refused { says: String },
}

/// What the platform says of the new token beside what it says of the old.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// It must not take the old one's place.
    pub refused: Option<String>,
    /// It lives no longer.
    pub is_no_gain: bool,
    /// Permissions that the old one has and the new one lacks: said, and no reason to refuse, since
    /// Meta's lists are known to drift while the token works.
    pub missing_scopes: Vec<String>,
}

/// Compares the two. What is not known of either decides nothing.
pub fn compare(
    old: &CredentialVersion,
    old_says: &Learned,
    new: &CredentialVersion,
    new_says: &Learned,
) -> Finding {
    let differs = |what: &str, old: Option<&String>, new: Option<&String>| match (old, new) {
        (Some(old), Some(new)) if old != new => {
            Some(format!("it is of another {what} ({new}) than the one in use ({old})"))
        }
        _ => None,
    };
    // What is stored of the old one counts where it is not said again.
    let old_subject = old_says.subject.as_ref().or(old.subject.as_ref());
    let new_subject = new_says.subject.as_ref().or(new.subject.as_ref());
    let refused = differs("app", old_says.app_id.as_ref(), new_says.app_id.as_ref())
        .or_else(|| differs("user", old_subject, new_subject));
    let old_expires = known_of(old_says.expires_at, old.expires_at);
    let new_expires = known_of(new_says.expires_at, new.expires_at);
    let is_no_gain = match (old_expires, new_expires) {
        (Expiry::At(old), Expiry::At(new)) => !is_later(new, old),
        (Expiry::Never, Expiry::At(_)) => true,
        _ => false,
    };
    let had = if old_says.scopes.is_empty() { &old.scopes } else { &old_says.scopes };
    // An empty list is a list that was not told.
    let lacks = |scope: &&String| !new_says.scopes.is_empty() && !new_says.scopes.contains(scope);
    let missing_scopes = had.iter().filter(lacks).cloned().collect();
    Finding { refused, is_no_gain, missing_scopes }
}

fn known_of(said: Expiry, stored: Expiry) -> Expiry {
    if said == Expiry::Unknown { stored } else { said }
}
