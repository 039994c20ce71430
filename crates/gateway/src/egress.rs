//! The one client through which requests leave for the platforms.
//!
//! It follows no redirects (a token must reach its platform's fixed host and no other), has
//! bounds on time and on the length of an answer, and never puts a URL into an error, because a
//! query may hold a secret.

use std::error::Error as _;
use std::time::Duration;

use holdfast_model::wire::{
    HttpRequest, HttpResponse, Method, TransportFailure, TransportFailureKind,
};
use reqwest::header::{HeaderName, HeaderValue};

/// Longest answer that is read. Platforms answer with a few hundred bytes; error pages of proxies
/// are some kilobytes.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// How long an idle connection is kept: shorter than the platforms' own keep-alive, so that a
/// request rarely meets a connection that the other side is just closing.
const IDLE_CONNECTION: Duration = Duration::from_secs(20);

pub struct Egress {
    client: reqwest::Client,
    timeout: Duration,
}

impl Egress {
    #[allow(clippy::disallowed_methods, reason = "the one place where a client is made")]
    pub fn new(timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
            .pool_idle_timeout(IDLE_CONNECTION)
            .tcp_nodelay(true)
            .no_proxy()
            .build()?;
        Ok(Self { client, timeout })
    }

    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportFailure> {
        let built = self.build(request)?;
        match tokio::time::timeout(self.timeout, self.exchange(built)).await {
            Ok(answer) => answer,
            Err(_) => Err(TransportFailure {
                kind: TransportFailureKind::Timeout,
                may_have_arrived: true,
                detail: format!("after {} ms", self.timeout.as_millis()),
            }),
        }
    }

    fn build(&self, request: HttpRequest) -> Result<reqwest::Request, TransportFailure> {
        let mut url = format!("{}{}", request.base_url, request.path);
        if !request.query.is_empty() {
            url.push('?');
            url.push_str(&request.query);
        }
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = self.client.request(method, url).body(request.body);
        for (name, value) in &request.headers {
            let mut value = HeaderValue::from_str(value).map_err(|_| unsendable(name))?;
            value.set_sensitive(true);
            builder = builder.header(HeaderName::from_static(name), value);
        }
        builder.build().map_err(|e| failure(&e.without_url(), false))
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<HttpResponse, TransportFailure> {
        let mut answer = self.client.execute(request).await.map_err(|e| {
            let never_left = e.is_connect() || e.is_builder();
            failure(&e.without_url(), !never_left)
        })?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| {
                value.to_str().ok().map(|text| (name.as_str().to_owned(), text.to_owned()))
            })
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| failure(&e.without_url(), true))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(TransportFailure {
                    kind: TransportFailureKind::TooLong,
                    may_have_arrived: true,
                    detail: format!("more than {MAX_ANSWER_BYTES} bytes"),
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse { status, headers, body })
    }
}

/// A header value with a line break or the like: the stored secret cannot be sent at all.
fn unsendable(name: &str) -> TransportFailure {
    TransportFailure {
        kind: TransportFailureKind::Other,
        may_have_arrived: false,
        detail: format!("the value of the {name} header has characters that HTTP does not allow"),
    }
}

fn failure(error: &reqwest::Error, may_have_arrived: bool) -> TransportFailure {
    let mut detail = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        detail = cause.to_string();
        source = cause.source();
    }
    let kind = if error.is_timeout() {
        TransportFailureKind::Timeout
    } else if detail.contains("dns") || detail.contains("lookup") {
        TransportFailureKind::Dns
    } else if detail.contains("certificate") || detail.contains("tls") {
        TransportFailureKind::Tls
    } else if error.is_connect() {
        TransportFailureKind::Connect
    } else if error.is_request() || error.is_body() {
        TransportFailureKind::Closed
    } else {
        TransportFailureKind::Other
    };
    let detail = holdfast_model::redact::redact(&detail).into_owned();
    TransportFailure { kind, may_have_arrived, detail }
}
