//! One request and its state, as filters and handlers use it, and the proxy's own answers.

mod answer;
mod body_limit;
mod cache_jobs;
mod caching;
mod figures;
mod file_content;
mod closed;
mod copies;
mod errand;
mod globals;
mod introduction;
mod job_queue;
mod own_answer;
mod response_additions;
mod stored;
mod tagging;
mod traced;
mod tools;
mod workspace;

pub(crate) use answer::{call_fields, write_connection};
pub(crate) use body_limit::BodyLimit;
pub(crate) use cache_jobs::{CacheJob, Fill, Refresh};
pub(crate) use caching::{is_failure, millis_of_day, CacheRules, Caching, StoringRequest, TakenAnswer};
pub(crate) use copies::{Copies, CopyJob, Shadow};
pub(crate) use errand::{give_back, Errand, SentHead};
pub(crate) use figures::Figures;
pub(crate) use file_content::FileContent;
pub(crate) use globals::{ClientLimits, Globals};
pub use own_answer::OwnAnswer;
pub(crate) use response_additions::ResponseAdditions;
pub(crate) use stored::SentBody;
pub(crate) use tools::Tools;
pub(crate) use workspace::{RecordStage, Workspace};

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proxy_http::headers::hop_by_hop::ConnectionOptions;
use proxy_http::message::{FieldName, Fields, Framing, Known, TargetSpans, Version};
use tokio::time::Instant;

use crate::channel::Channel;
use crate::client::{forwarded, ClientInfo};
use crate::coding::CodingWish;
use crate::error::{EndReason, Error, Kind, Side, Waited};
use crate::grpc::{Call, GrpcOutcome};
use crate::log::Level;
use crate::metrics::{CountedRequest, ThreadNumber};
use crate::relay::ClientChannel;
use crate::request_id::{LoggedId, RequestId};
use crate::rewrite::{Captures, RequestValues, ResponseInfo};
use crate::upstream::{Affinity, Attempt, Backend, Upstream};

/// The filters of a location, as far as a response meets them. The modules below `filter` only know this trait.
pub(crate) trait ResponseFilters {
    /// Lets the first `passed` filters change the response in `exchange.work.response`, the last one first.
    fn amend(&self, passed: usize, exchange: &mut Exchange<'_>);

    /// Whether one of the first `passed` filters has asked who sends the request.
    fn know_the_client(&self, passed: usize) -> bool;

    /// Tells the location apart from all others, also over a restart. Empty outside of all locations.
    fn place(&self) -> &str;

    /// Tells the first `passed` filters that the request was answered. `scope` shows the request as the client sent it.
    fn answered(&self, passed: usize, exchange: &Exchange<'_>, scope: &RequestValues<'_>);
}

pub(crate) struct NoFilters;

impl ResponseFilters for NoFilters {
    fn amend(&self, _: usize, _: &mut Exchange<'_>) {}

    fn know_the_client(&self, _: usize) -> bool {
        false
    }

    fn place(&self) -> &str {
        ""
    }

    fn answered(&self, _: usize, _: &Exchange<'_>, _: &RequestValues<'_>) {}
}

/// How the client's connection goes on after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The connection waits for the next request.
    KeepAlive,
    /// The connection is closed properly.
    Close,
    /// The connection is closed after what the client is still sending was read, so that the client can read the
    /// answer.
    Linger,
    /// The connection is closed, with part of the response missing.
    CutShort,
    /// The connection is reset, with part of the response missing. Either only a reset can show that (the body ends
    /// with the connection), or the client takes nothing, and the bytes that wait in the system have to go too.
    Reset,
}

impl Verdict {
    /// The verdict after a failed write to the client.
    pub(crate) fn after(error: &Error) -> Self {
        match (error.side, &error.kind) {
            (Side::Client, Kind::Timeout(Waited::ClientWrite | Waited::ClientRate | Waited::ClientBehind)) => {
                Self::Reset
            }
            _ => Self::CutShort,
        }
    }
}

/// One request and all that belongs to it.
pub(crate) struct Exchange<'a> {
    /// Resources of the engine thread.
    pub(crate) tools: &'a Tools,
    pub(crate) globals: &'a Globals,
    /// The client of the request: the peer of the connection, or the client that a trusted proxy names.
    pub(crate) client_info: &'a ClientInfo,
    /// The peer of the connection, if it is a trusted proxy.
    pub(crate) trusted_hop: Option<&'a ClientInfo>,
    pub(crate) client: &'a mut ClientChannel,
    pub(crate) work: &'a mut Workspace,
    pub(crate) id: RequestId,
    pub(crate) start: SystemTime,
    pub(crate) begun: Instant,
    pub(crate) framing: Framing,
    pub(crate) options: ConnectionOptions,
    /// The gRPC call that the request is, if any.
    pub(crate) call: Option<Call>,
    /// Whether the client will send another request on this connection.
    pub(crate) keep_alive: bool,
    /// Filters of the request's location.
    pub(crate) filters: &'a dyn ResponseFilters,
    /// Whether a log needs the request as the client sent it, after it was answered.
    pub(crate) keeps_lines: bool,
    /// Bytes of bodies that the client's channel had sent and taken before this request. `None` if nobody wants the
    /// figures of the request.
    pub(crate) before: Option<(u64, u64)>,
    /// Number of the request's location in [`Globals::route_names`]; 0 before one was found.
    pub(crate) route: u32,
    /// The request among those of its location. `None` if it is not counted, or no location was found yet.
    pub(crate) counted: Option<CountedRequest<'a>>,
    /// Number of filters that let the request pass. They see the response.
    pub(crate) passed: usize,
    /// Whether the client was let in to what is closed for maintenance.
    pub(crate) let_in: bool,
    /// Whether a small response without an entity tag gets one.
    pub(crate) tags: bool,
    /// Limit for the length of the request's body.
    pub(crate) body_limit: Option<Arc<BodyLimit>>,
    /// Path and query as the client sent them.
    pub(crate) sent_target: TargetSpans,
    /// Properties of the request that the choice of a backend depends on.
    pub(crate) affinity: Affinity,
    /// What the client says about the coding of the response, until a `compress` has decided.
    pub(crate) coding: Option<CodingWish>,
    /// The head of the whole response with status 200, if the response is a 304 or a part of it, and a `compress` has
    /// to know.
    pub(crate) whole: Option<Box<Fields>>,
    /// The upstream that a split has chosen in place of the handler's own.
    pub(crate) split: Option<Arc<Upstream>>,
    /// Copies for other upstreams.
    pub(crate) copies: Option<Box<Copies>>,
    /// The request's dealings with a cache. `None`: it has no cache.
    pub(crate) cache: Option<Box<Caching>>,
    pub(crate) outcome: Outcome,
}

