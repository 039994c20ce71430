//! What people should know of renewals.

use holdfast_credentials::lifecycle::{Known, Trouble, Way};
use holdfast_model::alert::{Alert, RenewalStage, Transition};
use holdfast_model::credential::Expiry;
use holdfast_model::platform::PlatformId;
use holdfast_model::time::humanize_seconds;
use holdfast_platforms::catalog::own;
use holdfast_storage::StorageError;

use crate::alerts::regrant;
use crate::state::Gateway;

/// Once for each version and stage: a renewal that fails thirty times is one piece of news.
pub(super) async fn of_trouble(
    gateway: &Gateway,
    known: &Known,
    way: &Way,
    trouble: Trouble,
    says: &str,
) -> Result<(), StorageError> {
    let name = &known.credential.id;
    let stage = match trouble {
        Trouble::Unanswered => RenewalStage::Unanswered,
        Trouble::App => RenewalStage::App,
        Trouble::Refused => RenewalStage::Refused,
    };
    let title = format!("Credential {name} could not be renewed. {}", left(gateway, known));
    let what = format!("{says}. The token in use is not touched by this.");
    let remedy = match stage {
        RenewalStage::Unanswered => {
            "Nothing, if the platform is unwell: it is tried again more and more often towards the \
             end. Else see whether this machine reaches it."
                .to_owned()
        }
        RenewalStage::App => match known.credential.platform {
            PlatformId::Snap => "Store the client secret that is valid now: `holdfast app add`.",
            _ => {
                "Look at the app in the developer dashboard, and store the secret that is valid \
                  now: `holdfast app add`."
            }
        }
        .to_owned(),
        RenewalStage::Refused => refused(known, way),
    };
    claim(gateway, known, Transition::RenewalFailing { stage }, title, what, remedy).await
}

fn refused(known: &Known, way: &Way) -> String {
    let name = &known.credential.id;
    match way {
        Way::RefreshSnap | Way::ExtendUser | Way::RefreshInstagram => format!(
            "Sign in at the platform again and grant it anew, or add a token: `holdfast credential \
             rotate {name} --token-file PATH`."
        ),
        Way::DerivePage { .. } => {
            "See whether the parent's person still has the page, and grant it anew.".to_owned()
        }
        _ => format!(
            "Generate a new token of the same system user and add it: `holdfast credential rotate \
             {name} --token-file PATH`."
        ),
    }
}

pub(super) async fn of_storm(gateway: &Gateway, known: &Known) -> Result<(), StorageError> {
    let name = &known.credential.id;
    let title = format!("Renewals of credential {name} were stopped for a minute.");
    let what = "More tokens were asked for within a minute than any token's life explains.";
    let remedy =
        "See the audit trail for what renewed it. Nothing is lost: the token in use stays.";
    claim(gateway, known, Transition::RenewalStorm, title, what.to_owned(), remedy.to_owned()).await
}

fn left(gateway: &Gateway, known: &Known) -> String {
    match known.active().map(|active| active.expires_at) {
        Some(Expiry::At(at)) => {
            let left = at.0 - gateway.clock.wall().to_seconds().0;
            if left > 0 {
                format!("Its token lives for {} more.", humanize_seconds(left))
            } else {
                "Its token has expired.".to_owned()
            }
        }
        _ => "Its token is in use.".to_owned(),
    }
}

async fn claim(
    gateway: &Gateway,
    known: &Known,
    transition: Transition,
    title: String,
    what: String,
    remedy: String,
) -> Result<(), StorageError> {
    let Some(active) = known.active() else { return Ok(()) };
    let using = gateway.snapshot().destinations_using(&known.credential.id);
    let id = &known.credential.id;
    // Whoever granted it can do so again; nobody but them.
    let is_refused =
        matches!(transition, Transition::RenewalFailing { stage: RenewalStage::Refused });
    let alert = Alert {
        key: Alert::key_of_version(id, active.version, transition),
        transition,
        hold: None,
        at: gateway.clock.wall(),
        fault: own().row("holdfast.renewal_failing").name.to_owned(),
        title,
        what,
        remedy,
        destinations: using.iter().map(|one| one.id.to_string()).collect(),
        waiting: 0,
        first_deadline: None,
        delivered: 0,
        expired: 0,
        regrant_url: is_refused.then(|| regrant::url(gateway, id)).flatten(),
        together_with: Vec::new(),
    };
    if alert.regrant_url.is_some() {
        regrant::tell(gateway, id, &alert).await?;
    }
    if gateway.registry.claim_alert(&alert, &gateway.channels.names()).await? {
        gateway.alert_due.notify_one();
    }
    Ok(())
}
