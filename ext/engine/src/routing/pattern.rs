//! Patterns that match the path of a request.

mod parse;

use proxy_http::message::Span;
use regex::bytes::Regex;

use super::names::CaptureNames;
use super::regexp;
use crate::config::{self, Match};
use crate::rewrite::Captured;

/// A compiled pattern of a path.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    kind: PatternKind,
    /// Longest literal path at or below which all matching paths stand, without a trailing slash. Empty: anywhere.
    under: Box<[u8]>,
}

#[derive(Debug, Clone)]
enum PatternKind {
    /// `/about`: one path.
    Exact(Box<[u8]>),
    /// `/api/*`: that path without its `/*`, and every path below it.
    Below(Box<[u8]>),
    /// `/users/:id/orders`, `/users/:id/*`: matched segment by segment.
    Segments { segments: Box<[Segment]>, below: bool },
    /// A pattern with a wildcard elsewhere, or with an expression for a capture.
    Mixed(Groups),
    /// A `Regexp`. Its text includes a trailing slash.
    Regexp(Groups),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(Box<[u8]>),
    Capture(u32),
}

/// A regular expression, and the numbers of its named groups.
#[derive(Debug, Clone)]
pub(crate) struct Groups {
    regex: Regex,
    named: Box<[(usize, u32)]>,
}

/// A part of a request head's text, with its position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestPart<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) span: Span,
}

impl Pattern {
    /// Compiles a pattern. The error says what to write instead.
    pub(crate) fn compile(pattern: &Match, names: &mut CaptureNames) -> Result<Self, String> {
        match pattern {
            Match::Text(text) => parse::pattern(text, names),
            Match::Regexp(regexp) => {
                Ok(Self { kind: PatternKind::Regexp(Groups::compile(regexp, names)?), under: Box::default() })
            }
        }
    }

    /// Whether `path` matches. If so, its captures are added to `captured`.
    pub(crate) fn matches(&self, path: RequestPart<'_>, captured: &mut Captured) -> bool {
        let trimmed = without_trailing_slash(path.bytes);
        match &self.kind {
            PatternKind::Exact(exact) => trimmed == &**exact,
            PatternKind::Below(above) => path.bytes.starts_with(b"/") && is_at_or_below(trimmed, above),
            PatternKind::Segments { segments, below } => {
                let length = captured.len();
                let matched = match_segments(segments, *below, trimmed, path.span.start, captured);
                if !matched {
                    captured.truncate(length);
                }
                matched
            }
            PatternKind::Mixed(groups) | PatternKind::Regexp(groups) => groups.matches(path, captured),
        }
    }

    /// The path, if the pattern matches only one, up to a trailing slash.
    pub(crate) fn exact(&self) -> Option<&[u8]> {
        match &self.kind {
            PatternKind::Exact(exact) => Some(exact),
            _ => None,
        }
    }

    /// The path at or below which all matching paths stand.
    pub(crate) fn under(&self) -> &[u8] {
        &self.under
    }

    /// Whether every path at or below [`Pattern::under`] matches.
    pub(crate) fn is_prefix(&self) -> bool {
        matches!(self.kind, PatternKind::Below(_))
    }

    /// Whether the pattern may match a target that is not a path: the `*` of `OPTIONS *`.
    pub(crate) fn is_regexp(&self) -> bool {
        matches!(self.kind, PatternKind::Regexp(_))
    }

    /// Whether the pattern matches every path that `other` matches. `false` may also mean "unknown".
    pub(crate) fn covers(&self, other: &Pattern) -> bool {
        if let Some(path) = other.exact() {
            let with_slash = [path, b"/"].concat();
            let matches =
                |bytes: &[u8]| self.matches(RequestPart { bytes, span: Span::default() }, &mut Captured::default());
            return matches(path) && (path == b"/" || matches(&with_slash));
        }
        match (&self.kind, &other.kind) {
            (PatternKind::Regexp(a), PatternKind::Regexp(b)) | (PatternKind::Mixed(a), PatternKind::Mixed(b)) => {
                a.is_same(b)
            }
            (PatternKind::Below(_), PatternKind::Regexp(_)) => false,
            (PatternKind::Below(above), _) => is_at_or_below(other.under(), above) || above.is_empty(),
            (PatternKind::Segments { segments: a, below: x }, PatternKind::Segments { segments: b, below: y }) => {
                let fits = a.iter().zip(b.iter()).all(|(a, b)| matches!(a, Segment::Capture(_)) || a == b);
                fits && if *x { b.len() >= a.len() } else { a.len() == b.len() && !y }
            }
            _ => false,
        }
    }

