//! What a configuration does with a request, and why: `proxy routes GET http://…`.
//!
//! The answer comes from checking every location in turn, with the conditions that the running proxy uses.

mod sent;

pub use crate::request::OwnAnswer;
pub(crate) use crate::routing::Failure;
pub use sent::Sent;

use std::net::IpAddr;
use std::time::UNIX_EPOCH;

use proxy_http::http1::parse_request;
use proxy_http::message::{behind_prefix, RequestHead, Span};
use serde::{Deserialize, Serialize};

use crate::client::trusted_proxies::TrustedProxies;
use crate::client::ClientInfo;
use crate::compile::Report;
use crate::config::LocationConfig;
use crate::configuration::{Config, Directive};
use crate::error::Cause;
use crate::request_id::RequestId;
use crate::rewrite::{Captured, Captures, RenderedTarget, RequestValues, TargetTemplate};
use crate::routing::matcher::{MatchedRequest, Matcher};
use crate::routing::pattern::RequestPart;
use crate::routing::{accepts, host_span, plain_prefix, same_values, CaptureNames};

/// A request to explain.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Question {
    /// Request method.
    pub method: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Host and port of the `Host` field.
    pub authority: String,
    /// Path and query.
    pub target: String,
    /// Header fields beside `Host`.
    pub headers: Vec<(String, String)>,
    /// The address at the other end of the connection; `None` for a unix socket.
    pub remote: Option<String>,
    /// Port at which the request arrives.
    pub port: Option<u16>,
}

/// What happens to the request. A place is the position of a directive in the configuration: indices into `routes`,
/// from the outside in.
#[derive(Debug, Clone, Default, Serialize, PartialEq, Eq)]
pub struct Explanation {
    /// Status and reason if the request is refused before any handler is asked.
    pub refused: Option<(u16, String)>,
    /// The requested host, in the form in which it is matched.
    pub host: String,
    /// The path, in the form in which it is matched.
    pub path: String,
    /// The client, which a trusted proxy may have named.
    pub client: Option<String>,
    /// The locations that are checked, in order.
    pub steps: Vec<LookedAt>,
    /// Captured names and values, outer ones first.
    pub captures: Vec<(String, String)>,
    /// Places of the filters that the request passes, in order.
    pub filters: Vec<Vec<usize>>,
    /// The first filter that answers the request by itself, as far as the configuration alone decides that: its place
    /// and its answer. Everything behind it is told as if the filter let the request pass.
    pub answered: Option<(Vec<usize>, OwnAnswer)>,
    /// Where splits send the request: the place of each that decides by the request alone, and the name of an upstream;
    /// an empty one for the handler's own backends.
    pub splits: Vec<(Vec<usize>, String)>,
    /// The handlers that are asked, in order. The last one answers if it accepts.
    pub handlers: Vec<AskedHandler>,
    /// The trusted proxy at the other end of the connection, if there is one; empty for a unix socket.
    pub via: Option<String>,
    /// What a backend gets, if a backend is asked.
    pub sent: Option<Sent>,
}

/// A location that is checked.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct LookedAt {
    /// Place of the location.
    pub place: Vec<usize>,
    /// Conditions that fail. If empty, the location takes the request.
    pub failed: Vec<Failure>,
}

/// A handler that is asked.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct AskedHandler {
    /// Place of the handler.
    pub place: Vec<usize>,
    /// Whether the handler answers.
    pub accepts: bool,
    /// The URL that a `proxy` asks for. Only its path if the backend decides the rest.
    pub target: Option<String>,
    /// The handler's own answer. `None` if it does not answer, or if a backend or an application decides the response.
    pub answer: Option<OwnAnswer>,
}

/// The route of a request, for one way of decoding its path.
struct Way<'c> {
    place: Vec<usize>,
    steps: Vec<LookedAt>,
    captured: Captured,
    /// Every scope that was entered, with its place.
    scopes: Vec<(Vec<usize>, &'c [Directive])>,
}

