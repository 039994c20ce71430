//! What can be told of a token without asking anyone, and when a candidate becomes active.
//!
//! [`lint`](lint()) looks at a token's form. It warns and hardly ever blocks: platforms call their
//! tokens opaque, so only what cannot be a token of this platform, or cannot be sent at all, is
//! refused. It never says a token is expired (that cannot be seen) and never says it is intact
//! (only that no damage was found). [`decide_activation`] weighs what probes said. [`doctor`] says what
//! is wrong with a token, how sure that is, and what to do. [`oauth`] asks platforms for tokens and
//! reads their answers. [`signals`] reads what platforms push to us: whether it is theirs, whom it
//! is about, and what follows.
//!
//! Nothing here sends, stores or reads a clock.

mod activation;
pub mod doctor;
pub mod lifecycle;
pub mod lint;
pub mod oauth;
mod scopes;
pub mod signals;

pub use activation::{Activation, decide_activation, proves};
pub use lint::{Finding, Lint, Severity, Shape, lint};
pub use scopes::lost_scopes;
