//! Conditions of a location beside path and host.

mod compile;
mod value;

use crate::client::ClientInfo;
use crate::networks::Networks;
use crate::rewrite::cookies;
pub(super) use compile::conditions;
use proxy_http::message::{FieldName, Known, RequestHead};
use value::Values;

/// One condition of a location.
#[derive(Debug)]
pub(crate) enum Condition {
    Methods(Box<[Box<str>]>),
    Schemes {
        http: bool,
        https: bool,
    },
    Ports(Box<[u16]>),
    Header(FieldName, Values),
    Query(Box<str>, Values),
    Cookie(Box<str>, Values),
    Remote(Networks),
    /// File extensions in lower case, without dot.
    Extensions(Box<[Box<str>]>),
    ContentTypes(Box<[MediaType]>),
    Accepts(Box<[MediaType]>),
}

/// `image/png`, or `image/*` where wildcards are allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MediaType {
    main: Box<str>,
    sub: Box<str>,
}

/// A request, as conditions see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) client_info: &'a ClientInfo,
    /// The path, decoded in one of the two ways (`%2F` separates segments or does not).
    pub(super) path: &'a [u8],
}

impl Condition {
    /// Whether the condition holds.
    pub(super) fn holds(&self, request: Request<'_>) -> bool {
        let head = request.head;
        match self {
            Condition::Methods(methods) => methods.iter().any(|method| method.as_bytes() == head.method_text()),
            Condition::Schemes { http, https } => *if request.client_info.tls { https } else { http },
            Condition::Ports(ports) => ports.contains(&port(request)),
            Condition::Header(name, values) => values.hold(head.fields.all(name)),
            Condition::Query(name, values) => values.hold(parameters(head, name)),
            Condition::Cookie(name, values) => values.hold(cookies(&head.fields, name.as_bytes())),
            Condition::Remote(networks) => request.client_info.ip.is_some_and(|ip| networks.contains(ip)),
            Condition::Extensions(extensions) => extension(request.path)
                .is_some_and(|found| extensions.iter().any(|one| found.eq_ignore_ascii_case(one.as_bytes()))),
            Condition::ContentTypes(types) => {
                content_type(head).is_some_and(|(main, sub)| types.iter().any(|one| one.is(main, sub)))
            }
            Condition::Accepts(types) => types.iter().any(|one| {
                crate::respond::takes(head.fields.all(Known::Accept), one.main.as_bytes(), one.sub.as_bytes())
            }),
        }
    }

    /// The option of `location` for this condition, with the name of the field, parameter or cookie.
    pub(super) fn name(&self) -> String {
        match self {
            Condition::Methods(_) => "methods".into(),
            Condition::Schemes { .. } => "schemes".into(),
            Condition::Ports(_) => "ports".into(),
            Condition::Header(name, _) => format!("headers {}", name.as_str()),
            Condition::Query(name, _) => format!("query {name}"),
            Condition::Cookie(name, _) => format!("cookies {name}"),
            Condition::Remote(_) => "remote".into(),
            Condition::Extensions(_) => "extensions".into(),
            Condition::ContentTypes(_) => "content_types".into(),
            Condition::Accepts(_) => "accepts".into(),
        }
    }

    /// The request's value for this condition, for display; `None` if it has none.
    pub(super) fn found(&self, request: Request<'_>) -> Option<String> {
        let head = request.head;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let list = |values: Vec<String>| (!values.is_empty()).then(|| values.join(", "));
        match self {
            Condition::Methods(_) => Some(text(head.method_text())),
            Condition::Schemes { .. } => Some(request.client_info.scheme().into()),
            Condition::Ports(_) => Some(port(request).to_string()),
            Condition::Header(name, _) => list(head.fields.all(name).map(text).collect()),
            Condition::Query(name, _) => list(parameters(head, name).map(|value| text(value.as_ref())).collect()),
            Condition::Cookie(name, _) => list(cookies(&head.fields, name.as_bytes()).map(text).collect()),
            Condition::Remote(_) => request.client_info.ip.map(|ip| ip.to_string()),
            Condition::Extensions(_) => extension(request.path).map(text),
            Condition::ContentTypes(_) => head.fields.get(Known::ContentType).map(text),
            Condition::Accepts(_) => list(head.fields.all(Known::Accept).map(text).collect()),
        }
    }

    /// Whether the condition holds for every request for which `other` holds. `false` may also mean "unknown".
    pub(super) fn covers(&self, other: &Condition) -> bool {
        fn all<T: PartialEq>(wide: &[T], narrow: &[T]) -> bool {
            narrow.iter().all(|one| wide.contains(one))
        }
        match (self, other) {
            (Condition::Methods(a), Condition::Methods(b)) | (Condition::Extensions(a), Condition::Extensions(b)) => {
                all(a, b)
            }
            (Condition::Schemes { http: a, https: b }, Condition::Schemes { http: c, https: d }) => {
                (*a || !c) && (*b || !d)
            }
            (Condition::Ports(a), Condition::Ports(b)) => all(a, b),
            (Condition::Header(a, x), Condition::Header(b, y)) => {
                a.as_str().eq_ignore_ascii_case(b.as_str()) && x.cover(y)
            }
            (Condition::Query(a, x), Condition::Query(b, y)) | (Condition::Cookie(a, x), Condition::Cookie(b, y)) => {
                a == b && x.cover(y)
            }
            (Condition::Remote(a), Condition::Remote(b)) => a == b,
            (Condition::ContentTypes(a), Condition::ContentTypes(b))
            | (Condition::Accepts(a), Condition::Accepts(b)) => all(a, b),
            _ => false,
        }
    }
}

impl MediaType {
    fn is(&self, main: &[u8], sub: &[u8]) -> bool {
        let same = |written: &str, sent: &[u8]| written == "*" || sent.eq_ignore_ascii_case(written.as_bytes());
        same(&self.main, main) && same(&self.sub, sub)
    }
}

/// The port to which the client connected. The port in `Host` counts only if the real one is unknown: a client can name
/// any port, and must not reach a restricted port by way of an open one.
fn port(request: Request<'_>) -> u16 {
    let named = || request.head.port().and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let default = if request.client_info.tls { 443 } else { 80 };
    request.client_info.local_port.or_else(named).unwrap_or(default)
}

/// The decoded values of a query parameter.
fn parameters<'r>(head: &'r RequestHead, name: &'r str) -> impl Iterator<Item = impl AsRef<[u8]> + 'r> + 'r {
    let query = head.query();
    form_urlencoded::parse(query.get(1..).unwrap_or_default())
        .filter_map(move |(key, value)| (key == name).then_some(Bytes(value)))
}

/// A parameter's value as bytes.
struct Bytes<'a>(std::borrow::Cow<'a, str>);

impl AsRef<[u8]> for Bytes<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The text behind the last dot of the last segment. A trailing slash makes no difference.
fn extension(path: &[u8]) -> Option<&[u8]> {
    let path = super::pattern::without_trailing_slash(path);
    let segment = memchr::memrchr(b'/', path).map_or(path, |slash| &path[slash + 1..]);
    memchr::memrchr(b'.', segment).map(|dot| &segment[dot + 1..])
}

/// Type and subtype of the request's body, without parameters.
fn content_type(head: &RequestHead) -> Option<(&[u8], &[u8])> {
    let value = head.fields.get(Known::ContentType)?;
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    let media = value[..end].trim_ascii();
    let slash = memchr::memchr(b'/', media)?;
    Some((&media[..slash], &media[slash + 1..]))
}

#[cfg(test)]
mod tests;
