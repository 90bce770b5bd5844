//! HTTP versions that are spoken at a bind.

use crate::compile::Report;
use crate::config;
use crate::suggestion::nearest;

/// Versions of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Protocols {
    pub(crate) h1: bool,
    pub(crate) h2: bool,
}

impl Protocols {
    const BOTH: Self = Self { h1: true, h2: true };

    /// Compiles `protocols`.
    pub(super) fn compile(spec: &config::BindConfig, report: &mut Report<'_>) -> Self {
        let Some(names) = &spec.protocols else { return Self::BOTH };
        let mut report = report.within("protocols");
        let mut protocols = Self { h1: false, h2: false };
        for name in names {
            match name.as_str() {
                "h1" => protocols.h1 = true,
                "h2" => protocols.h2 = true,
                "h3" => report.error("\"h3\" is not available in this version: write \"h2\" or \"h1\""),
                other => {
                    let hint = nearest(other, ["h1", "h2"]).map(|name| format!(" (did you mean {name:?}?)"));
                    let hint = hint.unwrap_or_default();
                    report.error(format!("{other:?} is unknown{hint}: write \"h1\" or \"h2\""));
                }
            }
        }
        if names.is_empty() {
            report.error("the list is empty: write [\"h2\", \"h1\"], or leave it out");
        }
        if report.is_sound() {
            protocols
        } else {
            Self::BOTH
        }
    }
}
