//! The target URL of a `proxy`, `to: "http://backend.example.com/api{path}{query}"`.
//!
//! Scheme, authority and path are parsed at load, so no value can cross from one into another. A value in the authority
//! can hold only a host. A value behind the authority can add neither a host nor a line break, and cannot climb out of
//! the path that the template wrote.

mod escape;
mod parse;

use std::fmt;

use proxy_http::message::check_authority;

use super::name::Found;
use super::{Context, RequestValues, Template, TemplatePart};

/// A parsed target URL, ready to render.
#[derive(Debug, Clone)]
pub(crate) struct TargetTemplate {
    tls: bool,
    authority: TargetAuthority,
    rest: TargetRest,
    whole: Template,
}

#[derive(Debug, Clone)]
enum TargetAuthority {
    Literal(Box<str>),
    Parts(Box<[TemplatePart]>),
    /// A target that is never valid: every request gets the `error_response`.
    Never,
}

/// The part of a target behind the authority.
#[derive(Debug, Clone)]
enum TargetRest {
    /// `/api{path}{query}`, with or without each of the three parts: it is only copied.
    Plain { prefix: Box<str>, path: bool, query: bool },
    /// Any other text.
    Parts { parts: Box<[(TemplatePart, Join)]>, shows_path: bool },
}

/// How a part joins the query before it, so that the target has one `?` whatever the request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    /// Unchanged.
    Plain,
    /// `{query}` in a query that the template text began: its `?` becomes `&`.
    Query,
    /// Text that begins with `&` behind `{query}`: the `&` becomes `?` if the request has no query.
    Text,
}

/// The target of one request, as [`TargetTemplate::render`] writes it. Kept between requests to reuse its memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RenderedTarget {
    /// Host, with or without a port: the `Host` field and the TLS server name are made from it.
    pub authority: Vec<u8>,
    /// Request target: begins with `/`, or is the `*` of `OPTIONS *`.
    pub path_and_query: Vec<u8>,
}

/// Why a rendered target is not an absolute URL. The request is answered with the `error_response`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidTarget {
    /// A placeholder names neither a field of the request nor a capture.
    Unresolved,
    /// The host is empty or malformed.
    Host,
    /// A value put dot segments into the path.
    DotSegments,
}

impl fmt::Display for InvalidTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidTarget::Unresolved => "the target URL has a placeholder for which the request has no value",
            InvalidTarget::Host => "the host of the target URL is empty or malformed",
            InvalidTarget::DotSegments => "a value brings dot segments into the path of the target URL",
        })
    }
}

impl std::error::Error for InvalidTarget {}

impl TargetTemplate {
    /// Parses a target URL. The error says why it can never be an absolute URL, and what to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        parse::target(text)
    }

    /// Parses the path and query of a URL, without scheme and host. The rendered target has no authority.
    pub(crate) fn parse_path(text: &str) -> Result<Self, String> {
        parse::path(text)
    }

    /// Whether the template sets the query.
    pub(crate) fn shows_query(&self) -> bool {
        parse::shows_query(&self.whole.parts)
    }

    /// A target that is never valid. It replaces a target that [`TargetTemplate::parse`] refused, so that every request
    /// gets the `error_response`.
    pub(crate) fn never() -> Self {
        let whole = Template { parts: Box::new([]), context: Context::Request };
        let rest = TargetRest::Plain { prefix: "/".into(), path: false, query: false };
        Self { tls: false, authority: TargetAuthority::Never, rest, whole }
    }

    /// Warnings about likely mistakes. `captures` are the names that enclosing locations capture.
    pub(crate) fn warnings(&self, captures: &[&str]) -> Vec<String> {
        let mut warnings = self.whole.warnings(captures);
        warnings.extend(parse::doubled(&self.whole.parts));
        warnings
    }

    /// Appends `{path}{query}` to a URL that ends with its authority: to `http://127.0.0.1:3000`, but not to
    /// `http://127.0.0.1:3000/`.
    pub(crate) fn with_path_and_query(mut self) -> Self {
        if let TargetRest::Plain { prefix, path: path @ false, query: query @ false } = &mut self.rest {
            let open = prefix.is_empty();
            (*path, *query) = (open, open);
        }
        self
    }

    /// Whether the scheme is `https`.
    pub(crate) fn scheme_tls(&self) -> bool {
        self.tls
    }

    /// The authority, `host` or `host:port`, if every request has the same one.
    pub(crate) fn authority_literal(&self) -> Option<&str> {
        match &self.authority {
            TargetAuthority::Literal(text) => Some(text),
            TargetAuthority::Parts(_) | TargetAuthority::Never => None,
        }
    }

    /// Whether the template contains no literal text of a host: each request decides where it goes.
    pub(crate) fn names_no_host(&self) -> bool {
        matches!(&self.authority, TargetAuthority::Parts(parts) if !parts.iter().any(|part| match part {
            TemplatePart::Text(text) => text.bytes().any(|b| b.is_ascii_alphabetic()),
            TemplatePart::Value(_) => false,
        }))
    }

    /// Replaces the content of `out` by the target of one request.
    pub(crate) fn render(&self, scope: &RequestValues<'_>, out: &mut RenderedTarget) -> Result<(), InvalidTarget> {
        out.authority.clear();
        match &self.authority {
            TargetAuthority::Literal(text) => out.authority.extend_from_slice(text.as_bytes()),
            TargetAuthority::Parts(parts) => render_authority(parts, scope, &mut out.authority)?,
            TargetAuthority::Never => return Err(InvalidTarget::Host),
        }
        let target = &mut out.path_and_query;
        target.clear();
        match &self.rest {
            TargetRest::Plain { path: true, .. } | TargetRest::Parts { shows_path: true, .. } if scope.path == b"*" => {
                target.push(b'*');
                Ok(())
            }
            TargetRest::Plain { prefix, path, query } => {
                if prefix.is_empty() && !(*path && scope.path.starts_with(b"/")) {
                    target.push(b'/');
                }
                target.extend_from_slice(prefix.as_bytes());
                if *path {
                    target.extend_from_slice(scope.path);
                }
                if *query {
                    target.extend_from_slice(scope.request.query());
                }
                Ok(())
            }
            TargetRest::Parts { parts, .. } => render_rest(parts, scope, target),
        }
    }
}

