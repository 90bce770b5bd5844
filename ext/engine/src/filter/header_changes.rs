//! Fields to remove and to add, shared by `request_headers` and `response_headers`.

use proxy_http::message::{FieldName, Fields, Known};
use serde::{Deserialize, Serialize};

use crate::compile::Report;
use crate::config::At;
use crate::rewrite::{Context, Template};

/// `request_headers additions: { "X-Env" => ["production"] }, removals: ["Cookie"]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeaderChangesConfig {
    /// Fields to add, each with its values, which are string rewrites.
    pub additions: Vec<(String, Vec<String>)>,
    /// Names of fields to remove. Removals come before additions.
    pub removals: Vec<String>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// Fields to remove, and then fields to add.
#[derive(Debug)]
pub(super) struct HeaderChanges {
    removals: Box<[FieldName]>,
    pub(super) additions: Box<[(FieldName, Template)]>,
}

impl HeaderChanges {
    pub(super) fn compile(
        config: &HeaderChangesConfig,
        context: Context,
        captures: &[&str],
        report: &mut Report<'_>,
    ) -> Self {
        if config.additions.is_empty() && config.removals.is_empty() {
            report.error("changes nothing: write additions: { \"X-Name\" => \"value\" } or removals: [\"X-Name\"]");
        }
        let mut within = report.within("removals");
        let removals = config.removals.iter().filter_map(|name| field_name(name, context, &mut within)).collect();
        let mut within = report.within("additions");
        let mut additions = Vec::with_capacity(config.additions.len());
        for (name, values) in &config.additions {
            let Some(field) = field_name(name, context, &mut within) else { continue };
            let mut within = within.within(name);
            for value in values {
                let Some(template) = within.ok(Template::parse(value, context)) else { continue };
                within.warnings(template.warnings(captures));
                additions.push((field.clone(), template));
            }
        }
        Self { removals, additions: additions.into() }
    }

    pub(super) fn remove(&self, fields: &mut Fields) {
        for name in &self.removals {
            fields.remove(name);
        }
    }
}

/// A name that may be added and removed.
fn field_name(text: &str, context: Context, report: &mut Report<'_>) -> Option<FieldName> {
    let name = report.own_field(text)?;
    if name.known() == Some(Known::Host) && context == Context::Request {
        report.error(format!("{text:?} is set by `proxy`, for each backend: write headers: {{ {text:?} => … }} there"));
        return None;
    }
    Some(name)
}
