//! One request: locate → filters → handler → respond.

mod answer;
mod extra;
mod guard;
mod hops;
mod introduction;

pub(crate) use answer::{log_refused, note_refused, refuse, write_connection, Unread};
pub(crate) use extra::Extra;
pub(crate) use guard::forward_guarded;
pub(crate) use hops::may_go_on;

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use crate::engine::{Engine, Workspace};
use crate::error::{Error, Kind, Side, Waited};
use crate::filter::{BodyLimit, Filter};
use crate::grpc::{Call, Form, Told};
use crate::handler::Handler;
use crate::headers::hop_by_hop::{self, Wishes};
use crate::headers::{forwarded, framing};
use crate::http1::Framing;
use crate::log::Level;
use crate::message::{FieldName, Known, Method, TargetSpans, Version};
use crate::peer::Peer;
use crate::request_id::{LoggedId, RequestId};
use crate::rewrite::{Captures, ClientInfo, ResponseInfo, Scope};
use crate::routing::Ambiguous;
use crate::snapshot::Snapshot;
use crate::upstream::exchange::Client;
use crate::upstream::{Asking, Attempt, Endpoint};

/// What becomes of the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It waits for the next request.
    KeepAlive,
    /// It is closed, in order.
    Close,
    /// It is closed, but first what the client is still sending is taken, so that it gets to read the answer.
    Linger,
    /// It is closed with part of the response missing.
    CutShort,
    /// The same, where only a reset shows that something is missing: a body whose end is that of the connection. Or the client takes
    /// nothing, and what waits for it in the system is to go with the connection.
    Reset,
}

impl Verdict {
    /// After a write to the client that has failed.
    pub(crate) fn after(error: &Error) -> Self {
        match (error.side, &error.kind) {
            (Side::Client, Kind::Timeout(Waited::ClientWrite | Waited::ClientRate)) => Self::Reset,
            _ => Self::CutShort,
        }
    }
}

/// One request and all that belongs to it.
pub(crate) struct Exchange<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) snapshot: &'a Snapshot,
    /// Who sent the request: the other end of the connection, or the client that a trusted proxy there speaks for.
    pub(crate) link: &'a ClientInfo,
    /// The trusted proxy at the other end of the connection, if there is one.
    pub(crate) via: Option<&'a ClientInfo>,
    pub(crate) client: &'a mut Client,
    pub(crate) work: &'a mut Workspace,
    pub(crate) id: RequestId,
    pub(crate) start: SystemTime,
    pub(crate) begun: Instant,
    pub(crate) framing: Framing,
    pub(crate) wishes: Wishes,
    /// What it is to gRPC.
    pub(crate) call: Option<Call>,
    /// Whether the client will send another request on this connection.
    pub(crate) keep_alive: bool,
    /// The filters that let the request pass. They see the response.
    pub(crate) passed: &'a [Arc<Filter>],
    /// What the length of the request's body is held to.
    pub(crate) body_limit: Option<Arc<BodyLimit>>,
    /// The path and the query as the client sent them.
    sent_target: TargetSpans,
    /// What the choice of a backend depends on.
    pub(crate) asking: Asking,
    pub(crate) outcome: Outcome,
}

/// What happened, for logs and figures.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The status of the response, 499 if the client went away before it.
    pub(crate) status: u16,
    /// The backend that answered.
    pub(crate) backend: Option<Attempt>,
    /// The backend that was asked last, if it did not answer.
    pub(crate) asked: Option<Arc<Endpoint>>,
    /// What a call of gRPC was told.
    pub(crate) grpc: Told,
    /// How often the request was sent to a backend.
    pub(crate) attempts: u32,
    /// Bytes of the response's body that left, or of the tunnel.
    pub(crate) bytes: u64,
}

impl Outcome {
    /// The backend that was asked last, as in figures and logs; empty if none was.
    fn backend(&self) -> &str {
        match (&self.backend, &self.asked) {
            (Some(attempt), _) => attempt.label(),
            (None, Some(endpoint)) => endpoint.label(),
            (None, None) => "",
        }
    }
}

