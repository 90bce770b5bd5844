//! The attempts of one request: one backend after the other, until one answers or no further attempt is left or safe.

use std::fmt::Arguments;
use std::future::{poll_fn, Future};
use std::sync::Arc;
use std::time::Duration;

use proxy_http::headers::framing;
use proxy_http::message::{Framing, Version};
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use super::stopped::Released;
use super::Proxy;
use crate::channel::Channel;
use crate::error::Blame;
use crate::error::{Error, Kind, Retry, Side};
use crate::metrics::{FailureReason, ThreadNumber, UpstreamSeries};
use crate::relay::{self, Limits, RequestBody, ResponseNeeds};
use crate::request::Exchange;
use crate::upstream::admission::Admission;
use crate::upstream::ask::{self, BackendRequest, Parts};
use crate::upstream::http2::ConnectRequest;
use crate::upstream::traffic::GatePlace;
use crate::upstream::{Attempt, Backend, Backends, Upstream};

/// Pause before a retry at a backend that is alone and may be starting again: see [`Attempts::pause`].
const PAUSE: Duration = Duration::from_millis(100);

/// One request on its way through the backends, with its remaining retries and time.
pub(super) struct Attempts<'a, 'e> {
    pub(super) proxy: &'a Proxy,
    pub(super) exchange: &'a mut Exchange<'e>,
    pub(super) admission: Admission<'a>,
    /// The name for TLS, if it is not each backend's own.
    pub(super) name: Option<ServerName<'static>>,
    pub(super) needs: ResponseNeeds,
    body: &'a mut RequestBody,
    /// Deadline of the response head. Each piece of the client's body extends it, since the body has its own time
    /// limit.
    deadline: Instant,
    /// Time for the current attempt.
    timeout: Duration,
    /// Retries that are left.
    pub(super) left: u32,
}

impl Proxy {
    /// Sends the request to one backend after the other. On success the head of the response has arrived over
    /// `backend`.
    pub(super) async fn ask(
        &self,
        exchange: &mut Exchange<'_>,
        body: &mut RequestBody,
        backend: &mut Option<Channel>,
        mut released: Option<Box<Released>>,
    ) -> Result<Attempt, Error> {
        let mut now = Instant::now();
        let deadline = now + self.limits.timeout;
        exchange.affinity = self.affinity(exchange);
        self.prepare_request(exchange)?;
        if exchange.copies.is_some() {
            exchange.copy_head(self.sends_own_host(&exchange.work.request));
        }
        let other;
        let upstream = match &self.backends {
            Backends::Fixed(upstream) if released.is_none() && exchange.split.is_none() => upstream,
            _ => {
                other = self.upstream_instead(exchange, released.as_deref())?;
                &other
            }
        };
        let name = self.server_name(exchange)?;
        if !upstream.is_ready() {
            // Those behind it need not wait for names.
            if let Some(released) = &mut released {
                released.place = None;
            }
            let mut ready = Box::pin(tokio::time::timeout_at(deadline, upstream.ready()));
            let _ = exchange.client.awaiting(self.limits.half_close, ready.as_mut()).await?;
            now = Instant::now();
        }
        let needs = ResponseNeeds {
            interim: exchange.work.request.version != Version::Http10,
            go_ahead: exchange.expects_go_ahead(),
            upgrade: exchange.options.upgrade,
        };
        let left = self.retries.unwrap_or_else(|| upstream.len() as u32);
        let admission =
            Admission::new(upstream, exchange.affinity, self.retry_budget).of_upgrade(needs.upgrade).at(now);
        let timeout = self.limits.timeout;
        let mut attempts = Attempts { proxy: self, exchange, admission, name, needs, body, deadline, timeout, left };
        let answered = attempts.run(backend, released).await;
        if let Some(thread) = exchange.counted_by() {
            count_waits(exchange, upstream.group().series(), thread);
        }
        answered
    }
}

impl Proxy {
    /// The upstream of a request that does not go to the handler's own.
    #[cold]
    fn upstream_instead(&self, exchange: &Exchange<'_>, released: Option<&Released>) -> Result<Arc<Upstream>, Error> {
        match (released, &exchange.split, &self.backends) {
            (Some(Released { upstream, .. }), ..)
            | (None, Some(upstream), _)
            | (None, None, Backends::Fixed(upstream)) => Ok(Arc::clone(upstream)),
            (None, None, Backends::ByHost(hosts)) => self.upstream_of_host(hosts, exchange),
        }
    }
}

