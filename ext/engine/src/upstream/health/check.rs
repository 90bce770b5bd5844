//! What an active health check asks, and which answers pass.

use std::ops::RangeInclusive;
use std::time::Duration;

use proxy_http::message::{FieldName, Fields, Known, Method, RequestHead};
use regex::bytes::Regex;

use super::rise_fall::RiseFall;
use super::{grpc, time};
use crate::config::{BodyMatch, HealthCheck};

/// Most results in a row that can be asked for.
const LONGEST_ROW: i64 = 1_000;
/// Fields that say where a message ends or what a connection is for.
const OURS: [Known; 6] =
    [Known::Connection, Known::ContentLength, Known::KeepAlive, Known::Te, Known::TransferEncoding, Known::Upgrade];

/// `health_check`, compiled.
#[derive(Debug)]
pub struct Check {
    pub(in crate::upstream) interval: Duration,
    pub(in crate::upstream) timeout: Duration,
    pub(in crate::upstream) rules: RiseFall,
    /// Port to check, if it is not the backend's.
    pub(in crate::upstream) port: Option<u16>,
    /// Probe to send once there is a connection.
    pub(super) probe: Probe,
}

/// A probe.
#[derive(Debug)]
pub(super) enum Probe {
    /// No request: the connection is proof enough.
    Nothing,
    /// An HTTP request.
    Http(Box<HttpProbe>),
    /// A gRPC call of `grpc.health.v1`.
    Grpc(Box<grpc::GrpcProbe>),
}

/// A request, and what the answer must be.
#[derive(Debug)]
pub(super) struct HttpProbe {
    pub(super) method: Method,
    pub(super) path: Vec<u8>,
    head: RequestHead,
    /// Whether the head has a `Host` from the configuration, in place of the backend's own.
    has_host: bool,
    status: Vec<RangeInclusive<u16>>,
    pub(super) body: Option<Wanted>,
}

/// What the body must hold.
#[derive(Debug)]
pub(super) enum Wanted {
    Text(Vec<u8>),
    Pattern(Regex),
}

impl Check {
    /// Checks the options. What is wrong goes to `report`, under the name of the option.
    pub(super) fn compile(spec: &HealthCheck, report: &mut dyn FnMut(String)) -> Self {
        let mut report = |message: String| report(format!("health_check: {message}"));
        let port = spec.port.and_then(|port| {
            let number = u16::try_from(port).ok().filter(|port| *port > 0);
            if number.is_none() {
                report(format!("port: {port} is not a valid port: write a number from 1 to 65535"));
            }
            number
        });
        Self {
            interval: time("interval", spec.interval, &mut report),
            timeout: time("timeout", spec.timeout, &mut report),
            rules: RiseFall { rise: row("rise", spec.rise, &mut report), fall: row("fall", spec.fall, &mut report) },
            port,
            probe: match (spec.tcp, spec.grpc) {
                (true, _) => Probe::Nothing,
                (false, true) => Probe::Grpc(Box::new(grpc::GrpcProbe::compile(spec, &mut report))),
                (false, false) => Probe::Http(Box::new(HttpProbe::compile(spec, &mut report))),
            },
        }
    }
}

