//! Requests that another server in this process has read: which of them are the proxy's, and their connections.

use std::cell::RefCell;
use std::time::UNIX_EPOCH;

use proxy_http::http1::parse_request;
use proxy_http::message::{is_token_byte, Method, RequestHead};

use super::{Server, StartError};
use crate::downstream::adoption::{AdoptedClient, AdoptedConnection, Adoption};
use crate::handler::{Handler, Handling};
use crate::request_id::RequestId;
use crate::rewrite::{Captured, Captures, RequestValues};
use crate::snapshot::Snapshot;

thread_local! {
    /// Memory that the questions of a thread share.
    static SCRATCH: RefCell<(RequestHead, Captured)> = RefCell::default();
}

impl Server {
    /// Whether a handler answers the request with this head. Filters are not asked: they run once the connection is
    /// adopted. A malformed request belongs to the handler that its path leads to, so that it is refused there.
    pub fn takes(&self, head: &[u8], client: &AdoptedClient) -> bool {
        let snapshot = self.snapshot.load();
        SCRATCH.with_borrow_mut(|(request, captured)| match parse_request(head, request) {
            Ok(Some(_)) => has_handler(&snapshot, request, client, captured),
            _ => {
                let path_alone = path_alone(head);
                matches!(parse_request(&path_alone, request), Ok(Some(_)))
                    && has_handler(&snapshot, request, client, captured)
            }
        })
    }

    /// Answers the request of a connection that another server has accepted. The client gets one response, and the
    /// connection is closed after it.
    ///
    /// # Errors
    /// If the server is stopping, or if the socket is unusable. The connection is then closed.
    pub fn adopt(&self, adoption: Adoption) -> Result<(), StartError> {
        let connection = AdoptedConnection::new(adoption).map_err(StartError::System)?;
        let threads = self.control.threads.upgrade().ok_or(StartError::Stopped)?;
        threads.adopt(connection).map_err(|()| StartError::Stopped)
    }
}

fn has_handler(
    snapshot: &Snapshot,
    request: &mut RequestHead,
    client: &AdoptedClient,
    captured: &mut Captured,
) -> bool {
    if request.method == Method::Connect {
        return false;
    }
    let (trusted, peer) = (&snapshot.globals.trusted, client.info());
    let trusts = trusted.trusts(peer);
    if request.fields.may_be_hearsay() {
        trusted.drop_unbelieved(&mut request.fields, trusts);
    }
    let named = trusts.then(|| trusted.client(&request.fields, peer)).flatten();
    let client_info = named.as_ref().unwrap_or(peer);
    // A path with two meanings is refused, if one of them is the proxy's.
    let Ok(scope) = snapshot.routes.locate(request, client_info, captured) else { return true };
    let mut asked = 0;
    loop {
        match scope.handler(asked, request) {
            Ok(Some((place, Handler::StaticFiles(files)))) => {
                let captures = Captures::new(&snapshot.globals.capture_names, captured);
                let values = RequestValues::new(request, client_info, RequestId::from(0), UNIX_EPOCH);
                if files.foretell(&RequestValues { captures, ..values }).is_some() {
                    return true;
                }
                asked = place + 1;
            }
            handler => return handler.map_or(true, |handler| handler.is_some()),
        }
    }
}

/// A sound head with the method and the path of a malformed one, as far as those can be read, and `_` in place of what
/// no path may hold.
#[cold]
fn path_alone(head: &[u8]) -> Vec<u8> {
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let (method, target) = line.split_at(memchr::memchr(b' ', line).unwrap_or(line.len()));
    let method = if !method.is_empty() && method.iter().copied().all(is_token_byte) { method } else { b"GET" };
    let target = target.trim_ascii();
    let path = target.split(|byte| matches!(byte, b'?' | b' ')).next().unwrap_or_default();
    let mut sound = [method, b" "].concat();
    for (index, byte) in path.iter().enumerate() {
        let escape = || path.get(index + 1..index + 3).filter(|hex| *hex != b"00");
        match byte {
            b'%' if escape().is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => sound.push(b'%'),
            b'/' | b'.' | b'-' | b'~' | b':' | b'@' | b',' | b';' | b'=' | b'+' | b'!' | b'*' => sound.push(*byte),
            byte if byte.is_ascii_alphanumeric() => sound.push(*byte),
            _ => sound.push(b'_'),
        }
    }
    sound.extend_from_slice(b" HTTP/1.0\r\n\r\n");
    sound
}

#[cfg(test)]
mod tests;
