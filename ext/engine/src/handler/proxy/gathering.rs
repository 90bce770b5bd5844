//! Bodies of requests that are taken in before the request may have a place at a backend: small ones for an
//! application, any with `request_buffering`.

use proxy_http::message::{Framing, Known};

use super::Proxy;
use crate::error::{Error, Kind};
use crate::relay::{self, RequestBody, ResponseNeeds};
use crate::request::Exchange;

/// Bytes of a request's body that are taken in before the request may have a place, so that a slow client holds none.
const GATHERED: usize = 64 * 1024;

/// Bytes of a body that is taken in whole which stay in memory. The rest goes to the disk.
const IN_MEMORY: usize = 1024 * 1024;

impl Proxy {
    /// Takes in what is to be taken in of the body.
    pub(super) async fn gather(&self, exchange: &mut Exchange<'_>, body: &mut RequestBody) -> Result<(), Error> {
        // The messages of a call come one by one, and what follows an upgrade is no body.
        let disk = self.request_buffering.as_ref().filter(|_| exchange.call.is_none() && !exchange.options.upgrade);
        let Some(disk) = disk else {
            return match self.gather_body {
                true => gather(exchange, body, GATHERED).await,
                false => Ok(()),
            };
        };
        body.store(disk.clone(), &exchange.tools.memory);
        let gathered = gather(exchange, body, IN_MEMORY).await;
        match &gathered {
            Ok(()) => tell_length(exchange, body),
            Err(Error { kind: Kind::Disk(error), .. }) => {
                exchange.warn(format_args!("the disk does not take the request's body: {error}"));
            }
            Err(_) => {}
        }
        gathered
    }
}

/// Announces the length of a body that is there whole: many servers like it better than chunks.
fn tell_length(exchange: &mut Exchange<'_>, body: &RequestBody) {
    let client = &exchange.client.channel;
    if exchange.framing == Framing::Chunked && client.is_read() && client.trailers().is_none() {
        let length = body.gathered();
        exchange.framing = Framing::Length(length);
        exchange.work.request.fields.set(Known::ContentLength, length.to_string().as_bytes());
    }
}

/// Takes in a body, of which `most` bytes stay in memory. A client that waits for a go-ahead gets it now.
async fn gather(exchange: &mut Exchange<'_>, body: &mut RequestBody, most: usize) -> Result<(), Error> {
    if body.has_body() {
        if exchange.expects_go_ahead() {
            let mut needs = ResponseNeeds { interim: true, go_ahead: true, upgrade: false };
            relay::pass_go_ahead(&mut exchange.client.channel, &mut exchange.work.response, &mut needs);
        }
        let limits = &exchange.globals.limits;
        relay::gather(exchange.client, body, most, limits.client_body, limits.rate).await?;
    }
    // A go-ahead was given where it was needed.
    exchange.work.request.fields.remove(Known::Expect);
    Ok(())
}
