//! The request that is sent to a backend.

use proxy_http::headers::hearsay::is_hearsay;
use proxy_http::headers::hop_by_hop;
use proxy_http::headers::hop_by_hop::ConnectionOptions;
use proxy_http::message::Framing;
use proxy_http::message::{behind_prefix, is_one_to_cgi, FieldName, Fields, Known, Method, RequestHead, Version};

use super::{target_error, Proxy};
use crate::channel::Channel;
use crate::client::forwarded;
use crate::error::Error;
use crate::relay::ResponseNeeds;
use crate::request::Exchange;
use crate::request::Workspace;
use crate::rewrite::RenderedTarget;
use crate::rewrite::RenderedValues;
use crate::upstream::ask::write_head;
use crate::upstream::Backend;

/// Changes of a request that do not come from the directive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hop<'a> {
    pub(super) sender: forwarded::Sender<'a>,
    pub(super) stamp: forwarded::Stamp,
    pub(super) options: ConnectionOptions,
    /// Whether the request's body comes in chunks.
    pub(super) chunked: bool,
    /// Whether the request's fields are the metadata of a gRPC call.
    pub(super) metadata: bool,
}

impl Proxy {
    /// Renders the target and the fields, and changes the head into the one for a backend. [`Proxy::write_request`]
    /// makes the changes that depend on the backend itself.
    #[inline(always)]
    pub(super) fn prepare_request(&self, exchange: &mut Exchange<'_>) -> Result<(), Error> {
        let mut target = std::mem::take(&mut exchange.work.target);
        let mut values = std::mem::take(&mut exchange.work.values);
        let path = self.path(exchange.work.request.path());
        let scope = exchange.scope(path);
        let rendered = match &self.target {
            Some(template) => template.render(&scope, &mut target),
            None => {
                crate::rewrite::write_path_and_query(&scope, &mut target);
                Ok(())
            }
        };
        values.render(&self.headers, &scope);
        exchange.work.target = target;
        exchange.work.values = values;
        rendered.map_err(|_| target_error())?;

        let hop = Hop {
            sender: forwarded::Sender { client: exchange.client_info, trusted_hop: exchange.trusted_hop },
            stamp: exchange.stamp(),
            options: exchange.options,
            chunked: exchange.framing == Framing::Chunked,
            metadata: exchange.call.is_some_and(|call| call.streams),
        };
        let Workspace { request, target, values, scratch, .. } = &mut *exchange.work;
        self.change_request(request, hop, target, values, scratch);
        Ok(())
    }

    /// Changes the head into the one for a backend, except for the parts that depend on the backend itself.
    #[inline]
    pub(super) fn change_request(
        &self,
        request: &mut RequestHead,
        hop: Hop<'_>,
        target: &RenderedTarget,
        values: &RenderedValues,
        scratch: &mut Vec<u8>,
    ) {
        let options = hop.options;
        let odd = match hop.metadata || !self.allow_underscores.is_empty() {
            true => self.passable(&request.fields, hop.metadata),
            false => Vec::new(),
        };
        let late = hop.chunked || request.version == Version::Http2;
        hop_by_hop::clean_request(request, &odd, late, options.upgrade);
        forwarded::apply(request, self.forwarding, hop.sender, hop.stamp, self.own_headers, scratch);
        let via = request.version.via();
        if !self.own_headers.has(Known::Via) {
            request.fields.append(Known::Via, via);
        }
        if self.target.is_some() && !self.sets_host && !self.keeps_host(request) {
            request.fields.set(Known::Host, &target.authority);
        }
        if request.version == Version::Http10 {
            // An HTTP/1.0 client understands no interim response, and waits for none.
            request.fields.remove(Known::Expect);
        }
        if let Some(files) = &self.named_files {
            files.tell(request);
        }
        values.apply(&self.headers, &mut request.fields);
        if request.method == Method::Trace {
            // TRACE shows its sender the fields it carries, and these are for the backend alone.
            for edit in self.headers.iter().filter(|edit| edit.name.known() != Some(Known::Host)) {
                request.fields.remove(&edit.name);
            }
        }
        match (options.upgrade, options.trailers) {
            (true, true) => request.fields.append(Known::Connection, b"upgrade, TE"),
            (true, false) => request.fields.append(Known::Connection, b"upgrade"),
            (false, true) => request.fields.append(Known::Connection, b"TE"),
            (false, false) if self.keep.connections == 0 => request.fields.append(Known::Connection, b"close"),
            (false, false) => {}
        }
        if options.trailers {
            request.fields.append(Known::Te, b"trailers");
        }
    }

