//! Parses a pattern that is written as text.

use std::fmt::Write as _;

use regex::bytes::RegexBuilder;

use super::{without_trailing_slash, Groups, Pattern, PatternKind, Segment};
use crate::routing::names::CaptureNames;
use crate::routing::regexp;

/// One piece of a pattern.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// Text with its percent-escapes decoded.
    Literal(Vec<u8>),
    /// `*`
    Wildcard,
    /// `:name`, or `:name(expression)`.
    Capture { name: String, expression: Option<String> },
}

/// Parses a pattern. The error says what to write instead.
pub(super) fn pattern(text: &str, names: &mut CaptureNames) -> Result<Pattern, String> {
    if !text.starts_with('/') {
        return Err(format!("{text:?} is not a valid path: begin it with a slash, as in \"/{}\"", text));
    }
    let pieces = pieces(text)?;
    distinct(text, &pieces)?;
    let first = literal(pieces.first());
    Ok(match &pieces[..] {
        [Piece::Literal(path)] => {
            let path: Box<[u8]> = without_trailing_slash(path).into();
            Pattern { under: path.clone(), kind: PatternKind::Exact(path) }
        }
        [Piece::Literal(prefix), Piece::Wildcard] if prefix.ends_with(b"/") => {
            let above: Box<[u8]> = prefix[..prefix.len() - 1].into();
            Pattern { under: above.clone(), kind: PatternKind::Below(above) }
        }
        _ => {
            // The part behind the literal's last slash is not a whole segment.
            let end = memchr::memrchr(b'/', first).unwrap_or(0);
            let kind = match segments(&pieces, names) {
                Some((segments, below)) => PatternKind::Segments { segments: segments.into(), below },
                None => PatternKind::Mixed(expression(text, &pieces, names)?),
            };
            Pattern { kind, under: first[..end].into() }
        }
    })
}

fn literal(piece: Option<&Piece>) -> &[u8] {
    match piece {
        Some(Piece::Literal(bytes)) => bytes,
        _ => &[],
    }
}

/// The pieces of `text`. Literals are merged: two never follow each other.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let behind = &rest[c.len_utf8()..];
        let piece;
        (piece, rest) = match c {
            '*' => (Piece::Wildcard, behind),
            ':' => capture(text, behind)?,
            '%' => {
                bytes.push(escaped(text, behind)?);
                rest = &behind[2..];
                continue;
            }
            _ => {
                possible(text, c)?;
                bytes.extend_from_slice(&rest.as_bytes()[..c.len_utf8()]);
                rest = behind;
                continue;
            }
        };
        if bytes.is_empty() {
            ambiguous(text, pieces.last(), &piece)?;
        } else {
            pieces.push(Piece::Literal(std::mem::take(&mut bytes)));
        }
        pieces.push(piece);
    }
    // A trailing slash makes no difference.
    if !bytes.is_empty() && (bytes != b"/" || pieces.is_empty()) {
        pieces.push(Piece::Literal(without_trailing_slash(&bytes).into()));
    }
    for piece in &pieces {
        let bytes = literal(Some(piece));
        if bytes.windows(2).any(|pair| pair == b"//") {
            return Err(format!("{text:?} has an empty segment, and a path is matched without them: write one slash"));
        }
    }
    if text.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(format!("{text:?} has a dot segment, and a path is matched without them: leave it out"));
    }
    Ok(pieces)
}

/// Refuses characters that no path has at this place: they are surely a mistake.
fn possible(text: &str, c: char) -> Result<(), String> {
    match c {
        '?' => Err(format!(
            "{text:?} has a query, which is not part of a path: leave out ? and what follows, and write query: {{ … }}"
        )),
        '(' | ')' => Err(format!(
            "{text:?} has a {c} that belongs to no capture: write :name(…), or %{:02X} for the character itself",
            u32::from(c)
        )),
        '#' | '\\' => {
            Err(format!("{text:?} holds {c:?}, which no path holds as it is: write %{:02X} for it", u32::from(c)))
        }
        c if c.is_control() => Err(format!("{text:?} holds the control character {c:?}: leave it out")),
        _ => Ok(()),
    }
}

/// The byte of a percent-escape. Its digits stand at the start of `behind`.
fn escaped(text: &str, behind: &str) -> Result<u8, String> {
    let digits = behind.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
        None => Err(format!("{text:?} has a % without two hexadecimal digits after it: write %25 for it")),
        Some(0) => Err(format!("{text:?} holds %00, which no path may hold: leave it out")),
        Some(b'/') => Err(format!("{text:?} holds %2F, and a path is matched with its escapes decoded: write /")),
        Some(byte) => Ok(byte),
    }
}

/// The capture whose name stands at the start of `behind`, and the text after it.
fn capture<'t>(text: &str, behind: &'t str) -> Result<(Piece, &'t str), String> {
    let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
    let (name, rest) = behind.split_at(end);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Err(format!("{text:?} has a : without a name after it: write :id, or %3A for a colon"));
    }
    let name = name.to_owned();
    let Some(inner) = rest.strip_prefix('(') else { return Ok((Piece::Capture { name, expression: None }, rest)) };
    let Some(end) = closing(inner) else {
        return Err(format!("{text:?} has a ( without its ): write :{name}(…)"));
    };
    let expression = &inner[..end];
    if expression.is_empty() {
        return Err(format!("{text:?} has an empty expression for {name}: write :{name}, or :{name}([0-9]+)"));
    }
    Ok((Piece::Capture { name, expression: Some(expression.to_owned()) }, &inner[end + 1..]))
}

