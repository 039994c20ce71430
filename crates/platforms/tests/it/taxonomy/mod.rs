//! Every row of the error tables of `spec/`: what a platform answers, and the fault, class, scope and
//! action that follow. The tables are written out here on purpose: they are the second opinion on
//! the catalog, taken from the sheets and not from the code.
//!
//! Where sheets differ, `tokens.md` §8 decides for credential and policy answers and the platform's
//! own sheet for payload answers.

mod meta;
mod snap;
mod whatsapp;

use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_model::id::Seq;
use holdfast_model::item::ItemMeta;
use holdfast_model::scope::SelectorKind;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_model::wire::HttpResponse;
use holdfast_platforms::{BatchView, Judgement, Platform};

type Selectors = &'static [SelectorKind];

const NOTHING: Selectors = &[];
const CREDENTIAL: Selectors = &[SelectorKind::Credential];
const APP: Selectors = &[SelectorKind::App];
const ASSET: Selectors = &[SelectorKind::Asset];
const ACCOUNT: Selectors = &[SelectorKind::Account];
/// A credential on an asset.
const GRANT: Selectors = &[SelectorKind::Credential, SelectorKind::Asset];

/// What must follow.
#[derive(Debug, Clone, Copy)]
struct Expected {
    name: &'static str,
    class: FaultClass,
    action: FaultAction,
    selectors: Selectors,
}

impl Expected {
    #[track_caller]
    fn check(&self, row: &str, fault: &Fault) {
        assert_eq!(fault.name, self.name, "{row}");
        assert_eq!((fault.class, fault.action), (self.class, self.action), "{row}: {}", self.name);
        assert_eq!(fault.selectors, self.selectors, "{row}: {}", self.name);
        assert!(!fault.summary.is_empty() && !fault.remedy.is_empty(), "{row}");
    }
}

/// The judgement on a batch of four.
fn judge(platform: &dyn Platform, response: &HttpResponse) -> Judgement {
    let items: Vec<ItemMeta> = (1..=4)
        .map(|seq| ItemMeta {
            seq: Seq(seq),
            bytes: 100,
            admitted_at: UnixMillis(0),
            expires_at: UnixSeconds::NEVER,
            dedup_until: None,
            intent_recorded: false,
        })
        .collect();
    let fragments: [&[u8]; 4] = [b"{}"; 4];
    let view = BatchView { items: &items, fragments: &fragments, now: UnixSeconds(1_790_000_000) };
    platform.judge(response, &view)
}

/// The fault of a judgement, wherever it has it.
fn fault_of(judgement: Judgement) -> Option<Fault> {
    let unlocated = judgement.unlocated.map(|unlocated| unlocated.fault);
    judgement.hold.or(unlocated).or(judgement.retry.map(|retry| retry.fault))
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> HttpResponse {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    HttpResponse { status, headers: headers.collect(), body: body.as_bytes().to_vec() }
}
