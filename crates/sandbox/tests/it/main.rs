//! The sandbox over real HTTP, compared with what the sheets record.

mod control;
mod dedup;
mod dialogs;
mod events;
mod misbehaviours;
mod pushes;
mod refusals;
mod rig;
mod snap;
mod system_users;
mod tokens;
mod whatsapp;
