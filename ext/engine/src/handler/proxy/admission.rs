//! From "this request needs a backend" to the right to ask one.

use std::future::{poll_fn, Future};
use std::pin::pin;
use std::sync::Arc;
use std::task::{ready, Poll};

use tokio::time::Instant;

use crate::error::{Error, Kind, Retry, Side};
use crate::request::Exchange;
use crate::upstream::admission::RetryPermit;
use crate::upstream::{Asking, Attempt, Choice, Endpoint, Tried, Upstream};

/// Backends that are chosen in vain, because others were quicker, before they all count as busy.
const MOST_CHOICES: usize = 8;

/// One request before its upstream.
pub(crate) struct Line<'a> {
    upstream: &'a Arc<Upstream>,
    asking: Asking,
    tried: Tried,
    /// Whether it has been sent to a backend before.
    again: bool,
    /// The budget for further attempts.
    percent: f64,
    /// Whether it may become a tunnel.
    upgrade: bool,
}

/// What came of looking for a backend.
enum Found {
    Backend(Attempt),
    /// All that are available have what they may have.
    Busy,
    /// None is available.
    Nobody,
    /// It would be a retry too many.
    OverBudget,
    /// It would be a tunnel too many. None ends soon: nobody waits for that, and keeps others waiting.
    TooManyTunnels,
}

impl<'a> Line<'a> {
    pub(crate) fn new(upstream: &'a Arc<Upstream>, asking: Asking, percent: f64) -> Self {
        Self { upstream, asking, tried: Tried::default(), again: false, percent, upgrade: false }
    }

    /// The same for a request that may become a tunnel.
    pub(super) fn of_upgrade(self, upgrade: bool) -> Self {
        Self { upgrade, ..self }
    }

    /// The right to ask a backend. If all are busy it is waited for, in turn.
    pub(crate) async fn admit(&mut self, exchange: &mut Exchange<'_>, deadline: Instant) -> Result<Attempt, Error> {
        // Who comes while others wait does not overtake them.
        if self.upstream.fleet().queue().waiting() == 0 {
            match self.look() {
                Found::Busy => {}
                Found::Nobody if self.upstream.awaits_check() => {
                    return Box::pin(self.await_check(exchange, deadline)).await;
                }
                found => return self.result(found),
            }
        }
        self.wait(exchange, deadline).await
    }

    /// The same without waiting.
    pub(crate) fn admit_at_once(&mut self) -> Option<Attempt> {
        if self.upstream.fleet().queue().waiting() > 0 {
            return None;
        }
        match self.look() {
            Found::Backend(attempt) => Some(attempt),
            _ => None,
        }
    }

    async fn wait(&mut self, exchange: &mut Exchange<'_>, deadline: Instant) -> Result<Attempt, Error> {
        let fleet = self.upstream.fleet();
        let Some(ticket) = fleet.queue().enter() else { return Err(failure(Kind::Crowded)) };
        let until = deadline.min(Instant::now() + fleet.rules().queue_timeout);
        let (client, patience) = (&mut *exchange.client, exchange.globals.limits.half_close);
        poll_fn(|cx| loop {
            let mut next_look = until;
            if ticket.is_first(cx) {
                match self.look() {
                    Found::Busy => {}
                    found => return Poll::Ready(self.result(found)),
                }
                // Nobody wakes the line when the time of an ejected backend is over.
                if let Some(pause) = self.upstream.next_probe() {
                    next_look = until.min(Instant::now() + pause);
                }
            }
            if let Poll::Ready(error) = client.poll_gone_in_line(cx, patience) {
                return Poll::Ready(Err(error));
            }
            ready!(client.alarm.poll(cx, next_look));
            if next_look == until {
                return Poll::Ready(Err(failure(Kind::Waited)));
            }
        })
        .await
    }

    /// Whether a connection to `endpoint` is a matter of who is reached first: there are other addresses, and no connection of HTTP/2 to
    /// this one whose streams have but to be waited for.
    pub(super) fn may_race(&self, exchange: &Exchange<'_>, endpoint: &Endpoint) -> bool {
        self.upstream.len() > 1 && !exchange.engine.pool.is_connected(endpoint)
    }

    /// The right to ask another address of the name that `endpoint` is one of, one that has not been asked yet; rather of the other
    /// family.
    pub(super) fn other_address(&mut self, endpoint: &Endpoint) -> Option<Attempt> {
        loop {
            let other = self.upstream.other_address(endpoint, &self.tried)?;
            self.tried.add(other.id());
            if let Some(attempt) = Attempt::admit(other, None).filter(|attempt| self.may_become_tunnel(attempt)) {
                return Some(attempt);
            }
        }
    }

