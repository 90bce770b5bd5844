//! The session of one HTTP/2 connection: accepts requests, and decides when it ends.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::request::Parts;
use http::Request;
use proxy_http::http2::Stream;
use proxy_http::message::ReadError;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::meter::Meter;
use super::request::{read_request, salvage_request};
use super::wire::Wire;
use super::FAREWELL;
use crate::channel::Channel;
use crate::client::ClientInfo;
use crate::deadline::DeadlineTimer;
use crate::downstream::linger::{PAUSE, PAUSE_IN_NEED};
use crate::error::Cause;
use crate::forward::{forward_guarded, refuse, Unread};
use crate::grpc::Form;
use crate::relay::{self, ClientChannel, Pace, Rate};
use crate::request::Verdict;
use crate::worker::{Registration, Worker};

/// An HTTP/2 connection after its preface.
pub(super) struct Session<'a> {
    worker: Rc<Worker>,
    registration: &'a Registration,
    client_info: Rc<ClientInfo>,
    connection: Connection<Wire, Bytes>,
    meter: Rc<Meter>,
    alarm: DeadlineTimer,
    /// One task for each request.
    requests: JoinSet<()>,
    phase: Phase,
    /// Number of the incomplete head, and since when.
    head_since: Option<(u32, Instant)>,
    /// Since when the connection stands still.
    still: Still,
    /// Since when it is registered as idle.
    told_idle: Option<Instant>,
}

/// Phase of a connection.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Open,
    /// GOAWAY was sent. Requests in flight are answered.
    Leaving(Instant),
    /// The last GOAWAY was sent.
    Over(Instant),
}

/// Event that ends a phase.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The idle time is over.
    Idle,
    /// The head of a request takes too long.
    SlowHead,
    /// The time to close after GOAWAY is over.
    Left,
    /// The client takes nothing of what waits for it.
    Stuck,
}

/// How long a connection has stood still.
#[derive(Debug, Default)]
struct Still {
    /// Since when no request is served and no frame of a response is sent. Frames without a request, such as PING,
    /// change nothing.
    idle: Option<Instant>,
    /// Since when the client takes nothing of what waits for it.
    blocked: Option<Instant>,
    /// Since when our side has been over.
    ended: Option<Instant>,
    /// Bytes that the client had taken at the last look.
    taken: u64,
    /// The pace of a client that takes the rest of responses.
    pace: Pace,
    /// Bytes that its system had acknowledged when the connection was last found idle.
    acknowledged: u64,
    /// Response frames sent at the last look.
    answers: u64,
}

impl Still {
    /// Looks once more. `busy` says whether requests are served.
    fn note(&mut self, busy: bool, meter: &Meter) {
        let outflow = &meter.outflow;
        outflow.settle();
        // A client that reads slowly and steadily is not stuck while our system waits for more room to tell of.
        let taken = if outflow.is_blocked() { outflow.acknowledged() } else { outflow.written() };
        let moved = std::mem::replace(&mut self.taken, taken) != taken;
        let answered = self.answers != meter.answers();
        self.answers = meter.answers();
        let since = |before: Option<Instant>, still: bool, moved: bool| {
            still.then(|| before.filter(|_| !moved).unwrap_or_else(Instant::now))
        };
        self.idle = since(self.idle, !busy, answered || outflow.is_blocked() && moved);
        self.blocked = since(self.blocked, outflow.is_blocked(), moved);
        self.ended = since(self.ended, meter.has_ended(), false);
    }

