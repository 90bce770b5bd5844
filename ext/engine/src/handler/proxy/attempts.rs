//! One backend after the other, until one answers or no further attempt is left or safe.

use std::sync::Arc;
use std::time::Duration;

use proxy_http::headers::framing;
use proxy_http::message::Version;
use proxy_http::message::{Framing, Malformed};
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use super::admission::Line;
use super::Proxy;
use crate::error::Blame;
use crate::error::{Error, Kind, Retry, Side};
use crate::exchange::{self, Asked, Limits, Upload};
use crate::peer::Peer;
use crate::request::Exchange;
use crate::upstream::http2::{Call, MOST_DEAD};
use crate::upstream::{Attempt, Backends};

/// One request on its way through the backends.
pub(super) struct Tour {
    /// The TLS name, where it is not each backend's own.
    pub(super) name: Option<ServerName<'static>>,
    pub(super) asked: Asked,
    /// When the head of a response must be there. The client's body is waited for by its own limit; this one starts anew whenever
    /// a piece of it has come.
    deadline: Instant,
    /// Attempts that may follow.
    pub(super) left: u32,
}

impl Proxy {
    /// Sends the request to one backend after the other. The head of the response has then come over `backend`.
    pub(super) async fn ask(
        &self,
        exchange: &mut Exchange<'_>,
        upload: &mut Upload,
        backend: &mut Option<Peer>,
    ) -> Result<Attempt, Error> {
        let deadline = Instant::now() + self.limits.timeout;
        exchange.asking = self.asking(exchange);
        self.prepare_request(exchange)?;
        let by_host;
        let upstream = match &self.backends {
            Backends::Fixed(upstream) => upstream,
            Backends::ByHost(hosts) => {
                by_host = self.upstream_of_host(hosts, exchange)?;
                &by_host
            }
        };
        let name = self.server_name(exchange)?;
        if !upstream.is_ready() {
            let mut ready = Box::pin(tokio::time::timeout_at(deadline, upstream.ready()));
            let _ = exchange.client.awaiting(self.limits.half_close, ready.as_mut()).await?;
        }
        let asked = Asked {
            interim: exchange.work.request.version != Version::Http10,
            go_ahead: exchange.expects_go_ahead(),
            upgrade: exchange.wishes.upgrade,
        };
        let left = self.retries.unwrap_or_else(|| upstream.len() as u32);
        let mut tour = Tour { name, asked, deadline, left };
        let mut line = Line::new(upstream, exchange.asking, self.retry_budget).of_upgrade(asked.upgrade);
        let mut attempt = line.admit(exchange, tour.deadline).await?;
        loop {
            let mut result = self.attempt(exchange, upload, backend, &mut attempt, &mut tour, &mut line).await;
            if let (Ok(()), Some(backend)) = (&result, backend.as_mut()) {
                if is_head_alone(exchange, upload, backend) {
                    // A safe method did nothing (RFC 9110, section 9.2.1).
                    let safe = exchange.work.request.method.is_safe();
                    let retry = if safe { Retry::IfIdempotent } else { Retry::Never };
                    let begun = exchange::await_body(exchange.client, backend, retry).await;
                    result = begun.map_err(|error| self.note_failure(exchange, &attempt, error));
                }
            }
            let error = match result {
                Ok(()) => {
                    let next = self.next_after_answer(exchange, upload, &attempt, &tour, &mut line);
                    let Some(next) = next else { return Ok(attempt) };
                    *backend = None;
                    attempt = next;
                    tour.left -= 1;
                    continue;
                }
                Err(error) => error,
            };
            *backend = None;
            if tour.left == 0 || Instant::now() >= tour.deadline || !self.may_retry(exchange, &error, upload) {
                return Err(error);
            }
            // It may be what the next attempt waits for.
            drop(attempt);
            attempt = match line.admit(exchange, tour.deadline).await {
                Ok(next) => next,
                Err(other) if other.side == Side::Client => return Err(other),
                // What went wrong says more than that nothing else could be tried.
                Err(_) => return Err(error),
            };
            tour.left -= 1;
        }
    }

    /// The next attempt, if the response that has come is a reason for one. Nothing is waited for: there is a response to pass on.
    fn next_after_answer(
        &self,
        exchange: &mut Exchange<'_>,
        upload: &Upload,
        attempt: &Attempt,
        tour: &Tour,
        line: &mut Line<'_>,
    ) -> Option<Attempt> {
        let status = exchange.work.response.status;
        if !self.retry_on.statuses.contains(&status) {
            attempt.succeeded();
            return None;
        }
        attempt.failed(Blame::Backend);
        exchange.add_failure(format_args!("{}: the answer is a {status}", attempt.label()));
        let safe = exchange.work.request.method.is_idempotent() && upload.can_replay();
        if tour.left == 0 || !safe || Instant::now() >= tour.deadline {
            return None;
        }
        attempt.give_retry_back();
        line.admit_at_once()
    }

