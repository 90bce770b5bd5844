//! The head of a request in HTTP/2.

use bytes::Bytes;
use h2::ext::Protocol;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri};
use proxy_http::hex;
use proxy_http::http2::{write_fields, Stream, Upgrade};
use proxy_http::message::Framing;
use proxy_http::message::{Known, RequestHead};

use crate::error::{Error, Kind, Retry, Side};
use crate::relay::ResponseNeeds;
use crate::upstream::Backend;

/// Writes the head of a request.
pub(crate) fn write_request(
    stream: &mut Stream,
    request: &RequestHead,
    path_and_query: &[u8],
    backend: &Backend,
    needs: &ResponseNeeds,
    framing: Framing,
) -> Result<(), Error> {
    // An extended CONNECT has no body beside its tunnel: a request with one is sent as any other, and asks for nothing.
    let wanted = needs.upgrade && framing.is_empty();
    let upgrade = wanted.then(|| Upgrade::of(request)).flatten();
    if upgrade.is_some() && !stream.takes_upgrades() {
        return Err(Error::backend(Kind::NoUpgrade, Retry::Always));
    }
    let target_error = || Error { kind: Kind::Target, side: Side::Us, retry: Retry::Never };
    let mut head = Request::new(());
    *head.uri_mut() = uri(request, path_and_query, backend).ok_or_else(target_error)?;
    *head.headers_mut() = write_fields(&request.fields);
    match upgrade {
        Some(upgrade) => {
            *head.method_mut() = Method::CONNECT;
            head.extensions_mut().insert(Protocol::from(upgrade.protocol()));
            Upgrade::clean(head.headers_mut());
            stream.write_upgrade(head, upgrade);
        }
        None => {
            *head.method_mut() = Method::from_bytes(request.method_text()).map_err(|_| target_error())?;
            stream.write_request(head, framing.is_empty());
        }
    }
    Ok(())
}

/// `:scheme`, `:authority` and `:path`. The scheme is that of the connection to the backend.
fn uri(request: &RequestHead, path_and_query: &[u8], backend: &Backend) -> Option<Uri> {
    let host = request.fields.get(Known::Host).unwrap_or(backend.authority().as_bytes());
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if backend.tls().is_some() { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(Authority::from_maybe_shared(Bytes::copy_from_slice(host)).ok()?);
    let path = Bytes::copy_from_slice(path_and_query);
    let path = PathAndQuery::from_maybe_shared(path).or_else(|_| PathAndQuery::try_from(escaped(path_and_query)));
    parts.path_and_query = Some(path.ok()?);
    Uri::from_parts(parts).ok()
}

/// Escapes characters that no URI has (RFC 3986, section 2). In HTTP/1.1 they are passed on as they came.
fn escaped(path_and_query: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(path_and_query.len() + 16);
    for &byte in path_and_query {
        match byte {
            b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                escaped.extend(hex::percent(byte));
            }
            byte => escaped.push(byte),
        }
    }
    escaped
}
