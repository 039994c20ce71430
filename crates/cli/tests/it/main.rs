//! The binary as a person or a script meets it, in processes of its own.

mod commands;
mod demo;
mod kill;
mod rig;
mod sdk;
