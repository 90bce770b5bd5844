//! What becomes of the server's answer.

use std::future::poll_fn;
use std::task::Poll;

use proxy_http::headers::{framing, hop_by_hop};
use proxy_http::message::{Framing, Malformed, Piece};
use proxy_http::message::{Known, Method};

use super::{Answered, ForwardAuth};
use crate::channel::Channel;
use crate::error::{Error, Kind, Retry, Waited};
use crate::request::Workspace;
use crate::request::{Exchange, Verdict};
use crate::respond::GrpcRefusal;

/// How much of a body is passed on.
const LONGEST: usize = 64 * 1024;

impl ForwardAuth {
    /// The request may pass: takes the fields over that are asked for. What the client sent under their names goes,
    /// also where the server sends nothing.
    pub(super) async fn take_over(&self, exchange: &mut Exchange<'_>, answered: Answered) {
        for name in &self.copied {
            let work = &mut *exchange.work;
            work.request.fields.remove(name);
            // A TRACE shows its sender what it carries, and this is for the backend alone.
            let told = work.response.fields.all(name).filter(|_| work.request.method != Method::Trace);
            for value in told {
                work.request.fields.append(name, value);
            }
            exchange.log_as_verified(name);
        }
        // The body is of no interest, but the connection may be used again behind it.
        if let Err(error) = self.body(exchange, answered).await {
            exchange.debug(format_args!("forward_auth: the rest of the answer was not read: {error}"));
        }
        // It is no answer to the client.
        exchange.work.response.fields.clear();
    }

    /// The request may not pass: the client gets the server's answer.
    pub(super) async fn pass_on(&self, exchange: &mut Exchange<'_>, answered: Answered) -> Result<Verdict, Error> {
        let body = self.body(exchange, answered).await?;
        if exchange.call.is_some() {
            let Workspace { response, extra, .. } = &mut *exchange.work;
            let status = response.status;
            for challenge in response.fields.all(Known::WwwAuthenticate) {
                extra.add(Known::WwwAuthenticate, challenge);
            }
            return Ok(exchange.answer_call(GrpcRefusal::Status(status)).await);
        }
        let response = &mut exchange.work.response;
        let status = response.status;
        let via = response.version.via();
        hop_by_hop::clean_response(response, false, false);
        response.fields.remove(Known::ContentLength);
        // It is written with every answer.
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

    /// Reads the body of an answer, and keeps the connection if it can be used again.
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
        let clean = reusable && server.received().is_empty() && !server.peer_ended();
        if let (Channel::Http1(server), true) = (server, clean) {
            let (pool, introduction) = (&exchange.tools.pool, &exchange.work.introduction);
            pool.give_back(attempt.backend(), server.into_stream(), introduction, self.upstream.keep());
        }
        Ok(body)
    }
}
