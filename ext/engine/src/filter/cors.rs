//! `cors`: which other sites' pages may ask, and what (the CORS protocol of the Fetch standard).

mod origins;

use proxy_http::message::{FieldName, Fields, Known, Method};

use crate::compiler::Compiler;
use crate::config::{self, Problem};
use crate::request::{Exchange, Verdict};
use origins::Origins;

/// Who may ask, and what.
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

/// Everything of a response that says who may read it.
const ALL: [&str; 6] = [ALLOW_ORIGIN, ALLOW_CREDENTIALS, ALLOW_METHODS, ALLOW_HEADERS, EXPOSE_HEADERS, MAX_AGE];

const USUAL_METHODS: &str = "GET, HEAD, POST";

impl Cors {
    /// Checks the directive. `None` if it is wrong.
    pub(super) fn compile(spec: &config::Cors, compiler: &mut Compiler) -> Option<Self> {
        let at = spec.at.as_ref();
        let before = compiler.error_count();
        let mut error = |message: String| compiler.problems.push(Problem::error(at, "cors", message));
        if spec.origins.is_empty() {
            error("`origins` is missing: write origins: [\"https://app.example.com\"]".into());
        }
        let origins = Origins::compile(&spec.origins, &mut |message| error(format!("origins: {message}")));
        if spec.credentials && origins.is_any() {
            let remedy = "name the origins that may";
            error(format!(
                "origins: with credentials, \"*\" would let every site act on behalf of its visitors: {remedy}"
            ));
        }
        let methods: Vec<_> = spec.methods.iter().map(|name| name.to_ascii_uppercase()).collect();
        let mut list = |option: &str, names: &[String]| list(option, names, &mut error);
        let methods = match list("methods", &methods) {
            List::Names(names) if names.is_empty() => List::Names(USUAL_METHODS.into()),
            methods => methods,
        };
        let headers = list("headers", &spec.headers);
        let expose = list("expose", &spec.expose);
        if spec.credentials && expose == List::Any {
            error("expose: with credentials, browsers ignore \"*\": name the headers".into());
        }
        let max_age = spec.max_age.map(|seconds| format!("{}", seconds.clamp(0.0, 1e9) as u64).into());
        (compiler.error_count() == before).then_some(Self {
            origins,
            methods,
            headers,
            expose,
            credentials: spec.credentials,
            max_age,
        })
    }

    /// Answers a preflight, which no handler needs to see. Any other request passes.
    pub(super) async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let work = &mut *exchange.work;
        let (request, extra) = (&work.request, &mut work.extra);
        // Only the innermost `cors` has a say.
        ALL.iter().for_each(|name| extra.unset(*name));
        let any = self.origins.is_any();
        if !any {
            extra.add(Known::Vary, b"Origin");
        }
        let origin = only(&request.fields, Known::Origin.as_str());
        let allowed = origin.filter(|origin| self.origins.contain(origin));
        match allowed {
            Some(_) if any => extra.set(ALLOW_ORIGIN, b"*"),
            Some(origin) => extra.set(ALLOW_ORIGIN, origin),
            None => {}
        }
        if allowed.is_some() && self.credentials {
            extra.set(ALLOW_CREDENTIALS, b"true");
        }
        let preflight = request.method == Method::Options && request.fields.has(Known::Origin);
        let asked = request.fields.get(REQUEST_METHOD).filter(|_| preflight);
        let Some(asked) = asked else {
            if allowed.is_some() {
                if let Some(names) = self.expose.value(None, false) {
                    extra.set(EXPOSE_HEADERS, names);
                }
            }
            return None;
        };
        if allowed.is_some() {
            if let Some(names) = self.methods.value(Some(asked), self.credentials) {
                extra.set(ALLOW_METHODS, names);
            }
            if let Some(names) = self.headers.value(only(&request.fields, REQUEST_HEADERS), self.credentials) {
                extra.set(ALLOW_HEADERS, names);
            }
            if let Some(seconds) = &self.max_age {
                extra.set(MAX_AGE, seconds.as_bytes());
            }
        }
        if self.methods == List::Any || self.headers == List::Any {
            extra.add(Known::Vary, b"Access-Control-Request-Method, Access-Control-Request-Headers");
        }
        Some(exchange.answer(204, b"", b"").await)
    }

    /// Takes what a backend says on the matter out of the response: this says it.
    pub(super) fn amend(&self, exchange: &mut Exchange<'_>) {
        let work = &mut *exchange.work;
        for name in ALL {
            if work.extra.get(name).is_none() {
                work.response.fields.remove(name);
            }
        }
    }
}

impl List {
    /// The value of the field. Where `*` would be taken for a name, what the client `asked` for is the value.
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

/// The value of a field that is there once.
fn only<'f>(fields: &'f Fields, name: &'static str) -> Option<&'f [u8]> {
    let mut values = fields.all(name);
    values.next().filter(|_| values.next().is_none())
}

fn list(option: &str, names: &[String], error: &mut impl FnMut(String)) -> List {
    if let [name] = names {
        if name == "*" {
            return List::Any;
        }
    }
    for name in names {
        if name == "*" {
            error(format!("{option}: \"*\" already means all: leave out the others"));
        } else if FieldName::new(name).is_none() {
            error(format!("{option}: {name:?} is not a valid name: use letters, digits and hyphens"));
        }
    }
    List::Names(names.join(", ").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_what_it_says_or_what_was_asked_for() {
        let names = List::Names("X-A, X-B".into());
        assert_eq!(names.value(Some(b"X-C"), true), Some(&b"X-A, X-B"[..]));
        assert_eq!(List::Names("".into()).value(Some(b"X-C"), false), None);
        assert_eq!(List::Any.value(Some(b"X-C"), false), Some(&b"*"[..]));
        assert_eq!(List::Any.value(None, false), Some(&b"*"[..]));
        assert_eq!(List::Any.value(Some(b"X-C, x-d"), true), Some(&b"X-C, x-d"[..]));
        for asked in [None, Some(&b""[..]), Some(b"a b"), Some(b"a,"), Some(b"a:b")] {
            assert_eq!(List::Any.value(asked, true), None, "{asked:?}");
        }
    }
}
