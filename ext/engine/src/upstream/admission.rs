//! Admission: from "this request needs a backend" to the right to ask one.
//!
//! Every backend may be busy. A request then waits in the upstream's wait queue, so that backends get no more requests
//! than they may have at once (back-pressure). With `hold` it also waits there while no backend can take it.

use std::future::{poll_fn, Future};
use std::pin::pin;
use std::sync::Arc;
use std::task::{ready, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::backend::group::BackendGroup;
use super::backend::retry_budget::RetryPermit;
use super::wait_queue::Place;
use super::{Affinity, Attempt, Backend, Choice, Pool, Tried, Upstream};
use crate::error::{Error, Kind, Retry, Side};
use crate::relay::ClientChannel;

/// Times that a chosen backend may be taken by other requests meanwhile, before all backends count as busy.
const MOST_CHOICES: usize = 8;

/// One request that needs a backend, and the backends that it has tried so far.
pub(crate) struct Admission<'a> {
    upstream: &'a Arc<Upstream>,
    affinity: Affinity,
    tried: Tried,
    /// Whether the request has been sent to a backend before.
    is_retry: bool,
    /// Retry budget, in per cent of the requests in flight.
    retry_budget: f64,
    /// Whether the request may become a tunnel.
    upgrade: bool,
    /// The time, if it was read a moment ago.
    now: Option<Instant>,
    /// Place in the wait queue and end of the wait of a request that is held, and the time that it has waited.
    hold: Option<Box<HeldRequest>>,
}

/// A request that waits, or has waited, for a backend that can take it.
#[derive(Debug)]
struct HeldRequest {
    place: Option<Place>,
    /// The upstream of a later configuration, to which the request went meanwhile.
    moved: Option<Arc<Upstream>>,
    until: Instant,
    /// Time of the waits that are over and not told of yet.
    waited: Duration,
}

/// Result of one look for a backend.
enum LookResult {
    Backend(Attempt),
    /// Every available backend has as many requests as it may have.
    Busy,
    /// No backend is available.
    NoneAvailable,
    /// The retry budget is used up.
    OverBudget,
    /// Every available backend has as many tunnels as it may have. Tunnels last, so the request does not wait.
    TooManyTunnels,
}

impl<'a> Admission<'a> {
    /// A request that has not been sent to a backend yet. `retry_budget` is in per cent of the requests in flight.
    pub(crate) fn new(upstream: &'a Arc<Upstream>, affinity: Affinity, retry_budget: f64) -> Self {
        let tried = Tried::default();
        Self { upstream, affinity, tried, is_retry: false, retry_budget, upgrade: false, now: None, hold: None }
    }

    /// Says whether the request may become a tunnel.
    pub(crate) fn of_upgrade(self, upgrade: bool) -> Self {
        Self { upgrade, ..self }
    }

    /// Says what time it is, so that the first look for a backend need not read the clock.
    pub(crate) fn at(self, now: Instant) -> Self {
        Self { now: Some(now), ..self }
    }

    /// The right to ask a backend. Waits in turn while all are busy, until `deadline` or until the client goes away;
    /// `patience` is how long a client that has ended its side is waited for.
    pub(crate) async fn admit(
        &mut self,
        client: &mut ClientChannel,
        patience: Option<Duration>,
        deadline: Instant,
    ) -> Result<Attempt, Error> {
        // A request does not overtake those that wait already.
        if self.upstream().group().queue().waiting() == 0 {
            match self.look() {
                LookResult::Busy => {}
                LookResult::NoneAvailable if self.upstream().awaits_check() => {
                    return Box::pin(self.await_check(client, patience, deadline)).await;
                }
                LookResult::NoneAvailable | LookResult::OverBudget if self.holds() => {}
                found => return self.result(found),
            }
        }
        self.wait(client, patience, deadline).await
    }

    /// Whether the request is to wait after this failure, whatever retries are left: no backend accepted a connection.
    pub(crate) fn holds_after(&mut self, error: &Error) -> bool {
        let holds = self.holds() && error.is_unconnected();
        if holds {
            // Nothing was sent, so that the next attempt multiplies no load.
            self.is_retry = false;
        }
        holds
    }

    /// Whether requests are held, and there is one backend only: a retry goes to the one that has just failed.
    pub(crate) fn is_held_for_one(&self) -> bool {
        self.holds() && self.upstream().len() == 1
    }

    /// Time that the request was held since the last call.
    pub(crate) fn take_held(&mut self) -> Option<Duration> {
        self.hold.as_mut().map(|hold| std::mem::take(&mut hold.waited))
    }

    fn holds(&self) -> bool {
        self.upstream().group().rules().hold
    }

