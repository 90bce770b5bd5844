//! Attributes of spans, by the semantic conventions of OpenTelemetry, version 1.37.

use proxy_http::decimal;
use proxy_http::message::{host_of, Known, Method, RequestHead, Version};

use super::span::name_of;
use super::{Asked, TraceClient};
use crate::error::EndReason;
use crate::escape::push_json;
use crate::upstream::backend::BackendAddress;

/// Bytes of a value that are shown, at most: a client may send long ones.
const SHOWN: usize = 1024;

/// The attributes of one span, as the members of a JSON list.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<u8>);

impl Attributes {
    /// Attributes of a request as its client sent it.
    pub(super) fn of_request(request: &RequestHead, asking: TraceClient<'_>) -> Self {
        let TraceClient { client, peer, redaction, .. } = asking;
        let mut all = Self(Vec::with_capacity(1024));
        all.method(request.method, request.method_text());
        all.text("url.scheme", client.scheme().as_bytes());
        all.text("url.path", request.path());
        if let Some(query) = request.query().strip_prefix(b"?").filter(|query| !query.is_empty()) {
            all.text("url.query", &redaction.query(&query[..query.len().min(SHOWN)]));
        }
        if !request.host().is_empty() {
            all.text("server.address", request.host());
        }
        let port = request.port().and_then(|port| std::str::from_utf8(port).ok()?.parse().ok());
        let port = port.or(client.local_port);
        if let Some(port) = port {
            all.number("server.port", u64::from(port));
        }
        if !client.addr.is_empty() {
            all.text("client.address", client.addr.as_bytes());
        }
        if !peer.addr.is_empty() {
            all.text("network.peer.address", peer.addr.as_bytes());
        }
        if let Some(port) = peer.port {
            all.number("network.peer.port", u64::from(port));
        }
        all.version(request.version);
        if let Some(agent) = request.fields.get(Known::UserAgent) {
            all.text("user_agent.original", agent);
        }
        all
    }

    /// Attributes of a request with that method.
    pub(super) fn of_method(method: Method, written: &[u8]) -> Self {
        let mut all = Self::default();
        all.method(method, written);
        all
    }

    /// Adds the location.
    pub(super) fn add_route(&mut self, route: &str) {
        if !route.is_empty() {
            self.text("http.route", route.as_bytes());
        }
    }

    /// Adds the status of the response, unless it is 0, and the failure. A status from `least` on is a failure too,
    /// named by itself if there is no reason.
    pub(super) fn add_result(&mut self, status: u16, failed: Option<EndReason>, least: u16) {
        if status > 0 {
            self.number("http.response.status_code", u64::from(status));
        }
        match failed {
            Some(reason) => self.text("error.type", reason.as_str().as_bytes()),
            None if status >= least => self.text("error.type", status.to_string().as_bytes()),
            None => {}
        }
    }

    /// Adds whom an attempt has asked.
    pub(super) fn add_asked(&mut self, asked: Asked<'_>) {
        let Asked { backend, target, version, redaction } = asked;
        let authority = backend.authority().as_bytes();
        let scheme: &[u8] = if backend.tls().is_some() { b"https" } else { b"http" };
        let (host, port) = (host_of(authority), authority.get(host_of(authority).len() + 1..));
        match backend.address() {
            BackendAddress::Unix(path) => {
                self.text("server.address", path.as_os_str().as_encoded_bytes());
                self.text("network.transport", b"unix");
            }
            BackendAddress::Application(_) => self.text("server.address", backend.label().as_bytes()),
            BackendAddress::Tcp(address) | BackendAddress::Either(address, _) => {
                self.text("server.address", host);
                let written = port.and_then(|port| std::str::from_utf8(port).ok()?.parse().ok());
                self.number("server.port", u64::from(written.unwrap_or(address.port())));
                if let BackendAddress::Tcp(address) = backend.address() {
                    self.text("network.peer.address", address.ip().to_string().as_bytes());
                    self.number("network.peer.port", u64::from(address.port()));
                }
            }
        }
        let mut url = [scheme, b"://", authority].concat();
        let path = memchr::memchr(b'?', target).unwrap_or(target.len());
        url.extend_from_slice(&target[..path.min(SHOWN)]);
        if let Some(query) = target.get(path + 1..) {
            url.push(b'?');
            url.extend_from_slice(&redaction.query(&query[..query.len().min(SHOWN)]));
        }
        self.text("url.full", &url);
        if let Some(version) = version {
            self.version(version);
        }
    }

    /// Adds a text. Bytes beyond the bound are left out.
    pub(super) fn text(&mut self, key: &str, value: &[u8]) {
        self.begin(key);
        self.0.extend_from_slice(b"{\"stringValue\":");
        push_json(&mut self.0, &value[..value.len().min(SHOWN)]);
        self.0.extend_from_slice(b"}}");
    }

    /// Adds a number.
    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.begin(key);
        self.0.extend_from_slice(b"{\"intValue\":\"");
        decimal::push(&mut self.0, value);
        self.0.extend_from_slice(b"\"}}");
    }

    /// Appends the list.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        out.extend_from_slice(&self.0);
        out.push(b']');
    }

    fn begin(&mut self, key: &str) {
        if !self.0.is_empty() {
            self.0.push(b',');
        }
        self.0.extend_from_slice(b"{\"key\":");
        push_json(&mut self.0, key.as_bytes());
        self.0.extend_from_slice(b",\"value\":");
    }

    /// Adds a method. One that the engine does not know is named apart: clients can invent any number of them.
    fn method(&mut self, method: Method, written: &[u8]) {
        self.text("http.request.method", name_of(method).unwrap_or("_OTHER").as_bytes());
        if name_of(method).is_none() && !written.is_empty() {
            self.text("http.request.method_original", written);
        }
    }

    fn version(&mut self, version: Version) {
        let text: &[u8] = match version {
            Version::Http10 => b"1.0",
            Version::Http11 => b"1.1",
            Version::Http2 => b"2",
        };
        self.text("network.protocol.version", text);
    }
}