/// Result of an exchange, for logs and figures.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Status of the response; 499 if the client went away before it.
    pub(crate) status: u16,
    /// Backend that answered.
    pub(crate) backend: Option<Attempt>,
    /// Backend that was asked last, if it did not answer.
    pub(crate) asked: Option<Arc<Backend>>,
    /// Result of a gRPC call, as the client was told.
    pub(crate) grpc: GrpcOutcome,
    /// Number of times that the request was sent to a backend.
    pub(crate) attempts: u32,
    /// Bytes of the response's body, or of the tunnel, that were sent.
    pub(crate) bytes: u64,
    /// Times and bytes, complete once the request is over.
    pub(crate) figures: Figures,
    /// Why the request did not end as it should. `None`: it did, as far as the proxy can tell.
    pub(crate) reason: Option<EndReason>,
}

impl Outcome {
    /// Status that figures have: of a refused gRPC call the HTTP status behind the refusal.
    pub(crate) fn counted_status(&self) -> u16 {
        match self.grpc.reason {
            0 => self.status,
            reason => reason,
        }
    }

    /// Backend that was asked last, as named in figures and logs; empty if none was.
    pub(crate) fn backend(&self) -> &str {
        self.last_asked().map_or("", Backend::label)
    }

    /// Upstream of that backend; empty if none was asked.
    pub(crate) fn upstream(&self) -> &str {
        self.last_asked().map_or("", |backend| backend.group().name())
    }

    /// Backend that was asked last.
    pub(crate) fn last_asked(&self) -> Option<&Backend> {
        self.backend.as_deref().or(self.asked.as_deref())
    }
}

