//! Chores of the repository.
//!
//! [`rules`] are what holds for the workspace as a whole and no compiler checks: which crate may
//! use which, what the pure crates must not reach, what must not be written anywhere. They run as
//! tests and as `cargo xtask check`. [`commands`] has one file per command.

pub mod commands;
pub mod pages;
pub mod rules;
pub mod workspace;
