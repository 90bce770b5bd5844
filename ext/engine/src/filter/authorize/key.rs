//! What a ruling depends on.

use aws_lc_rs::digest::{digest, SHA256};
use proxy_http::message::{FieldName, Known};

use super::AuthorizeKey;
use crate::compile::Report;
use crate::filter::credential::{self, Credential};
use crate::request::Exchange;
use crate::rewrite::{Context, Template};
use crate::routing::host_span;

/// Bytes of a key that is kept as it is. With the most keys this bounds the memory that clients can fill.
const LONGEST: usize = 2_048;

/// A key, compiled.
#[derive(Debug)]
pub(super) struct RulingKey {
    parts: Box<[KeyPart]>,
    /// Whether a part depends on the surroundings of the request.
    has_rewrite: bool,
}

#[derive(Debug)]
enum KeyPart {
    Header(FieldName),
    Cookie(Box<str>),
    Rewrite(Template),
}

/// A request with more than one value for a part of the key: the backend could read another value than the block does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeveralCredentials;

impl RulingKey {
    /// Checks the option. `captures` are the names that a rewrite can refer to.
    pub(super) fn compile(config: &[AuthorizeKey], captures: &[&str], report: &mut Report<'_>) -> Option<Self> {
        if config.is_empty() {
            report.error(
                "is missing: write what the block looks at, such as { header: \"Authorization\" } or { cookie: \
                 \"session\" }",
            );
            return None;
        }
        let parts: Option<Box<[_]>> = config.iter().map(|part| KeyPart::compile(part, captures, report)).collect();
        let parts = parts?;
        let has_rewrite = parts.iter().any(|part| matches!(part, KeyPart::Rewrite(_)));
        Some(Self { parts, has_rewrite })
    }

    /// Writes the key of a request as a text. Requests that differ in a part of it, or have a part that is empty in
    /// place of absent, have different texts. A long text is replaced by its digest.
    pub(super) fn write(&self, exchange: &mut Exchange<'_>, text: &mut Vec<u8>) -> Result<(), SeveralCredentials> {
        text.clear();
        // A rewrite sees the normalized host: a capital, a port or a dot at the end does not make another host.
        let authority = exchange.work.request.authority;
        if self.has_rewrite {
            exchange.work.request.authority = host_span(&mut exchange.work.request);
        }
        let written = self.parts.iter().try_for_each(|part| part.write(exchange, text));
        exchange.work.request.authority = authority;
        let is_long = text.len() > LONGEST;
        if is_long {
            let digest = digest(&SHA256, text);
            text.clear();
            text.extend_from_slice(digest.as_ref());
        }
        text.push(u8::from(is_long));
        written
    }
}

impl KeyPart {
    fn compile(config: &AuthorizeKey, captures: &[&str], report: &mut Report<'_>) -> Option<Self> {
        match config {
            AuthorizeKey::Header(name) => report.within("header").field_name(name).map(KeyPart::Header),
            AuthorizeKey::Cookie(name) if name.is_empty() => {
                report.within("cookie").error("\"\" is not a valid name: write one, such as \"session\"");
                None
            }
            AuthorizeKey::Cookie(name) => Some(KeyPart::Cookie(name.as_str().into())),
            AuthorizeKey::Rewrite(text) => {
                let mut report = report.within("rewrite");
                let template = report.ok(Template::parse(text, Context::Request))?;
                if template.literal().is_some() {
                    report.error(format!(
                        "{text:?} is the same for every request, so all would share one ruling: write a placeholder, \
                         such as \"{{cookie.session}}\""
                    ));
                    return None;
                }
                report.warnings(template.warnings(captures));
                Some(KeyPart::Rewrite(template))
            }
        }
    }

    /// Appends the values of the part, so that different ones never make equal bytes.
    fn write(&self, exchange: &Exchange<'_>, text: &mut Vec<u8>) -> Result<(), SeveralCredentials> {
        let request = &exchange.work.request;
        let credential = match self {
            KeyPart::Header(name) => credential::field(&request.fields, name),
            KeyPart::Cookie(name) => credential::cookie(&request.fields, name),
            KeyPart::Rewrite(template) => {
                template.render_apart(&exchange.scope(request.plain_path()), text);
                return Ok(());
            }
        };
        match credential {
            Credential::One(value) => {
                text.extend_from_slice(value);
                text.extend_from_slice(&(value.len() as u64).to_ne_bytes());
            }
            Credential::Nothing => text.extend_from_slice(&u64::MAX.to_ne_bytes()),
            Credential::Several => return Err(SeveralCredentials),
        }
        // A request of HTTP/1.0 may name its host in the target alone.
        if matches!(self, KeyPart::Header(name) if name.known() == Some(Known::Host)) {
            text.extend_from_slice(request.host());
            text.extend_from_slice(&(request.host().len() as u64).to_ne_bytes());
        }
        Ok(())
    }
}
