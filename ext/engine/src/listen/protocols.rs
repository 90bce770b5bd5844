//! Which versions of HTTP are spoken at a bind.

use crate::config::{self, Problem};
use crate::nearest::nearest;

/// Versions of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Protocols {
    pub(crate) h1: bool,
    pub(crate) h2: bool,
}

impl Protocols {
    const BOTH: Self = Self { h1: true, h2: true };

    /// Checks `protocols`.
    pub(super) fn compile(spec: &config::Bind, problems: &mut Vec<Problem>) -> Self {
        let Some(names) = &spec.protocols else { return Self::BOTH };
        let mut protocols = Self { h1: false, h2: false };
        let mut wrong = Vec::new();
        for name in names {
            match name.as_str() {
                "h1" => protocols.h1 = true,
                "h2" => protocols.h2 = true,
                "h3" => wrong.push("\"h3\" is not available in this version: write \"h2\" or \"h1\"".into()),
                other => {
                    let hint = nearest(other, ["h1", "h2"]).map(|name| format!(" (did you mean {name:?}?)"));
                    wrong.push(format!("{other:?} is unknown{}: write \"h1\" or \"h2\"", hint.unwrap_or_default()));
                }
            }
        }
        if names.is_empty() {
            wrong.push("the list is empty: write [\"h2\", \"h1\"], or leave it out".into());
        }
        if wrong.is_empty() {
            return protocols;
        }
        let error = |message| Problem::error(spec.at.as_ref(), "bind", format!("protocols: {message}"));
        problems.extend(wrong.into_iter().map(error));
        Self::BOTH
    }
}
