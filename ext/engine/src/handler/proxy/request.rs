//! What a backend is sent.

use super::{target_error, Edit, Proxy};
use crate::error::Error;
use crate::forward::Exchange;
use crate::headers::{forwarded, hop_by_hop};
use crate::http1::{write_request_head, Framing};
use crate::message::{behind_prefix, Known, RequestHead, Span, Version};
use crate::peer::Peer;
use crate::rewrite::Scope;
use crate::upstream::exchange::Asked;
use crate::upstream::http2;
use crate::upstream::Endpoint;

/// Values of fields, rendered before anything is changed: a rewrite sees what the client sent.
#[derive(Debug, Default)]
pub(crate) struct RenderedValues {
    text: Vec<u8>,
    spans: Vec<Span>,
}

impl RenderedValues {
    /// Bytes that it has room for.
    pub(crate) fn capacity(&self) -> usize {
        self.text.capacity()
    }

    pub(super) fn render(&mut self, edits: &[Edit], scope: &Scope<'_>) {
        self.text.clear();
        self.spans.clear();
        for template in edits.iter().flat_map(|edit| &edit.values) {
            let start = self.text.len() as u32;
            template.render_header(scope, &mut self.text);
            self.spans.push(Span { start, end: self.text.len() as u32 });
        }
    }

    /// Carries the edits out.
    pub(super) fn apply(&self, edits: &[Edit], fields: &mut crate::message::Fields) {
        let mut spans = self.spans.iter();
        for edit in edits {
            for i in 0..edit.values.len() {
                let value = spans.next().map_or(&b""[..], |span| span.of(&self.text)).trim_ascii();
                if i == 0 {
                    fields.set(&edit.name, value);
                } else {
                    fields.append(&edit.name, value);
                }
            }
            if edit.values.is_empty() {
                fields.remove(&edit.name);
            }
        }
    }
}

impl Proxy {
    /// Renders the target and the fields, and changes the head into what a backend is to get. What depends on the backend
    /// itself comes in [`Proxy::write_request`].
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

        let sender = forwarded::Sender { client: exchange.link, via: exchange.via };
        let (stamp, wishes) = (exchange.stamp(), exchange.wishes);
        let chunked = exchange.framing == Framing::Chunked;
        let work = &mut *exchange.work;
        let request = &mut work.request;
        hop_by_hop::clean_request(request, &self.allow_underscores, chunked, wishes.upgrade);
        forwarded::apply(request, self.forwarding, sender, stamp, self.own_headers, &mut work.scratch);
        let via = request.version.via();
        if !self.own_headers.has(Known::Via) {
            request.fields.append(Known::Via, via);
        }
        if self.target.is_some() && !self.sets_host && !self.keeps_host(request) {
            request.fields.set(Known::Host, &work.target.authority);
        }
        if request.version == Version::Http10 {
            // An HTTP/1.0 client understands no interim response, and waits for none.
            request.fields.remove(Known::Expect);
        }
        work.values.apply(&self.headers, &mut request.fields);
        match (wishes.upgrade, wishes.trailers) {
            (true, true) => request.fields.append(Known::Connection, b"upgrade, TE"),
            (true, false) => request.fields.append(Known::Connection, b"upgrade"),
            (false, true) => request.fields.append(Known::Connection, b"TE"),
            (false, false) if self.keep.connections == 0 => request.fields.append(Known::Connection, b"close"),
            (false, false) => {}
        }
        if wishes.trailers {
            request.fields.append(Known::Te, b"trailers");
        }
        Ok(())
    }

    /// Writes the head for one attempt.
    pub(super) fn write_request(
        &self,
        exchange: &mut Exchange<'_>,
        backend: &mut Peer,
        endpoint: &Endpoint,
        asked: &Asked,
    ) -> Result<(), Error> {
        let work = &mut *exchange.work;
        if self.target.is_none() && !self.sets_host && !self.keeps_host(&work.request) {
            work.request.fields.set(Known::Host, endpoint.authority().as_bytes());
        }
        if !asked.go_ahead && exchange.outcome.attempts > 1 {
            // The client was told to go on by an earlier attempt.
            work.request.fields.remove(Known::Expect);
        }
        let framing = exchange.framing;
        match backend {
            Peer::Http1(connection) => {
                let out = connection.output();
                write_request_head(out, &work.request, &work.target.path_and_query);
                if framing == Framing::Chunked {
                    out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
                }
                out.extend_from_slice(b"\r\n");
                connection.begin_body(framing);
            }
            Peer::Http2(stream) => {
                http2::write_request(stream, &work.request, &work.target.path_and_query, endpoint, asked, framing)?;
            }
        }
        Ok(())
    }

    /// Whether `Host` stays what the client says. One of HTTP/1.0 may say nothing.
    fn keeps_host(&self, request: &RequestHead) -> bool {
        self.preserve_host && request.fields.has(Known::Host) && !request.authority().is_empty()
    }

    /// The path as `{path}` shows it: without the prefix if that is to be stripped.
    pub(super) fn path<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        match &self.path_prefix {
            Some(prefix) if self.strip_prefix => behind_prefix(path, prefix).unwrap_or(path),
            _ => path,
        }
    }
}
