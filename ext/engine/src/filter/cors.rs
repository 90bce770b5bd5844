//! `cors`: which other sites' pages may send requests, and which (the CORS protocol of the Fetch standard).

mod origins;

use proxy_http::message::{FieldName, Fields, Known, Method, RequestHead};
use serde::{Deserialize, Serialize};

use super::Filtering;
use crate::client::ClientInfo;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::At;
use crate::request::{Exchange, OwnAnswer, Verdict};
use origins::Origins;

/// `cors origins: ["https://app.example.com"], credentials: true`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorsConfig {
    /// Origins whose pages may send requests: an origin, `https://*.example.com`, or `*` for all.
    pub origins: Vec<String>,
    /// Methods that these pages may use. Empty: `GET`, `HEAD` and `POST`.
    pub methods: Vec<String>,
    /// Request fields that these pages may send, beside those that are always allowed; `*` for all.
    pub headers: Vec<String>,
    /// Response fields that these pages may read, beside those that are always allowed; `*` for all.
    pub expose: Vec<String>,
    /// Whether these pages may send cookies and read the responses to such requests.
    pub credentials: bool,
    /// Seconds for which a browser may cache a preflight. Default: the browser's own.
    pub max_age: Option<f64>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// A `cors` directive, compiled.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Origins,
    methods: List,
    headers: List,
    expose: List,
    credentials: bool,
    max_age: Option<Box<str>>,
}

/// Names as they stand in a field.
#[derive(Debug, PartialEq, Eq)]
enum List {
    /// Empty: the field is left out.
    Names(Box<str>),
    Any,
}

const ALLOW_ORIGIN: &str = "Access-Control-Allow-Origin";
const ALLOW_CREDENTIALS: &str = "Access-Control-Allow-Credentials";
const ALLOW_METHODS: &str = "Access-Control-Allow-Methods";
const ALLOW_HEADERS: &str = "Access-Control-Allow-Headers";
const EXPOSE_HEADERS: &str = "Access-Control-Expose-Headers";
const MAX_AGE: &str = "Access-Control-Max-Age";
const REQUEST_METHOD: &str = "Access-Control-Request-Method";
const REQUEST_HEADERS: &str = "Access-Control-Request-Headers";

/// Response fields that say which pages may read a response.
const ALL: [&str; 6] = [ALLOW_ORIGIN, ALLOW_CREDENTIALS, ALLOW_METHODS, ALLOW_HEADERS, EXPOSE_HEADERS, MAX_AGE];

const USUAL_METHODS: &str = "GET, HEAD, POST";

/// A preflight is answered without a body.
const PREFLIGHT_STATUS: u16 = 204;

impl Filtering for Cors {
    type Config = CorsConfig;

    fn compile(config: &CorsConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        if config.origins.is_empty() {
            report.error("`origins` is missing: write origins: [\"https://app.example.com\"]");
        }
        let origins = Origins::compile(&config.origins, &mut report.within("origins"));
        if config.credentials && origins.is_any() {
            report.within("origins").error(
                "with credentials, \"*\" would let every site act on behalf of its visitors: name the origins that may",
            );
        }
        let methods: Vec<_> = config.methods.iter().map(|name| name.to_ascii_uppercase()).collect();
        let methods = match list(&methods, &mut report.within("methods")) {
            List::Names(names) if names.is_empty() => List::Names(USUAL_METHODS.into()),
            methods => methods,
        };
        let headers = list(&config.headers, &mut report.within("headers"));
        let expose = list(&config.expose, &mut report.within("expose"));
        if config.credentials && expose == List::Any {
            report.within("expose").error("with credentials, browsers ignore \"*\": name the headers");
        }
        let max_age = config.max_age.map(|seconds| format!("{}", seconds.clamp(0.0, 1e9) as u64).into());
        report.is_sound().then_some(Self {
            origins,
            methods,
            headers,
            expose,
            credentials: config.credentials,
            max_age,
        })
    }

