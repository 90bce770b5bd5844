//! What the block says of a request.

use std::sync::Arc;

use proxy_http::message::FieldName;

use crate::blocks::BlockValue;
use crate::compile::Report;
use crate::respond::ErrorResponse;

/// A field of the request: its name and its new value. `None` if what the client sent is only removed.
pub(super) type RulingField = (FieldName, Option<Box<[u8]>>);

/// What the block says of the requests with one key.
#[derive(Debug, Clone)]
pub(super) enum Ruling {
    /// They pass.
    Pass,
    /// They pass with these fields set.
    PassWith(Arc<[RulingField]>),
    /// They are refused with this response; `None`: the one of the filter.
    Refuse(Option<Arc<ErrorResponse>>),
}

impl Ruling {
    /// Reads the answer of the block: true or false, `{"fields": [[name, value], …]}`, `{"status": 401}` or
    /// `{"error": "unauthorized"}`. The error says what is wrong with it, and what to answer.
    pub(super) fn read(answer: &BlockValue) -> Result<Self, String> {
        let entry = match answer {
            BlockValue::Bool(true) => return Ok(Ruling::Pass),
            BlockValue::Bool(false) => return Ok(Ruling::Refuse(None)),
            BlockValue::Object(entries) => entries.iter().next(),
            _ => None,
        };
        match entry.map(|(key, value)| (key.as_str(), value)) {
            Some(("fields", BlockValue::Array(pairs))) => {
                pairs.iter().map(field).collect::<Result<Arc<[_]>, _>>().map(Ruling::PassWith)
            }
            Some(("status", BlockValue::Number(status))) => refusal(status),
            Some(("error", BlockValue::String(name))) => {
                let response =
                    ErrorResponse::of_name(name).map_err(|message| format!("answered wrongly: {message}"))?;
                Ok(Ruling::Refuse(Some(response)))
            }
            _ => Err("answered with what is no ruling".into()),
        }
    }

    pub(super) fn is_pass(&self) -> bool {
        !matches!(self, Ruling::Refuse(_))
    }

    /// Fields to set on the request.
    pub(super) fn fields(&self) -> &[RulingField] {
        match self {
            Ruling::PassWith(fields) => fields,
            Ruling::Pass | Ruling::Refuse(_) => &[],
        }
    }
}

fn refusal(status: &serde_json::Number) -> Result<Ruling, String> {
    match status.as_u64().and_then(|status| u16::try_from(status).ok()) {
        Some(status @ 400..=599) => Ok(Ruling::Refuse(Some(ErrorResponse::of_status(status)))),
        _ => Err(format!(
            "answered {status}, which is no status of an error: answer true, false, or a status from 400 to 599"
        )),
    }
}

fn field(pair: &BlockValue) -> Result<RulingField, String> {
    let pair = pair.as_array().map(Vec::as_slice).unwrap_or_default();
    let (name, value) = match pair {
        [BlockValue::String(name), BlockValue::String(value)] => (name, Some(value.trim_matches([' ', '\t']))),
        [BlockValue::String(name), BlockValue::Null] => (name, None),
        _ => return Err("answered with what is no field".into()),
    };
    let mut problems = Vec::new();
    let mut report = Report::new("", None, &mut problems);
    let found = report.request_field(name);
    let found = found.filter(|name| value.is_none_or(|value| report.field_value(name, value)));
    match (found, problems.first()) {
        (Some(name), _) => Ok((name, value.map(|value| value.as_bytes().into()))),
        (None, problem) => {
            Err(format!("answered with a field: {}", problem.map(|problem| &*problem.message).unwrap_or_default()))
        }
    }
}
