//! Talking to a running gateway: over its admin socket, or over HTTP with a key.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::exit::Failure;

/// Adding a credential probes the platform, which may take several timeouts.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Far beyond what any disk here takes.
const LONGEST_BACKUP: Duration = Duration::from_secs(24 * 3_600);

/// An erasure reads everything that is kept and rewrites some of it.
const LONGEST_ERASURE: Duration = Duration::from_secs(3_600);

/// A gateway, and how to reach it.
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    key: Option<String>,
    /// For messages.
    at: String,
}

impl Client {
    /// Through the socket in the data directory: same user, hence admin.
    pub fn over_socket(socket: &Path) -> anyhow::Result<Self> {
        let http = builder().unix_socket(socket).build()?;
        let at = socket.display().to_string();
        Ok(Self { http, base_url: "http://holdfast".to_owned(), key: None, at })
    }

    /// Over HTTP, with a key.
    pub fn over_http(url: &str, key: Option<String>) -> anyhow::Result<Self> {
        let base_url = url.trim_end_matches('/').to_owned();
        Ok(Self { http: builder().build()?, at: base_url.clone(), base_url, key })
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.call(Method::GET, path, None::<&()>).await
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let _: Value = self.call(Method::DELETE, path, None::<&()>).await?;
        Ok(())
    }

    /// Events as NDJSON under an idempotency key, and the answer whatever it is.
    pub async fn send_events(
        &self,
        path: &str,
        idempotency_key: &str,
        body: Vec<u8>,
    ) -> Result<EventsAnswer, Failure> {
        let request = self
            .authorized(self.http.post(format!("{}{path}", self.base_url)))
            .header("content-type", "application/x-ndjson")
            .header("idempotency-key", idempotency_key)
            .body(body);
        let answer = request.send().await.map_err(|e| self.unreachable(e))?;
        let status = answer.status();
        let retry_after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok());
        let retry_after_s = retry_after.and_then(|text| text.parse().ok());
        let body = answer.bytes().await.map_err(|e| self.unreachable(e))?;
        Ok(EventsAnswer { status: status.as_u16(), retry_after_s, body: body.to_vec() })
    }

    /// Has the gateway erase what it keeps of a person.
    pub async fn erase(&self, person: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}/v1/erasures", self.base_url));
        let request = request.timeout(LONGEST_ERASURE).header("content-type", "application/json");
        self.answer(request.body(serde_json::to_vec(person)?)).await
    }

    /// Has the gateway take a backup, and answers as soon as that begins to arrive.
    pub async fn backup(&self) -> anyhow::Result<reqwest::Response> {
        let request = self.http.post(format!("{}/v1/backup", self.base_url));
        // As long as it takes; a gateway that has stopped sending closes the connection.
        let request = request.timeout(LONGEST_BACKUP);
        let answer = self.authorized(request).send().await.map_err(|e| self.unreachable(e))?;
        let status = answer.status();
        if !status.is_success() {
            let bytes = answer.bytes().await.context("failed to read the gateway's answer")?;
            return Err(refusal(status, &bytes).into());
        }
        Ok(answer)
    }

    fn authorized(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        Failure::Unreachable { at: self.at.clone(), cause: innermost(&error.without_url()) }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<T> {
        let mut request = self.http.request(method, format!("{}{path}", self.base_url));
        if let Some(body) = body {
            request =
                request.header("content-type", "application/json").body(serde_json::to_vec(body)?);
        }
        self.answer(request).await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> anyhow::Result<T> {
        let answer = self.authorized(request).send().await.map_err(|e| self.unreachable(e))?;
        let status = answer.status();
        let bytes = answer.bytes().await.context("failed to read the gateway's answer")?;
        if !status.is_success() {
            return Err(refusal(status, &bytes).into());
        }
        let bytes: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(bytes).context("failed to understand the gateway's answer")
    }
}

/// What the gateway said to events.
pub struct EventsAnswer {
    pub status: u16,
    pub retry_after_s: Option<u64>,
    pub body: Vec<u8>,
}

impl EventsAnswer {
    /// As the failure of a command.
    pub fn into_failure(self) -> Failure {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        refusal(status, &self.body)
    }
}

#[allow(clippy::disallowed_methods, reason = "this client only ever talks to our own gateway")]
fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
}

fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| answer["error"][key].as_str().unwrap_or_default().to_owned();
    let message = match text("message") {
        empty if empty.is_empty() => format!("the gateway answered {status}"),
        message => message,
    };
    match status {
        StatusCode::NOT_FOUND => Failure::NotFound(message),
        _ => Failure::Refused { message, hint: text("hint") },
    }
}
