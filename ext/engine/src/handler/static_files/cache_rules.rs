//! Values of `Cache-Control` by the names of files.

use proxy_http::message::{FieldName, Span};

use crate::compile::Report;
use crate::config::Match;
use crate::rewrite::Captured;
use crate::routing::pattern::{Pattern, RequestPart};
use crate::routing::CaptureNames;

/// Rules, the first of which that matches counts.
#[derive(Debug)]
pub(super) struct FileCacheRules(Box<[(Files, Box<str>)]>);

/// The files that a rule is for.
#[derive(Debug)]
enum Files {
    All,
    /// Files with this ending of their names: `*.css`.
    Ending(Box<[u8]>),
    Pattern(Box<Pattern>),
}

impl FileCacheRules {
    /// Checks the rules.
    pub(super) fn compile(written: &[(Match, String)], report: &mut Report<'_>) -> Self {
        let mut rules = Vec::with_capacity(written.len());
        for (pattern, value) in written {
            let files = match pattern {
                Match::Text(text) if text == "*" => Some(Files::All),
                Match::Text(text) if text.starts_with("*.") && !text[1..].contains(['*', '/']) => {
                    Some(Files::Ending(text.as_bytes()[1..].into()))
                }
                Match::Text(text) if text.contains('?') => {
                    let name = text.replace('?', "%3F");
                    report.error(format!(
                        "{text:?} has a query, and files have none: write {name:?} if the ? is part of a name"
                    ));
                    None
                }
                pattern => {
                    let compiled = Pattern::compile(pattern, &mut CaptureNames::default());
                    report.ok(compiled).map(|pattern| Files::Pattern(Box::new(pattern)))
                }
            };
            let sound = FieldName::new("Cache-Control").is_none_or(|name| report.field_value(&name, value));
            if let (Some(files), true) = (files, sound) {
                rules.push((files, value.as_str().into()));
            }
        }
        Self(rules.into())
    }

    /// The value for a file, by its name without a slash before it.
    pub(super) fn of(&self, name: &[u8]) -> Option<&str> {
        let mut path = Vec::new();
        let rule = self.0.iter().find(|(files, _)| match files {
            Files::All => true,
            Files::Ending(ending) => name.ends_with(ending),
            Files::Pattern(pattern) => {
                if path.is_empty() {
                    path = [b"/", name].concat();
                }
                pattern.matches(RequestPart { bytes: &path, span: Span::default() }, &mut Captured::default())
            }
        });
        rule.map(|(_, value)| &**value)
    }
}
