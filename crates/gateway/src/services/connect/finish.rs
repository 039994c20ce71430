//! The person is back.

use std::sync::Arc;

use holdfast_model::platform::PlatformId;
use holdfast_model::redact::redact_and_cut;
use holdfast_model::secret::Secret;

use super::grants::{self, Grant, Holder};
use super::platform::open_app;
use super::report::GrantReport;
use super::{ConnectError, meta, snap};
use crate::services::Actor;
use crate::state::Gateway;

/// Longest part of a platform's words that is shown.
const MAX_WORDS: usize = 300;

/// What the platform sent the person back with.
#[derive(Debug)]
pub enum Returned {
    Code(Secret),
    Cancelled { words: String },
    Error { words: String },
    Nothing,
}

impl Returned {
    /// Reads a callback's query, and the state in it.
    pub fn read(query: &str) -> (Option<Secret>, Self) {
        let value = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            let found = pairs.find(|(key, value)| key == name && !value.is_empty());
            found.map(|(_, value)| value.into_owned())
        };
        let state = value("state").map(Secret::new);
        let Some(error) = value("error").or_else(|| value("error_code")) else {
            // One platform hangs a fragment of its own on what it sends back.
            let code = value("code").map(|code| code.trim_end_matches("#_").to_owned());
            let code = code.filter(|code| !code.is_empty());
            return (state, code.map_or(Self::Nothing, |code| Self::Code(Secret::new(code))));
        };
        let described = value("error_description").or_else(|| value("error_message"));
        let words = redact_and_cut(&described.unwrap_or_else(|| error.clone()), MAX_WORDS);
        let is_cancelled = error == "access_denied";
        (state, if is_cancelled { Self::Cancelled { words } } else { Self::Error { words } })
    }
}

/// Whether this sign-in was started on the command line, and is to be finished there.
pub async fn is_held_by_command(gateway: &Gateway, state: &Secret) -> bool {
    let found = grants::look(gateway, state).await;
    found.is_ok_and(|grant| matches!(grant.holder, Holder::Command(_)))
}

/// Exchanges the code, once, and stores what comes of it. The state is spent by the first call,
/// whatever that comes to.
pub async fn finish(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    holder: &Holder,
    platform: PlatformId,
    state: &Secret,
    returned: Returned,
) -> Result<GrantReport, ConnectError> {
    let grant = grants::take(gateway, state, holder).await?;
    let finished = go_on(gateway, actor, platform, &grant, returned).await;
    let outcome = match &finished {
        Ok(report) => format!("version {}, active: {}", report.version, report.activated),
        Err(error) => redact_and_cut(&error.to_string(), MAX_WORDS),
    };
    let subject = format!("credential:{}", grant.ask.credential);
    gateway.audit(actor.0, "connect.finish", subject, outcome).await?;
    gateway.look_around();
    finished
}

async fn go_on(
    gateway: &Arc<Gateway>,
    actor: Actor<'_>,
    platform: PlatformId,
    grant: &Grant,
    returned: Returned,
) -> Result<GrantReport, ConnectError> {
    if grant.platform != platform {
        return Err(ConnectError::UnknownState);
    }
    let code = match returned {
        Returned::Code(code) => code,
        Returned::Cancelled { words } => return Err(ConnectError::Cancelled { words }),
        Returned::Error { words } => return Err(ConnectError::Dialog { words }),
        Returned::Nothing => return Err(ConnectError::NoCode { platform }),
    };
    let app = open_app(gateway, &grant.ask.app, platform).await?;
    if platform == PlatformId::Snap {
        snap::finish(gateway, actor, grant, &app, &code).await
    } else {
        meta::finish(gateway, actor, grant, &app, &code).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_says_one_of_four_things() {
        for (query, state, expected) in [
            ("code=abc&state=s", Some("s"), "code abc"),
            ("state=s&code=abc%23_", Some("s"), "code abc"),
            ("code=&state=s", Some("s"), "nothing"),
            ("code=abc", None, "code abc"),
            (
                "error=access_denied&error_description=Permissions+error&state=s",
                Some("s"),
                "no Permissions error",
            ),
            (
                "error_code=1349048&error_message=Can%27t+load&state=s&code=x",
                Some("s"),
                "error Can't load",
            ),
        ] {
            let (found, returned) = Returned::read(query);
            let said = match returned {
                Returned::Code(code) => format!("code {}", code.expose()),
                Returned::Cancelled { words } => format!("no {words}"),
                Returned::Error { words } => format!("error {words}"),
                Returned::Nothing => "nothing".to_owned(),
            };
            assert_eq!(
                (found.as_ref().map(Secret::expose), said.as_str()),
                (state, expected),
                "{query}"
            );
        }
    }
}
