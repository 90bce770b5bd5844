//! Error responses: the only responses that the engine writes by itself.
//!
//! Each response exists as plain text, as JSON and as an HTML page, all written out when the configuration is loaded.
//! The request's `Accept` chooses. Only the request's id is inserted when an error happens, so an outage causes no
//! further load.

mod accept;
mod built_in;
mod closure;
mod custom;
mod grpc;
mod page;

use std::sync::Arc;

use crate::compile::Report;
use crate::config::ErrorResponseConfig;
use crate::suggestion::did_you_mean;

pub(crate) use accept::takes;
pub(crate) use built_in::{built_in, not_stored};
pub(crate) use closure::{BypassCookie, Closure};
pub(crate) use custom::is_file_name;
pub(crate) use grpc::GrpcRefusal;

/// Format of an error response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    /// `text/plain`
    Plain,
    /// `application/json`
    Json,
    /// `text/html`
    Html,
}

impl BodyFormat {
    const ALL: [BodyFormat; 3] = [BodyFormat::Plain, BodyFormat::Json, BodyFormat::Html];

    fn content_type(self) -> &'static str {
        match self {
            BodyFormat::Plain => "text/plain; charset=utf-8",
            BodyFormat::Json => "application/json",
            BodyFormat::Html => "text/html; charset=utf-8",
        }
    }

    /// Option of the configuration that holds the text.
    fn option(self) -> &'static str {
        match self {
            BodyFormat::Plain => "plaintext",
            BodyFormat::Json => "json",
            BodyFormat::Html => "html",
        }
    }
}

/// An error response in all its formats.
#[derive(Debug, Clone)]
pub(crate) struct ErrorResponse {
    /// In the order of [`BodyFormat::ALL`]. At least the `default` format is there.
    forms: [Option<Rendered>; 3],
    default: BodyFormat,
    custom: bool,
}

/// An error response in one format, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// The status code.
    pub status: u16,
    /// The field lines `Content-Type`, `Content-Length`, perhaps `Vary`, and those of the configuration, each with its
    /// line break; without the empty line that ends a head.
    pub fields: Box<[u8]>,
    /// The body. A response to HEAD is sent without it, but with all fields.
    pub body: Box<[u8]>,
    /// Place of the request's id in the body, if it has one: see [`Rendered::with_id`].
    id: Option<IdPlace>,
}

/// Place of a request's id in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct IdPlace {
    at: usize,
    format: BodyFormat,
}

impl ErrorResponse {
    /// Compiles the option `error_response` of the directive that `report` is about. `None` means the built-in response
    /// for the status `usual`.
    pub(crate) fn compile(
        config: Option<&ErrorResponseConfig>,
        usual: u16,
        report: &mut Report<'_>,
    ) -> Arc<ErrorResponse> {
        let mut report = report.within("error_response");
        match config {
            None => Arc::clone(built_in(usual)),
            Some(ErrorResponseConfig::Named(name)) => Self::of_name(name).unwrap_or_else(|message| {
                report.error(message);
                Arc::clone(built_in(usual))
            }),
            Some(ErrorResponseConfig::Custom(config)) => Arc::new(custom::compile(config, &mut report)),
        }
    }

    /// The built-in response with this name. The error says that there is none.
    pub(crate) fn of_name(name: &str) -> Result<Arc<ErrorResponse>, String> {
        built_in::named(name).cloned().ok_or_else(|| {
            let names: Vec<_> = built_in::names().collect();
            format!("{name:?} is not a built-in error response {}", did_you_mean(name, &names))
        })
    }

    /// The response for a status: the built-in one, or one made like those.
    pub(crate) fn of_status(status: u16) -> Arc<ErrorResponse> {
        if built_in::statuses().any(|known| known == status) {
            return Arc::clone(built_in(status));
        }
        let forms = built_in::forms(status, built_in::message(status), &[]);
        Arc::new(ErrorResponse { forms, default: BodyFormat::Plain, custom: false })
    }

    /// Whether the response comes from the configuration.
    pub(crate) fn is_custom(&self) -> bool {
        self.custom
    }

    /// The format that the values of the request's `Accept` lines prefer. If none matches it is plain text for a
    /// built-in response, and the `default` for one from the configuration.
    pub(crate) fn choose<'v>(&self, accept: impl IntoIterator<Item = &'v [u8]>) -> &Rendered {
        let offered = self.forms.each_ref().map(Option::is_some);
        let format = accept::choose(accept, offered, self.default);
        let chosen = self.forms[format as usize].as_ref().or(self.forms[self.default as usize].as_ref());
        chosen.unwrap_or(&EMPTY)
    }
}

/// Content of an error response without any format; [`ErrorResponse::compile`] makes none.
static EMPTY: std::sync::LazyLock<Rendered> =
    std::sync::LazyLock::new(|| Rendered::new(500, BodyFormat::Plain, "", &[]));

impl Rendered {
    /// Writes the fields out. `extra` are fields of the configuration; they replace ours of equal names.
    fn new(status: u16, format: BodyFormat, body: impl Into<Vec<u8>>, extra: &[(String, String)]) -> Self {
        let body = body.into().into_boxed_slice();
        let mut fields = Vec::new();
        let mut line = |name: &str, value: &str| {
            fields.extend_from_slice(name.as_bytes());
            fields.extend_from_slice(b": ");
            fields.extend_from_slice(value.as_bytes());
            fields.extend_from_slice(b"\r\n");
        };
        for (name, value) in [("Content-Type", format.content_type()), ("Vary", "Accept")] {
            if !extra.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                line(name, value);
            }
        }
        line("Content-Length", &body.len().to_string());
        for (name, value) in extra {
            line(name, value);
        }
        Self { status, fields: fields.into(), body, id: None }
    }

    /// The response with a place for the request's id behind `mark`.
    fn with_place_behind(self, format: BodyFormat, mark: &str) -> Self {
        let at = memchr::memmem::find(&self.body, mark.as_bytes()).map(|at| at + mark.len());
        Self { id: at.map(|at| IdPlace { at, format }), ..self }
    }

    /// The body with the request's id, if there is a place for it: a person who sees the page can report it. The fields
    /// do not have the length of this longer body.
    pub(crate) fn with_id(&self, id: &[u8]) -> Option<Vec<u8>> {
        let IdPlace { at, format } = self.id?;
        let (before, behind) = self.body.split_at_checked(at)?;
        let mut body = Vec::with_capacity(self.body.len() + id.len());
        body.extend_from_slice(before);
        for byte in id {
            match (byte, format) {
                (b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b':' | b'/' | b'+' | b'=', _) => {
                    body.push(*byte)
                }
                (byte, BodyFormat::Json) => body.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                (byte, _) => body.extend_from_slice(format!("&#{byte};").as_bytes()),
            }
        }
        body.extend_from_slice(behind);
        Some(body)
    }
}

#[cfg(test)]
mod tests;
