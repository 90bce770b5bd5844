//! `redirect_http_to_https!`: redirects requests that came without TLS to https.

use proxy_http::decimal;
use serde::{Deserialize, Serialize};

use super::Filtering;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::At;
use crate::error::Cause;
use crate::request::{Exchange, Verdict};

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

impl Filtering for RedirectHttpToHttps {
    type Config = RedirectHttpToHttpsConfig;

    const ANSWERS: bool = true;

    fn compile(config: &RedirectHttpToHttpsConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let port = report.within("port").port(config.port)?;
        Some(Self { port: Some(port).filter(|port| *port != 443) })
    }

    /// Lets a request over https pass, and redirects any other to https with the same host, path and query. A request
    /// without a host, as HTTP/1.0 allows, cannot be redirected and is refused.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        if exchange.client_info.scheme() == "https" {
            return None;
        }
        let request = &exchange.work.request;
        if request.host().is_empty() {
            return Some(exchange.fail(Cause::NoRedirectTarget).await);
        }
        let mut fields = b"Location: https://".to_vec();
        fields.extend_from_slice(request.host());
        if let Some(port) = self.port {
            fields.push(b':');
            decimal::push(&mut fields, u64::from(port));
        }
        if request.path() != b"*" {
            fields.extend_from_slice(request.path());
        }
        fields.extend_from_slice(request.query());
        fields.extend_from_slice(b"\r\nContent-Length: 0\r\n");
        Some(exchange.answer(308, &fields, b"").await)
    }
}

#[cfg(test)]
mod tests;
