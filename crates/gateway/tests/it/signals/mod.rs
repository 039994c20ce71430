//! What platforms push to us: forged, broken, repeated, and what follows from it.

mod consequences;
mod deletion;
mod post;
mod reading;
mod signatures;
