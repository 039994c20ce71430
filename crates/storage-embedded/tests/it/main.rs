//! What the embedded stores must do, from outside.

mod registry;
