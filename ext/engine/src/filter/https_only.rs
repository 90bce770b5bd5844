//! `redirect_http_to_https!`: requests that came without TLS are sent to where there is some.

use proxy_http::decimal;

use crate::compiler::Compiler;
use crate::config::{self, Problem};
use crate::error::Cause;
use crate::request::{Exchange, Verdict};

/// Redirects whatever is not https.
#[derive(Debug)]
pub(crate) struct HttpsOnly {
    /// `None` for the usual one, which is not written into URLs.
    port: Option<u16>,
}

impl HttpsOnly {
    /// Checks the directive. `None` if it is wrong.
    pub(super) fn compile(spec: &config::RedirectToHttps, compiler: &mut Compiler) -> Option<Self> {
        match u16::try_from(spec.port) {
            Ok(443) => Some(Self { port: None }),
            Ok(port @ 1..) => Some(Self { port: Some(port) }),
            _ => {
                let message = format!("port: {} is not a valid port: write a number from 1 to 65535", spec.port);
                compiler.problems.push(Problem::error(spec.at.as_ref(), "redirect_http_to_https!", message));
                None
            }
        }
    }

    /// Lets a request pass that came over https, and redirects any other to the same host, path and query. One that names no
    /// host, as HTTP/1.0 allows, cannot be redirected and is refused.
    pub(super) async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        if exchange.link.scheme() == "https" {
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
