//! `static_response`: a fixed response from the configuration.

use proxy_http::message::Known;
use serde::{Deserialize, Serialize};

use super::Handling;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::At;
use crate::request::{Exchange, OwnAnswer, Verdict};
use crate::rewrite::{known_placeholder, Context, RequestValues};

/// `static_response code: 200, headers: { "Content-Type" => "text/plain" }, body: "hello\n"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StaticResponseConfig {
    /// Status code.
    pub code: i64,
    /// Fields of the response.
    pub headers: Vec<(String, String)>,
    /// Body of the response.
    pub body: String,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for StaticResponseConfig {
    fn default() -> Self {
        Self { code: 200, headers: Vec::new(), body: String::new(), at: None }
    }
}

/// The response, ready to be sent.
#[derive(Debug)]
pub(crate) struct StaticResponse {
    status: u16,
    /// Field lines, `Content-Length` included.
    fields: Vec<u8>,
    body: Box<[u8]>,
}

impl Handling for StaticResponse {
    type Config = StaticResponseConfig;

    /// A directive with mistakes still counts as a handler: the locations around it are not reported as having none.
    fn compile(config: &StaticResponseConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let status = u16::try_from(config.code).ok().filter(|code| (200..=599).contains(code));
        if status.is_none() {
            report
                .within("code")
                .error(format!("{} is not a valid response status: write a number from 200 to 599", config.code));
        }
        let status = status.unwrap_or(200);
        let captures = compiler.captures.names();
        let (mut fields, typed) = fields(&config.headers, &captures, &mut report.within("headers"));
        let body = &config.body;
        let mut report = report.within("body");
        if crate::respond::is_file_name(body) {
            report.warning(format!("{body:?} is sent as text: write body: File.read({body:?}) for the file"));
        }
        if let Some(media_type) = looks_like(body).filter(|_| !typed) {
            report.warning(format!(
                "this looks like {media_type}, but is sent as text/plain: add headers: {{ \"Content-Type\" => \
                 {media_type:?} }}"
            ));
        }
        if proxy_http::headers::framing::is_bodyless(status) {
            if !body.is_empty() {
                report.error(format!("a response with code {status} has no body: leave it out"));
            }
        } else {
            if !typed && !body.is_empty() {
                fields.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\n");
            }
            fields.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        Some(Self { status, fields, body: body.as_bytes().into() })
    }

    fn foretell(&self, _: &RequestValues<'_>) -> Option<OwnAnswer> {
        Some(OwnAnswer::status(self.status))
    }

    async fn serve(&self, exchange: &mut Exchange<'_>) -> Verdict {
        exchange.answer(self.status, &self.fields, &self.body).await
    }
}

/// The lines of the fields that can be sent, and whether they include the type of the body.
pub(super) fn fields(written: &[(String, String)], captures: &[&str], report: &mut Report<'_>) -> (Vec<u8>, bool) {
    let mut fields = Vec::new();
    let mut typed = false;
    for (name, value) in written {
        let Some(name) = report.field_name(name) else { continue };
        if !report.field_value(&name, value) {
            continue;
        }
        if matches!(name.known(), Some(Known::ContentLength | Known::TransferEncoding | Known::Connection)) {
            report.error(format!("{:?} is set by the server itself: leave it out", name.as_str()));
            continue;
        }
        if let Some(placeholder) = known_placeholder(value, Context::Response, captures) {
            let name = name.as_str();
            report.warning(format!(
                "{name:?}: {placeholder} is sent as it is written: write response_headers additions: {{ {name:?} => \
                 \"…\" }} as well"
            ));
        }
        typed |= name.known() == Some(Known::ContentType);
        fields.extend_from_slice(format!("{}: {value}\r\n", name.as_str()).as_bytes());
    }
    (fields, typed)
}

/// The media type of a body that is recognizable: an HTML page, or a JSON object.
fn looks_like(body: &str) -> Option<&'static str> {
    let body = body.trim();
    let page = body.starts_with('<') && body.ends_with('>');
    let object = body.starts_with("{\"") && body.ends_with('}');
    if page {
        Some("text/html")
    } else {
        object.then_some("application/json")
    }
}
