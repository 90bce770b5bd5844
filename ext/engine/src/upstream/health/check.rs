//! Request of an active health check, and the responses that pass.

use std::ops::RangeInclusive;
use std::time::Duration;

use proxy_http::headers::CONNECTION_FIELDS;
use proxy_http::message::{FieldName, Fields, Known, Method, RequestHead};
use regex::bytes::Regex;

use super::grpc;
use crate::compile::Report;
use crate::config::{BodyMatch, HealthCheck};
use crate::upstream::backend::rise_fall::RiseFall;

/// Most interim responses before the final one.
pub(super) const MAX_INTERIM: usize = 32;
/// Largest head of an answer, in bytes.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// Most results in a row that can be asked for.
const LONGEST_ROW: i64 = 1_000;

/// A `health_check` option, compiled.
#[derive(Debug)]
pub(crate) struct Check {
    pub(in crate::upstream) interval: Duration,
    pub(in crate::upstream) timeout: Duration,
    pub(in crate::upstream) rules: RiseFall,
    /// Port to check, if it is not the backend's.
    pub(in crate::upstream) port: Option<u16>,
    /// Probe to send once there is a connection.
    pub(super) probe: Probe,
}

/// Probe of a health check.
#[derive(Debug)]
pub(super) enum Probe {
    /// No request: an accepted connection is enough.
    Nothing,
    /// An HTTP request.
    Http(Box<HttpProbe>),
    /// A gRPC call of `grpc.health.v1`.
    Grpc(Box<grpc::GrpcProbe>),
}

/// An HTTP request, and the conditions for its response.
#[derive(Debug)]
pub(super) struct HttpProbe {
    pub(super) method: Method,
    pub(super) path: Vec<u8>,
    head: RequestHead,
    /// Whether the configuration sets `Host`, in place of the backend's own.
    has_host: bool,
    status: Vec<RangeInclusive<u16>>,
    pub(super) body: Option<Wanted>,
}

/// Condition for the body.
#[derive(Debug)]
pub(super) enum Wanted {
    Text(Vec<u8>),
    Pattern(Regex),
}

impl Check {
    /// Checks the options.
    pub(in crate::upstream) fn compile(spec: &HealthCheck, report: &mut Report<'_>) -> Self {
        let row = |row: i64, report: &mut Report<'_>| report.count(row, 1..=LONGEST_ROW) as u32;
        Self {
            port: spec.port.and_then(|port| report.within("port").port(port)),
            interval: report.within("interval").seconds(spec.interval),
            timeout: report.within("timeout").seconds(spec.timeout),
            rules: RiseFall {
                rise: row(spec.rise, &mut report.within("rise")),
                fall: row(spec.fall, &mut report.within("fall")),
            },
            probe: match (spec.tcp, spec.grpc) {
                (true, _) => Probe::Nothing,
                (false, true) => Probe::Grpc(Box::new(grpc::GrpcProbe::compile(spec, &mut report.within("headers")))),
                (false, false) => Probe::Http(Box::new(HttpProbe::compile(spec, report))),
            },
        }
    }
}

impl HttpProbe {
    fn compile(spec: &HealthCheck, report: &mut Report<'_>) -> Self {
        let HealthCheck { path, method, .. } = spec;
        if !path.starts_with('/') || path.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'#') {
            let message = format!("{path:?} is not a valid path: write one that begins with /, such as \"/healthz\"");
            report.within("path").error(message);
        }
        if FieldName::new(method).is_none() || method == "CONNECT" {
            let message = format!("{method:?} cannot be asked with: write a method such as \"GET\" or \"HEAD\"");
            report.within("method").error(message);
        }
        let known = Method::of(method.as_bytes());
        if known == Method::Head && spec.body.is_some() {
            let message = "the answer to HEAD has no body: write method: \"GET\", or leave body out";
            report.within("body").error(message);
        }
        let (mut fields, has_host) = fields(&spec.headers, known, &mut report.within("headers"));
        let method_span = fields.push_text(method.as_bytes());
        Self {
            method: known,
            path: path.clone().into_bytes(),
            has_host,
            head: RequestHead { fields, method: known, method_span, ..RequestHead::default() },
            status: statuses(&spec.status, &mut report.within("status")),
            body: spec.body.as_ref().and_then(|body| Wanted::compile(body, &mut report.within("body"))),
        }
    }

    /// Head of the request for a backend whose own `Host` is `authority`.
    pub(super) fn head_for(&self, authority: &str) -> RequestHead {
        let mut head = self.head.clone();
        if !self.has_host {
            head.fields.set(Known::Host, authority.as_bytes());
        }
        head
    }

    /// Whether a response with this status passes.
    pub(super) fn accepts(&self, status: u16) -> bool {
        self.status.iter().any(|range| range.contains(&status))
    }
}

