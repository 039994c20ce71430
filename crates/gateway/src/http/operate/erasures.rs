//! `POST /v1/erasures`

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use holdfast_model::access::Role;
use holdfast_model::id::AppId;
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::time::UnixMillis;
use holdfast_platforms::subject::IdentifierKind;
use holdfast_storage::StorageError;
use serde::{Deserialize, Serialize};

use crate::http::auth::Caller;
use crate::http::body::JsonBody;
use crate::http::error::ApiError;
use crate::services::erasure::{self, ErasureOutcome, Within};
use crate::services::{Actor, ServiceError};
use crate::state::Gateway;

/// Identifiers of one person, and where to look.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erase {
    fb_login_id: Option<Values>,
    email: Option<Values>,
    phone: Option<Values>,
    external_id: Option<Values>,
    madid: Option<Values>,
    click_id: Option<Values>,
    platform: Option<PlatformId>,
    app: Option<AppId>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a string or a list of strings")]
enum Values {
    One(String),
    Many(Vec<String>),
}

#[derive(Serialize)]
pub struct ErasedView {
    /// A keyed fingerprint of the identifiers, as in the audit trail.
    person: String,
    at: UnixMillis,
    /// Waited and are `rejected` now, with the fault `holdfast.erased`.
    waiting: u64,
    /// Had left the queue undelivered; they stay in their states, without their content.
    letters: u64,
    /// Were on their way to the platform and arrived.
    delivered: u64,
    /// Are on their way still. They are erased when their answers come.
    in_flight: u64,
    looked_at: u64,
    /// Nothing of them is in the data directory any more, not even encrypted.
    off_disk: bool,
    /// Nothing is left to be done here. If false, ask again later.
    complete: bool,
    notes: Vec<&'static str>,
}

pub async fn erase(
    State(gateway): State<Arc<Gateway>>,
    caller: Caller,
    JsonBody(body): JsonBody<Erase>,
) -> Result<Json<ErasedView>, ApiError> {
    caller.require(Role::Admin)?;
    let within = Within { platform: body.platform, app: body.app.clone() };
    let subject = erasure::subject(&gateway, body.identifiers())?;
    let actor = caller.actor().0.to_owned();
    // It is written down what was done even if the caller goes away.
    let erase =
        async move { erasure::erase_subject(&gateway, Actor(&actor), subject, Some(within)).await };
    let outcome = tokio::spawn(erase).await;
    let outcome = outcome.map_err(|_| ServiceError::Storage(StorageError::Closed))??;
    Ok(Json(view(&outcome)))
}

impl Erase {
    fn identifiers(self) -> Vec<(IdentifierKind, Secret)> {
        let given = BTreeMap::from([
            (IdentifierKind::FbLoginId, self.fb_login_id),
            (IdentifierKind::Email, self.email),
            (IdentifierKind::Phone, self.phone),
            (IdentifierKind::ExternalId, self.external_id),
            (IdentifierKind::Madid, self.madid),
            (IdentifierKind::ClickId, self.click_id),
        ]);
        let values = given.into_iter().flat_map(|(kind, values)| {
            let values = match values {
                None => Vec::new(),
                Some(Values::One(value)) => vec![value],
                Some(Values::Many(values)) => values,
            };
            values.into_iter().map(move |value| (kind, Secret::new(value)))
        });
        values.collect()
    }
}

fn view(outcome: &ErasureOutcome) -> ErasedView {
    let erased = &outcome.erased;
    let mut notes = vec![
        "Events that were delivered are at the platform: ask for their deletion there.",
        "Backups are what they were: a restore brings back what was erased after they were taken.",
    ];
    if erased.in_flight > 0 {
        notes.push("Events in flight are erased when their answers come. Ask again then.");
    } else if !erased.is_off_disk {
        notes.push(
            "The disk has the erased content still, encrypted: a backup is being taken or the \
             disk failed. Ask again later.",
        );
    }
    ErasedView {
        person: outcome.fingerprint.clone(),
        at: outcome.at,
        waiting: erased.waiting,
        letters: erased.letters,
        delivered: erased.delivered,
        in_flight: erased.in_flight,
        looked_at: erased.looked_at,
        off_disk: erased.is_off_disk,
        complete: outcome.is_complete(),
        notes,
    }
}
