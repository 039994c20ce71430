//! What is said of tokens, from outside.

mod damage;
mod doctor;