    /// Waits until one of the backends, none of which the checks have found well yet, is. Those of the configuration before serve
    /// meanwhile, if they can.
    #[cold]
    async fn await_check(&mut self, exchange: &mut Exchange<'_>, deadline: Instant) -> Result<Attempt, Error> {
        if let Some(attempt) = self.admit_to_stand_in() {
            return Ok(attempt);
        }
        let fleet = self.upstream.fleet();
        let Some(_place) = fleet.news().enter(fleet.rules().queue) else { return Err(failure(Kind::Crowded)) };
        loop {
            let mut news = pin!(fleet.news().notified());
            // Before the look, so that what happens in between is not missed.
            news.as_mut().enable();
            match self.look() {
                Found::Nobody if self.upstream.awaits_check() => {}
                Found::Busy => return self.wait(exchange, deadline).await,
                found => return self.result(found),
            }
            let (client, patience) = (&mut *exchange.client, exchange.globals.limits.half_close);
            poll_fn(|cx| {
                if news.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ok(()));
                }
                if let Poll::Ready(error) = client.poll_gone_in_line(cx, patience) {
                    return Poll::Ready(Err(error));
                }
                client.alarm.poll(cx, deadline).map(|()| Err(failure(Kind::Unavailable)))
            })
            .await?;
        }
    }

    /// One of the backends that stood here before the reload, if it has not just failed.
    fn admit_to_stand_in(&mut self) -> Option<Attempt> {
        if self.again {
            return None;
        }
        let before = self.upstream.fleet().stand_in()?;
        let endpoint = before.choose(&self.asking, &mut self.tried).backend()?;
        let attempt = Some(endpoint).filter(|endpoint| !endpoint.is_last()).and_then(|it| Attempt::admit(it, None));
        let attempt = attempt.filter(|attempt| self.may_become_tunnel(attempt));
        self.again = attempt.is_some();
        attempt
    }

    /// Whether the attempt has a place for the tunnel that it may become, if it may.
    fn may_become_tunnel(&self, attempt: &Attempt) -> bool {
        !self.upgrade || attempt.reserve_tunnel()
    }

    /// Looks for a backend once.
    fn look(&mut self) -> Found {
        let (mut over_budget, mut too_many) = (false, false);
        for _ in 0..MOST_CHOICES {
            let endpoint = match self.choose() {
                Choice::Backend(endpoint) => endpoint,
                Choice::Busy if too_many => return Found::TooManyTunnels,
                Choice::Busy => return Found::Busy,
                Choice::None => return Found::Nobody,
            };
            // What one backend has failed to do may always be asked of another that is well: that moves load and makes no more of
            // it. Only where that one fails too are there fewer retries than requests.
            let permit = match self.again && endpoint.is_failing() {
                false => None,
                true => match RetryPermit::take(endpoint.fleet(), self.percent) {
                    // There may be one left that is well.
                    None => {
                        over_budget = true;
                        continue;
                    }
                    permit => permit,
                },
            };
            if let Some(attempt) = Attempt::admit(endpoint, permit) {
                if !self.may_become_tunnel(&attempt) {
                    too_many = true;
                    continue;
                }
                self.again = true;
                return Found::Backend(attempt);
            }
            // Somebody was quicker. When there is room again, it is as good as any other.
            self.tried.take_back();
        }
        if too_many {
            Found::TooManyTunnels
        } else if over_budget {
            Found::OverBudget
        } else {
            Found::Busy
        }
    }

    fn choose(&mut self) -> Choice {
        match self.upstream.choose(&self.asking, &mut self.tried) {
            Choice::Busy if !self.upstream.fleet().queue().has_room() => {
                match self.upstream.choose_last(&self.asking, &mut self.tried) {
                    Choice::None => Choice::Busy,
                    choice => choice,
                }
            }
            choice => choice,
        }
    }

    fn result(&self, found: Found) -> Result<Attempt, Error> {
        Err(failure(match found {
            Found::Backend(attempt) => return Ok(attempt),
            Found::Nobody if self.upstream.is_empty() => Kind::NoAddress,
            Found::Nobody => Kind::Unavailable,
            Found::Busy | Found::OverBudget | Found::TooManyTunnels => Kind::Crowded,
        }))
    }
}

fn failure(kind: Kind) -> Error {
    Error { kind, side: Side::Us, retry: Retry::Never }
}
