//! `POST /sign-out`

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;
use axum::response::Response;

use super::guard::is_secure;
use super::{SignedForm, cookie};
use crate::http::pages::{Frame, Problem, Web, problem, see_other};
use crate::services::sessions;

pub async fn post(State(web): State<Web>, form: SignedForm) -> Response {
    let gateway = &web.gateway;
    if let Err(error) = sessions::end(gateway, &form.session.0).await {
        return problem(gateway, Problem::of_service(Frame::default(), &error));
    }
    let mut response = see_other(gateway, "/sign-in");
    if let Ok(cleared) = HeaderValue::from_str(&cookie::clear(is_secure(gateway))) {
        response.headers_mut().insert(SET_COOKIE, cleared);
    }
    response
}
