//! Format of a line of the access log.

use super::json::JsonFields;
use crate::compile::Report;
use crate::rewrite::{Context, Template};
use crate::suggestion::nearest;

/// Format of a line.
#[derive(Debug)]
pub(super) enum LineFormat {
    Combined,
    Json(JsonFields),
    Template(Template),
}

/// Fields with credentials: a reader of the log could impersonate a client with them.
const SECRETS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

impl LineFormat {
    /// Compiles a format. `fields` are the fields of a `json` line, if they are chosen.
    pub(super) fn compile(text: &str, fields: Option<&[String]>, report: &mut Report<'_>) -> Option<Self> {
        match text {
            "json" => return JsonFields::compile(fields, &mut report.within("fields")).map(Self::Json),
            _ if fields.is_some() => {
                report.within("fields").error("is for \"json\" alone: leave it out, or write \"json\"")
            }
            "combined" => return Some(Self::Combined),
            _ => {}
        }
        let template = report.ok(Template::parse(text, Context::Log))?;
        if template.literal().is_some() {
            let meant = nearest(text, ["combined", "json"]).map(|name| format!(" (did you mean {name:?}?)"));
            let meant = meant.unwrap_or_default();
            let remedy =
                "write \"combined\", \"json\", or text with placeholders, such as \"{addr} {method} {path} {status}\"";
            report.error(format!("{text:?} is not a valid format{meant}: {remedy}"));
            return None;
        }
        if text.contains(['\n', '\r']) {
            report.error(format!("{text:?} holds a line break: a request is one line, which ends by itself"));
            return None;
        }
        report.ok(refuse_secrets(&template))?;
        report.warnings(template.warnings(&[]));
        Some(Self::Template(template))
    }
}

/// An error if the text would show credentials, with which a reader of the log could impersonate a client.
pub(crate) fn refuse_secrets(template: &Template) -> Result<(), String> {
    let secret = |name: &&str| SECRETS.contains(&name.to_ascii_lowercase().as_str()) || name.starts_with("cookie.");
    let secrets: Vec<_> = template.names().filter(secret).collect();
    match secrets.is_empty() {
        true => Ok(()),
        false => Err(format!("{{{}}} would write secrets into the log: leave it out", secrets.join("}, {"))),
    }
}
