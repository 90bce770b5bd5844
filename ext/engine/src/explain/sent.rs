//! What filters and handlers answer and what a backend gets, computed by the compiled configuration as in the running
//! proxy.

use std::time::SystemTime;

use proxy_http::headers::hop_by_hop::{drop_named, ConnectionOptions};
use proxy_http::http1::parse_request;
use proxy_http::message::RequestHead;
use serde::Serialize;

use super::lossy;
use crate::client::ClientInfo;
use crate::compile::Purpose;
use crate::configuration::{Config, ProxyConfig};
use crate::filter::Filter;
use crate::forward::may_go_on;
use crate::handler::{proxy::Preview, Handler};
use crate::request::OwnAnswer;
use crate::request_id::RequestId;
use crate::rewrite::{Captured, Captures, RequestValues, Template};
use crate::snapshot;
use crate::upstream::address::Address;

/// A request as a backend gets it.
#[derive(Debug, Clone, Default, Serialize, PartialEq, Eq)]
pub struct Sent {
    /// Request line, in the form of HTTP/1.1.
    pub line: String,
    /// Header fields, names and values.
    pub fields: Vec<(String, String)>,
    /// Names of fields that the client sends and the backend does not get.
    pub dropped: Vec<String>,
}

/// What the compiled configuration does with a request.
#[derive(Debug, Default)]
pub(super) struct Foreseen {
    /// The answer of the first filter that gives one, and the number of filters before it.
    pub(super) by_filter: Option<(usize, OwnAnswer)>,
    /// Places, among the handlers of the scope, of those that leave the request to the next one.
    pub(super) declined: Vec<usize>,
    /// The answer of the handler, as if every filter let the request pass.
    pub(super) by_handler: Option<OwnAnswer>,
    /// The upstreams that splits choose, each with the number of filters before it; an empty name is the rest.
    pub(super) splits: Vec<(usize, String)>,
    /// What the backend gets, likewise.
    pub(super) sent: Option<Sent>,
}

/// What becomes of the request `text`. `proxy_at` gives the options of the `proxy` in a place among the handlers of its
/// scope. Changes by filters that ask a server or use a secret are left out.
pub(super) fn foresee<'c>(
    config: &Config,
    proxy_at: &dyn Fn(usize) -> Option<&'c ProxyConfig>,
    text: &[u8],
    client_info: &ClientInfo,
    trusted_hop: Option<&ClientInfo>,
) -> Foreseen {
    let mut foreseen = Foreseen::default();
    foreseen.sent = fill(&mut foreseen, config, proxy_at, text, client_info, trusted_hop);
    foreseen
}

fn fill<'c>(
    foreseen: &mut Foreseen,
    config: &Config,
    proxy_at: &dyn Fn(usize) -> Option<&'c ProxyConfig>,
    text: &[u8],
    client_info: &ClientInfo,
    trusted_hop: Option<&ClientInfo>,
) -> Option<Sent> {
    let snapshot = snapshot::compile(config, Purpose::Check).snapshot;
    let mut head = RequestHead::default();
    parse_request(text, &mut head).ok()?;
    let names_of = |head: &RequestHead| head.fields.iter().map(|(name, _)| lossy(name)).collect::<Vec<_>>();
    let written = names_of(&head);
    head.replace_host();
    snapshot.globals.trusted.drop_unbelieved(&mut head.fields, trusted_hop.is_some());
    let options = ConnectionOptions::of(&head);
    let mut captured = Captured::default();
    let scope = snapshot.routes.locate(&mut head, client_info, &mut captured).ok()?;
    let captures = Captures::new(&snapshot.globals.capture_names, &captured);
    let (id, start) = (RequestId::random(), SystemTime::now());
    if !scope.filters.is_empty() {
        drop_named(&mut head.fields);
    }
    let render = |head: &RequestHead, template: &Template, out: &mut Vec<u8>| {
        template.render_header(&RequestValues { captures, ..RequestValues::new(head, client_info, id, start) }, out);
    };
    for (index, filter) in scope.filters.iter().enumerate() {
        if foreseen.by_filter.is_none() {
            foreseen.by_filter = filter.foretell(&head, client_info).map(|answer| (index, answer));
        }
        if let Filter::Split(split) = &**filter {
            let upstream = split.foresee(&head, client_info);
            foreseen.splits.extend(upstream.map(|name| (index, name.unwrap_or_default().to_owned())));
        }
        filter.preview(&mut head, &render);
    }
    let mut asked = 0;
    let (place, handler) = loop {
        let (place, handler) = scope.handler(asked, &head).ok()??;
        let values = RequestValues { captures, ..RequestValues::new(&head, client_info, id, start) };
        foreseen.by_handler = match handler {
            Handler::StaticFiles(files) => files.foretell_for(&values, scope.handler(place + 1, &head).ok()?.is_none()),
            handler => handler.foretell(&values),
        };
        if !matches!(handler, Handler::StaticFiles(_)) || foreseen.by_handler.is_some() {
            break (place, handler);
        }
        foreseen.declined.push(place);
        asked = place + 1;
    };
    let (Handler::Proxy(compiled), Some(proxy)) = (handler, proxy_at(place)) else { return None };
    if !may_go_on(&mut head) {
        return None;
    }
    let backend = proxy.pool.as_ref().and_then(|pool| pool.backends.as_ref()?.first());
    let address = backend.and_then(|backend| Address::parse(&backend.address).ok());
    let host = address.map(|address| address.host_field(address.tls(false))).unwrap_or_default();
    let target = compiled
        .preview(&mut head, &Preview { client: client_info, trusted_hop, captures, id, start, options, host: &host })?;
    let kept = names_of(&head);
    let mut dropped: Vec<String> = Vec::new();
    for name in written {
        if !kept.iter().chain(&dropped).any(|other| other.eq_ignore_ascii_case(&name)) {
            dropped.push(name);
        }
    }
    Some(Sent {
        line: format!("{} {} HTTP/1.1", lossy(head.method_text()), lossy(&target)),
        fields: head.fields.iter().map(|(name, value)| (lossy(name), lossy(value))).collect(),
        dropped,
    })
}
