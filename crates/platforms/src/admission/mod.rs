//! What the admission of every platform is made of: reading JSON once without building a tree,
//! closed lists of keys, the texts of people and places, hashing, and writing fragments.
//!
//! Nothing here knows a platform. Which keys exist, what is hashed and how it is normalized differs
//! everywhere, and stays with the platform. Refusals made here have names without a platform; it
//! gives them its own at the door, see [`refusal`].

pub mod country;
pub mod currency;
pub mod email;
pub mod encode;
pub mod json;
pub mod keys;
pub mod normalized;
pub mod query;
pub mod reader;
pub mod refusal;
pub mod sha256;
pub mod text;
pub mod us_states;
pub mod warnings;
