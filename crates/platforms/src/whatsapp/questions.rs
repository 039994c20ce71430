//! Harmless questions about a number and its account. Whether the token lives is asked as for any
//! other token of the Graph API. (`whatsapp.md` §5, `tokens.md` §11)
//!
//! Questions about an account count against 200 an hour for app and account: each is asked once for
//! a diagnosis, and never by a watcher.

use holdfast_model::wire::{HttpRequest, HttpResponse};

use crate::meta::{get, read_list, read_probe};
use crate::{Probe, ProbeContext, ProbeKind, ProbeReading};

/// Reads the phone number that `cx.asset` is the id of.
pub fn number(cx: &ProbeContext<'_>) -> Probe {
    let path = format!("/{}", cx.asset);
    let request = get(cx, &path, "fields=id,verified_name,display_phone_number,quality_rating");
    Probe { kind: ProbeKind::Asset, request }
}

pub fn read_number(response: &HttpResponse) -> ProbeReading {
    read_probe(ProbeKind::Asset, response)
}

/// The numbers of the account that `cx.asset` is the id of.
pub fn numbers(cx: &ProbeContext<'_>) -> HttpRequest {
    get(cx, &format!("/{}/phone_numbers", cx.asset), "fields=id&limit=100")
}

/// Lists phone number ids.
pub fn read_numbers(response: &HttpResponse) -> ProbeReading {
    read_list(response, |row| row["id"].as_str().map(str::to_owned).into_iter().collect())
}

/// The apps that are told what happens on the account that `cx.asset` is the id of.
pub fn subscribed_apps(cx: &ProbeContext<'_>) -> HttpRequest {
    get(cx, &format!("/{}/subscribed_apps", cx.asset), "limit=100")
}

/// Lists app ids.
pub fn read_subscribed_apps(response: &HttpResponse) -> ProbeReading {
    read_list(response, |row| {
        let app = &row["whatsapp_business_api_data"];
        app["id"].as_str().or_else(|| row["id"].as_str()).map(str::to_owned).into_iter().collect()
    })
}
