//! An HTTP client for the background: authorities of certificates, and whom else the proxy must ask.

mod connector;
mod failure;

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderValue, USER_AGENT};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use connector::Connector;
use failure::{reason, size};

/// Time after which an idle connection is closed. It is short: a request on a connection that the server is just
/// closing would fail.
const IDLE: Duration = Duration::from_secs(15);

/// Who asks. Authorities of certificates refuse requests that do not say it (RFC 8555, section 6.1).
const NAME: &str = concat!("proxy/", env!("CARGO_PKG_VERSION"));

/// How a client asks.
#[derive(Debug, Clone)]
pub(crate) struct ClientSettings {
    /// A PEM file with the authorities that sign the server's certificate. `None`: those that the system trusts.
    pub(crate) ca_file: Option<String>,
    /// Time for a whole exchange.
    pub(crate) timeout: Duration,
    /// Largest body of a response, in bytes.
    pub(crate) max_body: usize,
}

/// An HTTP client: `http` and `https`, HTTP/1.1 and HTTP/2, with certificates verified. Cheap to clone; clones share
/// their connections. It belongs to one runtime: connections live in tasks of the runtime that first asked.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    client: Client<Connector, Full<Bytes>>,
    timeout: Duration,
    max_body: usize,
}

/// Why there is no response: what was asked, and what went wrong, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientError(pub(crate) String);

impl std::fmt::Display for ClientError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ClientError {}

impl HttpClient {
    /// The error says what is wrong with the settings.
    pub(crate) fn new(settings: ClientSettings) -> Result<Self, String> {
        let connector = Connector::new(settings.ca_file.as_deref())?;
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .build(connector);
        Ok(Self { client, timeout: settings.timeout, max_body: settings.max_body })
    }

    /// Sends a request and reads the whole response. Redirects are not followed.
    ///
    /// # Errors
    /// If no whole response came in time. A response with an error's status is a response.
    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
        let asked = format!("{} {}", request.method(), shown(request.uri()));
        let failed = |why: String| ClientError(format!("{asked}: {why}"));
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => Err(failed(format!("no whole answer within {} s", self.timeout.as_secs_f64()))),
        }
    }

    async fn exchange(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(NAME));
        let answer = self.client.request(request.map(Full::new)).await.map_err(|error| reason(&error))?;
        let (head, body) = answer.into_parts();
        let body =
            Limited::new(body, self.max_body).collect().await.map_err(|error| match error
                .is::<http_body_util::LengthLimitError>(
            ) {
                true => format!("the body of its answer is larger than {}", size(self.max_body)),
                false => reason(&*error),
            })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

/// Reads a URL that a client can ask. `None`: it is none, or a part of it would be lost, such as a port that there
/// cannot be, or what stands behind a `#`.
pub(crate) fn read_url(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok().filter(|_| !text.contains('#'))?;
    let host = url.host().filter(|host| !host.is_empty())?;
    let authority = url.authority()?.as_str();
    let has_port = authority.rsplit('@').next()?.len() > host.len();
    let is_asked = matches!(url.scheme_str(), Some("http" | "https"));
    (is_asked && (!has_port || url.port_u16().is_some_and(|port| port > 0))).then_some(url)
}

/// The URL without its query and without a password, both of which may be secret.
fn shown(uri: &Uri) -> String {
    let host = uri.authority().map_or("", |all| all.as_str().rsplit('@').next().unwrap_or_default());
    format!("{}://{host}{}", uri.scheme_str().unwrap_or("http"), uri.path())
}

#[cfg(test)]
mod tests;
