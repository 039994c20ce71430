//! Asking the platform. Each question is harmless, and asked once.

use holdfast_credentials::doctor::{Asked, Question};
use holdfast_model::destination::{Destination, DestinationSettings};
use holdfast_model::fault::Fault;
use holdfast_model::id::{AssetId, CredentialId, DestinationId, LaneId, Seq};
use holdfast_model::item::{BatchGroup, ItemMeta};
use holdfast_model::platform::PlatformId;
use holdfast_model::secret::Secret;
use holdfast_model::wire::{HttpRequest, HttpResponse};
use holdfast_platforms::{
    AdmitContext, BatchView, ItemVerdict, Judgement, Learned, Platform, Probe, ProbeAnswer,
    ProbeContext, ProbeKind, ProbeReading, RequestContext, Signing, meta, whatsapp,
};
use serde::Serialize;
use serde_json::json;

use super::record::Record;
use super::{Complaint, DryRun, Practice};
use crate::clock::parse_http_date;
use crate::services::secrets::mask;

/// The asset in questions that are about the token alone: it is not looked at.
const NO_ASSET: &str = "0";

pub struct Patient<'a> {
    pub record: &'a Record,
    /// As it would be sent.
    pub token: &'a Secret,
    pub complaint: &'a Complaint,
}

#[derive(Default)]
pub struct Heard {
    pub asked: Vec<Asked>,
    pub clock_ahead_s: Option<i64>,
    pub matrix: Vec<Cell>,
}

/// What came of one way of asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    pub asset: AssetId,
    /// Where the token was: `query` or `bearer`.
    pub transport: &'static str,
    pub api_version: &'static str,
    /// `None` if nobody answered.
    pub status: Option<u16>,
    pub accepted: bool,
}

pub async fn ask(practice: &Practice<'_>, patient: &Patient<'_>) -> Heard {
    // WhatsApp's tokens are tokens of the Graph API, and Meta answers for them.
    let is_whatsapp = patient.complaint.platform == PlatformId::Whatsapp;
    let authority = if is_whatsapp { PlatformId::Meta } else { patient.complaint.platform };
    let Some(platform) = holdfast_platforms::platform(authority) else {
        return Heard::default();
    };
    let mut visit = Visit { practice, patient, platform, heard: Heard::default() };
    visit.about_the_token().await;
    for (asset, version) in &patient.record.assets {
        if is_whatsapp {
            visit.about_the_number(asset, version.as_deref()).await;
        } else {
            visit.about(asset, version.as_deref()).await;
        }
    }
    if is_whatsapp {
        visit.about_the_account().await;
    } else {
        visit.dry_run().await;
    }
    if authority == PlatformId::Meta {
        visit.what_is_told().await;
    }
    if patient.complaint.with_matrix {
        visit.matrix().await;
    }
    visit.heard
}

struct Visit<'a> {
    practice: &'a Practice<'a>,
    patient: &'a Patient<'a>,
    platform: &'static dyn Platform,
    heard: Heard,
}

