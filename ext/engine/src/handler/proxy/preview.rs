//! Preview of the request that a backend would get, for `proxy routes`.

use std::time::SystemTime;

use proxy_http::headers::hop_by_hop::ConnectionOptions;
use proxy_http::message::{Known, RequestHead};

use super::request::Hop;
use super::Proxy;
use crate::client::forwarded::{Sender, Stamp};
use crate::client::ClientInfo;
use crate::request_id::RequestId;
use crate::rewrite::RenderedValues;
use crate::rewrite::{Captures, RenderedTarget, RequestValues};

/// Sender of a previewed request, and what is known about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preview<'a> {
    pub(crate) client: &'a ClientInfo,
    /// The trusted proxy that sends the request, if the client does not send it directly.
    pub(crate) trusted_hop: Option<&'a ClientInfo>,
    pub(crate) captures: Captures<'a>,
    pub(crate) id: RequestId,
    pub(crate) start: SystemTime,
    /// Options of this connection that the client asks for.
    pub(crate) options: ConnectionOptions,
    /// The `Host` for a backend that is reached by its own address.
    pub(crate) host: &'a str,
}

impl Proxy {
    /// Changes the request into the one that a backend would get, and returns the target of its first line; `None` if
    /// `to` gives no URL.
    pub(crate) fn preview(&self, request: &mut RequestHead, about: &Preview<'_>) -> Option<Vec<u8>> {
        let mut target = RenderedTarget::default();
        let mut values = RenderedValues::default();
        let scope = RequestValues {
            path: self.path(request.path()),
            captures: about.captures,
            ..RequestValues::new(request, about.client, about.id, about.start)
        };
        match &self.target {
            Some(template) => template.render(&scope, &mut target).ok()?,
            None => crate::rewrite::write_path_and_query(&scope, &mut target),
        }
        values.render(&self.headers, &scope);
        let hop = Hop {
            sender: Sender { client: about.client, trusted_hop: about.trusted_hop },
            stamp: Stamp { id: about.id, start: about.start },
            options: about.options,
            chunked: false,
            metadata: false,
        };
        self.change_request(request, hop, &target, &values, &mut Vec::new());
        if self.target.is_none() && !self.sets_host && !self.keeps_host(request) {
            request.fields.set(Known::Host, about.host.as_bytes());
        }
        Some(target.path_and_query)
    }
}
