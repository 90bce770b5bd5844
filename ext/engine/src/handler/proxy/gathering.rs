//! Small bodies of requests are taken in before the request may have a place at a backend.

use proxy_http::message::Known;

use crate::error::Error;
use crate::relay::{self, RequestBody, ResponseNeeds};
use crate::request::Exchange;

/// Bytes of a request's body that are taken in before the request may have a place, so that a slow client holds none.
const GATHERED: usize = 64 * 1024;

/// Takes in a small body. A client that waits for a go-ahead gets it now.
pub(super) async fn gather(exchange: &mut Exchange<'_>, body: &mut RequestBody) -> Result<(), Error> {
    if body.has_body() {
        if exchange.expects_go_ahead() {
            let mut needs = ResponseNeeds { interim: true, go_ahead: true, upgrade: false };
            relay::pass_go_ahead(&mut exchange.client.channel, &mut exchange.work.response, &mut needs);
        }
        let limits = &exchange.globals.limits;
        relay::gather(exchange.client, body, GATHERED, limits.client_body, limits.rate).await?;
    }
    // A go-ahead was given where it was needed.
    exchange.work.request.fields.remove(Known::Expect);
    Ok(())
}