    /// Writes the head for one attempt.
    pub(super) fn write_request(
        &self,
        exchange: &mut Exchange<'_>,
        connection: &mut Channel,
        backend: &Backend,
        needs: &ResponseNeeds,
    ) -> Result<(), Error> {
        let work = &mut *exchange.work;
        if self.sends_own_host(&work.request) {
            work.request.fields.set(Known::Host, backend.authority().as_bytes());
        }
        if !needs.go_ahead && exchange.outcome.attempts > 1 {
            // An earlier attempt has already told the client to continue.
            work.request.fields.remove(Known::Expect);
        }
        let target = &work.target.path_and_query;
        let framing = exchange.framing;
        let changes = exchange.call.is_some() || !work.request.fields.lacks(Known::Trailer);
        if changes && matches!(connection, Channel::Http1(_)) {
            let (request, framing) = self.for_http1(&work.request, framing);
            return write_head(connection, &request, target, backend, needs, framing);
        }
        write_head(connection, &work.request, target, backend, needs, framing)
    }

    /// Whether each backend gets the request under its own name.
    pub(super) fn sends_own_host(&self, request: &RequestHead) -> bool {
        self.target.is_none() && !self.sets_host && !self.keeps_host(request)
    }

    /// Whether the client's `Host` is kept. An HTTP/1.0 client may send none.
    pub(super) fn keeps_host(&self, request: &RequestHead) -> bool {
        self.preserve_host && request.fields.has(Known::Host) && !request.authority().is_empty()
    }

    /// Names with `_` or `.` in them that are kept: the allowed ones and, with `metadata`, the fields of a gRPC call. A
    /// name is not kept if a CGI backend would take it for a field that the configuration or the proxy itself sets or
    /// removes.
    fn passable(&self, fields: &Fields, metadata: bool) -> Vec<FieldName> {
        let is = |own: &FieldName, name: &[u8]| own.as_str().as_bytes().eq_ignore_ascii_case(name);
        let ours = |name: &[u8]| {
            let twin = |own: &FieldName| is_one_to_cgi(own.as_str().as_bytes(), name) && !is(own, name);
            fields.touched_as_another(name) || self.headers.iter().any(|edit| twin(&edit.name))
        };
        let allowed = |name: &[u8]| {
            self.allow_underscores.iter().any(|allowed| is(allowed, name)) || metadata && !is_hearsay(name)
        };
        let odd = fields.iter().map(|(name, _)| name).filter(|name| memchr::memchr2(b'_', b'.', name).is_some());
        let kept = odd.filter(|name| allowed(name) && !ours(name));
        kept.filter_map(|name| FieldName::new(std::str::from_utf8(name).ok()?)).collect()
    }

    /// The head for an HTTP/1.1 backend, and the framing of its body. Trailers are announced if they are sent. gRPC
    /// metadata is treated as the fields of any other request.
    #[cold]
    fn for_http1(&self, request: &RequestHead, framing: Framing) -> (RequestHead, Framing) {
        let mut head = request.clone();
        let odd = |name: &[u8]| name.iter().any(|byte| matches!(byte, b'_' | b'.'));
        let allowed = |name: &[u8]| {
            self.allow_underscores.iter().any(|allowed| allowed.as_str().as_bytes().eq_ignore_ascii_case(name))
        };
        let foreign = |name: &[u8]| odd(name) && !allowed(name) && !request.fields.touched(name);
        head.fields.retain(|known, name, _| match known {
            Some(Known::Trailer) => self.request_trailers,
            _ => !foreign(name),
        });
        match framing {
            // Over HTTP/2 a body with a length may have trailers; here only a chunked body can have them.
            Framing::Length(_) if head.fields.has(Known::Trailer) && request.version == Version::Http2 => {
                head.fields.remove(Known::ContentLength);
                (head, Framing::Chunked)
            }
            framing => (head, framing),
        }
    }

    /// The path as `{path}` shows it: without the prefix if `strip_prefix` is on.
    pub(super) fn path<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        match &self.path_prefix {
            Some(prefix) if self.strip_prefix => behind_prefix(path, prefix).unwrap_or(path),
            _ => path,
        }
    }
}
