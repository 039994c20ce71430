//! Faults whose cause lies on this side of the wire. Their rows and pages are in the catalog.

use holdfast_model::fault::{Fault, FaultAction, FaultClass};
use holdfast_platforms::catalog;

/// Why an item is `unknown` that was being sent when the process ended.
pub fn interrupted_attempt() -> Fault {
    row("holdfast.interrupted_attempt")
}

/// A request could not be made for a passing reason of our own.
pub fn request_not_made() -> Fault {
    row("holdfast.request_not_made")
}

/// An answer left items unprocessed without saying why.
pub fn unexplained_answer() -> Fault {
    row("holdfast.unexplained_answer")
}

/// Events that look right are all refused alike. Carries what the platform said of the last one.
pub fn configuration_suspected(said: &Fault) -> Fault {
    let mut fault = row("holdfast.configuration_suspected");
    fault.code = said.code;
    fault.trace_id.clone_from(&said.trace_id);
    fault.platform_message = format!("{}: {}", said.name, said.platform_message);
    fault
}

fn row(name: &str) -> Fault {
    match catalog::own().by_name(name) {
        Some(entry) => entry.fault(),
        // A test looks each of the names up; a release in which one is missing still holds.
        None => Fault {
            name: name.to_owned(),
            class: FaultClass::Unknown,
            action: FaultAction::Hold,
            selectors: Vec::new(),
            code: None,
            summary: "This fault has no row in the catalog.".to_owned(),
            remedy: "Report it as a bug of Holdfast.".to_owned(),
            platform_message: String::new(),
            trace_id: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_the_lane_is_in_the_catalog() {
        for fault in [interrupted_attempt(), request_not_made(), unexplained_answer()] {
            assert!(catalog::own().by_name(&fault.name).is_some(), "{}", fault.name);
        }
        let suspected = configuration_suspected(&unexplained_answer());
        assert_eq!(suspected.class, FaultClass::Configuration);
        assert_eq!(suspected.action, FaultAction::Hold);
    }
}
