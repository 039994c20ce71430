//! A mail to the person who has to grant anew, with the link at which that is done.
//!
//! Operators are told by the channels of the configuration; this goes to the address that is kept
//! with the credential, to nobody else, and says only what that person can mend. It takes the same
//! queue as every alert, in a channel of its own (`contact:CREDENTIAL`), and is told once.

use holdfast_model::alert::{Alert, Transition};
use holdfast_model::credential::{Credential, Origin};
use holdfast_model::fault::FaultClass;
use holdfast_model::hold::Hold;
use holdfast_model::id::CredentialId;
use holdfast_model::platform::PlatformId;
use holdfast_model::scope::SelectorKind;
use holdfast_storage::StorageError;

use crate::directory::Snapshot;
use crate::state::Gateway;

/// How the channel of a credential's contact begins.
const CHANNEL: &str = "contact:";

pub fn channel_of(credential: &CredentialId) -> String {
    format!("{CHANNEL}{credential}")
}

/// The address behind such a channel. None if it is another channel or nobody is to be told any
/// more.
pub fn address(gateway: &Gateway, channel: &str) -> Option<String> {
    let id = CredentialId::new(channel.strip_prefix(CHANNEL)?).ok()?;
    contact_of(&gateway.snapshot(), &id)
}

pub fn is_contact(channel: &str) -> bool {
    channel.starts_with(CHANNEL)
}

/// Its own, or that of the credential it was derived from.
pub fn contact_of(snapshot: &Snapshot, id: &CredentialId) -> Option<String> {
    let credential = snapshot.credentials.get(id)?;
    let parent = || snapshot.credentials.get(credential.origin.parent()?)?.contact.clone();
    credential.contact.clone().or_else(parent)
}

/// Where a person can grant it anew. None where no person can: a token that was pasted and belongs to
/// no app of ours can only be pasted again.
pub fn url(gateway: &Gateway, id: &CredentialId) -> Option<String> {
    let snapshot = gateway.snapshot();
    let credential = granted_by(&snapshot, snapshot.credentials.get(id)?);
    let is_grantable =
        credential.app.is_some() || matches!(credential.origin, Origin::Granted { .. });
    let public = gateway.settings.public_url();
    is_grantable.then(|| format!("{public}/connect/regrant/{}", credential.id))
}

/// The same for what a hold is about.
pub fn url_for(gateway: &Gateway, hold: &Hold) -> Option<String> {
    credential_of(hold).and_then(|id| url(gateway, &id))
}

/// A page's token comes with that of a person, who is the one to ask.
fn granted_by<'a>(snapshot: &'a Snapshot, credential: &'a Credential) -> &'a Credential {
    match &credential.origin {
        Origin::Page { parent, .. } => snapshot.credentials.get(parent).unwrap_or(credential),
        _ => credential,
    }
}

/// The credential that a new grant would mend, if the hold is about one.
pub fn credential_of(hold: &Hold) -> Option<CredentialId> {
    let is_mendable = matches!(hold.fault.class, FaultClass::Credential | FaultClass::Permission);
    let named = hold.scope.get(SelectorKind::Credential).filter(|_| is_mendable)?;
    CredentialId::new(named).ok()
}

/// Tells the contact of the hold's credential what operators are told with this alert.
pub async fn tell_of_hold(
    gateway: &Gateway,
    hold: &Hold,
    alert: &Alert,
) -> Result<(), StorageError> {
    let is_for_them = match alert.transition {
        Transition::Opened | Transition::DeadlineNear { .. } | Transition::Resolved => true,
        Transition::StillOpen { hours } => hours >= 24,
        _ => false,
    };
    match credential_of(hold).filter(|_| is_for_them) {
        Some(id) => tell(gateway, &id, alert).await,
        None => Ok(()),
    }
}

/// Tells the contact of a credential, if it has one and mail is configured.
pub async fn tell(gateway: &Gateway, id: &CredentialId, about: &Alert) -> Result<(), StorageError> {
    if !gateway.channels.reaches_contacts() || contact_of(&gateway.snapshot(), id).is_none() {
        return Ok(());
    }
    let alert = write(gateway, id, about);
    gateway.registry.claim_alert(&alert, &[channel_of(id)]).await?;
    Ok(())
}

fn write(gateway: &Gateway, id: &CredentialId, about: &Alert) -> Alert {
    let snapshot = gateway.snapshot();
    let platform = snapshot.credentials.get(id).map_or("the platform", |it| match it.platform {
        PlatformId::Meta => "Meta",
        PlatformId::Snap => "Snap",
        PlatformId::Whatsapp => "WhatsApp",
    });
    let title = match about.transition {
        Transition::Resolved => format!("The access \"{id}\" to {platform} works again."),
        Transition::Expiring { days } | Transition::DataAccessEnding { days } => {
            format!("The access \"{id}\" to {platform} ends within {days} days.")
        }
        Transition::RenewalFailing { .. } => {
            format!("The access \"{id}\" to {platform} cannot be extended and will end.")
        }
        Transition::StillOpen { .. } | Transition::DeadlineNear { .. } => {
            format!("The access \"{id}\" to {platform} still waits for you.")
        }
        _ => format!("The access \"{id}\" to {platform} has ended. You can grant it anew."),
    };
    let regrant_url = url(gateway, id);
    let remedy = match &regrant_url {
        Some(_) => "Open the link below, look at what is asked for, and grant it.".to_owned(),
        None => about.remedy.clone(),
    };
    Alert {
        key: format!("{}:{}", channel_of(id), about.key),
        hold: None,
        title,
        remedy,
        regrant_url: regrant_url.filter(|_| about.transition != Transition::Resolved),
        together_with: Vec::new(),
        ..about.clone()
    }
}
