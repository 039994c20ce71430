//! A page that says what went wrong, that nothing is broken by it, and what to do.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Frame, page_at_secret};
use crate::services::ServiceError;
use crate::services::connect::ConnectError;
use crate::state::Gateway;

#[derive(Template)]
#[template(path = "problem.html")]
pub struct Problem {
    pub frame: Frame,
    pub title: String,
    pub message: String,
    pub hint: String,
    /// Where to go on, and what the link says.
    pub onward: Option<(&'static str, &'static str)>,
}

impl Problem {
    pub fn new(frame: Frame, title: &str, message: &str) -> Self {
        Self {
            frame,
            title: title.to_owned(),
            message: sentence(message),
            hint: String::new(),
            onward: None,
        }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    pub fn onward(mut self, address: &'static str, words: &'static str) -> Self {
        self.onward = Some((address, words));
        self
    }

    pub fn of_service(frame: Frame, error: &ServiceError) -> (StatusCode, Self) {
        let status = match error {
            ServiceError::NotFound { .. } => StatusCode::NOT_FOUND,
            ServiceError::Exists { .. } | ServiceError::Refused { .. } => StatusCode::CONFLICT,
            ServiceError::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            ServiceError::Storage(_) | ServiceError::Vault(_) => {
                tracing::error!(%error, "an operation failed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let hint = match error {
            ServiceError::Refused { hint, .. } => hint.clone(),
            _ => String::new(),
        };
        let problem = Self::new(frame, "That cannot be done", &error.to_string());
        (status, problem.hint(hint).onward("/connect", "Back to the credentials"))
    }

    pub fn of_connect(frame: Frame, error: &ConnectError) -> (StatusCode, Self) {
        if let ConnectError::Service(error) = error {
            return Self::of_service(frame, error);
        }
        let status = match error {
            ConnectError::UnknownState => StatusCode::GONE,
            ConnectError::OtherHolder => StatusCode::FORBIDDEN,
            ConnectError::CodeInDoubt(_) => StatusCode::BAD_GATEWAY,
            _ => StatusCode::CONFLICT,
        };
        let problem = Self::new(frame, error.title(), &error.to_string()).hint(error.hint());
        (status, problem.onward("/connect", "Start again"))
    }
}

pub fn problem(gateway: &Gateway, (status, problem): (StatusCode, Problem)) -> Response {
    // It may stand where a code was in the address.
    page_at_secret(gateway, status, &problem)
}

/// A piece of a text: words, or something to type.
pub struct Span<'a> {
    pub text: &'a str,
    pub is_code: bool,
}

/// Texts name commands between backticks.
pub fn spans(text: &str) -> Vec<Span<'_>> {
    let pieces = text.split('`').enumerate();
    pieces.map(|(at, text)| Span { text, is_code: at % 2 == 1 }).collect()
}

/// Messages are fragments; a page says sentences.
pub fn sentence(fragment: &str) -> String {
    let mut characters = fragment.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    let mut text = first.unwrap_or_default() + characters.as_str();
    if !text.is_empty() && !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_become_sentences() {
        for (fragment, expected) in [("it is over", "It is over."), ("Done.", "Done."), ("", "")] {
            assert_eq!(sentence(fragment), expected);
        }
    }
}