impl Exchange<'_> {
    /// Whether metrics count the request. What has a location and is not counted is excluded.
    #[inline]
    pub(crate) fn is_counted(&self) -> bool {
        self.counted.is_some() || self.route == 0
    }

    /// Notes why the request does not end as it should. The first reason counts.
    pub(crate) fn ends_for(&mut self, reason: EndReason) {
        self.outcome.reason.get_or_insert(reason);
    }

    /// The thread that counts the request, if it is counted.
    #[inline]
    pub(crate) fn counted_by(&self) -> Option<ThreadNumber> {
        self.counted.as_ref().map(CountedRequest::thread)
    }

    /// Name of the request's location: its `name`, or its pattern as written. Empty before one was found.
    pub(crate) fn route_name(&self) -> &str {
        self.globals.route_name(self.route)
    }

    /// Applies the changes of the filters to the response in `work.response`. Has to be called once for each response,
    /// before its head is written.
    pub(crate) fn amend(&mut self) {
        self.work.response_additions.apply(&mut self.work.response.fields);
        if self.passed > 0 {
            let filters = self.filters;
            filters.amend(self.passed, self);
        }
    }

    /// Values for string rewrites of the response in `work.response`.
    pub(crate) fn response_scope(&self) -> RequestValues<'_> {
        RequestValues {
            response: Some(self.response_info()),
            // The id that the backend and the logs use.
            sent_id: self.logged_id().sent(),
            ..self.scope(self.work.request.path())
        }
    }

    /// Time since the first byte of the request, until the end of the exchange if it has ended.
    pub(crate) fn took(&self) -> Duration {
        self.work.ended.unwrap_or_else(Instant::now).saturating_duration_since(self.begun)
    }

    /// What is known of the response at this moment.
    pub(crate) fn response_info(&self) -> ResponseInfo<'_> {
        let Outcome { status, attempts, grpc, bytes, figures, reason, .. } = self.outcome;
        let (queue, connect) = self.client.waits.totals();
        ResponseInfo {
            status,
            elapsed: self.took(),
            backend: self.outcome.backend(),
            upstream: self.outcome.upstream(),
            attempts,
            grpc,
            bytes,
            reason,
            queue,
            connect,
            first_byte: figures.first_byte,
            request_bytes: figures.request_bytes,
            cache: self.cache.as_ref().map_or("", |caching| caching.result.as_str()),
            fields: Some(&self.work.response.fields),
        }
    }

    /// Values for string rewrites of this request. `path` is the value of `{path}`.
    pub(crate) fn scope<'s>(&'s self, path: &'s [u8]) -> RequestValues<'s> {
        let captures = Captures::new(&self.globals.capture_names, &self.work.captured);
        RequestValues {
            path,
            user: &self.work.user,
            captures,
            route: self.route_name(),
            redaction: &self.globals.redaction,
            trace: self.work.trace_ids(),
            ..RequestValues::new(&self.work.request, self.client_info, self.id, self.start)
        }
    }

    /// Keeps the head in `work.response` for filters, which is about to become that of a 304 or of a part. `length` is
    /// that of its body.
    pub(crate) fn keep_whole(&mut self, length: Option<u64>) {
        if self.coding.is_some() {
            let mut fields = self.work.response.fields.clone();
            if let Some(length) = length {
                fields.set(Known::ContentLength, length.to_string().as_bytes());
            }
            self.whole = Some(Box::new(fields));
        }
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(crate) fn expects_go_ahead(&self) -> bool {
        self.work.request.version != Version::Http10 && self.work.request.fields.has(Known::Expect)
    }

    /// Whether the request is an extended CONNECT of HTTP/2: its client takes any 2xx for the beginning of the tunnel.
    pub(crate) fn is_h2_tunnel(&self) -> bool {
        self.work.request.version == Version::Http2 && self.options.upgrade
    }

    /// Makes logs show the verified value of a field in place of the one that the client sent.
    pub(crate) fn log_as_verified(&mut self, name: &FieldName) {
        if self.keeps_lines {
            self.work.request.fields.copy_field(name, &mut self.work.as_sent);
        }
    }

    /// Whether an HTTP/1.1 client has asked for trailers, and `backend` can send them whatever the framing of its body.
    pub(crate) fn wants_trailers_of(&self, backend: &Channel) -> bool {
        self.options.trailers && self.work.request.version == Version::Http11 && backend.version() == Version::Http2
    }

    /// The request's id in logs, at this moment: the one that will be, or was, forwarded.
    pub(crate) fn logged_id(&self) -> LoggedId<'_> {
        LoggedId::of(self.id, self.work.request.fields.get(Known::XRequestId))
    }

    /// Logs a failure, at level warn.
    pub(crate) fn warn(&self, message: std::fmt::Arguments<'_>) {
        self.note(Level::Warn, message);
    }

    /// Logs a detail for debugging, at level debug.
    pub(crate) fn debug(&self, message: std::fmt::Arguments<'_>) {
        self.note(Level::Debug, message);
    }

    /// Logs that a client was too slow and is given up, at level debug: it is no failure of ours.
    pub(crate) fn note_slowness(&self, error: &Error) {
        use Waited::{ClientBehind, ClientBody, ClientRate, ClientWrite};
        if matches!(error.kind, Kind::Timeout(ClientRate | ClientBody | ClientWrite | ClientBehind)) {
            self.debug(format_args!("{error}"));
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
        if self.tools.log.enabled(level) {
            let request = &self.work.request;
            let method = String::from_utf8_lossy(request.method_text());
            let path = String::from_utf8_lossy(request.path());
            self.tools.log.write(level, Some(self.logged_id()), format_args!("{method} {path}: {message}"));
        }
    }

    /// Id and time of the request, for the fields that tell a backend about them.
    pub(crate) fn stamp(&self) -> forwarded::Stamp {
        forwarded::Stamp { id: self.id, start: self.start }
    }
}
