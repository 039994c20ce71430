//! What is wrong with a credential, how sure that is, and what to do. (`tokens.md` §11 and
//! `snap-conversions.md` §11 of the platform facts.)
//!
//! Somebody else gathers the [`Evidence`]: the token's form, what worked before, and what the
//! platform answered to harmless questions. [`examine`] walks the ladder over it ([`ladder`]) and
//! ranks what may be the cause (`meta`, `snap`; what each cause is called and asks for is in
//! `causes`). It never says more than the evidence carries: where two causes look the same from
//! here, it says that it cannot tell them apart, and what would.

mod causes;
mod ladder;
mod meta;
mod push;
mod snap;
mod view;

use holdfast_model::credential::CredentialVersion;
use holdfast_model::fault::Fault;
use holdfast_model::id::{AppId, AssetId};
use holdfast_model::platform::PlatformId;
use holdfast_model::time::{UnixMillis, UnixSeconds};
use holdfast_platforms::ProbeReading;
use serde::Serialize;

use crate::Lint;

/// Everything that is known when the doctor is asked.
#[derive(Debug)]
pub struct Evidence {
    pub platform: PlatformId,
    /// Where the token was taken from, for people.
    pub source: String,
    /// The name under which it is stored, or would be.
    pub credential: Option<String>,
    pub lint: Lint,
    pub configured_app: Option<AppId>,
    pub has_app_secret: bool,
    pub history: History,
    /// What was known of this version before.
    pub known: Option<CredentialVersion>,
    /// By how much this machine's clock is ahead of the platform's. `None` if nobody answered.
    pub clock_ahead_s: Option<i64>,
    pub asked: Vec<Asked>,
    /// What stops destinations that it signs for.
    pub holds: Vec<Fault>,
    pub now: UnixSeconds,
    /// Nobody was to be asked.
    pub is_offline: bool,
}

/// How the token compares to the last one of this credential that worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// None of this credential has worked yet, or nothing is stored.
    None,
    SameAsLastGood {
        at: UnixMillis,
    },
    DiffersFromLastGood {
        at: UnixMillis,
        /// Of the one that worked.
        length: u32,
    },
}

/// One question, and what came of it.
#[derive(Debug, Clone)]
pub struct Asked {
    pub question: Question,
    /// `None` where it is about the token alone.
    pub asset: Option<AssetId>,
    pub reading: ProbeReading,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// What the platform knows of the token, asked by the app that it should be of.
    DebugByApp,
    /// The same, asked with the token itself.
    DebugBySelf,
    /// Whose it is.
    Identity,
    /// Whose it is, asked without the proof of the app.
    IdentityUnproved,
    Asset,
    Quality,
    /// WhatsApp: which numbers the account has.
    AccountNumbers,
    /// WhatsApp: which apps are told what happens on the account.
    SubscribedApps,
    /// Meta: what the app is told of by itself.
    Subscriptions,
    /// An event that counts nowhere.
    DryRun,
}

/// One rung of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub step: &'static str,
    pub outcome: Outcome,
    /// What was seen.
    pub evidence: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    Pass,
    Warn,
    Fail,
    Skip,
}

/// A cause that fits the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hypothesis {
    /// Stable: `token.cut_or_altered`, or the name of a fault.
    pub cause: String,
    pub confidence: Confidence,
    /// In one sentence.
    pub says: String,
    /// Why it is believed.
    pub because: String,
    /// What would settle it.
    pub settled_by: String,
    #[serde(skip)]
    action: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    Possible,
    Likely,
    Certain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// It works for everything that it was asked about.
    Works,
    /// Nothing contradicts it, and nothing proves it.
    Unproved,
    Broken,
    /// Nobody gave an answer about it.
    Undetermined,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    pub conclusion: Conclusion,
    pub steps: Vec<Step>,
    /// The likeliest first.
    pub hypotheses: Vec<Hypothesis>,
    /// Causes that the evidence does not tell apart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cannot_tell_between: Vec<String>,
    pub next_action: String,
}

pub fn examine(evidence: &Evidence) -> Diagnosis {
    let mut hypotheses = match evidence.platform {
        PlatformId::Snap => snap::hypotheses(evidence),
        _ => meta::hypotheses(evidence),
    };
    // Stable: what a platform's own rules put first stays first.
    hypotheses.sort_by_key(|hypothesis| std::cmp::Reverse(hypothesis.confidence));
    let name = evidence.credential.as_deref().unwrap_or("NAME");
    for hypothesis in &mut hypotheses {
        for text in [&mut hypothesis.action, &mut hypothesis.settled_by] {
            *text = text.replace("{credential}", name);
        }
    }
    let conclusion = conclude(evidence, &hypotheses);
    Diagnosis {
        conclusion,
        steps: ladder::steps(evidence),
        cannot_tell_between: undecided(&hypotheses),
        next_action: next_action(evidence, conclusion, &hypotheses),
        hypotheses,
    }
}

fn conclude(evidence: &Evidence, hypotheses: &[Hypothesis]) -> Conclusion {
    if !hypotheses.is_empty() {
        let is_unknown = hypotheses.iter().all(|one| one.cause == causes::NO_ANSWER.name);
        return if is_unknown { Conclusion::Undetermined } else { Conclusion::Broken };
    }
    if evidence.works_somewhere() { Conclusion::Works } else { Conclusion::Unproved }
}

fn undecided(hypotheses: &[Hypothesis]) -> Vec<String> {
    let Some(first) = hypotheses.first() else { return Vec::new() };
    let equals: Vec<String> = hypotheses
        .iter()
        .filter(|one| one.confidence == first.confidence)
        .map(|one| one.cause.clone())
        .collect();
    if equals.len() > 1 { equals } else { Vec::new() }
}

fn next_action(evidence: &Evidence, conclusion: Conclusion, hypotheses: &[Hypothesis]) -> String {
    if let Some(first) = hypotheses.first() {
        return first.action.clone();
    }
    match conclusion {
        Conclusion::Works => "None: it works.".to_owned(),
        _ if evidence.is_offline => {
            "Ask the platform: run the same command without --offline.".to_owned()
        }
        _ => {
            "Name an asset that it is for (--asset), or send one event: that proves it.".to_owned()
        }
    }
}