impl Visit<'_> {
    async fn about_the_token(&mut self) {
        let asset = AssetId::new(NO_ASSET).ok();
        let Some(asset) = asset else { return };
        let has_app = self.app().is_some();
        let by_app = self.probes(&asset, None, true).into_iter().find(is(ProbeKind::DebugToken));
        if let (Some(probe), true) = (by_app, has_app) {
            self.put(Question::DebugByApp, None, probe).await;
        }
        let judged = self.heard.asked.iter().any(|asked| {
            matches!(asked.reading.answer, ProbeAnswer::Proved | ProbeAnswer::Refuted)
        });
        let by_self = self.probes(&asset, None, false).into_iter().find(is(ProbeKind::DebugToken));
        if let (Some(probe), false) = (by_self, judged) {
            self.put(Question::DebugBySelf, None, probe).await;
        }
        let identity = self.probes(&asset, None, true).into_iter().find(is(ProbeKind::Identity));
        let context = self.context(&asset, None, true);
        let examined = self.platform.examinations(&context).into_iter().next();
        if let Some(probe) = identity.or(examined) {
            self.put(Question::Identity, None, probe).await;
        }
        if has_app {
            let mut unproved = self.context(&asset, None, true);
            unproved.signing.app_secret = None;
            if let Some(probe) = self.platform.examinations(&unproved).into_iter().next() {
                self.put(Question::IdentityUnproved, None, probe).await;
            }
        }
    }

    async fn about(&mut self, asset: &AssetId, version: Option<&str>) {
        for probe in self.probes(asset, version, true) {
            let question = match probe.kind {
                ProbeKind::Asset => Question::Asset,
                ProbeKind::Quality => Question::Quality,
                ProbeKind::DebugToken | ProbeKind::Identity => continue,
            };
            self.put(question, Some(asset.clone()), probe).await;
        }
    }

    async fn about_the_number(&mut self, number: &AssetId, version: Option<&str>) {
        let probe = whatsapp::number(&self.context(number, version, true));
        self.hear(Question::Asset, Some(number), probe.request, whatsapp::read_number).await;
    }

    /// Twice, and not oftener: these calls are counted by the hour.
    async fn about_the_account(&mut self) {
        let Some(account) = self.patient.record.account.clone() else { return };
        let request = whatsapp::numbers(&self.context(&account, None, true));
        let numbers = Question::AccountNumbers;
        self.hear(numbers, Some(&account), request, whatsapp::read_numbers).await;
        let request = whatsapp::subscribed_apps(&self.context(&account, None, true));
        let apps = Question::SubscribedApps;
        self.hear(apps, Some(&account), request, whatsapp::read_subscribed_apps).await;
    }

    /// Whether Meta would tell by itself that the token has died. Only the app may ask.
    async fn what_is_told(&mut self) {
        let Ok(asset) = AssetId::new(NO_ASSET) else { return };
        let request = meta::subscriptions(&self.context(&asset, None, true));
        if let Some(request) = request {
            self.hear(Question::Subscriptions, None, request, meta::read_subscriptions).await;
        }
    }

    async fn put(&mut self, question: Question, asset: Option<AssetId>, probe: Probe) {
        let (platform, kind) = (self.platform, probe.kind);
        let read = |response: &HttpResponse| platform.read_probe(kind, response);
        self.hear(question, asset.as_ref(), probe.request, read).await;
    }

    async fn hear(
        &mut self,
        question: Question,
        asset: Option<&AssetId>,
        request: HttpRequest,
        read: impl Fn(&HttpResponse) -> ProbeReading,
    ) {
        let reading = match self.send(request).await {
            Ok(response) => read(&response),
            Err(fault) => silence(fault),
        };
        self.heard.asked.push(Asked { question, asset: asset.cloned(), reading });
    }

    async fn send(&mut self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let sent = self.practice.egress.send(request).await;
        let response = sent.map_err(|failure| {
            let mut fault = self.platform.transport_fault(&failure);
            fault.platform_message = failure.to_string();
            fault
        })?;
        if let Some(theirs) = response.header("date").and_then(parse_http_date) {
            let ours = self.practice.clock.wall();
            self.heard.clock_ahead_s = Some((ours.0 - theirs.0) / 1_000);
        }
        let secret = self.patient.record.app.as_ref().and_then(|(_, secret)| secret.as_ref());
        Ok(mask(response, [Some(self.patient.token), secret].into_iter().flatten()))
    }

    /// The app and its secret, where both are known.
    fn app(&self) -> Option<(&str, &Secret)> {
        let (id, secret) = self.patient.record.app.as_ref()?;
        Some((id.as_str(), secret.as_ref()?))
    }

    fn probes(&self, asset: &AssetId, version: Option<&str>, by_app: bool) -> Vec<Probe> {
        self.platform.probes(&self.context(asset, version, by_app))
    }

    fn context<'c>(
        &'c self,
        asset: &'c AssetId,
        api_version: Option<&'c str>,
        by_app: bool,
    ) -> ProbeContext<'c> {
        ProbeContext {
            base_url: self.practice.settings.base_url(self.platform.id()),
            api_version,
            signing: self.signing(),
            app: self.app().filter(|_| by_app),
            asset,
            now: self.practice.clock.wall(),
        }
    }

    fn signing(&self) -> Signing<'_> {
        Signing {
            token: self.patient.token,
            app_secret: self.app().map(|(_, secret)| secret),
            proof: self.practice.settings.meta.proof.0,
        }
    }

    /// Sends one event of nobody to the first asset.
    async fn dry_run(&mut self) {
        let group = match &self.patient.complaint.dry_run {
            DryRun::None => return,
            DryRun::Check => BatchGroup::default(),
            DryRun::TestEvent(code) => BatchGroup(json!({ "test_event_code": code }).to_string()),
        };
        let Some((asset, version)) = self.patient.record.assets.first().cloned() else { return };
        let now = self.practice.clock.wall();
        let settings = DestinationSettings {
            api_version: version,
            allow_test_events: true,
            ..DestinationSettings::default()
        };
        let Some(destination) = stand_in(self.platform, &asset, settings, now) else { return };
        let context = AdmitContext {
            settings: &destination.settings,
            now: now.to_seconds(),
            fallback_event_id: "holdfast-doctor",
            group: &group,
        };
        let event = nobodys_event(self.platform, now.to_seconds().0).to_string();
        let Ok(admitted) = self.platform.admit(event.as_bytes(), &context) else { return };
        let fragments = [admitted.fragment.as_slice()];
        let sending = RequestContext {
            destination: &destination,
            base_url: self.practice.settings.base_url(self.platform.id()),
            signing: self.signing(),
            group: &group,
            now,
        };
        let check = self.platform.trial(&fragments, &sending);
        let is_test = matches!(self.patient.complaint.dry_run, DryRun::TestEvent(_));
        let Some(request) =
            check.or_else(|| is_test.then(|| self.platform.request(&fragments, &sending)))
        else {
            return;
        };
        let reading = match self.send(request).await {
            Ok(response) => {
                let items = [ItemMeta {
                    seq: Seq(1),
                    bytes: fragments[0].len() as u32,
                    admitted_at: now,
                    expires_at: admitted.expires_at,
                    dedup_until: admitted.dedup_until,
                    intent_recorded: false,
                }];
                let batch =
                    BatchView { items: &items, fragments: &fragments, now: now.to_seconds() };
                judged(self.platform.judge(&response, &batch))
            }
            Err(fault) => silence(fault),
        };
        self.heard.asked.push(Asked { question: Question::DryRun, asset: Some(asset), reading });
    }

    async fn matrix(&mut self) {
        for (asset, _) in &self.patient.record.assets {
            let ways = self.platform.ways_of_asking(&self.context(asset, None, true));
            for way in ways {
                let answer = self.send(way.probe.request).await.ok();
                let read = answer.as_ref().map(|a| self.platform.read_probe(way.probe.kind, a));
                self.heard.matrix.push(Cell {
                    asset: asset.clone(),
                    transport: way.transport,
                    api_version: way.api_version,
                    status: answer.map(|answer| answer.status),
                    accepted: read.is_some_and(|read| read.answer == ProbeAnswer::Proved),
                });
            }
        }
    }
}