    /// The right to ask a backend, if there is one without waiting.
    pub(crate) fn admit_at_once(&mut self) -> Option<Attempt> {
        if self.upstream().group().queue().waiting() > 0 {
            return None;
        }
        match self.look() {
            LookResult::Backend(attempt) => Some(attempt),
            _ => None,
        }
    }

    /// The upstream that the request is for.
    fn upstream(&self) -> &Arc<Upstream> {
        self.hold.as_ref().and_then(|hold| hold.moved.as_ref()).unwrap_or(self.upstream)
    }

    async fn wait(
        &mut self,
        client: &mut ClientChannel,
        patience: Option<Duration>,
        deadline: Instant,
    ) -> Result<Attempt, Error> {
        let begun = Instant::now();
        client.waits.queue.begin(begun);
        loop {
            let upstream = Arc::clone(self.upstream());
            let admitted = self.wait_at(&upstream, client, patience, deadline).await;
            client.waits.queue.end();
            if let Some(hold) = &mut self.hold {
                hold.waited = begun.elapsed();
            }
            match admitted {
                Some(admitted) => return admitted,
                // Its backends are others, and so is its queue.
                None => {
                    self.tried = Tried::default();
                    if let Some(hold) = &mut self.hold {
                        hold.moved = upstream.successor();
                        hold.place = None;
                    }
                    client.waits.queue.begin(Instant::now());
                }
            }
        }
    }

    /// Waits in the queue of `upstream`. `None` if a later configuration has another one in its place.
    async fn wait_at(
        &mut self,
        upstream: &Upstream,
        client: &mut ClientChannel,
        patience: Option<Duration>,
        deadline: Instant,
    ) -> Option<Result<Attempt, Error>> {
        let group = upstream.group();
        let holds = group.rules().hold;
        let place = self.hold.as_ref().and_then(|hold| hold.place);
        let Some(waiter) = group.queue().enter(place) else { return Some(Err(failure(Kind::Crowded))) };
        let mut until = Instant::now() + group.rules().queue_timeout;
        if holds {
            let hold = self.hold.get_or_insert_with(|| {
                Box::new(HeldRequest { place: None, moved: None, until, waited: Duration::ZERO })
            });
            hold.place = Some(waiter.place());
            until = hold.until;
        } else {
            until = until.min(deadline);
        }
        poll_fn(|cx| loop {
            let mut next_look = until;
            if waiter.is_first(cx) {
                if holds && upstream.successor().is_some() {
                    return Poll::Ready(None);
                }
                match self.look() {
                    LookResult::Busy => {}
                    LookResult::NoneAvailable | LookResult::OverBudget if holds => upstream.probe(),
                    found => return Poll::Ready(Some(self.result(found))),
                }
                // The end of an ejection wakes no waiter.
                if let Some(pause) = upstream.next_probe() {
                    next_look = until.min(Instant::now() + pause);
                }
            }
            if let Poll::Ready(error) = client.poll_gone_in_line(cx, patience) {
                return Poll::Ready(Some(Err(error)));
            }
            ready!(client.alarm.poll(cx, next_look));
            if next_look == until {
                return Poll::Ready(Some(Err(failure(if holds { Kind::Held } else { Kind::QueueTimeout }))));
            }
        })
        .await
    }

    /// Whether to race connections to several addresses of the name of `backend`: there are others, and no HTTP/2
    /// connection to this one, whose streams would only have to be waited for.
    pub(crate) fn may_race(&self, pool: &Pool, backend: &Backend) -> bool {
        self.upstream().len() > 1 && !pool.is_connected(backend)
    }

    /// The right to ask another address of the name of `backend` that has not been asked yet; rather one of the other
    /// address family.
    pub(crate) fn other_address(&mut self, backend: &Backend) -> Option<Attempt> {
        loop {
            let other = self.upstream().other_address(backend, &self.tried)?;
            self.tried.add(other.id());
            if let Some(attempt) = Attempt::admit(other, None).filter(|attempt| self.may_become_tunnel(attempt)) {
                return Some(attempt);
            }
        }
    }

    /// Waits for the first good health check of a backend, where none has had one yet. Backends of the configuration
    /// before serve meanwhile, if they can.
    #[cold]
    async fn await_check(
        &mut self,
        client: &mut ClientChannel,
        patience: Option<Duration>,
        deadline: Instant,
    ) -> Result<Attempt, Error> {
        if let Some(attempt) = self.admit_to_stand_in() {
            return Ok(attempt);
        }
        if self.holds() {
            return self.wait(client, patience, deadline).await;
        }
        let upstream = Arc::clone(self.upstream());
        let group = upstream.group();
        let Some(_place) = group.first_check().enter(group.rules().queue) else { return Err(failure(Kind::Crowded)) };
        client.waits.queue.begin(Instant::now());
        let admitted = self.await_first(group, client, patience, deadline).await;
        client.waits.queue.end();
        match admitted {
            Some(admitted) => admitted,
            None => self.wait(client, patience, deadline).await,
        }
    }