/// Writes `{path}{query}`, the target of a `proxy` without `to`. The authority stays empty: it is the backend's own.
#[inline(always)]
pub(crate) fn write_path_and_query(scope: &RequestValues<'_>, out: &mut RenderedTarget) {
    out.authority.clear();
    let target = &mut out.path_and_query;
    target.clear();
    if !scope.path.starts_with(b"/") && scope.path != b"*" {
        target.push(b'/');
    }
    target.extend_from_slice(scope.path);
    target.extend_from_slice(scope.request.query());
}

fn render_authority(parts: &[TemplatePart], scope: &RequestValues<'_>, out: &mut Vec<u8>) -> Result<(), InvalidTarget> {
    for part in parts {
        match part {
            TemplatePart::Text(text) => out.extend_from_slice(text.as_bytes()),
            TemplatePart::Value(value) => {
                let start = out.len();
                value.write(scope, Context::Request, out).ok_or(InvalidTarget::Unresolved)?;
                // Only a value at the start of the authority may contain a port or be an IPv6 address.
                let whole = start == 0;
                let allowed = |b: &u8| escape::in_host(*b) || (whole && matches!(b, b':' | b'[' | b']'));
                if !out[start..].iter().all(allowed) {
                    return Err(InvalidTarget::Host);
                }
            }
        }
    }
    if out.last() == Some(&b':') {
        out.pop();
    }
    check_host(out)
}

/// Checks that `authority` is a host with or without a port. Only the last label may be empty.
fn check_host(authority: &[u8]) -> Result<(), InvalidTarget> {
    check_authority(authority).map_err(|_| InvalidTarget::Host)?;
    if authority.starts_with(b".") || memchr::memmem::find(authority, b"..").is_some() {
        return Err(InvalidTarget::Host);
    }
    Ok(())
}

fn render_rest(
    parts: &[(TemplatePart, Join)],
    scope: &RequestValues<'_>,
    out: &mut Vec<u8>,
) -> Result<(), InvalidTarget> {
    let mut foreign = false;
    for (part, join) in parts {
        match part {
            TemplatePart::Text(text) => {
                match text.strip_prefix('&').filter(|_| *join == Join::Text && !out.contains(&b'?')) {
                    Some(text) => {
                        out.push(b'?');
                        out.extend_from_slice(text.as_bytes());
                    }
                    None => out.extend_from_slice(text.as_bytes()),
                }
            }
            TemplatePart::Value(_) if *join == Join::Query => join_query(scope.request.query(), out),
            TemplatePart::Value(value) => {
                let start = out.len();
                match value.write(scope, Context::Request, out).ok_or(InvalidTarget::Unresolved)? {
                    Found::Message if value.name.is_path_like() && value.modifiers.is_empty() => continue,
                    Found::Message => escape::escape(out, start),
                    Found::Capture => escape::escape_decoded(out, start),
                }
                foreign = true;
            }
        }
    }
    if out.first() != Some(&b'/') {
        out.insert(0, b'/');
    }
    // Neither the path nor the template has dot segments. Joined with a value, they may form some.
    if foreign && escape::has_dot_segments(out) {
        return Err(InvalidTarget::DotSegments);
    }
    Ok(())
}

/// Appends the query of the request to a query that has begun, without making `?&` or a lone separator.
fn join_query(query: &[u8], out: &mut Vec<u8>) {
    let open = matches!(out.last(), Some(b'?' | b'&'));
    match query.strip_prefix(b"?").unwrap_or(query) {
        b"" if open => {
            out.pop();
        }
        b"" => {}
        query => {
            if !open {
                out.push(b'&');
            }
            out.extend_from_slice(query);
        }
    }
}

#[cfg(test)]
mod tests;
