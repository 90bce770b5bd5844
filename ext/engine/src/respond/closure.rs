//! Maintenance: who is let in meanwhile, and the response for everybody else.

use aws_lc_rs::constant_time;
use proxy_http::message::Fields;

use super::{built_in, BodyFormat, ErrorResponse, Rendered};
use crate::client::ClientInfo;
use crate::compile::Report;
use crate::networks::{Networks, UNIX};
use crate::rewrite::{cookie, without_parameter, BYPASS_COOKIE};

/// Bytes of the shortest value that cannot be guessed.
const SHORTEST: usize = 16;
/// Message to clients, unless another one is written.
const MESSAGE: &str = "This service is being worked on. Please try again later.";

/// Who is let in during maintenance, and the response for everybody else.
#[derive(Debug)]
pub(crate) struct Closure {
    response: ErrorResponse,
    allowed: Networks,
    /// Whether clients of unix sockets are let in.
    unix: bool,
    bypass: Option<BypassCookie>,
}

/// A cookie that lets its clients in. Its value is a secret.
pub(crate) struct BypassCookie {
    name: Box<str>,
    value: Box<[u8]>,
}

impl std::fmt::Debug for BypassCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BypassCookie").field("name", &self.name).finish_non_exhaustive()
    }
}

impl BypassCookie {
    /// `NAME=VALUE`, or a value alone for the cookie [`BYPASS_COOKIE`].
    ///
    /// # Errors
    /// If the value can be guessed, or cannot be that of a cookie. The message does not show it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').unwrap_or((BYPASS_COOKIE, text));
        if proxy_http::message::FieldName::new(name).is_none() {
            return Err("what stands before the \"=\" cannot be the name of a cookie: write letters, digits, hyphens \
                        and underscores"
                .into());
        }
        if value.len() < SHORTEST {
            return Err(format!(
                "the value of the cookie has {} bytes and can be guessed: write {SHORTEST} or more, as `openssl rand \
                 -hex 32` prints them",
                value.len()
            ));
        }
        // RFC 6265, section 4.1.1.
        let fits = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b',' | b';' | b'\\');
        if !value.bytes().all(fits) {
            return Err("the value cannot be that of a cookie: write letters and digits".into());
        }
        Ok(Self { name: name.into(), value: value.as_bytes().into() })
    }

    /// Name of the cookie.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a query has the cookie as a parameter.
    fn is_in_query(&self, query: &[u8]) -> bool {
        let query = query.strip_prefix(b"?").unwrap_or(query);
        let mut values = query
            .split(|b| *b == b'&')
            .filter_map(|pair| pair.strip_prefix(self.name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")));
        values.any(|value| constant_time::verify_slices_are_equal(value, &self.value).is_ok())
    }

    /// Whether a request has the cookie. It takes as long whichever byte differs.
    fn is_in(&self, fields: &Fields) -> bool {
        cookie(fields, self.name.as_bytes())
            .is_some_and(|value| constant_time::verify_slices_are_equal(value, &self.value).is_ok())
    }
}

impl Closure {
    /// `page` is the HTML for browsers; others get `message`, as text or JSON. `retry_after` is in seconds.
    pub(crate) fn new(
        message: Option<&str>,
        page: Option<Vec<u8>>,
        retry_after: u64,
        allowed: &[String],
        bypass: Option<BypassCookie>,
        report: &mut Report<'_>,
    ) -> Self {
        let fields = [("Retry-After".to_owned(), retry_after.to_string())];
        let mut forms = built_in::forms(503, message.unwrap_or(MESSAGE), &fields);
        if let Some(page) = page {
            forms[BodyFormat::Html as usize] = Some(Rendered::new(503, BodyFormat::Html, page, &fields));
        }
        let unix = allowed.iter().any(|address| address == UNIX);
        let networks: Vec<_> = allowed.iter().filter(|address| *address != UNIX).cloned().collect();
        let allowed = Networks::compile(&networks, report);
        let response = ErrorResponse { forms, default: BodyFormat::Plain, custom: true };
        Self { response, allowed, unix, bypass }
    }

    /// Whether a request passes all the same: by its client's address, or by the cookie.
    pub(crate) fn lets_in(&self, client: &ClientInfo, fields: &Fields) -> bool {
        client.ip.map_or(self.unix, |ip| self.allowed.contains(ip))
            || self.bypass.as_ref().is_some_and(|cookie| cookie.is_in(fields))
    }

    /// The value of the `Set-Cookie` field for a client that has the secret in its query.
    pub(crate) fn invitation(&self, query: &[u8], secure: bool) -> Option<String> {
        let cookie = self.bypass.as_ref().filter(|cookie| cookie.is_in_query(query))?;
        let value = std::str::from_utf8(&cookie.value).ok()?;
        let secure = if secure { "; Secure" } else { "" };
        Some(format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}", cookie.name))
    }

    /// A query without the cookie as a parameter, and with its `?` if others are left.
    pub(crate) fn without_invitation(&self, query: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(query.len());
        if let Some(cookie) = &self.bypass {
            without_parameter(query, &cookie.name, &mut kept);
        }
        kept
    }

    /// The response for everybody else.
    pub(crate) fn response(&self) -> &ErrorResponse {
        &self.response
    }
}

#[cfg(test)]
mod tests;
