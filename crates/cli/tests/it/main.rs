//! The binary as a person or a script meets it, in processes of its own.

#![allow(clippy::print_stdout, reason = "tests say which seed they ran")]

mod attempts;
mod backup;
mod commands;
mod dead_letters;
mod death;
mod demo;
mod doctor;
mod erase;
mod kill;
mod rig;
mod routing;
mod sdk;
mod secrets;
mod send;
mod signals;
mod standby;
mod swapped;
mod traffic;
mod vault;