impl Attempts<'_, '_> {
    /// `released`: the request was held. The next one goes on once this one has its place in the queue.
    async fn run(&mut self, backend: &mut Option<Channel>, released: Option<Box<Released>>) -> Result<Attempt, Error> {
        let mut attempt = match released {
            None => self.admit().await?,
            Some(released) => Box::pin(self.admit_in_order(released.place)).await?,
        };
        loop {
            let mut result = self.attempt(backend, &mut attempt).await;
            let mut headed = None;
            if result.is_ok() {
                let now = Instant::now();
                headed = Some(now);
                self.exchange.outcome.figures.first_byte = Some(now.saturating_duration_since(self.exchange.begun));
            }
            if let (Ok(()), Some(backend)) = (&result, backend.as_mut()) {
                if self.is_head_alone(backend) {
                    // A safe method has no effect on the server (RFC 9110, section 9.2.1).
                    let safe = self.exchange.work.request.method.is_safe();
                    let retry = if safe { Retry::IfIdempotent } else { Retry::Never };
                    let begun = relay::await_first_byte(self.exchange.client, backend, retry).await;
                    result = begun.map_err(|error| ask::failed(self, &attempt, error));
                }
            }
            self.exchange.note_traced(&attempt, backend.as_ref(), result.as_ref());
            let error = match result {
                Ok(()) => {
                    let Some(next) = self.next_after_answer(&attempt) else {
                        if let Some(now) = headed {
                            attempt.responds(now);
                        }
                        return Ok(attempt);
                    };
                    *backend = None;
                    attempt = next;
                    self.left -= 1;
                    continue;
                }
                Err(error) => error,
            };
            *backend = None;
            let held = self.admission.holds_after(&error);
            if !held && (self.left == 0 || Instant::now() >= self.deadline) || !self.may_retry(&error) {
                return Err(error);
            }
            // Frees the place of this attempt: the next one may wait for it.
            drop(attempt);
            if !held && self.admission.is_held_for_one() {
                Box::pin(self.pause()).await?;
            }
            attempt = match self.admit().await {
                Ok(next) => next,
                Err(other) if other.side == Side::Client || held => return Err(other),
                // The first error says more than "no other backend could be tried".
                Err(_) => return Err(error),
            };
            match held {
                // The backend has got nothing yet: `timeout` begins anew.
                true => self.deadline = self.deadline.max(Instant::now() + self.proxy.limits.timeout),
                false => self.left -= 1,
            }
        }
    }

    /// Waits before a retry. The kernel closes the connections of a killed process before its listening socket: a
    /// connection made in between would be reset too, and the retry would be used up.
    async fn pause(&mut self) -> Result<(), Error> {
        let pause = std::pin::pin!(tokio::time::sleep(PAUSE));
        self.exchange.client.awaiting(self.proxy.limits.half_close, pause).await
    }

    #[cold]
    async fn admit_in_order(&mut self, mut place: Option<GatePlace>) -> Result<Attempt, Error> {
        let mut admitted = std::pin::pin!(self.admit());
        poll_fn(|cx| {
            let admitted = admitted.as_mut().poll(cx);
            place = None;
            admitted
        })
        .await
    }

    async fn admit(&mut self) -> Result<Attempt, Error> {
        let admitted = self.admission.admit(self.exchange.client, self.proxy.limits.half_close, self.deadline).await;
        // `timeout` is for backends: it does not pass while the request is held.
        if let Some(held) = self.admission.take_held() {
            self.deadline += held;
        }
        admitted
    }

    /// One attempt at one backend. If a connection to another address of the backend's name succeeds sooner, `attempt`
    /// becomes an attempt at that address.
    async fn attempt(&mut self, backend: &mut Option<Channel>, attempt: &mut Attempt) -> Result<(), Error> {
        self.exchange.outcome.attempts += 1;
        self.exchange.trace_attempt(self.proxy.sets_trace);
        if self.exchange.call.is_some() || self.exchange.keeps_lines {
            // Set before the wait: a call may time out at any moment, and a stop may cut a request whose line says whom
            // it has asked. This code does not continue then.
            self.exchange.outcome.asked = Some(Arc::clone(attempt.backend()));
        }
        let until = self.begin_part();
        self.exchange.introduce(attempt);
        if attempt.is_application() {
            self.proxy.introduce_to_application(self.exchange);
        }
        let mut deadline = until;
        let result = ask::attempt(self, backend, attempt, &mut deadline).await;
        if deadline != until {
            // A piece of the client's body has extended this deadline, and so extends the one of all attempts.
            self.deadline = self.deadline.max(deadline + (self.proxy.limits.timeout - self.timeout));
        }
        result
    }

    /// Sets the time of one attempt, and returns its deadline. That is all the time that is left. With
    /// `retry_on: :timeout` it is an equal part of that, so that retries have time too.
    fn begin_part(&mut self) -> Instant {
        let limit = self.proxy.limits.timeout;
        if !self.proxy.retry_on.timeout || self.left == 0 || !self.body.may_repeat(Retry::IfIdempotent) {
            self.timeout = limit;
            return self.deadline;
        }
        let now = Instant::now();
        let part = self.deadline.saturating_duration_since(now) / self.left.saturating_add(1);
        self.timeout = part.min(limit);
        now + self.timeout
    }

