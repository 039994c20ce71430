//! The rules of the workspace, held against the workspace itself.

mod directions;
mod purity;
mod site;
mod texts;
