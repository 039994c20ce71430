//! Forms: small, and, where somebody is signed in, with the text that only our own pages know.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use zeroize::Zeroizing;

use super::SessionCaller;
use crate::http::error::ApiError;
use crate::http::pages::{Frame, Problem, problem};
use crate::ingest::source::Source;
use crate::state::Gateway;

/// Longest form. Ours have a few hundred bytes.
const MAX_BYTES: u64 = 64 << 10;

/// How long one may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A form's fields, the first of each name.
pub struct Fields(BTreeMap<String, Zeroizing<String>>);

impl Fields {
    /// A field without the space around it, if there is anything in it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let refused = |error| ApiError::from(error).into_response();
        let source = Source::new(&parts.headers, body).map_err(refused)?;
        let mut source = source;
        let body = source.whole(MAX_BYTES, PATIENCE).await.map_err(refused)?;
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(&body) {
            fields.entry(name.into_owned()).or_insert_with(|| Zeroizing::new(value.into_owned()));
        }
        Ok(Self(fields))
    }
}

/// A form that was sent by the person whose session it comes with.
pub struct SignedForm {
    pub session: SessionCaller,
    pub fields: Fields,
}

impl<S: Send + Sync> FromRequest<S> for SignedForm
where
    Arc<Gateway>: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let session = request.extensions().get::<SessionCaller>().cloned();
        let session = session.ok_or_else(|| StatusCode::UNAUTHORIZED.into_response())?;
        let fields = Fields::from_request(request, state).await?;
        if session.0.wrote(fields.get("csrf").unwrap_or_default()) {
            return Ok(Self { session, fields });
        }
        let gateway = Arc::<Gateway>::from_ref(state);
        let words = "the form does not carry the text that its page has";
        let refused = Problem::new(Frame::from(&*session.0), "Not accepted", words)
            .hint("Nothing was changed. Load the page again and send the form from there.")
            .onward("/connect", "Back to the credentials");
        Err(problem(&gateway, (StatusCode::FORBIDDEN, refused)))
    }
}