impl Wanted {
    fn compile(spec: &BodyMatch, report: &mut Report<'_>) -> Option<Self> {
        match spec {
            BodyMatch::Text(text) => Some(Self::Text(text.clone().into_bytes())),
            BodyMatch::Pattern(pattern) => match Regex::new(pattern) {
                Ok(regex) => Some(Self::Pattern(regex)),
                Err(error) => {
                    // The crate draws the pattern over several lines; the last line has the reason.
                    let error = error.to_string();
                    let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    report.error(format!(
                        "/{pattern}/ cannot be used ({why}): write a pattern without look-around and back-references"
                    ));
                    None
                }
            },
        }
    }

    /// Whether `body` meets the condition.
    pub(super) fn is_in(&self, body: &[u8]) -> bool {
        match self {
            Self::Text(text) => memchr::memmem::find(body, text).is_some(),
            Self::Pattern(regex) => regex.is_match(body),
        }
    }
}

/// Whether a field frames the message or controls the connection.
pub(super) fn is_ours(name: &str) -> bool {
    Known::of(name.as_bytes()).is_some_and(|known| CONNECTION_FIELDS.contains(&known))
}

/// The fields of the request, `Host` first, and whether the configuration sets `Host`.
fn fields(written: &[(String, String)], method: Method, report: &mut Report<'_>) -> (Fields, bool) {
    let mut fields = Fields::default();
    fields.append(Known::Host, b"");
    let (mut has_host, mut named) = (false, false);
    for (name, value) in written {
        let Some(name) = report.own_field(name) else { continue };
        if !report.field_value(&name, value) {
            continue;
        }
        if name.known() == Some(Known::Host) {
            fields.set(Known::Host, value.trim_matches([' ', '\t']).as_bytes());
            has_host = true;
        } else {
            named |= name.as_str().eq_ignore_ascii_case("user-agent");
            fields.append(&name, value.trim_matches([' ', '\t']).as_bytes());
        }
    }
    if !named {
        fields.append(Known::UserAgent, b"proxy-health-check");
    }
    if matches!(method, Method::Post | Method::Put | Method::Patch | Method::Other) {
        fields.append(Known::ContentLength, b"0");
    }
    fields.append(Known::Connection, b"close");
    (fields, has_host)
}

fn statuses(written: &[(i64, i64)], report: &mut Report<'_>) -> Vec<RangeInclusive<u16>> {
    if written.is_empty() {
        report.error("the list is empty: write a code or a range, such as 200 or 200..399");
    }
    let mut statuses = Vec::with_capacity(written.len());
    for &(first, last) in written {
        let code = |code: i64| u16::try_from(code).ok().filter(|code| (100..=599).contains(code));
        match (code(first), code(last)) {
            (Some(first), Some(last)) if first <= last => statuses.push(first..=last),
            _ if first == last => {
                report.error(format!("{first} is not a valid status code: write one from 100 to 599"))
            }
            _ => report.error(format!(
                "{first}..{last} is not a valid range of status codes: write one from 100 to 599, such as 200..399"
            )),
        }
    }
    statuses
}