    /// One attempt at one backend: over an idle connection if there is one, over a new one otherwise. An idle connection that
    /// turns out to be dead costs no attempt. Where a new one comes about sooner at another address of the same name, `attempt` is
    /// one at that.
    async fn attempt(
        &self,
        exchange: &mut Exchange<'_>,
        upload: &mut Upload,
        slot: &mut Option<Peer>,
        attempt: &mut Attempt,
        tour: &mut Tour,
        line: &mut Line<'_>,
    ) -> Result<(), Error> {
        exchange.outcome.attempts += 1;
        if exchange.call.is_some() {
            // Its time may run out at any moment, and then nobody comes back here.
            exchange.outcome.asked = Some(Arc::clone(attempt.endpoint()));
        }
        let (timeout, until) = self.part_of_attempt(exchange, upload, tour);
        let mut deadline = until;
        exchange.introduce(attempt);
        let (name, introduction) = (tour.name.as_ref(), &exchange.work.introduction);
        let mut at_hand = exchange.engine.pool.at_hand(attempt, name, introduction, tour.asked.upgrade);
        let mut dead = 0;
        loop {
            let mut at_once = at_hand.is_some();
            *slot = at_hand.take();
            let mut result = Ok(());
            if slot.is_none() {
                let reached = match attempt.is_one_of_several() && line.may_race(exchange, attempt) {
                    true => Box::pin(self.race(exchange, attempt, tour, line, deadline)).await,
                    false => self.connect(exchange, attempt, tour, deadline).await,
                };
                result = reached.map(|(backend, reused)| {
                    *slot = Some(backend);
                    at_once = reused;
                });
            }
            let reused = at_once && result.is_ok() && dead < MOST_DEAD;
            let mut early = false;
            if let Some(backend) = slot.as_mut() {
                result = self.write_request(exchange, backend, attempt, &tour.asked);
                early = matches!(backend, Peer::Http2(stream) if !stream.is_settled()) && dead < MOST_DEAD;
                if result.is_ok() {
                    upload.rewind();
                    let limits = Limits { timeout, ..self.limits(exchange, backend) };
                    let (client, work) = (&mut *exchange.client, &mut *exchange.work);
                    let (request, response) = (&work.request.fields, &mut work.response);
                    let asked = &mut tour.asked;
                    result =
                        exchange::send(client, backend, upload, request, response, asked, &limits, &mut deadline).await;
                    if result.is_err() {
                        upload.let_go_of(backend, limits.write);
                    }
                }
            }
            if deadline != until {
                // A piece of the client's body has put it off, and with it the end of all attempts.
                tour.deadline = tour.deadline.max(deadline + (self.limits.timeout - timeout));
            }
            match result {
                Ok(()) if reused && ended_unasked(exchange) && is_repeatable(exchange, upload) => {
                    dead += 1;
                    exchange.debug(format_args!("an idle connection to {} was ended by a 408", attempt.label()));
                }
                Ok(()) => return Ok(()),
                Err(error) if error.side == Side::Client => return Err(self.note_failure(exchange, attempt, error)),
                // It came before the backend could say how few it takes at once.
                Err(error) if early && matches!(error.kind, Kind::Refused) && is_safe(exchange, &error, upload) => {
                    dead += 1;
                    exchange.debug(format_args!("a new connection to {} had no room: {error}", attempt.label()));
                }
                Err(error) if reused && is_leftover(&error) && is_repeatable(exchange, upload) => {
                    dead += 1;
                    exchange.add_failure(format_args!(
                        "{}: more bytes came after a response than its Content-Length said",
                        attempt.label()
                    ));
                }
                Err(error) if reused && was_dead(&error) && is_safe(exchange, &error, upload) => {
                    dead += 1;
                    exchange.debug(format_args!("an idle connection to {} was dead: {error}", attempt.label()));
                }
                Err(error) => return Err(self.note_failure(exchange, attempt, error)),
            }
        }
    }

