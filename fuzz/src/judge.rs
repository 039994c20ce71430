//! Judging answers: whatever a platform, a proxy or nobody at all says.
//!
//! The first byte chooses between the fuzzer's bytes as a body and an answer in Meta's shape made
//! of them, with a token planted in its texts.

mod made;

use std::collections::BTreeSet;

use holdfast_model::fault::{FaultAction, FaultClass};
use holdfast_model::id::Seq;
use holdfast_model::item::ItemMeta;
use holdfast_model::platform::PlatformId;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_model::wire::{HttpResponse, TransportFailure, TransportFailureKind};
use holdfast_platforms::{
    BatchView, ItemVerdict, Judgement, Platform, ProbeAnswer, ProbeKind, platform,
};
use serde_json::Value;

use crate::secrets::assert_no_piece;

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

/// Codes with which Meta says that it, the way to it, or the pace is the trouble, and the policy
/// block: none of them is about a token. (`spec/tokens.md` §8)
const NOT_ABOUT_A_TOKEN: [i64; 14] =
    [1, 2, 4, 9, 17, 32, 341, 368, 613, 5_000, 21_009, 80_000, 80_004, 80_014];

/// The only codes that can end a token.
const TOKEN_CODES: [i64; 2] = [102, 190];

pub fn check(data: &[u8]) {
    let Some((shape, rest)) = data.split_first() else { return };
    let (response, token) = if shape & 1 == 0 {
        (made::raw(rest), None)
    } else {
        let made = made::answer(rest);
        (made.response, made.token)
    };
    let items = usize::from(shape >> 1) % 12 + 1;
    let meta = platform(PlatformId::Meta).expect("Meta is there");
    judged(meta, &response, items, token.as_deref());
    probed(meta, &response, token.as_deref());
    unanswered(meta, &response);
    judged_by_snap(&response, items, token.as_deref());
}

/// What holds for any platform's judge.
fn judged_by_snap(response: &HttpResponse, count: usize, token: Option<&str>) {
    let snap = platform(PlatformId::Snap).expect("Snap is there");
    let fragments: Vec<&[u8]> = (0..count).map(made::fragment).collect();
    let items: Vec<ItemMeta> = (0..count).map(item).collect();
    let view = BatchView { items: &items, fragments: &fragments, now: NOW };
    let judgement = snap.judge(response, &view);
    assert_eq!(judgement, snap.judge(response, &view), "the same answer means the same");
    let named: BTreeSet<u32> = judgement.named.iter().map(|(at, _)| *at).collect();
    assert_eq!(named.len(), judgement.named.len(), "an item was named twice");
    assert!(named.iter().all(|at| (*at as usize) < count), "named {named:?} of {count}");
    let has_next = judgement.hold.is_some()
        || judgement.retry.is_some()
        || judgement.unlocated.is_some()
        || !named.is_empty();
    let is_settled = matches!(judgement.unnamed, ItemVerdict::Accepted | ItemVerdict::Refused(_));
    assert!(has_next || is_settled, "left without a next step: {judgement:?}");
    words(&judgement);
    let is_silence = response.status >= 500 || response.status == 408 || response.status == 429;
    let is_dead =
        judgement.hold.as_ref().is_some_and(|fault| fault.class == FaultClass::Credential);
    assert!(!(is_silence && is_dead), "silence is not a verdict: {judgement:?}");
    if let Some(token) = token {
        assert_no_piece(token, &format!("{judgement:?}"), "the judgement");
    }
}

fn judged(meta: &dyn Platform, response: &HttpResponse, count: usize, token: Option<&str>) {
    let fragments: Vec<&[u8]> = (0..count).map(made::fragment).collect();
    let items: Vec<ItemMeta> = (0..count).map(item).collect();
    let view = BatchView { items: &items, fragments: &fragments, now: NOW };
    let judgement = meta.judge(response, &view);
    assert_eq!(judgement, meta.judge(response, &view), "the same answer means the same");
    verdicts(&judgement, count);
    says_what_is_next(&judgement);
    acceptance(&judgement, &response.body, count);
    holds(meta, &judgement, &response.body);
    words(&judgement);
    if let Some(token) = token {
        assert_no_piece(token, &format!("{judgement:?}"), "the judgement");
    }
}

fn item(at: usize) -> ItemMeta {
    ItemMeta {
        seq: Seq(at as u64 + 1),
        bytes: 100,
        admitted_at: UnixMillis(0),
        expires_at: UnixSeconds::NEVER,
        dedup_until: None,
        intent_recorded: false,
    }
}

/// Each item has exactly one verdict, and no item is refused that was not named.
fn verdicts(judgement: &Judgement, count: usize) {
    let named: BTreeSet<u32> = judgement.named.iter().map(|(at, _)| *at).collect();
    assert_eq!(named.len(), judgement.named.len(), "an item was named twice");
    assert!(named.iter().all(|at| (*at as usize) < count), "named {named:?} of {count}");
    assert!(!matches!(judgement.unnamed, ItemVerdict::Refused(_)), "all items refused at once");
    if let Some(unlocated) = &judgement.unlocated {
        let suspects: BTreeSet<u32> = unlocated.suspects.iter().copied().collect();
        assert_eq!(suspects.len(), unlocated.suspects.len(), "an item was suspected twice");
        assert!(suspects.iter().all(|at| (*at as usize) < count), "{suspects:?} of {count}");
        assert_eq!(judgement.unnamed, ItemVerdict::NotProcessed, "a poisoned batch was processed");
    }
    if !named.is_empty() {
        assert_eq!(judgement.unnamed, ItemVerdict::NotProcessed);
    }
}