/// Explains what `config`, which has no mistakes, does with a request. The error says what is wrong with the question.
pub fn explain(config: &Config, question: &Question) -> Result<Explanation, String> {
    let mut head = RequestHead::default();
    let mut explanation = Explanation::default();
    let text = text_of(question)?;
    if let Err(malformed) = parse_request(text.as_bytes(), &mut head) {
        explanation.refused = Some((Cause::from(malformed).status(), malformed.as_str().into()));
        return Ok(explanation);
    }
    let peer = peer(question)?;
    let trusted = TrustedProxies::compile(&config.trusted_proxies, &mut Vec::new());
    let via = Some(&peer).filter(|peer| trusted.trusts(peer));
    trusted.drop_unbelieved(&mut head.fields, via.is_some());
    let named = via.and_then(|peer| trusted.client(&head.fields, peer));
    let client_info = named.as_ref().unwrap_or(&peer);
    explanation.via = via.map(|peer| peer.addr.to_string());

    let host = host_span(&mut head);
    let mut names = CaptureNames::default();
    let part = |span: Span| RequestPart { bytes: head.fields.slice(span), span };
    let asked = MatchedRequest { head: &head, client_info, path: part(head.plain_path), host: part(host) };
    let way = walk(config, asked, &mut names);
    let other = (!head.plain_but_slashes.is_empty())
        .then(|| walk(config, MatchedRequest { path: part(head.plain_but_slashes), ..asked }, &mut names));

    explanation.host = lossy(asked.host.bytes);
    explanation.path = lossy(asked.path.bytes);
    explanation.client = client_info.ip.map(|ip| ip.to_string());
    explanation.filters = filters(&way);
    let (mut answering, mut same) = (None, true);
    let all = handlers(&way);
    let proxy_at = |place: usize| match all.get(place) {
        Some((_, Directive::Proxy(proxy))) => Some(&**proxy),
        _ => None,
    };
    let foreseen = sent::foresee(config, &proxy_at, text.as_bytes(), client_info, via);
    for (index, (place, directive)) in all.iter().enumerate() {
        let accepted = accepted(directive, asked.path.bytes) && !foreseen.declined.contains(&index);
        let place = place.clone();
        let both = |path: &[u8]| self::accepted(directive, path) == self::accepted(directive, asked.path.bytes);
        same &= head.plain_path_but_slashes().is_none_or(both);
        explanation.handlers.push(AskedHandler { place, accepts: accepted, target: None, answer: None });
        if accepted {
            answering = Some(*directive);
            break;
        }
    }
    if other.is_some_and(|other| other.place != way.place || !same_values(&head, &way.captured, &other.captured))
        || !same
    {
        let why = "%2F in the path is read in two ways, which lead to different places";
        explanation.refused = Some((Cause::AmbiguousPath.status(), why.into()));
    }
    let captured: Vec<_> = way
        .captured
        .iter()
        .filter(|(_, value)| *value != Span::default())
        .map(|(name, value)| (names.name(name).to_owned(), lossy(head.fields.slice(value))))
        .collect();
    let names = names.into_list();
    if let (Some(Directive::Proxy(proxy)), Some(handler)) = (answering, explanation.handlers.last_mut()) {
        let prefix = proxy.path_prefix.as_deref().filter(|_| proxy.strip_prefix).map(plain_prefix);
        let path = prefix.and_then(|prefix| behind_prefix(head.path(), &prefix)).unwrap_or(head.path());
        let scope = RequestValues {
            path,
            captures: Captures::new(&names, &way.captured),
            ..RequestValues::new(&head, client_info, RequestId::from(0), UNIX_EPOCH)
        };
        handler.target = target(proxy.to.as_deref(), &scope);
    }
    explanation.captures = captured;
    explanation.steps = way.steps;
    if explanation.refused.is_none() {
        explanation.answered =
            foreseen.by_filter.and_then(|(index, answer)| Some((explanation.filters.get(index)?.clone(), answer)));
        let splits = foreseen.splits.into_iter();
        explanation.splits =
            splits.filter_map(|(index, name)| Some((explanation.filters.get(index)?.clone(), name))).collect();
        if let (Some(handler), Some(_)) = (explanation.handlers.last_mut(), answering) {
            handler.answer = foreseen.by_handler;
        }
        explanation.sent = foreseen.sent;
    }
    Ok(explanation)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The request as text, as a connection would carry it.
fn text_of(question: &Question) -> Result<String, String> {
    let mut text = format!("{} {} HTTP/1.1\r\n", question.method, question.target);
    let own_host = question.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = (!own_host).then_some(("Host", question.authority.as_str()));
    let others = question.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in host.into_iter().chain(others) {
        if proxy_http::message::FieldName::new(name).is_none()
            || value.bytes().any(|b| b.is_ascii_control() && b != b'\t')
        {
            return Err(format!("{name:?}: {value:?} is not a valid header: write one such as \"X-Beta: 1\""));
        }
        text += &format!("{name}: {value}\r\n");
    }
    Ok(text + "\r\n")
}

fn peer(question: &Question) -> Result<ClientInfo, String> {
    let ip: Option<IpAddr> = match &question.remote {
        None => None,
        Some(text) => Some(text.trim_matches(['[', ']']).parse().map_err(|_| {
            format!("{text:?} is not a valid address: write one such as \"192.0.2.7\" or \"2001:db8::7\"")
        })?),
    };
    let ip = ip.map(|ip| ip.to_canonical());
    let addr = ip.map_or(String::new(), |ip| ip.to_string()).into();
    let tls = question.scheme == "https";
    Ok(ClientInfo { addr, ip, local_port: question.port, tls, ..ClientInfo::default() })
}

/// Checks the locations in the order of the file and enters the first that takes the request.
fn walk<'c>(config: &'c Config, asked: MatchedRequest<'_>, names: &mut CaptureNames) -> Way<'c> {
    let mut way = Way {
        place: Vec::new(),
        steps: Vec::new(),
        captured: Captured::default(),
        scopes: vec![(Vec::new(), &config.routes)],
    };
    let mut routes = &config.routes;
    loop {
        let mut taken = None;
        for (index, spec) in locations(routes) {
            let matcher = Matcher::compile(spec, names, &mut Report::new("location", None, &mut Vec::new()));
            let failed = matcher.failures(asked, &mut way.captured);
            let place = [&way.place[..], &[index]].concat();
            let takes = failed.is_empty();
            way.steps.push(LookedAt { place: place.clone(), failed });
            if takes {
                taken = Some((place, &spec.routes));
                break;
            }
        }
        let Some((place, inside)) = taken else { return way };
        way.scopes.push((place.clone(), inside));
        (way.place, routes) = (place, inside);
    }
}

fn locations(routes: &[Directive]) -> impl Iterator<Item = (usize, &LocationConfig<Directive>)> {
    routes.iter().enumerate().filter_map(|(index, route)| match route {
        Directive::Location(spec) => Some((index, &**spec)),
        _ => None,
    })
}

/// Places of the filters, outer ones first.
fn filters(way: &Way<'_>) -> Vec<Vec<usize>> {
    let of_scope = |(place, routes): &(Vec<usize>, &[Directive])| {
        let is_filter = |route: &Directive| matches!(route, Directive::Filter(filter) if filter.is_filter());
        let filters = routes.iter().enumerate().filter(|(_, route)| is_filter(route));
        filters.map(|(index, _)| [&place[..], &[index]].concat()).collect::<Vec<_>>()
    };
    way.scopes.iter().flat_map(of_scope).collect()
}

/// The handlers with their places, inner ones first.
fn handlers<'c>(way: &Way<'c>) -> Vec<(Vec<usize>, &'c Directive)> {
    let of_scope = |(place, routes): &(Vec<usize>, &'c [Directive])| {
        let handlers = routes.iter().enumerate();
        let handlers = handlers.filter(|(_, route)| route.handler().is_some());
        handlers.map(|(index, route)| ([&place[..], &[index]].concat(), route)).collect::<Vec<_>>()
    };
    way.scopes.iter().rev().flat_map(of_scope).collect()
}

fn accepted(handler: &Directive, path: &[u8]) -> bool {
    let prefix = handler.handler().and_then(|handler| handler.prefix).map(plain_prefix);
    accepts(prefix.as_deref(), path)
}

/// The URL that is asked for. `None` if `to` renders no valid URL.
fn target(to: Option<&str>, scope: &RequestValues<'_>) -> Option<String> {
    let mut out = RenderedTarget::default();
    let scheme = match to {
        None => {
            crate::rewrite::write_path_and_query(scope, &mut out);
            ""
        }
        Some(to) => {
            let template = TargetTemplate::parse(to).ok()?.with_path_and_query();
            template.render(scope, &mut out).ok()?;
            if template.scheme_tls() {
                "https://"
            } else {
                "http://"
            }
        }
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(format!("{scheme}{}{}", text(&out.authority), text(&out.path_and_query)))
}

#[cfg(test)]
mod tests;
