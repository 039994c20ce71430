//! What is said of tokens, from outside.

mod damage;
mod doctor;
mod ladder;
mod redaction;
