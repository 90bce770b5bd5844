//! Error responses from the configuration.

use proxy_http::message::Known;

use super::{built_in, BodyFormat, ErrorResponse, Rendered};
use crate::compile::Report;
use crate::config::{Content, CustomError};
use crate::rewrite::{known_placeholder, Context};
use crate::suggestion::did_you_mean;

/// Compiles an error response and reads its files.
pub(super) fn compile(spec: &CustomError, report: &mut Report<'_>) -> ErrorResponse {
    let status = status(spec.status, &mut report.within("status"));
    let headers = headers(&spec.headers, &mut report.within("headers"));
    let texts = [&spec.plaintext, &spec.json, &spec.html];
    let mut forms = if texts.iter().all(|text| text.is_none()) {
        built_in::forms(status, built_in::message(status), &headers)
    } else {
        [None, None, None]
    };
    for (format, content) in BodyFormat::ALL.into_iter().zip(texts) {
        let Some(content) = content else { continue };
        // A file that cannot be read leaves an empty body, so that its format still counts as present.
        let body = body(format, content, report).unwrap_or_default();
        forms[format as usize] = Some(Rendered::new(status, format, body, &headers));
    }
    let default = default(spec.default.as_deref(), &forms, &mut report.within("default"));
    ErrorResponse { forms, default, custom: true }
}

fn status(status: Option<i64>, report: &mut Report<'_>) -> u16 {
    const DEFAULT: u16 = 500;
    let Some(written) = status else { return DEFAULT };
    match u16::try_from(written) {
        Ok(204 | 205 | 304) => {
            report.error(format!("{written} means a response without a body: write another, such as 503"));
            DEFAULT
        }
        Ok(status @ 200..=599) => status,
        _ => {
            report.error(format!("{written} is not a valid final status code: write one from 200 to 599, such as 503"));
            DEFAULT
        }
    }
}

/// The fields that can be sent as they are.
fn headers(written: &[(String, String)], report: &mut Report<'_>) -> Vec<(String, String)> {
    let mut kept = Vec::new();
    for (name, value) in written {
        let Some(field) = report.field_name(name) else { continue };
        let ours = [
            Known::ContentLength,
            Known::TransferEncoding,
            Known::Connection,
            Known::KeepAlive,
            Known::ProxyConnection,
            Known::Trailer,
            Known::Te,
            Known::Upgrade,
        ];
        if field.known().is_some_and(|known| ours.contains(&known)) {
            report.error(format!("{name} is set by the proxy itself: leave it out"));
        } else if value.bytes().any(|b| b.is_ascii_control()) {
            report.error(format!("{name}: {value:?} holds a control character: leave it out"));
        } else {
            if let Some(placeholder) = known_placeholder(value, Context::Response, &[]) {
                report.warning(format!("{name}: {placeholder} is sent as it is written: leave it out"));
            }
            kept.push((name.clone(), value.trim().to_owned()));
        }
    }
    kept
}

fn body(format: BodyFormat, content: &Content, report: &mut Report<'_>) -> Option<Vec<u8>> {
    let mut report = report.within(format.option());
    let body = match content {
        Content::Inline(text) => {
            if is_file_name(text) {
                report.warning(format!("{text:?} is sent as text: write {{ file: {text:?} }} for the file"));
                return Some(text.clone().into_bytes());
            }
            text.clone().into_bytes()
        }
        Content::File(path) => match crate::files::read(path) {
            Ok(bytes) => bytes,
            Err(e) => {
                report.error(format!("cannot read {path:?} ({e}): {}", remedy(&e)));
                return None;
            }
        },
    };
    if format == BodyFormat::Json {
        if let Err(e) = serde_json::from_slice::<serde::de::IgnoredAny>(&body) {
            report.warning(format!("this is not valid JSON ({e}): a Hash is written as JSON by itself"));
        }
    }
    Some(body)
}

/// Whether a body is surely the name of a file: one word with a file name extension of a page.
pub(crate) fn is_file_name(text: &str) -> bool {
    const ENDINGS: [&str; 8] = [".html", ".htm", ".json", ".txt", ".xml", ".erb", ".md", ".svg"];
    let word = text.trim();
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '<' | '>' | '{' | '}' | '"' | ',');
    ENDINGS.iter().any(|ending| word.len() > ending.len() && word.to_ascii_lowercase().ends_with(ending))
        && !word.contains("://")
        && word.chars().all(plain)
}

fn remedy(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::NotFound => {
            let here = std::env::current_dir().map(|dir| dir.display().to_string()).unwrap_or_else(|_| ".".into());
            format!("create it, or correct the path, which starts from {here} unless it begins with /")
        }
        std::io::ErrorKind::PermissionDenied => "let the user that runs the proxy read it".into(),
        _ => "write the path of a readable file".into(),
    }
}

/// The format for clients that accept none of the available ones. Default: the first one there is.
fn default(written: Option<&str>, forms: &[Option<Rendered>; 3], report: &mut Report<'_>) -> BodyFormat {
    let present: Vec<BodyFormat> =
        BodyFormat::ALL.into_iter().filter(|format| forms[*format as usize].is_some()).collect();
    let first = present.first().copied().unwrap_or(BodyFormat::Plain);
    let Some(name) = written else { return first };
    match BodyFormat::ALL.into_iter().find(|format| format.option() == name) {
        Some(format) if present.contains(&format) => format,
        Some(_) => {
            report.error(format!("there is no {name}: add {name}:, or write {:?}", first.option()));
            first
        }
        None => {
            let names = BodyFormat::ALL.map(BodyFormat::option);
            report.error(format!("{name:?} is not a valid format {}", did_you_mean(name, &names)));
            first
        }
    }
}