    /// Notes whom the failed attempt was at. Counts and logs the failure, unless it was the client's.
    #[cold]
    pub(super) fn note_failure(&self, exchange: &mut Exchange<'_>, attempt: &Attempt, error: Error) -> Error {
        exchange.outcome.asked = Some(Arc::clone(attempt.endpoint()));
        if error.side != Side::Client {
            attempt.failed_for(&error);
            match &error.kind {
                // It names the address itself.
                Kind::Connect(_) => exchange.add_failure(format_args!("{error}")),
                _ => exchange.add_failure(format_args!("{}: {error}", attempt.label())),
            }
        }
        error
    }

    /// The time for one attempt, and when it is over: all that is left, or, with `retry_on: :timeout`, an equal part of it, so that
    /// the attempts that may follow have some too.
    fn part_of_attempt(&self, exchange: &Exchange<'_>, upload: &Upload, tour: &Tour) -> (Duration, Instant) {
        let once_more = tour.left > 0 && exchange.work.request.method.is_idempotent() && upload.can_replay();
        if !self.retry_on.timeout || !once_more {
            return (self.limits.timeout, tour.deadline);
        }
        let now = Instant::now();
        let part = tour.deadline.saturating_duration_since(now) / tour.left.saturating_add(1);
        let timeout = part.min(self.limits.timeout);
        (timeout, now + timeout)
    }

    /// Connects, or finds a place on a connection of HTTP/2, and sees meanwhile whether the client goes away. Says whether the connection
    /// was there before.
    async fn connect(
        &self,
        exchange: &mut Exchange<'_>,
        attempt: &Attempt,
        tour: &Tour,
        deadline: Instant,
    ) -> Result<(Peer, bool), Error> {
        let call = Call {
            endpoint: attempt.endpoint(),
            name: tour.name.as_ref(),
            introduction: &exchange.work.introduction,
            keep: self.keep,
            max_head: self.limits.max_head,
            limit: self.connect_timeout,
            deadline,
        };
        // Boxed: a handshake's state is large, and rarely needed.
        let mut connecting = Box::pin(exchange.engine.pool.reach(call, tour.asked.upgrade));
        let reached = exchange.client.awaiting(self.limits.half_close, connecting.as_mut()).await?;
        if reached.is_ok() {
            attempt.connected();
        }
        reached
    }

    /// Whether another attempt is safe, and asked for.
    fn may_retry(&self, exchange: &Exchange<'_>, error: &Error, upload: &Upload) -> bool {
        let asked_for = match error.kind {
            Kind::Timeout(_) => self.retry_on.timeout,
            _ => true,
        };
        asked_for && is_safe(exchange, error, upload)
    }
}

/// Whether the head of a response has come without a byte of the body that it announces. As long as nothing of it has been passed on
/// the response can still be replaced, by that of another backend or by an error: one that is killed between the two writes of a
/// response would otherwise cost a request, or be taken for one that answers. With a body of unknown length, such as a stream of
/// events, the head is a message of its own and passed on at once.
fn is_head_alone(exchange: &Exchange<'_>, upload: &Upload, backend: &Peer) -> bool {
    let response = &exchange.work.response;
    backend.received().is_empty()
        && upload.is_complete()
        && matches!(framing::of_response(response, exchange.work.request.method), Ok(Framing::Length(1..)))
}

/// Whether what answers a request over an idle connection is the backend's farewell to the one before, sent when it had waited long enough:
/// the request crossed it on the way (RFC 9110, section 15.5.9).
fn ended_unasked(exchange: &Exchange<'_>) -> bool {
    let response = &exchange.work.response;
    response.status == 408 && !framing::keeps_alive(&response.fields, response.version)
}

/// Whether what came over an idle connection is no response at all: it belongs to the one before, which was said to be shorter.
fn is_leftover(error: &Error) -> bool {
    matches!(error.kind, Kind::Malformed(Malformed::StatusLine))
}

/// Whether the request may be sent again although the backend may have done what it asks for.
fn is_repeatable(exchange: &Exchange<'_>, upload: &Upload) -> bool {
    exchange.work.request.method.is_idempotent() && upload.can_replay()
}

/// Whether it is the connection that failed, rather than a backend that is well enough to say no.
fn was_dead(error: &Error) -> bool {
    !error.is_timeout() && !matches!(error.kind, Kind::Refused | Kind::NoUpgrade)
}

/// Whether another attempt is safe.
fn is_safe(exchange: &Exchange<'_>, error: &Error, upload: &Upload) -> bool {
    let safe = match error.retry {
        Retry::Never => false,
        Retry::IfIdempotent => exchange.work.request.method.is_idempotent(),
        Retry::Unwritten => true,
    };
    safe && upload.can_replay()
}