    /// The numbers of the captured names.
    pub(crate) fn captures(&self) -> Vec<u32> {
        match &self.kind {
            PatternKind::Exact(_) | PatternKind::Below(_) => Vec::new(),
            PatternKind::Segments { segments, .. } => segments.iter().filter_map(Segment::capture).collect(),
            PatternKind::Mixed(groups) | PatternKind::Regexp(groups) => groups.captures(),
        }
    }

    /// The numbers of the names that every matching path captures.
    pub(crate) fn certain_captures(&self) -> Vec<u32> {
        match &self.kind {
            PatternKind::Exact(_) | PatternKind::Below(_) | PatternKind::Segments { .. } => self.captures(),
            PatternKind::Mixed(groups) | PatternKind::Regexp(groups) => groups.certain_captures(),
        }
    }
}

impl Segment {
    fn capture(&self) -> Option<u32> {
        match self {
            Segment::Literal(_) => None,
            Segment::Capture(name) => Some(*name),
        }
    }
}

impl Groups {
    pub(crate) fn compile(regexp: &config::Regexp, names: &mut CaptureNames) -> Result<Self, String> {
        Ok(Self::of(regexp::compile(regexp)?, names))
    }

    fn of(regex: Regex, names: &mut CaptureNames) -> Self {
        let named = regex.capture_names().enumerate();
        let named = named.filter_map(|(group, name)| Some((group, names.number(name?)))).collect();
        Self { regex, named }
    }

    /// Whether the expression matches somewhere in the text. A group that did not take part captures nothing.
    pub(crate) fn matches(&self, text: RequestPart<'_>, captured: &mut Captured) -> bool {
        if self.named.is_empty() {
            return self.regex.is_match(text.bytes);
        }
        let mut places = self.regex.capture_locations();
        if self.regex.captures_read(&mut places, text.bytes).is_none() {
            return false;
        }
        for (group, name) in &self.named {
            if let Some((start, end)) = places.get(*group) {
                let at = |offset: usize| text.span.start + offset as u32;
                captured.push(*name, Span { start: at(start), end: at(end) });
            }
        }
        true
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }

    /// The numbers of the groups that take part in every match. Empty if that is unknown.
    pub(crate) fn certain_captures(&self) -> Vec<u32> {
        match self.regex.static_captures_len() {
            Some(length) if length == self.regex.captures_len() => self.captures(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn captures(&self) -> Vec<u32> {
        self.named.iter().map(|(_, name)| *name).collect()
    }
}

/// Matches segment by segment. `path` has no trailing slash and begins at `start` of the head's text.
fn match_segments(segments: &[Segment], below: bool, path: &[u8], start: u32, captured: &mut Captured) -> bool {
    let mut rest = match path {
        [b'/', rest @ ..] => Some(rest),
        _ => return false,
    };
    for segment in segments {
        let Some(left) = rest else { return false };
        let end = memchr::memchr(b'/', left).unwrap_or(left.len());
        let (this, behind) = left.split_at(end);
        match segment {
            Segment::Literal(literal) if this != &**literal => return false,
            Segment::Literal(_) => {}
            Segment::Capture(_) if this.is_empty() => return false,
            Segment::Capture(name) => {
                let from = start + (path.len() - left.len()) as u32;
                captured.push(*name, Span { start: from, end: from + end as u32 });
            }
        }
        rest = behind.get(1..);
    }
    below || rest.is_none()
}

pub(crate) fn without_trailing_slash(path: &[u8]) -> &[u8] {
    match path {
        [rest @ .., b'/'] if !rest.is_empty() => rest,
        path => path,
    }
}

/// Whether `path` is `prefix` or stands below it, segment by segment: `/api` takes `/api` and `/api/x`, not `/apis`.
pub(crate) fn is_at_or_below(path: &[u8], prefix: &[u8]) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')) || prefix.ends_with(b"/"))
}

#[cfg(test)]
mod tests;