impl HttpProbe {
    fn compile(spec: &HealthCheck, report: &mut dyn FnMut(String)) -> Self {
        let HealthCheck { path, method, .. } = spec;
        if !path.starts_with('/') || path.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'#') {
            report(format!("path: {path:?} is not a valid path: write one that begins with /, such as \"/healthz\""));
        }
        if FieldName::new(method).is_none() || method == "CONNECT" {
            report(format!("method: {method:?} cannot be asked with: write a method such as \"GET\" or \"HEAD\""));
        }
        let known = Method::of(method.as_bytes());
        if known == Method::Head && spec.body.is_some() {
            report("body: the answer to HEAD has no body: write method: \"GET\", or leave body out".into());
        }
        let (mut fields, has_host) = fields(&spec.headers, known, report);
        let method_span = fields.push_text(method.as_bytes());
        Self {
            method: known,
            path: path.clone().into_bytes(),
            has_host,
            head: RequestHead { fields, method: known, method_span, ..RequestHead::default() },
            status: statuses(&spec.status, report),
            body: spec.body.as_ref().and_then(|body| Wanted::compile(body, report)),
        }
    }

    /// The head of the request for a backend whose own `Host` is `authority`.
    pub(super) fn head_for(&self, authority: &str) -> RequestHead {
        let mut head = self.head.clone();
        if !self.has_host {
            head.fields.set(Known::Host, authority.as_bytes());
        }
        head
    }

    /// Whether that status passes.
    pub(super) fn accepts(&self, status: u16) -> bool {
        self.status.iter().any(|range| range.contains(&status))
    }
}

impl Wanted {
    fn compile(spec: &BodyMatch, report: &mut dyn FnMut(String)) -> Option<Self> {
        match spec {
            BodyMatch::Text(text) => Some(Self::Text(text.clone().into_bytes())),
            BodyMatch::Pattern(pattern) => match Regex::new(pattern) {
                Ok(regex) => Some(Self::Pattern(regex)),
                Err(error) => {
                    // The crate draws the pattern over several lines; the last one says what is wrong.
                    let error = error.to_string();
                    let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    report(format!(
                        "body: /{pattern}/ cannot be used ({why}): write a pattern without look-around and back-references"
                    ));
                    None
                }
            },
        }
    }

    /// Whether `body` holds it.
    pub(super) fn is_in(&self, body: &[u8]) -> bool {
        match self {
            Self::Text(text) => memchr::memmem::find(body, text).is_some(),
            Self::Pattern(regex) => regex.is_match(body),
        }
    }
}

/// Whether a field says where a message ends or what a connection is for.
pub(super) fn is_ours(name: &str) -> bool {
    Known::of(name.as_bytes()).is_some_and(|known| OURS.contains(&known))
}

/// The fields of the request, `Host` first, and whether the configuration says it.
fn fields(written: &[(String, String)], method: Method, report: &mut dyn FnMut(String)) -> (Fields, bool) {
    let mut fields = Fields::default();
    fields.append(Known::Host, b"");
    let (mut has_host, mut named) = (false, false);
    for (name, value) in written {
        let Some(name) = FieldName::new(name) else {
            report(format!("headers: {name:?} is not a valid header name: use letters, digits and hyphens"));
            continue;
        };
        if is_ours(name.as_str()) {
            report(format!("headers: {:?} is set by the proxy itself: leave it out", name.as_str()));
        } else if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            report(format!("headers: the value of {:?} holds a control character: leave it out", name.as_str()));
        } else if name.known() == Some(Known::Host) {
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

fn statuses(written: &[(i64, i64)], report: &mut dyn FnMut(String)) -> Vec<RangeInclusive<u16>> {
    if written.is_empty() {
        report("status: the list is empty: write a code or a range, such as 200 or 200..399".into());
    }
    let mut statuses = Vec::with_capacity(written.len());
    for &(first, last) in written {
        let code = |code: i64| u16::try_from(code).ok().filter(|code| (100..=599).contains(code));
        match (code(first), code(last)) {
            (Some(first), Some(last)) if first <= last => statuses.push(first..=last),
            _ if first == last => report(format!("status: {first} is not a valid status code: write one from 100 to 599")),
            _ => report(format!(
                "status: {first}..{last} is not a valid range of status codes: write one from 100 to 599, such as 200..399"
            )),
        }
    }
    statuses
}

fn row(option: &str, written: i64, report: &mut dyn FnMut(String)) -> u32 {
    if !(1..=LONGEST_ROW).contains(&written) {
        report(format!("{option}: {written} is out of range: write a number from 1 to {LONGEST_ROW}"));
    }
    written.clamp(1, LONGEST_ROW) as u32
}
