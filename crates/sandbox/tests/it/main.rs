//! The sandbox over real HTTP, compared with what the sheets record.

mod control;
mod dedup;
mod events;
mod misbehaviours;
mod pushes;
mod refusals;
mod rig;
mod snap;
mod tokens;
mod whatsapp;
