//! What platforms said of a version, on everything that it was asked on.

use holdfast_credentials::proves;
use holdfast_model::destination::Destination;

use super::ProbeView;
use super::activate::probe_view;
use crate::services::probing::ProbeResult;

#[derive(Debug, Default)]
pub(crate) struct Probed {
    pub(super) results: Vec<ProbeResult>,
    pub(super) views: Vec<ProbeView>,
    /// Some of what it is for was left out: of that nothing is known.
    pub(super) is_partial: bool,
}

impl Probed {
    pub(crate) fn add(&mut self, destination: &Destination, results: Vec<ProbeResult>) {
        let name = destination.id.as_str();
        self.views.extend(results.iter().map(|result| probe_view(name, result)));
        self.results.extend(results);
    }

    /// What was found on one destination is not to count.
    pub(crate) fn leave_out(&mut self) {
        self.is_partial = true;
    }

    pub(crate) fn has_proof(&self) -> bool {
        self.results.iter().any(|result| proves(result.kind, result.reading.answer))
    }
}
