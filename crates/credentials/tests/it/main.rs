//! What is said of tokens, and how they live, from outside.

#![allow(clippy::print_stdout, reason = "tests say which seed they ran")]

mod damage;
mod doctor;
mod ladder;
mod lifecycle;
mod redaction;
