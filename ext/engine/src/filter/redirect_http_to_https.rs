//! `redirect_http_to_https!`: redirects requests that came without TLS to https.

use proxy_http::decimal;
use proxy_http::message::RequestHead;
use serde::{Deserialize, Serialize};

use super::Filtering;
use crate::client::ClientInfo;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::At;
use crate::error::Cause;
use crate::request::{Exchange, OwnAnswer, Verdict};

/// `redirect_http_to_https!`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedirectHttpToHttpsConfig {
    /// Port that https is served on.
    pub port: i64,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for RedirectHttpToHttpsConfig {
    fn default() -> Self {
        Self { port: 443, at: None }
    }
}

/// Redirects requests that did not come over https.
#[derive(Debug)]
pub(crate) struct RedirectHttpToHttps {
    /// `None` for the default port of https, which is not written into URLs.
    port: Option<u16>,
}

/// Permanent, and the method stays.
const STATUS: u16 = 308;

impl Filtering for RedirectHttpToHttps {
    type Config = RedirectHttpToHttpsConfig;

    const ANSWERS: bool = true;

    fn compile(config: &RedirectHttpToHttpsConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let port = report.within("port").port(config.port)?;
        Some(Self { port: Some(port).filter(|port| *port != 443) })
    }

    fn foretell(&self, request: &RequestHead, client: &ClientInfo) -> Option<OwnAnswer> {
        if client.scheme() == "https" {
            return None;
        }
        let mut location = Vec::new();
        Some(match self.write_location(request, &mut location) {
            true => OwnAnswer::redirect(STATUS, &location),
            false => OwnAnswer::status(Cause::NoRedirectTarget.status()),
        })
    }

    /// Lets a request over https pass, and redirects any other to https with the same host, path and query. A request
    /// without a host, as HTTP/1.0 allows, cannot be redirected and is refused.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        if exchange.client_info.scheme() == "https" {
            return None;
        }
        let mut fields = b"Location: ".to_vec();
        if !self.write_location(&exchange.work.request, &mut fields) {
            return Some(exchange.fail(Cause::NoRedirectTarget).await);
        }
        fields.extend_from_slice(b"\r\nContent-Length: 0\r\n");
        Some(exchange.answer(STATUS, &fields, b"").await)
    }
}

impl RedirectHttpToHttps {
    /// Appends the URL to redirect to, and says whether there is one.
    fn write_location(&self, request: &RequestHead, out: &mut Vec<u8>) -> bool {
        if request.host().is_empty() {
            return false;
        }
        out.extend_from_slice(b"https://");
        out.extend_from_slice(request.host());
        if let Some(port) = self.port {
            out.push(b':');
            decimal::push(out, u64::from(port));
        }
        if request.path() != b"*" {
            out.extend_from_slice(request.path());
        }
        out.extend_from_slice(request.query());
        true
    }
}

#[cfg(test)]
mod tests;