/// Position of the bracket that closes the one before `inner`.
fn closing(inner: &str) -> Option<usize> {
    let (mut depth, mut class, mut escaped) = (0u32, false, false);
    for (at, c) in inner.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match c {
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth += 1,
            ')' if !class && depth == 0 => return Some(at),
            ')' if !class => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Refuses two pieces in a row if it is ambiguous where the first ends.
fn ambiguous(text: &str, before: Option<&Piece>, piece: &Piece) -> Result<(), String> {
    match (before, piece) {
        (Some(Piece::Wildcard), Piece::Wildcard) => {
            Err(format!("{text:?} has ** in it, and one * takes everything, slashes included: write one"))
        }
        (Some(Piece::Wildcard | Piece::Capture { expression: None, .. }), _)
        | (Some(Piece::Capture { .. }), Piece::Wildcard) => Err(format!(
            "{text:?} does not say where one part ends and the next begins: write something between them, such as /"
        )),
        _ => Ok(()),
    }
}

fn distinct(text: &str, pieces: &[Piece]) -> Result<(), String> {
    let names: Vec<_> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Capture { name, .. } => Some(name),
            _ => None,
        })
        .collect();
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        Some((_, name)) => Err(format!("{text:?} captures {name} twice: give each capture a name of its own")),
        None => Ok(()),
    }
}

/// The pattern as whole segments, and whether it goes on below them. `None` if segments cannot express it.
fn segments(pieces: &[Piece], names: &mut CaptureNames) -> Option<(Vec<Segment>, bool)> {
    let (pieces, below) = match pieces {
        [before @ .., Piece::Wildcard] if literal(before.last()).ends_with(b"/") => (before, true),
        pieces => (pieces, false),
    };
    let mut segments = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Wildcard | Piece::Capture { expression: Some(_), .. } => return None,
            Piece::Capture { name, expression: None } => segments.push(Segment::Capture(names.number(name))),
            Piece::Literal(bytes) => {
                // Between captures, the literal has to begin and end with a slash.
                let inner = bytes.strip_prefix(b"/")?;
                let ends = at + 1 == pieces.len() && !below;
                let inner = if ends || inner.is_empty() { inner } else { inner.strip_suffix(b"/")? };
                let whole = inner.split(|b| *b == b'/').filter(|segment| !segment.is_empty());
                segments.extend(whole.map(|segment| Segment::Literal(segment.into())));
            }
        }
    }
    Some((segments, below))
}

/// The pattern as a regular expression.
fn expression(text: &str, pieces: &[Piece], names: &mut CaptureNames) -> Result<Groups, String> {
    let mut source = String::from("\\A");
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Literal(bytes) => {
                let last_but_wildcard = at + 2 == pieces.len() && pieces[at + 1] == Piece::Wildcard;
                match bytes.strip_suffix(b"/").filter(|_| last_but_wildcard) {
                    // `/*` at the end also matches without anything behind it.
                    Some(bytes) => {
                        quote(bytes, &mut source);
                        source.push_str("(?:/.*)?");
                        break;
                    }
                    None => quote(bytes, &mut source),
                }
            }
            Piece::Wildcard => source.push_str(".*"),
            Piece::Capture { name, expression: None } => {
                let _ = write!(source, "(?<{name}>[^/]+)");
            }
            Piece::Capture { name, expression: Some(expression) } => {
                let unicode = own_expression(text, name, expression)?;
                let _ = write!(source, "(?<{name}>(?{}s:{}))", unicode.0, unicode.1);
            }
        }
    }
    source.push_str("/?\\z");
    let regex = RegexBuilder::new(&source).unicode(false).dot_matches_new_line(true).build();
    let regex = regex.map_err(|error| format!("{text:?} cannot be matched: {}", regexp::last_line(&error)))?;
    Ok(Groups::of(regex, names))
}

/// The expression of a capture in the syntax of the regex crate, with the flag that it needs.
fn own_expression(text: &str, name: &str, expression: &str) -> Result<(&'static str, String), String> {
    let wrong = |why: String| format!("{text:?}: the expression of {name} {why}");
    let translated = regexp::translate(expression, false).map_err(wrong)?;
    let unicode = regexp::needs_unicode(&translated);
    let alone = RegexBuilder::new(&translated).unicode(unicode).build();
    let alone = alone.map_err(|error| {
        wrong(format!("is not a valid regular expression ({}): write one such as [0-9]+", regexp::last_line(&error)))
    })?;
    if alone.capture_names().flatten().next().is_some() {
        return Err(wrong("has a named group of its own: write (?:…), or a Regexp in place of the text".into()));
    }
    Ok((if unicode { "u" } else { "" }, translated))
}

/// Appends an expression that matches exactly these bytes.
fn quote(bytes: &[u8], source: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || *byte == b'/' {
            source.push(char::from(*byte));
        } else {
            let _ = write!(source, "\\x{byte:02x}");
        }
    }
}
