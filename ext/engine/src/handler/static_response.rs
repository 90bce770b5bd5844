//! `static_response`: an answer that stands in the configuration.

use proxy_http::message::{FieldName, Known};

use crate::config::{self, Problem};
use crate::request::{Exchange, Verdict};
use crate::rewrite::{known_placeholder, Context};

/// The answer, ready to be sent.
#[derive(Debug)]
pub(crate) struct StaticResponse {
    status: u16,
    /// Its field lines, `Content-Length` included.
    fields: Vec<u8>,
    body: Box<[u8]>,
}

impl StaticResponse {
    /// Checks the directive. `captures` are those of the locations around it.
    pub(crate) fn compile(spec: &config::StaticResponse, captures: &[&str], problems: &mut Vec<Problem>) -> Self {
        let mut complain = |message| problems.push(Problem::error(spec.at.as_ref(), "static_response", message));
        let status = u16::try_from(spec.code).ok().filter(|code| (200..=599).contains(code));
        if status.is_none() {
            complain(format!("code: {} is not a valid response status: write a number from 200 to 599", spec.code));
        }
        let status = status.unwrap_or(200);
        let mut fields = Vec::new();
        let mut typed = false;
        let mut warnings = Vec::new();
        for (name, value) in &spec.headers {
            let Some(name) = FieldName::new(name) else {
                complain(format!("headers: {name:?} is not a valid header name: use letters, digits and hyphens"));
                continue;
            };
            if value.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
                complain(format!("headers: the value of {:?} holds a control character: leave it out", name.as_str()));
                continue;
            }
            if matches!(name.known(), Some(Known::ContentLength | Known::TransferEncoding | Known::Connection)) {
                complain(format!("headers: {:?} is set by the server itself: leave it out", name.as_str()));
                continue;
            }
            if let Some(placeholder) = known_placeholder(value, Context::Response, captures) {
                warnings.push(format!(
                    "headers: {:?}: {placeholder} is sent as it is written: write response_headers additions: {{ {:?} => \"…\" }} \
                     as well",
                    name.as_str(),
                    name.as_str()
                ));
            }
            typed |= name.known() == Some(Known::ContentType);
            fields.extend_from_slice(format!("{}: {value}\r\n", name.as_str()).as_bytes());
        }
        if crate::respond::is_file_name(&spec.body) {
            warnings.push(format!(
                "body: {:?} is sent as text: write body: File.read({:?}) for the file",
                spec.body, spec.body
            ));
        }
        if !typed {
            if let Some(media_type) = looks_like(&spec.body) {
                warnings.push(format!(
                    "body: this looks like {media_type}, but is sent as text/plain: add headers: {{ \"Content-Type\" => {media_type:?} }}"
                ));
            }
        }
        if proxy_http::headers::framing::is_bodyless(status) {
            if !spec.body.is_empty() {
                complain(format!("body: a response with code {status} has no body: leave it out"));
            }
        } else {
            if !typed && !spec.body.is_empty() {
                fields.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\n");
            }
            fields.extend_from_slice(format!("Content-Length: {}\r\n", spec.body.len()).as_bytes());
        }
        let warning = |message| Problem::warning(spec.at.as_ref(), "static_response", message);
        problems.extend(warnings.into_iter().map(warning));
        Self { status, fields, body: spec.body.as_bytes().into() }
    }

    pub(crate) async fn serve(&self, exchange: &mut Exchange<'_>) -> Verdict {
        exchange.answer(self.status, &self.fields, &self.body).await
    }
}
/// The media type of a body that shows it: a page, or a JSON object.
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