    /// Looks once more at a connection that seems to be idle: whether the client still takes what our system holds for
    /// it, and at this rate at least. Then it is not idle yet.
    fn is_taking(&mut self, meter: &Meter, rate: Rate) -> bool {
        let Some(since) = self.idle else { return false };
        let acknowledged = meter.outflow.acknowledged();
        let came = acknowledged - std::mem::replace(&mut self.acknowledged, acknowledged).min(acknowledged);
        let least = (rate.least as f64 * since.elapsed().as_secs_f64()) as u64;
        let takes = acknowledged < meter.outflow.written() && came >= least.max(1);
        if takes {
            self.idle = Some(Instant::now());
        }
        takes
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(
        worker: &Rc<Worker>,
        registration: &'a Registration,
        client_info: &ClientInfo,
        connection: Connection<Wire, Bytes>,
        meter: Rc<Meter>,
        alarm: DeadlineTimer,
    ) -> Self {
        Self {
            worker: Rc::clone(worker),
            registration,
            client_info: Rc::new(client_info.clone()),
            connection,
            meter,
            alarm,
            requests: JoinSet::new(),
            phase: Phase::Open,
            head_since: None,
            still: Still::default(),
            told_idle: None,
        }
    }

    /// Serves until the connection is over, and lets the last requests learn of it.
    pub(super) async fn run(mut self: Box<Self>) {
        poll_fn(|cx| self.poll(cx)).await;
        let mut requests = self.close();
        while requests.join_next().await.is_some() {}
    }

    /// Closes the connection and returns the requests that it has left.
    fn close(self: Box<Self>) -> JoinSet<()> {
        self.requests
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            while let Poll::Ready(request) = self.connection.poll_accept(cx) {
                match request {
                    Some(Ok((request, response))) => self.begin(request, response),
                    Some(Err(error)) => {
                        self.worker.log.debug(format_args!("a connection of HTTP/2 has failed: {error}"));
                        return Poll::Ready(());
                    }
                    None => return Poll::Ready(()),
                }
            }
            while let Poll::Ready(Some(_)) = self.requests.poll_join_next(cx) {}
            if !matches!(self.phase, Phase::Over(_)) && self.meter.is_flooded() {
                self.worker.log.debug(format_args!("a client floods its connection with frames"));
                self.end(Reason::ENHANCE_YOUR_CALM);
                continue;
            }
            if matches!(self.phase, Phase::Open) && self.worker.is_draining() {
                self.leave();
                continue;
            }
            let open = matches!(self.phase, Phase::Open | Phase::Leaving(_));
            if open && self.requests.is_empty() && self.registration.must_leave() {
                // A request on its way was not begun, and the client learns that.
                self.end(Reason::NO_ERROR);
                continue;
            }
            let Some((until, event)) = self.next_event() else { return Poll::Pending };
            if self.alarm.poll(cx, until).is_pending() {
                return Poll::Pending;
            }
            if matches!(event, Event::Idle | Event::Left) && self.is_taking() {
                continue;
            }
            match event {
                Event::Idle => self.leave(),
                Event::SlowHead => self.end(Reason::ENHANCE_YOUR_CALM),
                Event::Left => self.end(Reason::NO_ERROR),
                Event::Stuck => return Poll::Ready(()),
            }
        }
    }

    /// What ends this phase if nothing happens before, and when.
    fn next_event(&mut self) -> Option<(Instant, Event)> {
        let limits = self.worker.snapshot().globals.limits;
        let asked = !self.requests.is_empty();
        self.still.note(asked, &self.meter);
        self.tell_whether_idle();
        let before = self.head_since;
        self.head_since = self.meter.open_head().map(|head| match before {
            Some(since) if since.0 == head => since,
            _ => (head, Instant::now()),
        });
        let Still { idle, blocked, ended, .. } = self.still;
        // Requests that are not answered whole have a pace of their own.
        let slow = self.still.pace.note(limits.rate, blocked.is_some() && !asked, self.still.taken);
        let blocked = blocked.map(|since| (since + limits.client_body, Event::Stuck));
        let blocked = sooner(blocked, slow.map(|end| (end, Event::Stuck)));
        let other = match self.phase {
            Phase::Over(since) if self.registration.must_leave() => Some((since + PAUSE_IN_NEED, Event::Stuck)),
            Phase::Over(since) => Some((since + PAUSE, Event::Stuck)),
            _ if ended.is_some() => ended.map(|since| (since + PAUSE, Event::Stuck)),
            Phase::Leaving(told) if !asked => {
                let still_sending = self.connection.has_streams();
                let patience = if still_sending { limits.client_body } else { FAREWELL };
                idle.map(|since| (since.max(told) + patience, Event::Left))
            }
            Phase::Leaving(_) => None,
            Phase::Open => {
                let head = self.head_since.map(|(_, since)| (since + limits.head, Event::SlowHead));
                let idle = idle.map(|since| (since + limits.keepalive, Event::Idle));
                sooner(head, idle)
            }
        };
        sooner(blocked, other)
    }

