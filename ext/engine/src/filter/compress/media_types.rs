//! Content types whose bodies are coded.

use proxy_http::message::{is_token_byte, Fields, Known};

use crate::compile::Report;

/// Types that compress well. Images, sound, films, archives and web fonts are compressed already.
const USUAL: &[&str] = &[
    "text/*",
    "application/*+json",
    "application/*+xml",
    "application/eot",
    "application/geo+json-seq",
    "application/javascript",
    "application/json",
    "application/manifest",
    "application/ndjson",
    "application/opentype",
    "application/otf",
    "application/sql",
    "application/truetype",
    "application/ttf",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/x-opentype",
    "application/x-otf",
    "application/x-protobuf",
    "application/x-ttf",
    "application/x-yaml",
    "application/xml",
    "application/yaml",
    "font/otf",
    "font/ttf",
    "image/svg+xml",
    "image/vnd.microsoft.icon",
    "image/x-icon",
];

/// Types of which a pattern with `*` never means those that are compressed already.
const DENSE: &[&str] = &["image/*", "audio/*", "video/*"];

/// A set of content types.
#[derive(Debug)]
pub(super) struct MediaTypes(Box<[TypePattern]>);

/// Text around at most one `*`, in lower case.
#[derive(Debug, PartialEq, Eq)]
struct TypePattern {
    before: Box<[u8]>,
    /// Text behind the `*`. `None`: there is no `*`.
    behind: Option<Box<[u8]>>,
}

impl TypePattern {
    fn of(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.split_once('*') {
            Some((before, behind)) => Self { before: before.as_bytes().into(), behind: Some(behind.as_bytes().into()) },
            None => Self { before: text.as_bytes().into(), behind: None },
        }
    }

    fn matches(&self, media: &[u8]) -> bool {
        let Some(behind) = &self.behind else { return media.eq_ignore_ascii_case(&self.before) };
        let (first, last) = (self.before.len(), behind.len());
        media.len() >= first + last
            && media[..first].eq_ignore_ascii_case(&self.before)
            && media[media.len() - last..].eq_ignore_ascii_case(behind)
    }
}

impl MediaTypes {
    /// The types that are written, or the usual ones.
    pub(super) fn compile(written: Option<&[String]>, report: &mut Report<'_>) -> Self {
        let Some(written) = written else { return Self(USUAL.iter().map(|text| TypePattern::of(text)).collect()) };
        if written.is_empty() {
            report.error("it is empty: write content types, such as [\"text/*\"], or leave it out");
        }
        written.iter().for_each(|text| check(text, report));
        Self(written.iter().map(|text| TypePattern::of(text)).collect())
    }

    /// Whether the content type is one of these.
    pub(super) fn contain(&self, fields: &Fields) -> bool {
        media_type(fields).is_some_and(|media| !is_never(media) && self.0.iter().any(|one| one.matches(media)))
    }

    /// Whether the content type is one of these, or is not told.
    pub(super) fn contain_or_unknown(&self, fields: &Fields) -> bool {
        !fields.has(Known::ContentType) || self.contain(fields)
    }
}

/// The content type without its parameters.
fn media_type(fields: &Fields) -> Option<&[u8]> {
    let media = fields.get(Known::ContentType)?.split(|byte| *byte == b';').next()?;
    Some(media.trim_ascii())
}

/// Whether a type is never coded: each message of a stream has to leave at once and to be read alone, a call has a
/// compression of its own, and the parts of a body may have theirs.
fn is_never(media: &[u8]) -> bool {
    let begins = |with: &[u8]| media.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    media.eq_ignore_ascii_case(b"text/event-stream") || begins(b"application/grpc") || begins(b"multipart/")
}

/// Reports what is no content type, and what is never coded.
fn check(text: &str, report: &mut Report<'_>) {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(is_token_byte);
    let is_type = text.split_once('/').is_some_and(|(first, second)| is_name(first) && is_name(second));
    if !is_type || text.matches('*').count() > 1 {
        report.error(format!("{text:?} is no content type: write one such as \"text/html\", or \"text/*\""));
    } else if is_never(text.as_bytes()) {
        report.error(format!("{text:?} is never compressed: leave it out"));
    } else if text.contains('*') && DENSE.iter().any(|dense| TypePattern::of(dense).matches(text.as_bytes())) {
        report.error(format!("{text:?} has types that are compressed already: name those that are not"));
    } else if text.starts_with('*') {
        report.error(format!("{text:?} would be every type: name those that compress well, such as \"text/*\""));
    }
}

#[cfg(test)]
mod tests;
