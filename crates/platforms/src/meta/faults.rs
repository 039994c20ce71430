//! Meta's rows of the fault catalog. The pages are in `faults/meta`, one per row.
//!
//! Meta publishes no table of the Conversions API's subcodes; this one was gathered from its
//! references, recorded answers and reports, and each page says how sure a row is. It is data:
//! `classify` finds the row, and nothing else depends on single codes.

mod access;
mod event;
mod service;
mod token;

use crate::catalog::Catalog;

pub static CATALOG: Catalog =
    Catalog { families: &[token::ROWS, access::ROWS, service::ROWS, event::ROWS] };