    /// Whether the client still takes what was sent before the connection became idle. A close would destroy that once
    /// the client says its next word, such as WINDOW_UPDATE.
    fn is_taking(&mut self) -> bool {
        let rate = self.worker.snapshot().globals.limits.rate;
        self.still.is_taking(&self.meter, rate)
    }

    /// Registers whether the connection may be closed to make room for another.
    fn tell_whether_idle(&mut self) {
        let idle = self.still.idle.filter(|_| !self.connection.has_streams());
        if idle == self.told_idle {
            return;
        }
        self.told_idle = idle;
        match idle {
            Some(since) => self.registration.is_idle_since(since),
            None => self.registration.is_busy(),
        }
    }

    /// Sends a first GOAWAY, which costs no request.
    fn leave(&mut self) {
        self.connection.graceful_shutdown();
        self.phase = Phase::Leaving(Instant::now());
    }

    /// Sends the last GOAWAY with a reason.
    fn end(&mut self, reason: Reason) {
        self.connection.abrupt_shutdown(reason);
        self.phase = Phase::Over(Instant::now());
    }

    fn begin(&mut self, request: Request<RecvStream>, response: SendResponse<Bytes>) {
        let (worker, client_info) = (Rc::clone(&self.worker), Rc::clone(&self.client_info));
        let (parts, body) = request.into_parts();
        let outflow = Rc::clone(&self.meter.outflow);
        let stream = Stream::of_client(&parts, body, response, &self.meter.tally, &outflow.handed_over);
        self.requests.spawn_local(serve(worker, client_info, parts, ClientChannel::http2(Box::new(stream), outflow)));
    }
}

fn sooner(one: Option<(Instant, Event)>, other: Option<(Instant, Event)>) -> Option<(Instant, Event)> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if one.0 <= other.0 { one } else { other }),
        (one, other) => one.or(other),
    }
}

/// Serves one request.
async fn serve(worker: Rc<Worker>, client_info: Rc<ClientInfo>, parts: Parts, mut client: ClientChannel) {
    let snapshot = worker.snapshot();
    let mut work = worker.workspace();
    work.begun = None;
    let limit = snapshot.globals.limits.max_head;
    let read = read_request(&parts, &mut work.request, limit);
    if read.is_err() {
        salvage_request(&parts, &mut work.request);
    }
    drop(parts);
    let verdict = match read {
        Ok(()) => forward_guarded(&worker, &snapshot, &client_info, &mut client, &mut work).await,
        Err(error) => {
            let (cause, why) = match error {
                ReadError::Malformed(why) => (Cause::from(why), why.as_str()),
                _ if work.request.target.len() > limit => {
                    (Cause::TargetTooLong, "its target is longer than max_header_size")
                }
                _ => (Cause::HeadTooLarge, "its head is longer than max_header_size"),
            };
            work.begun = Some(Instant::now());
            let form = Form::of(&work.request);
            refuse(&worker, &client_info, &mut client, &mut work, Unread::new(cause, why, form)).await
        }
    };
    worker.reuse(work);
    if matches!(verdict, Verdict::CutShort | Verdict::Reset) {
        // What was written before is to leave: a reset takes the place of all that waits.
        tokio::task::yield_now().await;
        if let Channel::Http2(stream) = &mut client.channel {
            stream.reset(Reason::INTERNAL_ERROR);
        }
    }
    // If the client is still sending, it is told to stop when the stream is dropped, behind the response. Many clients
    // have eyes for nothing but that, though: they get to read the answer first.
    else if let Some(stream) = client.channel.still_sending() {
        Box::pin(relay::take_the_rest(stream, &mut client.alarm)).await;
    }
}
