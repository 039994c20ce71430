//! `POST /connect/meta`, `POST /connect/snap`: off to the platform, with what the form says.

use std::str::FromStr;

use axum::extract::State;
use axum::response::Response;
use holdfast_credentials::oauth::snap::{CONVERSIONS_SCOPE, MARKETING_SCOPE};
use holdfast_model::id::InvalidId;
use holdfast_model::platform::PlatformId;

use crate::http::pages::{Frame, Problem, Web, problem, see_other};
use crate::http::session::SignedForm;
use crate::services::ServiceError;
use crate::services::connect::{self, Ask, Started, Way};

pub async fn meta(State(web): State<Web>, form: SignedForm) -> Response {
    let way = match form.fields.get("way") {
        Some("configuration") => {
            Way::Configuration(form.fields.get("config_id").unwrap_or_default().to_owned())
        }
        _ => Way::Scopes(words(form.fields.get("scopes").unwrap_or_default())),
    };
    begin(&web, &form, PlatformId::Meta, way).await
}

pub async fn snap(State(web): State<Web>, form: SignedForm) -> Response {
    let way = Way::Scopes(vec![CONVERSIONS_SCOPE.to_owned(), MARKETING_SCOPE.to_owned()]);
    begin(&web, &form, PlatformId::Snap, way).await
}

async fn begin(web: &Web, form: &SignedForm, platform: PlatformId, way: Way) -> Response {
    let session = &form.session.0;
    let started = match ask(form, way) {
        Ok(ask) => {
            connect::start(&web.gateway, session.actor(), session.holder(), platform, ask).await
        }
        Err(error) => Err(error),
    };
    go(web, form, started)
}

/// Off to the platform, or a page that says why not.
pub(super) fn go(web: &Web, form: &SignedForm, started: Result<Started, ServiceError>) -> Response {
    match started {
        Ok(started) => see_other(&web.gateway, &started.url),
        Err(error) => {
            let frame = Frame::from(&*form.session.0);
            problem(&web.gateway, Problem::of_service(frame, &error))
        }
    }
}

fn ask(form: &SignedForm, way: Way) -> Result<Ask, ServiceError> {
    Ok(Ask {
        credential: id(form, "credential")?,
        app: id(form, "app")?,
        way,
        page: form.fields.get("page").map(str::to_owned),
        contact: form.fields.get("contact").map(str::to_owned),
        asks_again: false,
        is_embedded: false,
    })
}

fn id<T: FromStr<Err = InvalidId>>(
    form: &SignedForm,
    field: &'static str,
) -> Result<T, ServiceError> {
    let text = form.fields.get(field).unwrap_or_default();
    text.parse().map_err(|error: InvalidId| ServiceError::invalid(field, error.expected))
}

/// Names with spaces, commas or lines between them.
fn words(text: &str) -> Vec<String> {
    let split = text.split(|c: char| c == ',' || c.is_whitespace());
    split.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
