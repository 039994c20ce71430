//! What platforms said of a version, on everything that it was asked on.

use holdfast_credentials::proves;
use holdfast_model::destination::Destination;
use holdfast_platforms::{ProbeKind, ProbeReading};

use super::ProbeView;
use super::activate::probe_view;
use crate::services::probing::ProbeResult;

#[derive(Debug, Default)]
pub(crate) struct Probed {
    /// Of each asset apart: what is said of one is not said of another.
    pub(super) assets: Vec<Vec<(ProbeKind, ProbeReading)>>,
    pub(super) views: Vec<ProbeView>,
    /// Some of what it is for was left out: of that nothing is known.
    pub(super) is_partial: bool,
}

impl Probed {
    pub(crate) fn add(&mut self, destination: &Destination, results: Vec<ProbeResult>) {
        let name = destination.id.as_str();
        self.views.extend(results.iter().map(|result| probe_view(name, result)));
        self.assets.push(results.into_iter().map(|one| (one.kind, one.reading)).collect());
    }

    /// What was found on one destination is not to count.
    pub(crate) fn leave_out(&mut self) {
        self.is_partial = true;
    }

    pub(crate) fn has_proof(&self) -> bool {
        self.assets.iter().flatten().any(|(kind, reading)| proves(*kind, reading.answer))
    }
}
