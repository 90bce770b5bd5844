//! The key under which requests are counted together.

use std::borrow::Cow;
use std::net::IpAddr;

use proxy_http::message::{FieldName, Fields};

use super::LimitKey;
use crate::compile::Report;
use crate::request::Exchange;
use crate::rewrite::{Context, Template};
use crate::routing::without_trailing_slash;

/// The key of a limit, compiled.
#[derive(Debug)]
pub(super) enum CountedKey {
    Address,
    Header(FieldName),
    Query(Box<str>),
    Rewrite(Template),
}

/// Key of one request. Keys of different kinds are never equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Counted<'a> {
    Client(Option<IpAddr>),
    Value(Cow<'a, [u8]>),
}

/// A request with more than one value for the key: the backend could read another value than we do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeveralValues;

impl CountedKey {
    /// Checks the option. `captures` are the names that a rewrite can refer to.
    pub(super) fn compile(spec: &LimitKey, captures: &[&str], report: &mut Report<'_>) -> Option<Self> {
        match spec {
            LimitKey::Address => Some(CountedKey::Address),
            LimitKey::Header(name) => report.within("header").field_name(name).map(CountedKey::Header),
            LimitKey::Query(name) if name.is_empty() => {
                report.within("query").error("\"\" is not a valid name: write one, such as \"user_id\"");
                None
            }
            LimitKey::Query(name) => Some(CountedKey::Query(name.as_str().into())),
            LimitKey::Rewrite(text) => {
                let mut report = report.within("rewrite");
                let template = report.ok(Template::parse(text, Context::Request))?;
                if template.literal().is_some() {
                    report.error(format!(
                        "{text:?} is the same for every request, so all clients would share one limit: write a \
                         placeholder, such as \"{{addr}}{{host}}\""
                    ));
                    return None;
                }
                report.warnings(template.warnings(captures));
                Some(CountedKey::Rewrite(template))
            }
        }
    }

    /// Whether the key depends on the surroundings of the request, as a rewrite does.
    pub(super) fn is_rewrite(&self) -> bool {
        matches!(self, CountedKey::Rewrite(_))
    }

    /// The key of a request. A request without one is counted under its address, so that leaving the key out does not
    /// escape the limit.
    pub(super) fn of<'e>(
        &'e self,
        exchange: &'e Exchange<'_>,
        scratch: &'e mut Vec<u8>,
    ) -> Result<Counted<'e>, SeveralValues> {
        let request = &exchange.work.request;
        let value = match self {
            CountedKey::Address => None,
            CountedKey::Header(name) => only_field(&request.fields, name)?.map(Cow::Borrowed),
            CountedKey::Query(name) => only_parameter(request.query(), name)?,
            CountedKey::Rewrite(template) => {
                scratch.clear();
                // The normalized path: another spelling of it asks for the same resource.
                template.render(&exchange.scope(without_trailing_slash(request.plain_path())), scratch);
                Some(Cow::Borrowed(&scratch[..]))
            }
        };
        Ok(match value.filter(|value| !value.is_empty()) {
            Some(value) => Counted::Value(value),
            None => Counted::Client(exchange.client_info.ip.map(network)),
        })
    }
}

/// The address that is counted: a client with one IPv6 address has a whole network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
    }
}

fn only_field<'f>(fields: &'f Fields, name: &'f FieldName) -> Result<Option<&'f [u8]>, SeveralValues> {
    let mut values = fields.all(name);
    let first = values.next();
    if values.next().is_some() {
        return Err(SeveralValues);
    }
    Ok(first)
}

/// The value of a query parameter, decoded as in a form.
fn only_parameter<'q>(query: &'q [u8], name: &str) -> Result<Option<Cow<'q, [u8]>>, SeveralValues> {
    let mut values = form_urlencoded::parse(query.strip_prefix(b"?").unwrap_or(query)).filter(|(n, _)| n == name);
    let first = values.next();
    if values.next().is_some() {
        return Err(SeveralValues);
    }
    Ok(first.map(|(_, value)| match value {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_stands_for_its_network() {
        for (address, counted) in [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ] {
            let parsed = |text: &str| text.parse::<IpAddr>().expect(text);
            assert_eq!(network(parsed(address)), parsed(counted));
        }
    }

    #[test]
    fn parameters_are_read_as_a_form_is_and_must_be_there_once() {
        let value = |text: &'static str| Ok(Some(Cow::Borrowed(text.as_bytes())));
        for (query, expected) in [
            ("", Ok(None)),
            ("?", Ok(None)),
            ("?user=1", Ok(None)),
            ("?user_id=7&a=b", value("7")),
            ("?a&user_id=7+8%39", value("7 89")),
            ("?us%65r_id=7", value("7")),
            ("?user_id", value("")),
            ("?user_id=7&user_id=7", Err(SeveralValues)),
            ("?user_id=7&user%5Fid=8", Err(SeveralValues)),
            ("?User_Id=7", Ok(None)),
        ] {
            assert_eq!(only_parameter(query.as_bytes(), "user_id"), expected, "{query}");
        }
    }

    #[test]
    fn a_field_must_be_there_once() {
        let name = FieldName::new("X-Api-Key").expect("a name");
        let mut fields = Fields::default();
        assert_eq!(only_field(&fields, &name), Ok(None));
        fields.append("X_Api_Key", b"twin");
        fields.append("x-api-KEY", b"a");
        assert_eq!(only_field(&fields, &name), Ok(Some(&b"a"[..])));
        fields.append("X-Api-Key", b"a");
        assert_eq!(only_field(&fields, &name), Err(SeveralValues));
    }

    #[test]
    fn keys_of_different_kinds_are_never_the_same() {
        let client = Counted::Client("192.0.2.7".parse().ok());
        assert_ne!(client, Counted::Value(Cow::Borrowed(b"192.0.2.7")));
        assert_ne!(client, Counted::Client(None));
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (spec, message) in [
            (
                LimitKey::Header("X Key".into()),
                "header: \"X Key\" is not a valid header name: use letters, digits and \
                 hyphens",
            ),
            (LimitKey::Query(String::new()), "query: \"\" is not a valid name: write one, such as \"user_id\""),
            (
                LimitKey::Rewrite("all".into()),
                "rewrite: \"all\" is the same for every request, so all clients would share one limit: write a \
                 placeholder, such as \"{addr}{host}\"",
            ),
            (
                LimitKey::Rewrite("{addr|upcase}".into()),
                "rewrite: in {addr|upcase}: \"upcase\" is not a valid modifier (there are strip_prefix, strip_suffix, \
                 replace)",
            ),
        ] {
            let mut problems = Vec::new();
            assert!(CountedKey::compile(&spec, &[], &mut Report::new("rate_limit", None, &mut problems)).is_none());
            assert_eq!(problems.iter().map(|problem| &*problem.message).collect::<Vec<_>>(), [message]);
        }
    }
}
