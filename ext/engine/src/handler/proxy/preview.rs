//! The request that a backend would be sent, for `proxy routes`.

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

/// Who sends a request that somebody asks about, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preview<'a> {
    pub(crate) client: &'a ClientInfo,
    /// The trusted proxy that asks for it, if it does not ask itself.
    pub(crate) via: Option<&'a ClientInfo>,
    pub(crate) captures: Captures<'a>,
    pub(crate) id: RequestId,
    pub(crate) start: SystemTime,
    /// What the client asks of this hop.
    pub(crate) options: ConnectionOptions,
    /// The `Host` of a backend that is asked by its own address.
    pub(crate) host: &'a str,
}

impl Proxy {
    /// Makes of the request what a backend would get, and returns the target of its first line; `None` if no URL comes of `to`.
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
            sender: Sender { client: about.client, trusted_hop: about.via },
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
