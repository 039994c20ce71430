//! What is said of tokens, from outside.

mod doctor;
