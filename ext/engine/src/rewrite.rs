//! String rewrites: text with `{placeholders}`, taken apart at load and filled in per request.
//!
//! `{name}` is replaced by a value of the request or response, `{name|strip_prefix:/api|replace:a,b}` after passing it
//! through modifiers. A name that means nothing stays as it is written. Three kinds of text come of it, each with its
//! own rules of safety: a field value ([`Template::render_header`]), a log line ([`Template::render_log`]), and a URL
//! ([`TargetTemplate`]).

mod captures;
mod cookie;
mod edit;
mod foreign;
mod modifier;
mod name;
mod parse;
mod scope;
mod target;
pub(crate) mod value;

pub(crate) use captures::{Captured, Captures};
pub(crate) use cookie::cookie;
pub(crate) use cookie::cookies;
pub(crate) use edit::{Edit, RenderedValues};
pub(crate) use name::BuiltIn;
pub(crate) use name::Context;
pub(crate) use scope::{RequestValues, ResponseInfo};
pub(crate) use target::{write_path_and_query, RenderedTarget, TargetTemplate};

use modifier::Modifier;
use name::{Found, Name};

/// Whether a name is built in somewhere, so that no capture shows under it.
pub(crate) fn is_built_in(name: &str) -> bool {
    [Context::Request, Context::Response].into_iter().any(|context| BuiltIn::names(context).any(|known| known == name))
}

/// The first placeholder of `text`, which is sent as it is written, that a string rewrite would replace, given the
/// names of the `captures` around it.
pub(crate) fn known_placeholder(text: &str, context: Context, captures: &[&str]) -> Option<Box<str>> {
    parse::known_placeholder(text, context, captures)
}

/// A value of nginx, Caddy or HAProxy in text that is sent as it is written, and the string rewrite that is meant.
pub(crate) fn foreign_value(text: &str) -> Option<(&str, String)> {
    parse::foreign_value(text)
}

/// A string rewrite, ready to be filled in. Rendering allocates nothing beyond the growth of its output.
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
    /// With its braces and modifiers, for when the name means nothing.
    written: Box<str>,
}

impl Placeholder {
    /// Appends the value, modified. `None`, and nothing appended, if the name means nothing here.
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
    /// Takes a string rewrite apart. The error is an unknown modifier or one without its argument, and says what to
    /// write instead.
    pub(crate) fn parse(text: &str, context: Context) -> Result<Self, String> {
        Ok(Self { parts: parse::parts(text, context)?.into(), context })
    }

    /// Text in which nothing is replaced, braces or not.
    pub(crate) fn literal_text(text: &str) -> Self {
        Self { parts: Box::new([TemplatePart::Text(text.into())]), context: Context::Request }
    }

    /// What looks like a slip: placeholders that can never be replaced, given the names of the `captures` around them.
    pub(crate) fn warnings(&self, captures: &[&str]) -> Vec<String> {
        parse::warnings(&self.parts, self.context, captures)
    }

    /// The text, if nothing in it is to be replaced.
    pub(crate) fn literal(&self) -> Option<&str> {
        match &*self.parts {
            [] => Some(""),
            [TemplatePart::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The placeholders' names as they are written.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Value(value) => Some(value.name.as_str()),
            TemplatePart::Text(_) => None,
        })
    }

    /// Appends the rewritten text as it is. Values may hold any byte: use one of the other two for headers and logs.
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

    /// Appends the rewritten text as what requests are told apart by. `false` if there is nothing to: every value that
    /// it is made of is absent or empty.
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

    /// Appends the rewritten text as the value of a field: without control characters.
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

    /// Appends the rewritten text as part of a log line: values are escaped, and what is absent is a `-`.
    pub(crate) fn render_log(&self, scope: &RequestValues<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) => out.extend_from_slice(text.as_bytes()),
                TemplatePart::Value(value) => {
                    let start = out.len();
                    value.write(scope, self.context, out);
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
