//! What each platform wants, says and means, as pure functions: admission (validate, normalize,
//! hash, encode), requests, the judging of answers, probes, and the catalog of faults.
//!
//! Nothing here sends anything, reads a clock or draws a random number. The [`Platform`] trait is
//! the seam: a new platform is one folder beside `meta` and one line in [`platform`].

mod admission;
mod body;
pub mod catalog;
pub mod mapping;
pub mod meta;
mod seam;
pub mod snap;
pub mod subject;
pub mod whatsapp;

pub use seam::*;

use holdfast_model::platform::PlatformId;

/// The implementation for a platform, or `None` where this release has none yet.
pub fn platform(id: PlatformId) -> Option<&'static dyn Platform> {
    match id {
        PlatformId::Meta => Some(&meta::Meta),
        PlatformId::Snap => Some(&snap::Snap),
        PlatformId::Whatsapp => None,
    }
}