/// What was not accepted is held, tried again, or looked for: never left without a next step.
fn says_what_is_next(judgement: &Judgement) {
    let is_done = judgement.unnamed == ItemVerdict::Accepted;
    let has_next = judgement.hold.is_some()
        || judgement.retry.is_some()
        || judgement.unlocated.is_some()
        || !judgement.named.is_empty();
    assert!(is_done != has_next, "{judgement:?}");
    let faults = judgement
        .hold
        .iter()
        .chain(judgement.retry.iter().map(|retry| &retry.fault))
        .chain(judgement.unlocated.iter().map(|unlocated| &unlocated.fault));
    for fault in faults {
        assert!(!fault.summary.is_empty() && !fault.remedy.is_empty(), "{fault:?}");
    }
}

/// Accepted is what Meta counted in full, or says it has already. Nothing else.
fn acceptance(judgement: &Judgement, body: &[u8], count: usize) {
    if judgement.unnamed != ItemVerdict::Accepted {
        return;
    }
    let body: Value = serde_json::from_slice(body).expect("what accepts is JSON");
    let is_counted = body["events_received"].as_u64() == Some(count as u64);
    let is_known = code(&body["error"]) == Some(506);
    assert!(is_counted || is_known, "accepted without Meta saying so: {body}");
}

/// Silence declares no token dead, and a hold covers what its row says.
fn holds(meta: &dyn Platform, judgement: &Judgement, body: &[u8]) {
    let Some(hold) = &judgement.hold else { return };
    assert_eq!(judgement.unnamed, ItemVerdict::NotProcessed, "a definitive refusal");
    assert_eq!(hold.action, FaultAction::Hold);
    assert!(!hold.selectors.is_empty(), "a hold that covers everything or nothing");
    let row = meta.catalog().by_name(&hold.name).expect("a hold has a row and a page");
    assert_eq!((row.class, row.selectors), (hold.class, hold.selectors.as_slice()));
    let body: Value = serde_json::from_slice(body).expect("silence opens no hold");
    let code = code(&body["error"]).expect("a hold needs a code");
    let subcode = number(&body["error"]["error_subcode"]);
    if hold.class == FaultClass::Credential {
        assert!(TOKEN_CODES.contains(&code), "{code} ended a token as {}", hold.name);
        assert!(!NOT_ABOUT_A_TOKEN.contains(&code), "{code}");
        if (code, subcode) == (190, Some(459)) {
            assert_eq!(hold.name, "meta.user_checkpoint", "a checkpoint is of the person");
        }
    }
    assert!(!(80_000..=80_014).contains(&code), "a throttle opens no hold");
}

/// Meta's words are kept, cut. Before Snap's there is the status, the only number that it gives.
fn words(judgement: &Judgement) {
    const MOST: usize = 501 + "HTTP 400: ".len();
    assert!(judgement.warnings.len() <= 5);
    assert!(judgement.warnings.iter().all(|words| words.chars().count() <= MOST));
    assert!(judgement.trace_id.as_ref().is_none_or(|id| id.chars().count() <= 101));
    let hold = judgement.hold.iter();
    let retry = judgement.retry.iter().map(|retry| &retry.fault);
    for fault in hold.chain(retry) {
        assert!(fault.platform_message.chars().count() <= MOST);
    }
}

/// What a probe reads out of the same answer.
fn probed(meta: &dyn Platform, response: &HttpResponse, token: Option<&str>) {
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    for kind in [ProbeKind::DebugToken, ProbeKind::Asset, ProbeKind::Quality, ProbeKind::Identity] {
        let reading = meta.read_probe(kind, response);
        let is_definite = matches!(reading.answer, ProbeAnswer::Proved | ProbeAnswer::Refuted);
        assert!(!is_definite || body.is_some(), "{kind:?} took silence for an answer");
        let is_failure = !(200..300).contains(&response.status);
        let has_error = body.as_ref().is_some_and(|body| !body["error"].is_null());
        if is_failure || has_error {
            assert_ne!(reading.answer, ProbeAnswer::Proved, "{kind:?}: a failure proves nothing");
        }
        if let Some(code) = body.as_ref().and_then(|body| code(&body["error"]))
            && NOT_ABOUT_A_TOKEN.contains(&code)
        {
            assert_ne!(reading.answer, ProbeAnswer::Refuted, "{kind:?}: {code} refutes no token");
        }
        if let Some(token) = token {
            assert_no_piece(token, &format!("{reading:?}"), "the probe's reading");
        }
    }
}

/// No answer at all is a retry until the deadline.
fn unanswered(meta: &dyn Platform, response: &HttpResponse) {
    use TransportFailureKind as Kind;
    let kinds = [
        Kind::Dns,
        Kind::Connect,
        Kind::Tls,
        Kind::Timeout,
        Kind::Closed,
        Kind::TooLong,
        Kind::Other,
    ];
    let kind = kinds[usize::from(response.status) % kinds.len()];
    let failure = TransportFailure { kind, may_have_arrived: true, detail: "x".to_owned() };
    let fault = meta.transport_fault(&failure);
    assert_eq!((fault.class, fault.action), (FaultClass::Transient, FaultAction::Retry));
}

fn code(error: &Value) -> Option<i64> {
    if !error.is_object() {
        return None;
    }
    number(&error["code"])
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

pub fn seeds() -> Vec<Vec<u8>> {
    made::seeds()
}
