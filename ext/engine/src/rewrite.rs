//! String rewrites: text with `{placeholders}`, parsed at load and rendered per request.
//!
//! `{name}` is replaced by a value of the request or response, `{name|strip_prefix:/api|replace:a,b}` by that value
//! after modifiers. A name without a meaning stays as written. There are three kinds of rendered text, each with its
//! own safety rules: a field value ([`Template::render_header`]), a log line ([`Template::render_log`]), and a URL
//! ([`TargetTemplate`]).

mod captures;
mod cookie;
mod edit;
mod foreign;
mod modifier;
mod name;
mod parse;
mod query;
mod redaction;
mod scope;
mod target;
pub(crate) mod value;

pub(crate) use captures::{Captured, Captures};
pub(crate) use cookie::cookie;
pub(crate) use cookie::cookies;
pub(crate) use edit::{Edit, RenderedValues};
pub(crate) use name::BuiltIn;
pub(crate) use name::Context;
pub(crate) use query::without_parameter;
pub(crate) use redaction::{Redaction, BYPASS_COOKIE};
pub(crate) use scope::{RequestValues, ResponseInfo};
pub(crate) use target::{write_path_and_query, RenderedTarget, TargetTemplate};

use modifier::Modifier;
use name::{Found, Name};

/// Whether a name is built in for some context, so that a capture with this name is never shown.
pub(crate) fn is_built_in(name: &str) -> bool {
    [Context::Request, Context::Response].into_iter().any(|context| BuiltIn::names(context).any(|known| known == name))
}

/// The first placeholder in a literal `text` that a string rewrite would replace. `captures` are the names that
/// enclosing locations capture.
pub(crate) fn known_placeholder(text: &str, context: Context, captures: &[&str]) -> Option<Box<str>> {
    parse::known_placeholder(text, context, captures)
}

/// A value of nginx, Caddy or HAProxy in literal text, and the string rewrite that it corresponds to.
pub(crate) fn foreign_value(text: &str) -> Option<(&str, String)> {
    parse::foreign_value(text)
}

/// A parsed string rewrite, ready to render. Rendering allocates nothing beyond the growth of its output.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    parts: Box<[TemplatePart]>,
    context: Context,
}

#[derive(Debug, Clone)]
enum TemplatePart {
    Text(Box<str>),
    Value(Box<Placeholder>),
}

#[derive(Debug, Clone)]
struct Placeholder {
    name: Name,
    modifiers: Box<[Modifier]>,
    /// The placeholder with its braces and modifiers. It is shown when the name has no meaning.
    written: Box<str>,
}

impl Placeholder {
    /// Hides secrets in a value for a log, before the modifiers, which could disguise them.
    fn write_hiding(&self, scope: &RequestValues<'_>, context: Context, out: &mut Vec<u8>) {
        let start = out.len();
        if self.name.write(scope, context, out).is_none() {
            return;
        }
        if self.name.may_hold_query() {
            scope.redaction.hide(out, start, self.name.is_query());
        }
        for modifier in &self.modifiers {
            modifier.apply(out, start);
        }
    }

    /// Appends the modified value. If the name has no meaning here, appends nothing and returns `None`.
    fn write(&self, scope: &RequestValues<'_>, context: Context, out: &mut Vec<u8>) -> Option<Found> {
        let start = out.len();
        let found = self.name.write(scope, context, out)?;
        for modifier in &self.modifiers {
            modifier.apply(out, start);
        }
        Some(found)
    }
}

impl Template {
    /// Parses a string rewrite. The error names an unknown modifier or one without its argument, and says what to write
    /// instead.
    pub(crate) fn parse(text: &str, context: Context) -> Result<Self, String> {
        Ok(Self { parts: parse::parts(text, context)?.into(), context })
    }

    /// Literal text: nothing in it is replaced, braces or not.
    pub(crate) fn literal_text(text: &str) -> Self {
        Self { parts: Box::new([TemplatePart::Text(text.into())]), context: Context::Request }
    }

    /// Warnings about placeholders that can never be replaced. `captures` are the names that enclosing locations
    /// capture.
    pub(crate) fn warnings(&self, captures: &[&str]) -> Vec<String> {
        parse::warnings(&self.parts, self.context, captures)
    }

    /// The text, if it has no placeholder.
    pub(crate) fn literal(&self) -> Option<&str> {
        match &*self.parts {
            [] => Some(""),
            [TemplatePart::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The names of the placeholders, as written.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Value(value) => Some(value.name.as_str()),
            TemplatePart::Text(_) => None,
        })
    }

    /// Appends the rewritten text without escapes. Values may hold any byte: headers need [`Template::render_header`]
    /// and logs [`Template::render_log`].
    pub(crate) fn render(&self, scope: &RequestValues<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) => out.extend_from_slice(text.as_bytes()),
                TemplatePart::Value(value) => {
                    if value.write(scope, self.context, out).is_none() {
                        out.extend_from_slice(value.written.as_bytes());
                    }
                }
            }
        }
    }

    /// Appends the rewritten text as a key that groups requests. `false` if the key would be empty: all its values are
    /// absent or empty.
    pub(crate) fn render_key(&self, scope: &RequestValues<'_>, out: &mut Vec<u8>) -> bool {
        let mut told = false;
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) => out.extend_from_slice(text.as_bytes()),
                TemplatePart::Value(value) => {
                    let start = out.len();
                    value.write(scope, self.context, out);
                    told |= out.len() > start;
                }
            }
        }
        told
    }

    /// Appends every value, each with its length behind it, so that different values never make equal text. An absent
    /// value differs from an empty one. Of a cookie all values count, without the modifiers.
    pub(crate) fn render_apart(&self, scope: &RequestValues<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            let TemplatePart::Value(value) = part else { continue };
            let start = out.len();
            if let Name::Cookie(_) = &value.name {
                let mut count = 0_u64;
                for cookie in value.name.cookies(&scope.request.fields) {
                    let start = out.len();
                    out.extend_from_slice(cookie);
                    out.extend_from_slice(&((out.len() - start) as u64).to_ne_bytes());
                    count += 1;
                }
                out.extend_from_slice(&count.to_ne_bytes());
            } else if value.write(scope, self.context, out).is_some() {
                out.extend_from_slice(&((out.len() - start) as u64).to_ne_bytes());
            } else {
                out.extend_from_slice(&u64::MAX.to_ne_bytes());
            }
        }
    }

    /// Appends the rewritten text as a field value: without control characters.
    pub(crate) fn render_header(&self, scope: &RequestValues<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        self.render(scope, out);
        if out[start..].iter().any(u8::is_ascii_control) {
            let mut kept = start;
            for i in start..out.len() {
                if !out[i].is_ascii_control() {
                    out[kept] = out[i];
                    kept += 1;
                }
            }
            out.truncate(kept);
        }
    }

    /// Appends the rewritten text as part of a log line: values are escaped, secrets in queries are hidden, and an
    /// absent value is a `-`.
    pub(crate) fn render_log(&self, scope: &RequestValues<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) => out.extend_from_slice(text.as_bytes()),
                TemplatePart::Value(value) => {
                    let start = out.len();
                    value.write_hiding(scope, self.context, out);
                    if out.len() == start {
                        out.push(b'-');
                    } else {
                        crate::escape::escape(out, start);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
