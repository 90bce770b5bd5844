//! The request that a backend gets, computed by the compiled configuration as in the running proxy.

use std::time::SystemTime;

use proxy_http::headers::hop_by_hop::{drop_named, ConnectionOptions};
use proxy_http::http1::parse_request;
use proxy_http::message::RequestHead;
use serde::Serialize;

use super::lossy;
use crate::client::ClientInfo;
use crate::compile::Purpose;
use crate::configuration::{Config, ProxyConfig};
use crate::forward::may_go_on;
use crate::handler::{proxy::Preview, Handler};
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

/// The backend's form of the request `text`, which `proxy` takes; `None` if the backend gets no request. Changes by
/// filters that ask a server or use a secret are left out.
pub(super) fn sent(
    config: &Config,
    proxy: &ProxyConfig,
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
    let Ok(Some(Handler::Proxy(compiled))) = scope.handler(&head) else { return None };
    let captures = Captures::new(&snapshot.globals.capture_names, &captured);
    let (id, start) = (RequestId::random(), SystemTime::now());
    if !scope.filters.is_empty() {
        drop_named(&mut head.fields);
    }
    let render = |head: &RequestHead, template: &Template, out: &mut Vec<u8>| {
        template.render_header(&RequestValues { captures, ..RequestValues::new(head, client_info, id, start) }, out);
    };
    for filter in &scope.filters {
        filter.preview(&mut head, &render);
    }
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