    fn foretell(&self, request: &RequestHead, _: &ClientInfo) -> Option<OwnAnswer> {
        preflight(request).map(|_| OwnAnswer::status(PREFLIGHT_STATUS))
    }

    /// Answers a preflight, which does not go to the handler. Any other request passes.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let work = &mut *exchange.work;
        let (request, additions) = (&work.request, &mut work.response_additions);
        // With nested `cors` filters only the innermost decides.
        ALL.iter().for_each(|name| additions.unset(*name));
        let any = self.origins.is_any();
        if !any {
            additions.add(Known::Vary, b"Origin");
        }
        let origin = only(&request.fields, Known::Origin.as_str());
        let allowed = origin.filter(|origin| self.origins.contain(origin));
        match allowed {
            Some(_) if any => additions.set(ALLOW_ORIGIN, b"*"),
            Some(origin) => additions.set(ALLOW_ORIGIN, origin),
            None => {}
        }
        if allowed.is_some() && self.credentials {
            additions.set(ALLOW_CREDENTIALS, b"true");
        }
        let Some(asked) = preflight(request) else {
            if allowed.is_some() {
                if let Some(names) = self.expose.value(None, false) {
                    additions.set(EXPOSE_HEADERS, names);
                }
            }
            return None;
        };
        if allowed.is_some() {
            if let Some(names) = self.methods.value(Some(asked), self.credentials) {
                additions.set(ALLOW_METHODS, names);
            }
            if let Some(names) = self.headers.value(only(&request.fields, REQUEST_HEADERS), self.credentials) {
                additions.set(ALLOW_HEADERS, names);
            }
            if let Some(seconds) = &self.max_age {
                additions.set(MAX_AGE, seconds.as_bytes());
            }
        }
        if self.methods == List::Any || self.headers == List::Any {
            additions.add(Known::Vary, b"Access-Control-Request-Method, Access-Control-Request-Headers");
        }
        Some(exchange.answer(PREFLIGHT_STATUS, b"", b"").await)
    }

    /// Removes the backend's own CORS fields from the response: this filter decides.
    fn amend(&self, exchange: &mut Exchange<'_>) {
        let work = &mut *exchange.work;
        for name in ALL {
            if work.response_additions.get(name).is_none() {
                work.response.fields.remove(name);
            }
        }
    }
}

/// The method that a preflight asks for; `None` if the request is no preflight.
fn preflight(request: &RequestHead) -> Option<&[u8]> {
    let preflight = request.method == Method::Options && request.fields.has(Known::Origin);
    request.fields.get(REQUEST_METHOD).filter(|_| preflight)
}

impl List {
    /// Value of the field. Where `*` would be taken for a name, the value is what the client `asked` for.
    fn value<'l>(&'l self, asked: Option<&'l [u8]>, credentials: bool) -> Option<&'l [u8]> {
        match self {
            List::Names(names) => Some(names.as_bytes()).filter(|names| !names.is_empty()),
            List::Any if credentials => asked.filter(|names| names.split(|b| *b == b',').all(is_name)),
            List::Any => Some(b"*"),
        }
    }
}

fn is_name(text: &[u8]) -> bool {
    std::str::from_utf8(text.trim_ascii()).is_ok_and(|name| FieldName::new(name).is_some())
}

/// The value of a field that occurs exactly once.
fn only<'f>(fields: &'f Fields, name: &'static str) -> Option<&'f [u8]> {
    let mut values = fields.all(name);
    values.next().filter(|_| values.next().is_none())
}

fn list(names: &[String], report: &mut Report<'_>) -> List {
    if let [name] = names {
        if name == "*" {
            return List::Any;
        }
    }
    for name in names {
        if name == "*" {
            report.error("\"*\" already means all: leave out the others");
        } else if FieldName::new(name).is_none() {
            report.error(format!("{name:?} is not a valid name: use letters, digits and hyphens"));
        }
    }
    List::Names(names.join(", ").into())
}

#[cfg(test)]
mod tests;
