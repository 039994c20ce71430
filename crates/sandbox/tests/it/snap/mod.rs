//! Snap, compared with its sheet.

mod control;
mod dedup;
mod deliveries;
mod habits;
mod misbehaviours;
mod oauth;
mod rig;
mod tokens;
mod v2;
mod watching;
