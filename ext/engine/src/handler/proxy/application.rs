//! What a Rack application in this process gets beside an ordinary request.

use std::io::Write;

use proxy_http::message::{behind_prefix, Version};

use super::Proxy;
use crate::request::Exchange;

impl Proxy {
    /// Writes a line that begins the connection to an application: what the engine knows of a request, where no client
    /// can write. `SCHEME ADDRESS PORT LOCAL_PORT VERSION PREFIX USER`, with `-` for what is unknown; `PREFIX` is the
    /// length of `path_prefix` in the path, and the user, who may have spaces in the name, comes last.
    pub(super) fn introduce_to_application(&self, exchange: &mut Exchange<'_>) {
        let client = exchange.client_info;
        let work = &mut *exchange.work;
        let path = work.request.path();
        let rest = self.path_prefix.as_deref().and_then(|prefix| behind_prefix(path, prefix));
        let prefix = rest.map_or(0, |rest| path.len() - rest.len());
        let version = match work.request.version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
            Version::Http2 => "HTTP/2",
        };
        let addr = if client.addr.is_empty() || client.stranger { "-" } else { &*client.addr };
        let (port, local_port) = (client.port.unwrap_or(0), client.local_port.unwrap_or(0));
        let (out, user) = (&mut work.introduction, &work.user);
        out.clear();
        let _ = write!(out, "{} {addr} {port} {local_port} {version} {prefix} ", client.scheme());
        if user.iter().any(u8::is_ascii_control) || user.is_empty() {
            out.push(b'-');
        } else {
            out.extend_from_slice(user);
        }
        out.extend_from_slice(b"\r\n");
    }
}