fn is(kind: ProbeKind) -> impl Fn(&Probe) -> bool {
    move |probe| probe.kind == kind
}

fn silence(fault: Fault) -> ProbeReading {
    ProbeReading { answer: ProbeAnswer::Silent, fault: Some(fault), learned: Learned::default() }
}

/// A payload that was looked at was looked at on behalf of a token that may send.
fn judged(judgement: Judgement) -> ProbeReading {
    let (answer, fault) = match (judgement.hold, judgement.unnamed) {
        (Some(fault), _) => (ProbeAnswer::Refuted, Some(fault)),
        (None, ItemVerdict::Accepted) => (ProbeAnswer::Proved, None),
        (None, ItemVerdict::Refused(fault)) => (ProbeAnswer::Proved, Some(fault)),
        (None, ItemVerdict::Ambiguous(fault)) => (ProbeAnswer::Silent, Some(fault)),
        (None, ItemVerdict::NotProcessed) => {
            let named = judgement.named.into_iter().find_map(|(_, verdict)| match verdict {
                ItemVerdict::Refused(fault) => Some(fault),
                _ => None,
            });
            let answer = if named.is_some() { ProbeAnswer::Proved } else { ProbeAnswer::Silent };
            (answer, named)
        }
    };
    ProbeReading { answer, fault, learned: Learned::default() }
}

/// A destination that exists for one request.
fn stand_in(
    platform: &dyn Platform,
    asset: &AssetId,
    settings: DestinationSettings,
    now: holdfast_model::time::UnixMillis,
) -> Option<Destination> {
    Some(Destination {
        id: DestinationId::new("doctor").ok()?,
        lane: LaneId(0),
        platform: platform.id(),
        asset: asset.clone(),
        credential: CredentialId::new("doctor").ok()?,
        standby: Vec::new(),
        settings,
        created_at: now,
    })
}

/// About a mailbox that no person has.
fn nobodys_event(platform: &dyn Platform, now_s: i64) -> serde_json::Value {
    let is_snap = platform.id() == PlatformId::Snap;
    let (name, source) = if is_snap { ("PAGE_VIEW", "WEB") } else { ("PageView", "website") };
    json!({
        "event_name": name, "event_time": now_s, "action_source": source,
        "event_id": format!("holdfast-doctor-{now_s}"),
        "event_source_url": "https://holdfast.invalid/doctor",
        "user_data": { "em": "doctor@holdfast.invalid", "client_user_agent": "holdfast" },
    })
}