/// Serves the request whose head stands in `work`. `link` is the other end of the connection.
async fn forward(
    engine: &Engine,
    snapshot: &Snapshot,
    link: &ClientInfo,
    client: &mut Client,
    work: &mut Workspace,
) -> Verdict {
    client.begin_request();
    let sent = client.peer.body_sent();
    let begun = *work.begun.get_or_insert_with(Instant::now);
    let framing = match client.peer.framing_of_request(&work.request) {
        Ok(framing) => framing,
        Err(malformed) => {
            let form = Form::of(&work.request);
            return refuse(engine, link, client, work, Unread::new(malformed.status(), malformed.0, form)).await;
        }
    };
    client.peer.begin_reading(framing);
    // What another request left there is nobody's business.
    work.response.fields.clear();
    work.extra.clear();
    work.user.clear();
    work.captured.clear();
    if snapshot.keeps_lines {
        work.request.fields.copy_lines(&mut work.as_sent);
    }
    work.request.replace_host();
    engine.counters.request_began();
    let via = Some(link).filter(|peer| snapshot.trusted.trusts(peer));
    if work.request.fields.may_be_hearsay() {
        snapshot.trusted.drop_unbelieved(&mut work.request.fields, via.is_some());
    }
    // Before anything else is dropped or changed: no field that is named in `Connection` makes a client another one.
    let spoken_for = via.and_then(|peer| snapshot.trusted.client(&work.request.fields, peer));
    let mut exchange = Exchange {
        engine,
        snapshot,
        link: spoken_for.as_ref().unwrap_or(link),
        via,
        id: RequestId::random(),
        start: SystemTime::now(),
        begun,
        framing,
        wishes: Wishes::of(&work.request),
        call: Call::of(&work.request, Instant::now),
        keep_alive: framing::keeps_alive(&work.request.fields, work.request.version) && !engine.is_draining(),
        passed: &[],
        body_limit: None,
        sent_target: work.request.target_spans(),
        asking: Asking::Nothing,
        outcome: Outcome::default(),
        client,
        work,
    };
    let verdict = exchange.serve().await;
    exchange.outcome.bytes = exchange.client.peer.body_sent().saturating_sub(sent);
    exchange.record();
    verdict
}

