//! Parses string rewrites, at load.

use proxy_http::message::Known;
use strsim::osa_distance;

use super::modifier::Modifier;
use super::name::{BuiltIn, Name};
use super::{foreign, Context, Placeholder, TemplatePart};

/// The parts of `text`. Texts are merged: two never follow each other.
pub(super) fn parts(text: &str, context: Context) -> Result<Vec<TemplatePart>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        literal.push_str(&rest[..open]);
        rest = &rest[open..];
        // `{` without a `}` before the next `{` is text.
        let written = match rest[1..].find(['{', '}']) {
            Some(end) if rest[1 + end..].starts_with('}') => &rest[..end + 2],
            Some(end) => {
                literal.push_str(&rest[..=end]);
                rest = &rest[end + 1..];
                continue;
            }
            None => break,
        };
        rest = &rest[written.len()..];
        match placeholder(written, context)? {
            Some(placeholder) => {
                if !literal.is_empty() {
                    parts.push(TemplatePart::Text(std::mem::take(&mut literal).into()));
                }
                parts.push(TemplatePart::Value(Box::new(placeholder)));
            }
            None => literal.push_str(written),
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(TemplatePart::Text(literal.into()));
    }
    Ok(parts)
}

/// Parses `{name|modifier|modifier}`. `None` if no value can have such a name.
fn placeholder(written: &str, context: Context) -> Result<Option<Placeholder>, String> {
    let mut pieces = written[1..written.len() - 1].split('|');
    let Some(name) = pieces.next().and_then(|name| Name::of(name, context)) else { return Ok(None) };
    let modifiers: Result<Vec<_>, _> = pieces.map(Modifier::parse).collect();
    let modifiers = modifiers.map_err(|e| format!("in {written}: {e}"))?;
    Ok(Some(Placeholder { name, modifiers: modifiers.into(), written: written.into() }))
}

/// The first placeholder in literal text that a string rewrite would replace for every request.
pub(super) fn known_placeholder(text: &str, context: Context, captures: &[&str]) -> Option<Box<str>> {
    parts(text, context).ok()?.into_iter().find_map(|part| match part {
        TemplatePart::Value(value) => match &value.name {
            Name::Field(field) if field.known().is_none() && !captures.contains(&field.as_str()) => None,
            _ => Some(value.written),
        },
        TemplatePart::Text(_) => None,
    })
}

/// Warnings about placeholders that are neither built in, nor likely to be a field, nor among `captures`.
pub(super) fn warnings(parts: &[TemplatePart], context: Context, captures: &[&str]) -> Vec<String> {
    let mut warnings = Vec::new();
    for part in parts {
        let value = match part {
            TemplatePart::Value(value) => value,
            TemplatePart::Text(text) => {
                warnings.extend(warning_of_text(text, context, captures));
                continue;
            }
        };
        let Name::Field(field) = &value.name else { continue };
        let name = field.as_str();
        if field.known().is_some() || captures.contains(&name) {
            continue;
        }
        let elsewhere =
            [Context::Request, Context::Response].into_iter().find(|c| BuiltIn::names(*c).any(|n| n == name));
        if let Some(capture) = captures.iter().find(|capture| capture.eq_ignore_ascii_case(name)) {
            warnings.push(format!(
                "{} is the header of that name, not a capture (did you mean {{{capture}}}?)",
                value.written
            ));
        } else if name.bytes().all(|byte| byte.is_ascii_digit()) {
            warnings.push(format!(
                "{} stays as it is written: captures have names: write (?<name>…) and {{name}}",
                value.written
            ));
        } else if let Some(ours) = foreign::placeholder(name) {
            warnings.push(format!("{} stays as it is written: write {ours}", value.written));
        } else if name.starts_with("re.") || name.starts_with("http.regexp.") {
            warnings.push(format!(
                "{} stays as it is written: captures have names: write (?<name>…) and {{name}}",
                value.written
            ));
        } else if let Some(elsewhere) = elsewhere {
            let (here, there) = match elsewhere {
                Context::Request => ("a response", "requests"),
                _ => ("a request", "responses"),
            };
            warnings.push(format!("{} has no meaning in {here}: that name is for {there}", value.written));
        } else if let Some(meant) = BuiltIn::names(context).find(|known| osa_distance(name, known) == 1) {
            warnings.push(format!("{} stays as it is written (did you mean {{{meant}}}?)", value.written));
        } else if Known::of(name.replace('_', "-").as_bytes()).is_some() {
            let dashed = name.replace('_', "-");
            warnings.push(format!("{} stays as it is written (did you mean {{{dashed}}}?)", value.written));
        } else if name.starts_with("cookie.") {
            warnings.push(format!("{} has no meaning in a response: cookies belong to requests", value.written));
        } else if context != Context::Log && looks_like_a_capture(name) {
            let upper = capitalised(name);
            warnings.push(format!(
                "{} stays as it is written: no location around it captures {name} (a header is written {{{upper}}})",
                value.written
            ));
        }
    }
    warnings
}

