//! When a candidate version becomes active.

use holdfast_model::credential::Verification;
use holdfast_model::fault::Fault;
use holdfast_model::scope::SelectorKind;
use holdfast_platforms::{ProbeAnswer, ProbeKind, ProbeReading};

use crate::Lint;
use crate::lint::Severity;

/// What to do with a candidate, and why, in a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activation {
    Activate {
        verification: Verification,
        why: String,
    },
    /// Nobody answered: try again later.
    Keep {
        why: String,
    },
    Refuse {
        fault: Option<Fault>,
        why: String,
    },
}

/// Weighs what the probes said, asset by asset.
///
/// One definite refusal outweighs everything: a token that is dead or belongs elsewhere must not
/// replace one that works. A refusal that is about one asset says nothing of a proof on another: what
/// it stops is that asset alone. One proof on an asset itself then suffices ([`proves`]). If nothing
/// can be asked (a token that may send but not read), the candidate is activated unverified and its
/// first delivery, a single canary, is the proof. If nobody answered, it stays a candidate: silence
/// is not a verdict.
pub fn decide_activation(lint: &Lint, assets: &[Vec<(ProbeKind, ProbeReading)>]) -> Activation {
    let readings = || assets.iter().flatten().map(|(_, reading)| reading);
    let first = |answer| readings().find(|reading| reading.answer == answer);
    let is_proved_somewhere = assets.iter().any(|asset| is_proved_on(asset));
    let counts = |reading: &&ProbeReading| !(is_proved_somewhere && is_about_asset(reading));
    let refusals = || readings().filter(|reading| reading.answer == ProbeAnswer::Refuted);
    if let Some(refuted) = refusals().find(counts) {
        let cause = refuted.fault.as_ref().map_or("", |fault| fault.summary.as_str());
        let looks_damaged = lint.findings.iter().any(|f| f.severity == Severity::Warn);
        let form = if looks_damaged { " Its form looks wrong too; see above." } else { "" };
        return Activation::Refuse {
            fault: refuted.fault.clone(),
            why: format!("The platform refused it. {cause}{form}"),
        };
    }
    if let Some(elsewhere) = refusals().next() {
        let cause = elsewhere.fault.as_ref().map_or("", |fault| fault.summary.as_str());
        return Activation::Activate {
            verification: Verification::Proved,
            why: format!(
                "A probe on what it is for succeeded. Elsewhere it was refused, which stops that \
                 alone: {cause}"
            ),
        };
    }
    if is_proved_somewhere {
        return Activation::Activate {
            verification: Verification::Proved,
            why: "A probe on what it is for succeeded.".to_owned(),
        };
    }
    if readings().next().is_none() {
        return Activation::Activate {
            verification: Verification::Untried,
            why:
                "No destination uses it yet, so there is nothing to probe it on; its first use is \
                  the proof."
                    .to_owned(),
        };
    }
    if first(ProbeAnswer::Silent).is_some() && first(ProbeAnswer::Proved).is_none() {
        return Activation::Keep {
            why: "The platform gave no usable answer, and silence is not a verdict. Try again: \
                  `holdfast credential verify`."
                .to_owned(),
        };
    }
    Activation::Activate {
        verification: Verification::Unprobeable,
        why:
            "This kind of token cannot be probed; the first delivery, a single event, is the proof."
                .to_owned(),
    }
}

/// Proved, and nothing refused beside it.
fn is_proved_on(asset: &[(ProbeKind, ProbeReading)]) -> bool {
    asset.iter().any(|(kind, reading)| proves(*kind, reading.answer))
        && asset.iter().all(|(_, reading)| reading.answer != ProbeAnswer::Refuted)
}

fn is_about_asset(reading: &ProbeReading) -> bool {
    let about = |fault: &Fault| fault.selectors.contains(&SelectorKind::Asset);
    reading.fault.as_ref().is_some_and(about)
}

/// Whether an answer proves that the token works on the asset. That the platform calls a token
/// valid does not: it may be valid for another asset.
pub fn proves(kind: ProbeKind, answer: ProbeAnswer) -> bool {
    answer == ProbeAnswer::Proved && matches!(kind, ProbeKind::Asset | ProbeKind::Quality)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_model::platform::PlatformId;
    use holdfast_model::time::UnixSeconds;
    use holdfast_platforms::{Learned, catalog};

    fn reading(answer: ProbeAnswer, fault: Option<&str>) -> (ProbeKind, ProbeReading) {
        let fault = fault.map(|name| catalog::entry(name).unwrap().fault());
        (ProbeKind::Asset, ProbeReading { answer, fault, learned: Learned::default() })
    }

    fn decide(assets: &[Vec<(ProbeKind, ProbeReading)>]) -> Activation {
        let lint = crate::lint("EAABsbCS1iHg", PlatformId::Meta, None, UnixSeconds(0));
        decide_activation(&lint, assets)
    }

    /// Of one asset.
    fn check(answers: &[ProbeAnswer], expected: fn(&Activation) -> bool) {
        let readings = answers.iter().map(|answer| reading(*answer, None)).collect();
        let decision = decide(&[readings]);
        assert!(expected(&decision), "{answers:?}: {decision:?}");
    }

    #[test]
    fn evidence_is_weighed() {
        use ProbeAnswer::{Proved, Refuted, Silent, Unprobeable};
        let proved = |a: &Activation| {
            matches!(a, Activation::Activate { verification: Verification::Proved, .. })
        };
        let unverified = |a: &Activation| {
            matches!(a, Activation::Activate { verification: Verification::Unprobeable, .. })
        };
        check(&[Proved], proved);
        check(&[Unprobeable, Proved, Silent], proved);
        check(&[Proved, Refuted], |a| matches!(a, Activation::Refuse { .. }));
        check(&[Unprobeable, Unprobeable], unverified);
        check(&[Unprobeable, Silent], |a| matches!(a, Activation::Keep { .. }));
        check(&[], |a| {
            matches!(a, Activation::Activate { verification: Verification::Untried, .. })
        });
    }

    #[test]
    fn a_refusal_on_one_asset_does_not_outweigh_a_proof_on_another() {
        let proved = || vec![reading(ProbeAnswer::Proved, None)];
        let refused = |fault| vec![reading(ProbeAnswer::Refuted, Some(fault))];
        let is_active = |assets: &[Vec<_>]| match decide(assets) {
            Activation::Activate { verification, .. } => verification == Verification::Proved,
            _ => false,
        };
        assert!(is_active(&[refused("meta.asset_missing"), proved()]));
        assert!(is_active(&[proved(), refused("snap.forbidden")]));
        assert!(!is_active(&[refused("meta.asset_missing")]), "nothing speaks for it");
        assert!(!is_active(&[refused("meta.token_revoked"), proved()]), "it is dead everywhere");
        let both = [refused("meta.asset_missing"), proved()].concat();
        assert!(!is_active(&[both]), "on the same asset");
    }
}
