//! One request and what is known of it: what filters and handlers work with, and the answers that the proxy gives
//! itself.

mod answer;
mod body_limit;
mod response_additions;
mod globals;
mod introduction;
mod tools;
mod workspace;

pub(crate) use answer::{call_fields, write_connection};
pub(crate) use body_limit::BodyLimit;
pub(crate) use globals::{ClientLimits, Globals};
pub(crate) use response_additions::ResponseAdditions;
pub(crate) use tools::Tools;
pub(crate) use workspace::Workspace;

use std::sync::Arc;
use std::time::SystemTime;

use proxy_http::headers::hop_by_hop::ConnectionOptions;
use proxy_http::message::{FieldName, Framing, Known, TargetSpans, Version};
use tokio::time::Instant;

use crate::channel::Channel;
use crate::client::{forwarded, ClientInfo};
use crate::error::{Error, Kind, Side, Waited};
use crate::grpc::{Call, GrpcOutcome};
use crate::log::Level;
use crate::relay::ClientChannel;
use crate::request_id::{LoggedId, RequestId};
use crate::rewrite::{Captures, RequestValues, ResponseInfo};
use crate::upstream::{Affinity, Attempt, Backend};

/// The filters of a location, as a response meets them. What is below filters knows no more of them.
pub(crate) trait ResponseFilters {
    /// Lets the first `passed` of them change the response in `exchange.work.response`, the last one first.
    fn amend(&self, passed: usize, exchange: &mut Exchange<'_>);

    /// Tells the first `passed` of them that the request has been answered. `scope` shows it as the client sent it.
    fn answered(&self, passed: usize, exchange: &Exchange<'_>, scope: &RequestValues<'_>);
}

/// No filters.
pub(crate) struct NoFilters;

impl ResponseFilters for NoFilters {
    fn amend(&self, _: usize, _: &mut Exchange<'_>) {}

    fn answered(&self, _: usize, _: &Exchange<'_>, _: &RequestValues<'_>) {}
}

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
    /// The same, where only a reset shows that something is missing: a body whose end is that of the connection. Or the
    /// client takes nothing, and what waits for it in the system is to go with the connection.
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
    /// What the thread lends it.
    pub(crate) tools: &'a Tools,
    pub(crate) globals: &'a Globals,
    /// Who sent the request: the other end of the connection, or the client that a trusted proxy there speaks for.
    pub(crate) client_info: &'a ClientInfo,
    /// The trusted proxy at the other end of the connection, if there is one.
    pub(crate) trusted_hop: Option<&'a ClientInfo>,
    pub(crate) client: &'a mut ClientChannel,
    pub(crate) work: &'a mut Workspace,
    pub(crate) id: RequestId,
    pub(crate) start: SystemTime,
    pub(crate) begun: Instant,
    pub(crate) framing: Framing,
    pub(crate) options: ConnectionOptions,
    /// What it is to gRPC.
    pub(crate) call: Option<Call>,
    /// Whether the client will send another request on this connection.
    pub(crate) keep_alive: bool,
    /// The filters of its location.
    pub(crate) filters: &'a dyn ResponseFilters,
    /// How many of them let the request pass. They see the response.
    pub(crate) passed: usize,
    /// What the length of the request's body is held to.
    pub(crate) body_limit: Option<Arc<BodyLimit>>,
    /// The path and the query as the client sent them.
    pub(crate) sent_target: TargetSpans,
    /// What the choice of a backend depends on.
    pub(crate) affinity: Affinity,
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
    pub(crate) asked: Option<Arc<Backend>>,
    /// What a call of gRPC was told.
    pub(crate) grpc: GrpcOutcome,
    /// How often the request was sent to a backend.
    pub(crate) attempts: u32,
    /// Bytes of the response's body that left, or of the tunnel.
    pub(crate) bytes: u64,
}

impl Outcome {
    /// The backend that was asked last, as in figures and logs; empty if none was.
    pub(crate) fn backend(&self) -> &str {
        match (&self.backend, &self.asked) {
            (Some(attempt), _) => attempt.label(),
            (None, Some(backend)) => backend.label(),
            (None, None) => "",
        }
    }
}

impl Exchange<'_> {
    /// Changes the response in `work.response` as the filters want it. To be called once for each response, before its
    /// head is written.
    pub(crate) fn amend(&mut self) {
        self.work.extra.apply(&mut self.work.response.fields);
        if self.passed > 0 {
            let filters = self.filters;
            filters.amend(self.passed, self);
        }
    }

    /// What string rewrites of the response in `work.response` refer to.
    pub(crate) fn response_scope(&self) -> RequestValues<'_> {
        RequestValues {
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
    pub(crate) fn scope<'s>(&'s self, path: &'s [u8]) -> RequestValues<'s> {
        let captures = Captures::new(&self.globals.capture_names, &self.work.captured);
        RequestValues {
            path,
            user: &self.work.user,
            captures,
            ..RequestValues::new(&self.work.request, self.client_info, self.id, self.start)
        }
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(crate) fn expects_go_ahead(&self) -> bool {
        self.work.request.version != Version::Http10 && self.work.request.fields.has(Known::Expect)
    }

    /// Whether the request is an extended CONNECT of HTTP/2: its client takes any success for the beginning of the
    /// tunnel.
    pub(crate) fn is_h2_tunnel(&self) -> bool {
        self.work.request.version == Version::Http2 && self.options.upgrade
    }

    /// Lets logs, which otherwise have what the client sent, have of a field what was found out.
    pub(crate) fn log_as_verified(&mut self, name: &FieldName) {
        if self.globals.keeps_lines {
            self.work.request.fields.copy_field(name, &mut self.work.as_sent);
        }
    }

    /// Whether the client of HTTP/1.1 has asked for trailers, which `backend` can send whatever it says of its body.
    pub(crate) fn wants_trailers_of(&self, backend: &Channel) -> bool {
        self.options.trailers && self.work.request.version == Version::Http11 && backend.version() == Version::Http2
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
        if self.tools.log.enabled(level) {
            let request = &self.work.request;
            let method = String::from_utf8_lossy(request.method_text());
            let path = String::from_utf8_lossy(request.path());
            self.tools.log.write(level, Some(self.logged_id()), format_args!("{method} {path}: {message}"));
        }
    }

    /// Id and time, for the fields that tell a backend about them.
    pub(crate) fn stamp(&self) -> forwarded::Stamp {
        forwarded::Stamp { id: self.id, start: self.start }
    }
}
