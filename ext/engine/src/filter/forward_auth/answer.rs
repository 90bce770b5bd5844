//! Handling of the response of the `forward_auth` server.

use std::future::poll_fn;
use std::task::Poll;

use proxy_http::headers::{framing, hop_by_hop};
use proxy_http::message::{Framing, Malformed, Piece};
use proxy_http::message::{Known, Method};

use super::{Answered, ForwardAuth};
use crate::error::{EndReason, Error, Kind, Retry, Waited};
use crate::request::Workspace;
use crate::request::{give_back, Exchange, Verdict};
use crate::respond::GrpcRefusal;

/// Bytes of a body that are passed on, at most.
const LONGEST: usize = 64 * 1024;

impl ForwardAuth {
    /// Lets the request pass and copies the configured fields from the response to the request. Fields that the client
    /// sent under these names are removed, even if the server sends none.
    pub(super) async fn take_over(&self, exchange: &mut Exchange<'_>, answered: Answered) {
        for name in &self.copied {
            let work = &mut *exchange.work;
            work.request.fields.remove(name);
            // TRACE shows its sender the fields it carries, and these are for the backend alone.
            let told = work.response.fields.all(name).filter(|_| work.request.method != Method::Trace);
            for value in told {
                work.request.fields.append(name, value);
            }
            exchange.log_as_verified(name);
        }
        // The body is ignored, but must be read before the connection can be used again.
        if let Err(error) = self.body(exchange, answered).await {
            exchange.debug(format_args!("forward_auth: the rest of the answer was not read: {error}"));
        }
        // This response is not for the client.
        exchange.work.response.fields.clear();
    }

    /// Rejects the request: the client gets the server's response.
    pub(super) async fn pass_on(&self, exchange: &mut Exchange<'_>, answered: Answered) -> Result<Verdict, Error> {
        let body = self.body(exchange, answered).await?;
        exchange.ends_for(EndReason::Denied);
        if exchange.call.is_some() {
            let Workspace { response, response_additions, .. } = &mut *exchange.work;
            let status = response.status;
            for challenge in response.fields.all(Known::WwwAuthenticate) {
                response_additions.add(Known::WwwAuthenticate, challenge);
            }
            return Ok(exchange.answer_call(GrpcRefusal::Status(status)).await);
        }
        let response = &mut exchange.work.response;
        let status = response.status;
        let via = response.version.via();
        hop_by_hop::clean_response(response, false, false);
        response.fields.remove(Known::ContentLength);
        // The proxy writes this field with every response of its own.
        response.fields.remove(Known::Date);
        if !framing::is_bodyless(status) {
            response.fields.append(Known::ContentLength, body.len().to_string().as_bytes());
        }
        response.fields.append(Known::Via, via);
        let mut lines = Vec::new();
        response.fields.write_to(&mut lines);
        exchange.debug(format_args!("forward_auth: answered {status}"));
        Ok(exchange.answer(status, &lines, &body).await)
    }

    /// Reads the body of the response, and keeps the connection if it can be used again.
    async fn body(&self, exchange: &mut Exchange<'_>, answered: Answered) -> Result<Vec<u8>, Error> {
        let Answered { mut server, attempt, framing, deadline } = answered;
        let response = &exchange.work.response;
        let reusable = framing != Framing::UntilClose
            && !hop_by_hop::promises_a_body_in_vain(response)
            && framing::keeps_alive(&response.fields, response.version);
        server.begin_reading(framing);
        let mut body = Vec::new();
        let alarm = &mut exchange.client.alarm;
        poll_fn(|cx| loop {
            match server.poll_body(cx) {
                Poll::Ready(Ok(Piece::End)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(Piece::More)) => {}
                Poll::Ready(Ok(Piece::Data(n))) => {
                    if body.len() + n > LONGEST {
                        let why = Kind::Malformed(Malformed::AnswerTooLong);
                        return Poll::Ready(Err(Error::backend(why, Retry::Never)));
                    }
                    body.extend_from_slice(&server.received()[..n]);
                    server.consume_body(n);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::backend(error.into(), Retry::Never))),
                Poll::Pending => {
                    let over = || Err(Error::backend(Kind::Timeout(Waited::Read), Retry::Never));
                    return alarm.poll(cx, deadline).map(|()| over());
                }
            }
        })
        .await?;
        let (pool, introduction) = (&exchange.tools.pool, &exchange.work.introduction);
        give_back(pool, &attempt, &mut Some(server), introduction, reusable.then(|| self.upstream.keep()));
        Ok(body)
    }
}
