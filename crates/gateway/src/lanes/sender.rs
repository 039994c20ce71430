//! Makes one request for a lane and judges the answer.

use std::sync::Arc;

use holdfast_model::credential::SignedWith;
use holdfast_model::destination::Destination;
use holdfast_model::fault::{Fault, FaultClass};
use holdfast_model::id::Seq;
use holdfast_model::item::{BatchGroup, ItemMeta, LeasedItem};
use holdfast_model::wire::{HttpRequest, HttpResponse, TransportFailure};
use holdfast_platforms::{
    BatchView, ItemVerdict, Judgement, Platform, ProbeAnswer, ProbeKind, RequestContext, Signing,
    catalog,
};

use crate::clock::parse_http_date;
use crate::services::probing::{self, ProbeResult};
use crate::services::secrets::{Keyring, SecretsError};
use crate::state::Gateway;

/// What goes into one request.
pub struct Batch {
    pub destination: Arc<Destination>,
    pub platform: &'static dyn Platform,
    pub group: BatchGroup,
    pub items: Vec<Arc<LeasedItem>>,
}

pub enum Outcome {
    Answered { judgement: Box<Judgement>, signed_with: Arc<SignedWith> },
    Unanswered { failure: TransportFailure, fault: Fault },
    NotSent { fault: Option<Fault> },
}

/// Sends the batch with the active version of the destination's credential. No byte leaves before
/// the intent is durable; the request is built meanwhile.
pub async fn send(gateway: &Gateway, batch: Batch) -> Outcome {
    let (recorded, built) =
        tokio::join!(record_intent(gateway, &batch), signed_request(gateway, &batch));
    let erasing = match recorded {
        Ok(erasing) => erasing,
        Err(error) => {
            tracing::error!(destination = %batch.destination.id, %error, "failed to record an attempt-intent");
            return Outcome::NotSent { fault: None };
        }
    };
    let (request, keyring) = match built {
        Ok(built) => built,
        Err(error) => return Outcome::NotSent { fault: error.fault() },
    };
    if !erasing.is_empty() {
        let judgement = Box::new(without(&batch, &erasing));
        return Outcome::Answered { judgement, signed_with: Arc::new(keyring.signed_with) };
    }
    gateway.metrics.attempt(&batch.destination);
    match gateway.egress.send(request).await {
        Ok(response) => {
            observe_date(gateway, &response);
            let response = keyring.mask(response);
            Outcome::Answered {
                judgement: Box::new(judge(gateway, &batch, &response)),
                signed_with: Arc::new(keyring.signed_with),
            }
        }
        Err(failure) => {
            let fault = batch.platform.transport_fault(&failure);
            Outcome::Unanswered { failure, fault }
        }
    }
}

/// Asks the platform, harmlessly, whether the credential works on the destination's asset. The
/// first definite answer counts; which probes may answer depends on what was refused: that a
/// token is alive says nothing about a missing permission.
pub async fn confirm(gateway: &Gateway, destination: &Destination, fault: &Fault) -> ProbeAnswer {
    let results = match probing::probe_active(gateway, destination).await {
        Ok(results) => results,
        Err(error) => {
            tracing::warn!(destination = %destination.id, %error, "failed to probe");
            return ProbeAnswer::Silent;
        }
    };
    let about_the_token = fault.class == FaultClass::Credential;
    let relevant = |result: &&ProbeResult| {
        about_the_token || matches!(result.kind, ProbeKind::Asset | ProbeKind::Quality)
    };
    let answers: Vec<ProbeAnswer> =
        results.iter().filter(relevant).map(|result| result.reading.answer).collect();
    [ProbeAnswer::Refuted, ProbeAnswer::Proved, ProbeAnswer::Silent]
        .into_iter()
        .find(|answer| answers.contains(answer))
        .unwrap_or(ProbeAnswer::Unprobeable)
}

pub fn observe_date(gateway: &Gateway, response: &HttpResponse) {
    if let Some(date) = response.header("date").and_then(parse_http_date) {
        gateway.clock.observe_platform_date(date);
    }
}

/// Some of the items are being erased. As if they were refused by name: those leave the lane, the
/// others go again at once.
fn without(batch: &Batch, erasing: &[Seq]) -> Judgement {
    let refused = ItemVerdict::Refused(catalog::own().row("holdfast.erased").fault());
    let positions = (0..).zip(&batch.items);
    let erasing = positions.filter(|(_, item)| erasing.contains(&item.meta.seq));
    let named = erasing.map(|(position, _)| (position, refused.clone())).collect();
    Judgement { named, ..Judgement::all(ItemVerdict::NotProcessed) }
}

/// Those of the items that are being erased: then the request must not leave.
async fn record_intent(
    gateway: &Gateway,
    batch: &Batch,
) -> Result<Vec<Seq>, holdfast_storage::StorageError> {
    let seqs: Vec<Seq> = batch.items.iter().map(|item| item.meta.seq).collect();
    gateway.outbox.record_intent(batch.destination.lane, &seqs).await
}

async fn signed_request(
    gateway: &Gateway,
    batch: &Batch,
) -> Result<(HttpRequest, Keyring), SecretsError> {
    let keyring = Keyring::open_active(gateway, &batch.destination.credential).await?;
    let fragments: Vec<&[u8]> = batch.items.iter().map(|item| item.fragment.as_slice()).collect();
    let request = batch.platform.request(
        &fragments,
        &RequestContext {
            destination: &batch.destination,
            base_url: gateway.base_url(batch.destination.platform),
            signing: Signing {
                token: &keyring.token,
                app_secret: keyring.app_secret.as_ref(),
                proof: gateway.settings.meta.proof.0,
            },
            group: &batch.group,
            now: gateway.clock.wall(),
        },
    );
    Ok((request, keyring))
}

fn judge(gateway: &Gateway, batch: &Batch, response: &HttpResponse) -> Judgement {
    let fragments: Vec<&[u8]> = batch.items.iter().map(|item| item.fragment.as_slice()).collect();
    let items: Vec<ItemMeta> = batch.items.iter().map(|item| item.meta).collect();
    batch.platform.judge(
        response,
        &BatchView {
            items: &items,
            fragments: &fragments,
            now: gateway.clock.now().unix_seconds(),
        },
    )
}
