//! Permissions that a platform does not name any more. Something to look at, and nothing is held for
//! it: lists have drifted while tokens went on working (`spec/tokens.md §5`).

use holdfast_model::alert::{Alert, Transition};
use holdfast_model::credential::CredentialVersion;
use holdfast_model::time::UnixMillis;
use holdfast_platforms::catalog::own;
use holdfast_storage::StorageError;
use sha2::{Digest as _, Sha256};

use super::{regrant, together};
use crate::state::Gateway;

pub async fn tell(gateway: &Gateway) -> Result<(), StorageError> {
    let (now, snapshot) = (gateway.clock.wall(), gateway.snapshot());
    let lost = snapshot.active.values().filter(|version| !version.scopes_lost.is_empty());
    together::tell(gateway, lost.map(|version| write(gateway, version, now)).collect()).await
}

fn write(gateway: &Gateway, version: &CredentialVersion, at: UnixMillis) -> Alert {
    let (id, lost) = (&version.credential, version.scopes_lost.join(", "));
    let using = gateway.snapshot().destinations_using(id);
    let transition = Transition::ScopesLost;
    // Another list is other news.
    let which = hex::encode(&Sha256::digest(lost.as_bytes())[..4]);
    Alert {
        key: format!("{}:{which}", Alert::key_of_version(id, version.version, transition)),
        transition,
        hold: None,
        at,
        fault: own().row("holdfast.scopes_lost").name.to_owned(),
        title: format!("Credential {id} is not said to have {lost} any more."),
        what:
            "It had been. Deliveries go on: whether they work is seen by the asset, and nothing is \
               held for this."
                .to_owned(),
        remedy: format!(
            "If somebody took the permission away on purpose, nothing. Else have it granted anew, and \
             look: `holdfast credential verify {id}`."
        ),
        destinations: using.iter().map(|one| one.id.to_string()).collect(),
        waiting: 0,
        first_deadline: None,
        delivered: 0,
        expired: 0,
        regrant_url: regrant::url(gateway, id),
        together_with: Vec::new(),
    }
}