    /// The next attempt, if the response is a reason for one. It does not wait, since there is a response to pass on.
    fn next_after_answer(&mut self, attempt: &Attempt) -> Option<Attempt> {
        let status = self.exchange.work.response.status;
        if let Some(thread) = self.exchange.counted_by() {
            attempt.count_answer(thread, status);
        }
        if !self.proxy.retry_on.statuses.contains(&status) {
            attempt.succeeded();
            return None;
        }
        attempt.failed(Blame::Backend, FailureReason::Error);
        self.exchange.add_failure(format_args!("{}: the answer is a {status}", attempt.label()));
        let may_repeat = self.body.may_repeat(Retry::IfIdempotent);
        if self.left == 0 || !may_repeat || Instant::now() >= self.deadline {
            return None;
        }
        attempt.give_retry_back();
        self.admission.admit_at_once()
    }

    /// Whether a retry is safe, and wanted by the configuration.
    fn may_retry(&self, error: &Error) -> bool {
        let asked_for = match error.kind {
            Kind::Timeout(_) => self.proxy.retry_on.timeout,
            _ => true,
        };
        asked_for && self.body.may_repeat(error.retry)
    }

    /// Whether the head of a response has come without a byte of the body that it announces. Nothing has been passed on
    /// yet, so a response of another backend or an error can still replace it. Otherwise a backend that is killed
    /// between the two writes of a response would cost a request, or count as one that answers. With a body of unknown
    /// length, such as an event stream, the head is passed on at once.
    fn is_head_alone(&self, backend: &Channel) -> bool {
        let (request, response) = (&self.exchange.work.request, &self.exchange.work.response);
        backend.received().is_empty()
            && self.body.is_complete()
            && matches!(framing::of_response(response, request.method), Ok(Framing::Length(1..)))
    }
}

/// Counts what a request has waited for, and its further attempts.
#[inline]
fn count_waits(exchange: &Exchange<'_>, series: &UpstreamSeries, thread: ThreadNumber) {
    let outcome = &exchange.outcome;
    series.waited(thread, exchange.client.waits.queue.so_far(), outcome.figures.first_byte);
    if outcome.attempts > 1 {
        series.retried(outcome.attempts - 1);
    }
}

impl BackendRequest for Attempts<'_, '_> {
    fn counted_by(&self) -> Option<ThreadNumber> {
        self.exchange.counted_by()
    }

    fn parts(&mut self) -> Parts<'_> {
        let (client, work) = (&mut *self.exchange.client, &mut *self.exchange.work);
        let (fields, response) = (&work.request.fields, &mut work.response);
        Parts { client, body: self.body, fields, response, needs: &mut self.needs }
    }

    fn limits(&self, connection: &Channel) -> Limits {
        Limits { timeout: self.timeout, ..self.proxy.limits(self.exchange, connection) }
    }

    fn reuse(&self, attempt: &Attempt) -> Option<Channel> {
        let introduction = &self.exchange.work.introduction;
        self.exchange.tools.pool.reuse(attempt, self.name.as_ref(), introduction, self.needs.upgrade)
    }

    async fn connect(&mut self, attempt: &mut Attempt, deadline: Instant) -> Result<(Channel, bool), Error> {
        let pool = &self.exchange.tools.pool;
        if attempt.is_one_of_several() && self.admission.may_race(pool, attempt) {
            return Box::pin(self.race(attempt, deadline)).await;
        }
        let proxy = self.proxy;
        let call = ConnectRequest {
            backend: attempt.backend(),
            name: self.name.as_ref(),
            introduction: &self.exchange.work.introduction,
            keep: proxy.keep(self.exchange),
            max_head: proxy.limits.max_head,
            limit: proxy.connect_timeout,
            deadline,
        };
        let patience = proxy.limits.half_close;
        let mut connected = ask::connect(pool, self.exchange.client, call, self.needs.upgrade, patience).await?;
        attempt.hand_over_to(self.exchange.id, &mut connected.0);
        Ok(connected)
    }

    fn write_head(&mut self, connection: &mut Channel, backend: &Backend) -> Result<(), Error> {
        self.proxy.write_request(self.exchange, connection, backend, &self.needs)
    }

    fn debug(&self, what: Arguments<'_>) {
        self.exchange.debug(what);
    }

    fn warn(&mut self, what: Arguments<'_>) {
        self.exchange.add_failure(what);
    }

    fn note_failure(&mut self, attempt: &Attempt, error: &Error) {
        self.exchange.outcome.asked = Some(Arc::clone(attempt.backend()));
        match &error.kind {
            _ if error.side == Side::Client => {}
            // The error contains the address.
            Kind::Connect(_) => self.exchange.add_failure(format_args!("{error}")),
            _ => self.exchange.add_failure(format_args!("{}: {error}", attempt.label())),
        }
    }
}
