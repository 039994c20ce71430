//! When a candidate version becomes active.

use holdfast_model::credential::Verification;
use holdfast_model::fault::Fault;
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

/// Weighs what the probes on the bound assets said.
///
/// One definite refusal outweighs everything: a token that is dead or belongs elsewhere must not
/// replace one that works. One proof on the asset itself then suffices ([`proves`]). If nothing can
/// be asked (a token that may send but not read), the candidate is activated unverified and its
/// first delivery, a single canary, is the proof. If nobody answered, it stays a candidate: silence
/// is not a verdict.
pub fn decide_activation(lint: &Lint, probes: &[(ProbeKind, ProbeReading)]) -> Activation {
    let readings = || probes.iter().map(|(_, reading)| reading);
    let first = |answer| readings().find(|reading| reading.answer == answer);
    let proved_on_asset = probes.iter().any(|(kind, reading)| proves(*kind, reading.answer));
    if let Some(refuted) = first(ProbeAnswer::Refuted) {
        let cause = refuted.fault.as_ref().map_or("", |fault| fault.summary.as_str());
        let looks_damaged = lint.findings.iter().any(|f| f.severity == Severity::Warn);
        let form = if looks_damaged { " Its form looks wrong too; see above." } else { "" };
        return Activation::Refuse {
            fault: refuted.fault.clone(),
            why: format!("The platform refused it. {cause}{form}"),
        };
    }
    if proved_on_asset {
        return Activation::Activate {
            verification: Verification::Proved,
            why: "A probe on what it is for succeeded.".to_owned(),
        };
    }
    if probes.is_empty() {
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
    use holdfast_platforms::Learned;

    fn check(answers: &[ProbeAnswer], expected: fn(&Activation) -> bool) {
        let reading = |answer: &ProbeAnswer| ProbeReading {
            answer: *answer,
            fault: None,
            learned: Learned::default(),
        };
        let readings: Vec<_> =
            answers.iter().map(|answer| (ProbeKind::Asset, reading(answer))).collect();
        let lint = crate::lint("EAABsbCS1iHg", PlatformId::Meta, None, UnixSeconds(0));
        let decision = decide_activation(&lint, &readings);
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
}
