//! What an active check asks, and which answers mean well.

use std::ops::RangeInclusive;
use std::time::Duration;

use proxy_http::message::{FieldName, Known, Method};
use regex::bytes::Regex;

use super::rise_fall::RiseFall;
use super::{grpc, time};
use crate::config::{BodyMatch, HealthCheck};

/// Longest row of results that can be asked for.
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
    /// Another port than the backend's.
    pub(in crate::upstream) port: Option<u16>,
    /// What is asked once there is a connection.
    pub(super) question: Question,
}

/// What a backend is asked.
#[derive(Debug)]
pub(super) enum Question {
    /// Nothing: the connection is proof enough.
    Nothing,
    /// A request of HTTP.
    Http(Box<HttpQuestion>),
    /// A call of gRPC.
    Grpc(Box<grpc::Call>),
}

/// A request, and what the answer must be.
#[derive(Debug)]
pub(super) struct HttpQuestion {
    pub(super) method: Method,
    /// The head up to the value of `Host`, and what follows it.
    head: (Vec<u8>, Vec<u8>),
    /// In place of the backend's own.
    host: Option<Vec<u8>>,
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
            question: match (spec.tcp, spec.grpc) {
                (true, _) => Question::Nothing,
                (false, true) => Question::Grpc(Box::new(grpc::Call::compile(spec, &mut report))),
                (false, false) => Question::Http(Box::new(HttpQuestion::compile(spec, &mut report))),
            },
        }
    }
}

impl HttpQuestion {
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
        let (host, fields) = fields(&spec.headers, known, report);
        Self {
            method: known,
            head: (format!("{method} {path} HTTP/1.1\r\nHost: ").into_bytes(), fields),
            host,
            status: statuses(&spec.status, report),
            body: spec.body.as_ref().and_then(|body| Wanted::compile(body, report)),
        }
    }

    /// Writes the request for a backend whose own `Host` is `authority`.
    pub(super) fn write(&self, authority: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head.0);
        out.extend_from_slice(self.host.as_deref().unwrap_or(authority.as_bytes()));
        out.extend_from_slice(&self.head.1);
    }

    /// Whether that status means well.
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

/// The host of one's own among the fields, and everything else from the end of the `Host` line to the end of the head.
fn fields(written: &[(String, String)], method: Method, report: &mut dyn FnMut(String)) -> (Option<Vec<u8>>, Vec<u8>) {
    let mut host = None;
    let mut fields = b"\r\n".to_vec();
    let mut named = false;
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
            host = Some(value.clone().into_bytes());
        } else {
            named |= name.as_str().eq_ignore_ascii_case("user-agent");
            fields.extend_from_slice(format!("{}: {value}\r\n", name.as_str()).as_bytes());
        }
    }
    if !named {
        fields.extend_from_slice(b"User-Agent: proxy-health-check\r\n");
    }
    if matches!(method, Method::Post | Method::Put | Method::Patch | Method::Other) {
        fields.extend_from_slice(b"Content-Length: 0\r\n");
    }
    fields.extend_from_slice(b"Connection: close\r\n\r\n");
    (host, fields)
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
