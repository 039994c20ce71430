//! The lane against a small model of everything around it, driven by a seed.
//!
//! `HOLDFAST_SEEDS=100000 cargo test -p holdfast-delivery` runs as many seeds as you like,
//! `HOLDFAST_SEED=17` one.

#![allow(clippy::print_stdout, reason = "tests say which seed they ran")]

mod answers;
mod bench;
mod deadlines;
mod holds;
mod rules;
mod sim;