    /// Waits for the first good health check. `None` if the backends that have had it are busy.
    async fn await_first(
        &mut self,
        group: &BackendGroup,
        client: &mut ClientChannel,
        patience: Option<Duration>,
        deadline: Instant,
    ) -> Option<Result<Attempt, Error>> {
        loop {
            let mut first_check = pin!(group.first_check().notified());
            // Before the look, so that no check in between is missed.
            first_check.as_mut().enable();
            match self.look() {
                LookResult::NoneAvailable if self.upstream().awaits_check() => {}
                LookResult::Busy => return None,
                found => return Some(self.result(found)),
            }
            let news = poll_fn(|cx| {
                if first_check.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ok(()));
                }
                if let Poll::Ready(error) = client.poll_gone_in_line(cx, patience) {
                    return Poll::Ready(Err(error));
                }
                client.alarm.poll(cx, deadline).map(|()| Err(failure(Kind::Unavailable)))
            })
            .await;
            if let Err(error) = news {
                return Some(Err(error));
            }
        }
    }

    /// A backend of the configuration before the reload, if it has not just failed.
    fn admit_to_stand_in(&mut self) -> Option<Attempt> {
        if self.is_retry {
            return None;
        }
        let before = self.upstream().stand_in()?;
        let backend = before.choose(&self.affinity, &mut self.tried).backend()?;
        let attempt = Some(backend).filter(|backend| !backend.is_last()).and_then(|it| Attempt::admit(it, None));
        let attempt = attempt.filter(|attempt| self.may_become_tunnel(attempt));
        self.is_retry = attempt.is_some();
        attempt
    }

    /// Reserves a tunnel for a request that may become one. `false` if the backend has as many as it may have.
    fn may_become_tunnel(&self, attempt: &Attempt) -> bool {
        !self.upgrade || attempt.reserve_tunnel()
    }

    /// Looks for a backend once.
    fn look(&mut self) -> LookResult {
        let now = self.now.take();
        let (mut over_budget, mut too_many) = (false, false);
        for _ in 0..MOST_CHOICES {
            let backend = match self.choose() {
                Choice::Backend(backend) => backend,
                Choice::Busy if too_many => return LookResult::TooManyTunnels,
                Choice::Busy => return LookResult::Busy,
                Choice::None => return LookResult::NoneAvailable,
            };
            // The retry budget applies only to backends that are failing: a retry at a healthy one does not multiply
            // load.
            let permit = match self.is_retry && backend.is_failing() {
                false => None,
                true => match RetryPermit::take(backend.group(), self.retry_budget) {
                    // Another backend may be healthy.
                    None => {
                        over_budget = true;
                        continue;
                    }
                    permit => permit,
                },
            };
            if let Some(attempt) = Attempt::admit_at(backend, permit, now) {
                if !self.may_become_tunnel(&attempt) {
                    too_many = true;
                    continue;
                }
                self.is_retry = true;
                return LookResult::Backend(attempt);
            }
            // Another request was quicker. Once there is room again, this backend is as good as any other.
            self.tried.take_back();
        }
        if too_many {
            LookResult::TooManyTunnels
        } else if over_budget {
            LookResult::OverBudget
        } else {
            LookResult::Busy
        }
    }

    fn choose(&mut self) -> Choice {
        let upstream = self.hold.as_ref().and_then(|hold| hold.moved.as_ref()).unwrap_or(self.upstream);
        match upstream.choose(&self.affinity, &mut self.tried) {
            Choice::Busy if !upstream.group().queue().has_room() => {
                match upstream.choose_last(&self.affinity, &mut self.tried) {
                    Choice::None => Choice::Busy,
                    choice => choice,
                }
            }
            choice => choice,
        }
    }

    fn result(&self, found: LookResult) -> Result<Attempt, Error> {
        Err(failure(match found {
            LookResult::Backend(attempt) => return Ok(attempt),
            LookResult::NoneAvailable if self.upstream().is_empty() => Kind::NoAddress,
            LookResult::NoneAvailable => Kind::Unavailable,
            LookResult::Busy | LookResult::OverBudget | LookResult::TooManyTunnels => Kind::Crowded,
        }))
    }
}

fn failure(kind: Kind) -> Error {
    Error { kind, side: Side::Us, retry: Retry::Never }
}
