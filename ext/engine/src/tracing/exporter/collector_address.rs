//! Where spans go, and how.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue, CONTENT_ENCODING, CONTENT_TYPE};
use http::{Request, Uri};

use super::task::Batch;
use crate::compile::Report;
use crate::config::TracingConfig;
use crate::control::client::{read_url, ClientSettings, HttpClient};
use crate::escape::push_json;

/// Time for one exchange with the collector.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer of a collector, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Name and version of the proxy in every batch.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A collector.
#[derive(Debug)]
pub(crate) struct CollectorAddress {
    pub(super) client: HttpClient,
    url: Uri,
    headers: HeaderMap,
    /// The attributes that all spans share, by name.
    resource: Vec<(String, String)>,
    ca_file: Option<String>,
}

impl CollectorAddress {
    /// Checks where spans shall go. Values of fields are in no message.
    pub(in crate::tracing) fn compile(config: &TracingConfig, report: &mut Report<'_>) -> Option<Self> {
        let url = read_url(&config.to);
        if url.as_ref().is_none_or(|url| url.authority().is_some_and(|authority| authority.as_str().contains('@'))) {
            let remedy = "write http://HOST:PORT, as in \"http://127.0.0.1:4318\", and credentials in headers:";
            report.within("to").error(format!("this is no URL of a collector: {remedy}"));
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &config.headers {
            let mut report = report.within("headers");
            let Some(field) = report.own_field(name) else { continue };
            let (Ok(known), Ok(mut value)) = (HeaderName::try_from(field.as_str()), HeaderValue::try_from(value))
            else {
                report.error(format!("the value of {name:?} cannot be sent: leave control characters out"));
                continue;
            };
            if known == CONTENT_TYPE || known == CONTENT_ENCODING {
                report.error(format!("{name:?} is set by the proxy itself: leave it out"));
                continue;
            }
            value.set_sensitive(true);
            headers.append(known, value);
        }
        let settings = ClientSettings { ca_file: config.ca_file.clone(), timeout: TIMEOUT, max_body: MAX_BODY };
        let client = report.ok(HttpClient::new(settings));
        let resource = resource(config);
        Some(Self { client: client?, url: url?, headers, resource, ca_file: config.ca_file.clone() })
    }

    /// Whether the other one is the same place, reached in the same way. Files are read anew by each configuration.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.ca_file.is_none()
            && other.ca_file.is_none()
            && (&self.url, &self.headers, &self.resource) == (&other.url, &other.headers, &other.resource)
    }

    /// Text in front of the spans of a batch.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut out = b"{\"resourceSpans\":[{\"resource\":{\"attributes\":[".to_vec();
        for (key, value) in &self.resource {
            out.extend_from_slice(b"{\"key\":");
            push_json(&mut out, key.as_bytes());
            out.extend_from_slice(b",\"value\":{\"stringValue\":");
            push_json(&mut out, value.as_bytes());
            out.extend_from_slice(b"}},");
        }
        // Only now, since the process may have forked.
        let pid = std::process::id();
        out.extend_from_slice(
            format!("{{\"key\":\"process.pid\",\"value\":{{\"intValue\":\"{pid}\"}}}}]}},").as_bytes(),
        );
        let scope = format!("\"scopeSpans\":[{{\"scope\":{{\"name\":\"proxy\",\"version\":\"{VERSION}\"}},\"spans\":[");
        out.extend_from_slice(scope.as_bytes());
        out
    }

    /// Text behind the spans of a batch.
    pub(super) const TAIL: &'static [u8] = b"]}]}]}";

    /// The request with a batch.
    pub(super) fn request(&self, batch: &Batch) -> Request<Bytes> {
        let mut request = Request::new(batch.body.clone());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        if batch.is_compressed {
            request.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        request
    }
}

/// Attributes of the resource: those that are written come before those that the proxy finds out.
fn resource(config: &TracingConfig) -> Vec<(String, String)> {
    let mut all = config.attributes.clone();
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let found = [("service.version", Some(VERSION.to_owned())), ("host.name", host)];
    for (key, value) in found {
        if let Some(value) = value.filter(|_| !all.iter().any(|(known, _)| known == key)) {
            all.push((key.to_owned(), value));
        }
    }
    all.retain(|(key, _)| key != "service.name" && key != "process.pid");
    all.insert(0, ("service.name".to_owned(), config.service.clone()));
    all
}
