//! Faults of Holdfast's own: causes that lie on this side of the wire.

use holdfast_model::fault::{FaultAction, FaultClass};
use holdfast_model::scope::SelectorKind;

use super::{Catalog, Entry};

pub static CATALOG: Catalog = Catalog { families: &[ROWS] };

static ROWS: &[Entry] = &[
    Entry {
        name: "holdfast.no_active_credential",
        class: FaultClass::Credential,
        action: FaultAction::Hold,
        selectors: &[SelectorKind::Credential],
        codes: &[],
        summary: "The destination's credential has no active token.",
        remedy: "Add one: `holdfast credential add`, or look at the candidate with `holdfast credential show`.",
        page: include_str!("../../faults/holdfast/no_active_credential.md"),
    },
    Entry {
        name: "holdfast.sealed_unreadable",
        class: FaultClass::Credential,
        action: FaultAction::Hold,
        selectors: &[SelectorKind::Credential],
        codes: &[],
        summary: "The stored token cannot be decrypted.",
        remedy: "Add the token again: `holdfast credential add`. If several are unreadable, check the master key and the disk.",
        page: include_str!("../../faults/holdfast/sealed_unreadable.md"),
    },
    Entry {
        name: "holdfast.operator_pause",
        class: FaultClass::Configuration,
        action: FaultAction::Hold,
        selectors: &[SelectorKind::Platform, SelectorKind::Credential, SelectorKind::Asset],
        codes: &[],
        summary: "An operator has paused the destination.",
        remedy: "Lift it when the reason is gone: `holdfast hold lift`.",
        page: include_str!("../../faults/holdfast/operator_pause.md"),
    },
    Entry {
        name: "holdfast.configuration_suspected",
        class: FaultClass::Configuration,
        action: FaultAction::Hold,
        selectors: &[SelectorKind::Credential, SelectorKind::Asset],
        codes: &[],
        summary: "Events that look right are all refused alike, so it is not the events.",
        remedy: "Read the platform's words at the hold, correct the configuration, then lift the hold.",
        page: include_str!("../../faults/holdfast/configuration_suspected.md"),
    },
    Entry {
        name: "holdfast.interrupted_attempt",
        class: FaultClass::Transient,
        action: FaultAction::Note,
        selectors: &[],
        codes: &[],
        summary: "The item was being sent when its answer was lost, and the platform would count it twice if it were sent again.",
        remedy: "Look on the platform whether it arrived. The destination's `ambiguous` setting decides what is done with such items.",
        page: include_str!("../../faults/holdfast/interrupted_attempt.md"),
    },
    Entry {
        name: "holdfast.erased",
        class: FaultClass::Payload,
        action: FaultAction::DeadLetter,
        selectors: &[],
        codes: &[],
        summary: "The event was erased because the person it is about asked for it.",
        remedy: "Nothing. It is never sent and cannot be put back.",
        page: include_str!("../../faults/holdfast/erased.md"),
    },
    Entry {
        name: "holdfast.request_not_made",
        class: FaultClass::Transient,
        action: FaultAction::Retry,
        selectors: &[],
        codes: &[],
        summary: "A request could not be made because storage did not answer in time.",
        remedy: "Nothing, if it passes. If it stays, look at the gateway's log and at the disk.",
        page: include_str!("../../faults/holdfast/request_not_made.md"),
    },
    Entry {
        name: "holdfast.unexplained_answer",
        class: FaultClass::Unknown,
        action: FaultAction::RetryThenHold,
        selectors: &[SelectorKind::Credential, SelectorKind::Asset],
        codes: &[],
        summary: "The platform left items unprocessed and did not say why.",
        remedy: "Nothing, if it passes. If the lane is held for it, ask the platform's support with the trace id.",
        page: include_str!("../../faults/holdfast/unexplained_answer.md"),
    },
];
