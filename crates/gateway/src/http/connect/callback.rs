//! `GET /connect/meta/callback`, `GET /connect/snap/callback`: back from the platform.
//!
//! The one GET that changes something, because that is how platforms send people back. What makes
//! it safe is the state: random, good once, and only in the session that began.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use holdfast_model::access::Role;
use holdfast_model::platform::PlatformId;

use crate::http::pages::{Frame, Problem, Web, problem, see_other};
use crate::http::session::session_of;
use crate::services::Actor;
use crate::services::connect::{self, Holder, Returned, keep};
use crate::services::sessions::Session;

pub async fn meta(
    State(web): State<Web>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    back(&web, &headers, PlatformId::Meta, &query.unwrap_or_default()).await
}

pub async fn snap(
    State(web): State<Web>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    back(&web, &headers, PlatformId::Snap, &query.unwrap_or_default()).await
}

async fn back(web: &Web, headers: &HeaderMap, platform: PlatformId, query: &str) -> Response {
    let gateway = &web.gateway;
    let session = match session_of(gateway, headers).await {
        Ok(session) => session.filter(|session| session.role >= Role::Admin),
        Err(error) => return problem(gateway, Problem::of_service(Frame::default(), &error)),
    };
    let (state, returned) = Returned::read(query);
    let Some(state) = state else {
        let words = "this address is where platforms send people back to, and nobody was sent here";
        let lost = Problem::new(frame(session.as_ref()), "Nothing to finish", words)
            .onward("/connect", "To the credentials");
        return problem(gateway, (StatusCode::BAD_REQUEST, lost));
    };
    if connect::is_held_by_command(gateway, &state).await {
        return problem(gateway, (StatusCode::OK, for_command(session.as_ref())));
    }
    // Without a session it is nobody's, and the state is spent all the same.
    let nobody = Holder::Session(String::new());
    let holder = session.as_ref().map_or(nobody, Session::holder);
    let actor = session.as_ref().map_or(Actor("nobody"), Session::actor);
    let done = async {
        let report = connect::finish(gateway, actor, &holder, platform, &state, returned).await?;
        Ok::<_, connect::ConnectError>(keep(gateway, &holder, &report).await?)
    };
    match done.await {
        // The result has an address of its own, without a code in it.
        Ok(name) => see_other(gateway, &format!("/connect/result/{}", name.expose())),
        Err(error) => problem(gateway, Problem::of_connect(frame(session.as_ref()), &error)),
    }
}

fn frame(session: Option<&Session>) -> Frame {
    session.map(Frame::from).unwrap_or_default()
}

fn for_command(session: Option<&Session>) -> Problem {
    let words = "you are back, and the command line waits for the address of this page";
    Problem::new(frame(session), "Go on at the command line", words).hint(
        "Copy the whole address from the address bar, paste it where `holdfast connect` waits, and \
         press Enter.",
    )
}
