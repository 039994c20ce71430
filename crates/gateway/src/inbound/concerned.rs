//! Which credentials a signal is about.
//!
//! Only those of the app whose secret signed it. Some certainly are: the platform's id of the person
//! or of the business is known of them. Some may be, because nobody told whose they are; those are
//! looked at, and held only if the platform refuses them.

use holdfast_credentials::signals::About;
use holdfast_model::credential::{Credential, CredentialKind, CredentialVersion, Origin};
use holdfast_model::destination::Destination;
use holdfast_model::id::{AppId, CredentialId};
use holdfast_model::platform::PlatformId;

use crate::directory::Snapshot;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Concerned {
    pub certainly: Vec<CredentialId>,
    pub perhaps: Vec<CredentialId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Belongs {
    Certainly,
    Perhaps,
    No,
}

pub fn concerned(snapshot: &Snapshot, app: &AppId, about: &About) -> Concerned {
    let mut found = Concerned::default();
    for (id, credential) in &snapshot.credentials {
        let Some(active) = snapshot.active.get(id).filter(|v| is_of(credential, v, app)) else {
            continue;
        };
        match belongs(snapshot, credential, active, about) {
            Belongs::Certainly => found.certainly.push(id.clone()),
            Belongs::Perhaps => found.perhaps.push(id.clone()),
            Belongs::No => {}
        }
    }
    add_children(snapshot, &mut found);
    found.certainly.sort();
    found.perhaps.sort();
    found
}

/// By what it was added with, or by what the token's own bytes say.
pub fn is_of(credential: &Credential, active: &CredentialVersion, app: &AppId) -> bool {
    match &credential.app {
        Some(own) => own == app,
        None => active.decoded_app_id.is_some_and(|id| id.to_string() == app.as_str()),
    }
}

fn belongs(
    snapshot: &Snapshot,
    credential: &Credential,
    active: &CredentialVersion,
    about: &About,
) -> Belongs {
    match about {
        About::User(user) => of_person(active, user),
        About::Business(business) => of_business(credential, active, Some(business)),
        About::WhatsappAccount { waba, business } => {
            let bound = |one: &Destination| {
                one.platform == PlatformId::Whatsapp && names_account(one, waba)
            };
            let of_business = of_business(credential, active, business.as_ref());
            match of_business {
                _ if is_used(snapshot, &credential.id, bound) => Belongs::Certainly,
                Belongs::Perhaps if credential.platform != PlatformId::Whatsapp => Belongs::No,
                other => other,
            }
        }
        About::AdAccount(account) => {
            match is_used(snapshot, &credential.id, |one| names_account(one, account)) {
                true => Belongs::Certainly,
                false => Belongs::No,
            }
        }
    }
}

/// A system user is nobody who removes apps.
fn of_person(active: &CredentialVersion, user: &str) -> Belongs {
    let may_be_a_person = !matches!(
        active.kind,
        CredentialKind::SystemUser | CredentialKind::App | CredentialKind::Instagram
    );
    match &active.subject {
        Some(subject) if subject == user => Belongs::Certainly,
        None if may_be_a_person => Belongs::Perhaps,
        _ => Belongs::No,
    }
}

fn of_business(
    credential: &Credential,
    active: &CredentialVersion,
    business: Option<&String>,
) -> Belongs {
    let may_be_one = matches!(active.kind, CredentialKind::SystemUser | CredentialKind::Unknown);
    match (&credential.origin, business) {
        (Origin::Integration { business: own, .. }, Some(business)) if own == business => {
            Belongs::Certainly
        }
        // Made for a system user of our own business: no client can take it away.
        (Origin::Integration { .. } | Origin::SystemUser { .. } | Origin::Page { .. }, Some(_)) => {
            Belongs::No
        }
        _ if may_be_one => Belongs::Perhaps,
        _ => Belongs::No,
    }
}

/// Page tokens die with the token that they were derived from.
fn add_children(snapshot: &Snapshot, found: &mut Concerned) {
    for (id, credential) in &snapshot.credentials {
        let Origin::Page { parent, .. } = &credential.origin else { continue };
        if found.certainly.contains(parent)
            && !found.certainly.contains(id)
            && snapshot.active.contains_key(id)
        {
            found.perhaps.retain(|one| one != id);
            found.certainly.push(id.clone());
        }
    }
}

/// Whether something is sent for this WhatsApp account with a credential of that app: another app's
/// secret, though it is ours too, says nothing about it.
pub fn sends_for(snapshot: &Snapshot, app: &AppId, waba: &str) -> bool {
    let is_apps = |id: &CredentialId| {
        snapshot.credentials.get(id).is_some_and(|credential| {
            credential.app.as_ref() == Some(app)
                || snapshot.active.get(id).is_some_and(|active| is_of(credential, active, app))
        })
    };
    snapshot.destinations.values().any(|destination| {
        destination.platform == PlatformId::Whatsapp
            && names_account(destination, waba)
            && std::iter::once(&destination.credential).chain(&destination.standby).any(is_apps)
    })
}

fn names_account(destination: &Destination, account: &str) -> bool {
    let own = destination.settings.account.as_deref();
    own.is_some_and(|own| own.trim_start_matches("act_") == account)
}

fn is_used(snapshot: &Snapshot, id: &CredentialId, by: impl Fn(&Destination) -> bool) -> bool {
    snapshot.destinations_using(id).iter().any(|destination| by(destination))
}
