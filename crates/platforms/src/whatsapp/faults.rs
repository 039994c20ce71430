//! WhatsApp's rows of the fault catalog: every code of Meta's table, grouped where meaning, scope,
//! action and remedy are the same. The pages are in `faults/whatsapp`, one per row.
//!
//! (`spec/whatsapp.md` §6; for credentials and policy `spec/tokens.md` §8.) Its classes are said in
//! the words of the model: what is about a person, a template or the body of one message is of
//! class `payload` where the message is refused, and `configuration` or `policy` where mending a
//! setting, or patience, lets it through. A business account is the `account` of a scope, a phone
//! number its `asset`.

mod access;
mod account;
mod limits;
mod message;
mod operations;
mod recipient;
mod service;
mod templates;

use crate::catalog::Catalog;

pub static CATALOG: Catalog = Catalog {
    families: &[
        access::ROWS,
        account::ROWS,
        limits::ROWS,
        recipient::ROWS,
        templates::ROWS,
        message::ROWS,
        service::ROWS,
        operations::ROWS,
    ],
};