/// A value of another system in literal text, and its equivalent here. Text that only looks like one is ignored: it may
/// be a password.
pub(super) fn foreign_value(text: &str) -> Option<(&str, String)> {
    if let Some((written, Some(ours))) = foreign::sample(text) {
        return Some((written, ours));
    }
    let digits = text.strip_prefix('$').or_else(|| text.strip_prefix('{')?.strip_suffix('}'));
    if digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return Some((text, "{name}".into()));
    }
    for (at, _) in text.match_indices('$') {
        let name = &text[at + 1..][..variable_length(&text[at + 1..])];
        if let Some(ours) = foreign::known_variable(name) {
            return Some((&text[at..=at + name.len()], ours));
        }
    }
    let (start, _) = text.match_indices('{').next()?;
    let name = text[start + 1..].split_once('}')?.0;
    Some((&text[start..start + name.len() + 2], foreign::placeholder(name)?))
}

/// Whether a name looks like a capture: people hardly write a field in this form.
fn looks_like_a_capture(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.'))
}

/// A warning of text that is a value in other systems but literal here: `$1`, `$uri`, `\1`, `{ path }`.
fn warning_of_text(text: &str, context: Context, captures: &[&str]) -> Option<String> {
    for (at, sign) in text.match_indices(['$', '\\']) {
        let rest = &text[at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = variable_length(rest);
        if digits > 0 {
            let written = &text[at..=at + digits];
            return Some(format!(
                "{written} stays as it is written: captures have names: write (?<name>…) and {{name}}"
            ));
        }
        if sign == "$" && letters > 0 {
            let written = &text[at..=at + letters];
            return Some(format!("{written} stays as it is written: {}", foreign::variable(&written[1..])));
        }
    }
    if let Some((written, ours)) = foreign::sample(text) {
        let ours = ours.map_or("a value is written {name}, as in {path}".into(), |ours| format!("write {ours}"));
        return Some(format!("{written} stays as it is written: {ours}"));
    }
    if let Some(warning) = half_of_a_placeholder(text, context, captures) {
        return Some(warning);
    }
    for (at, _) in text.match_indices('{') {
        let Some(inner) = text[at + 1..].split('}').next().filter(|inner| inner.len() + at + 1 < text.len()) else {
            continue;
        };
        let name = inner.split('|').next().unwrap_or_default();
        let meant = name.trim();
        let is_name = BuiltIn::names(context).any(|known| known == meant) || captures.contains(&meant);
        if meant.len() < name.len() && is_name {
            return Some(format!("{{{inner}}} stays as it is written (did you mean {{{meant}}}?)"));
        }
    }
    None
}

/// A warning of half a placeholder: `{addr` or `addr}`.
fn half_of_a_placeholder(text: &str, context: Context, captures: &[&str]) -> Option<String> {
    let name_of = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_name = |name: &str| BuiltIn::names(context).any(|known| known == name) || captures.contains(&name);
    for (at, _) in text.match_indices('{') {
        let rest = &text[at + 1..];
        let name = &rest[..rest.find(|c| !name_of(c)).unwrap_or(rest.len())];
        if !rest.contains('}') && is_name(name) {
            return Some(format!("{{{name} has no closing brace: write {{{name}}}"));
        }
    }
    for (at, _) in text.match_indices('}') {
        let before = &text[..at];
        let name = &before[before.rfind(|c| !name_of(c)).map_or(0, |found| found + 1)..];
        if !before.contains('{') && is_name(name) {
            return Some(format!("{name}}} has no opening brace: write {{{name}}}"));
        }
    }
    None
}

/// Length of the variable name at the start of `text`.
pub(super) fn variable_length(text: &str) -> usize {
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    let part = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_';
    if begins {
        text.bytes().take_while(|b| part(b)).count()
    } else {
        0
    }
}

fn capitalised(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}