impl Exchange<'_> {
    async fn serve(&mut self) -> Verdict {
        let host = self.work.request.host();
        let admitted = match (&self.link.secured, &self.link.plain) {
            (Some(secured), _) => secured.admits(self.snapshot, host),
            (None, Some(bind)) => bind.admits_plain(self.snapshot, host),
            (None, None) => true,
        };
        if !admitted {
            self.keep_alive = false;
            return self.fail(421).await;
        }
        let fields = &self.work.request.fields;
        if let Some(expectation) = fields.get(Known::Expect) {
            if !expectation.eq_ignore_ascii_case(b"100-continue") {
                return self.fail(417).await;
            }
        }
        // A tunnel through a reverse proxy leads nowhere that a location could name.
        if self.work.request.method == Method::Connect {
            return self.refuse_method().await;
        }
        let snapshot = self.snapshot;
        let Workspace { request, captured, .. } = &mut *self.work;
        let Ok(scope) = snapshot.routes.locate(request, self.link, captured) else {
            return self.refuse_ambiguous().await;
        };
        if request.method == Method::Post && self.call.is_none() {
            if let Ok(Some(Handler::Proxy(proxy))) = scope.handler(request) {
                if proxy.backends().speak_http2() {
                    self.call = Call::to_http2(request, Instant::now);
                }
            }
        }
        if !scope.filters.is_empty() {
            hop_by_hop::drop_named(&mut self.work.request.fields);
        }
        for (index, filter) in scope.filters.iter().enumerate() {
            if let Some(verdict) = filter.admit(self).await {
                return verdict;
            }
            self.passed = &scope.filters[..=index];
        }
        let handler = match scope.handler(&self.work.request) {
            Ok(handler) => handler,
            Err(Ambiguous) => return self.refuse_ambiguous().await,
        };
        let limit = handler.and_then(Handler::body_limit).cloned().or_else(|| self.body_limit.take());
        if let Some(limit) = limit {
            if let Some(verdict) = limit.hold(self).await {
                return verdict;
            }
        }
        if matches!(handler, Some(Handler::Redirect(_) | Handler::StaticResponse(_)))
            && self.framing == Framing::Chunked
        {
            if let Some(limit) = self.body_limit.clone() {
                if let Some(verdict) = Box::pin(limit.measure(self)).await {
                    return verdict;
                }
            }
        }
        match handler {
            None => self.fail(404).await,
            Some(Handler::Redirect(redirect)) => redirect.serve(self).await,
            Some(Handler::StaticResponse(response)) => response.serve(self).await,
            Some(Handler::Proxy(proxy)) => {
                if !may_go_on(&mut self.work.request) {
                    return self.answer_as_last().await;
                }
                proxy.serve(self).await
            }
        }
    }

    /// Answers a request whose path can be read in two ways, like one that cannot be read at all.
    async fn refuse_ambiguous(&mut self) -> Verdict {
        self.keep_alive = false;
        self.fail(400).await
    }

    /// Changes the response in `work.response` as the filters want it. To be called once for each response, before its head
    /// is written.
    pub(crate) fn amend(&mut self) {
        self.work.extra.apply(&mut self.work.response.fields);
        for filter in self.passed.iter().rev() {
            filter.amend(self);
        }
    }

    /// What string rewrites of the response in `work.response` refer to.
    pub(crate) fn response_scope(&self) -> Scope<'_> {
        Scope {
            response: Some(ResponseInfo {
                status: self.outcome.status,
                elapsed: self.begun.elapsed(),
                backend: self.outcome.backend(),
                attempts: self.outcome.attempts,
                grpc: self.outcome.grpc,
                bytes: 0,
                fields: Some(&self.work.response.fields),
            }),
            // The one that the backend and the logs know it by.
            sent_id: self.logged_id().sent(),
            ..self.scope(self.work.request.path())
        }
    }

    /// What string rewrites of this request refer to. `path` is the path as `{path}` shows it.
    pub(crate) fn scope<'s>(&'s self, path: &'s [u8]) -> Scope<'s> {
        let captures = Captures::new(&self.snapshot.capture_names, &self.work.captured);
        Scope {
            path,
            user: &self.work.user,
            captures,
            ..Scope::new(&self.work.request, self.link, self.id, self.start)
        }
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(crate) fn expects_go_ahead(&self) -> bool {
        self.work.request.version != Version::Http10 && self.work.request.fields.has(Known::Expect)
    }

    /// Whether the request is an extended CONNECT of HTTP/2: its client takes any success for the beginning of the tunnel.
    pub(crate) fn is_h2_tunnel(&self) -> bool {
        self.work.request.version == Version::Http2 && self.wishes.upgrade
    }

    /// Lets logs, which otherwise have what the client sent, have of a field what was found out.
    pub(crate) fn log_as_verified(&mut self, name: &FieldName) {
        if self.snapshot.keeps_lines {
            self.work.request.fields.copy_field(name, &mut self.work.as_sent);
        }
    }

    /// Whether the client of HTTP/1.1 has asked for trailers, which `backend` can send whatever it says of its body.
    pub(crate) fn wants_trailers_of(&self, backend: &Peer) -> bool {
        self.wishes.trailers && self.work.request.version == Version::Http11 && backend.version() == Version::Http2
    }

    /// The id that the request goes by in logs, as things stand: what will be forwarded, or has been.
    pub(crate) fn logged_id(&self) -> LoggedId<'_> {
        LoggedId::of(self.id, self.work.request.fields.get(Known::XRequestId))
    }

    /// Logs a failure.
    pub(crate) fn warn(&self, message: std::fmt::Arguments<'_>) {
        self.note(Level::Warn, message);
    }

    /// Logs what only a search for a mistake asks for.
    pub(crate) fn debug(&self, message: std::fmt::Arguments<'_>) {
        self.note(Level::Debug, message);
    }

    /// Logs that a client is given up for being slow.
    pub(crate) fn note_slowness(&self, error: &Error) {
        if matches!(error.kind, Kind::Timeout(Waited::ClientRate | Waited::ClientBody | Waited::ClientWrite)) {
            self.note(Level::Info, format_args!("{error}"));
        }
    }

    /// Logs that a client has not taken all of its response.
    pub(crate) fn note_departure(&self, error: &Error) {
        match error.kind {
            Kind::Timeout(_) => self.note_slowness(error),
            _ => self.debug(format_args!("the client went away before the end of its response: {error}")),
        }
    }

    fn note(&self, level: Level, message: std::fmt::Arguments<'_>) {
        if self.engine.log.enabled(level) {
            let request = &self.work.request;
            let method = String::from_utf8_lossy(request.method_text());
            let path = String::from_utf8_lossy(request.path());
            self.engine.log.write(level, Some(self.logged_id()), format_args!("{method} {path}: {message}"));
        }
    }

    /// Id and time, for the fields that tell a backend about them.
    pub(crate) fn stamp(&self) -> forwarded::Stamp {
        forwarded::Stamp { id: self.id, start: self.start }
    }

    fn record(&mut self) {
        self.engine.counters.request_ended();
        if !self.snapshot.keeps_lines {
            return;
        }
        let forwarded_id = self.work.request.fields.spans(Known::XRequestId).next();
        self.work.request.fields.restore_lines(&mut self.work.as_sent);
        self.work.request.restore_target(self.sent_target);
        let outcome = &self.outcome;
        let forwarded_id = forwarded_id.map(|id| self.work.request.fields.slice(id));
        let scope = Scope {
            sent_id: LoggedId::of(self.id, forwarded_id).sent(),
            response: Some(ResponseInfo {
                status: outcome.status,
                elapsed: self.begun.elapsed(),
                backend: outcome.backend(),
                attempts: outcome.attempts,
                grpc: outcome.grpc,
                bytes: outcome.bytes,
                fields: Some(&self.work.response.fields),
            }),
            ..self.scope(self.work.request.path())
        };
        for filter in self.passed.iter().rev() {
            filter.answered(self, &scope);
        }
        if let Some(log) = &self.snapshot.access_log {
            self.engine.log_access(log, &scope);
        }
    }
}
