//! Answers to requests that are malformed or incomplete.

use std::time::SystemTime;

use proxy_http::message::{Framing, Known, Method, ResponseHead};
use tokio::time::Instant;

use super::counting::count_refused;
use crate::client::ClientInfo;
use crate::error::{Cause, EndReason};
use crate::grpc::{Form, GrpcOutcome};
use crate::log::Level;
use crate::relay::{self, ClientChannel};
use crate::request::{call_fields, RecordStage, Tools, Verdict, Workspace};
use crate::request_id::{LoggedId, RequestId};
use crate::respond::{self, GrpcRefusal};
use crate::rewrite::{RequestValues, ResponseInfo};
use crate::tracing::{TraceClient, TraceEnding};
use crate::worker::Worker;

/// Why a request could not be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unread {
    pub(crate) id: RequestId,
    pub(crate) cause: Cause,
    /// The reason, for the log. `None` if it was already logged.
    pub(crate) why: Option<&'static str>,
    /// The form of gRPC, if the request is a call as far as it was read.
    pub(crate) form: Option<Form>,
}

impl Unread {
    /// A request that is refused for `why`.
    pub(crate) fn new(cause: Cause, why: &'static str, form: Option<Form>) -> Self {
        Self { id: RequestId::random(), cause, why: Some(why), form }
    }
}

/// Result of a request that could not be read, or was not sent whole, for logs and figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RefusedOutcome {
    /// Status of the response; 499 if the client went away before it.
    pub(crate) status: u16,
    pub(crate) grpc: GrpcOutcome,
    pub(crate) reason: EndReason,
    /// Bytes of the response's body that were sent.
    pub(crate) bytes: u64,
}

impl RefusedOutcome {
    /// The result of a request that ended for `cause`, with the cause's own status.
    pub(crate) fn of(cause: Cause, bytes: u64) -> Self {
        Self { status: cause.status(), grpc: GrpcOutcome::default(), reason: cause.into(), bytes }
    }
}

/// Answers a request that could not be read, and closes the connection. The parts that were recognised stand in
/// `work.request`.
pub(crate) async fn refuse(
    worker: &Worker,
    client_info: &ClientInfo,
    client: &mut ClientChannel,
    work: &mut Workspace,
    unread: Unread,
) -> Verdict {
    let Unread { id, cause, why, form } = unread;
    let status = cause.status();
    let before = client.channel.body_sent();
    if let Some(why) = why {
        note_refused(worker, client_info, work, id, format_args!("refused with {status}: {why}"));
    }
    let request = &work.request;
    let call = form.map(|form| call_fields(form, GrpcRefusal::Status(status), client.channel.version()));
    let response = respond::built_in(status).choose(None);
    let (status, fields, body) = match &call {
        Some(fields) => (200, &fields[..], &[][..]),
        None => (response.status, &response.fields[..], &response.body[..]),
    };
    let reason = response.status;
    worker.counters.answered(reason);
    let body = if request.method == Method::Head { &[][..] } else { body };
    let limits = worker.snapshot().globals.limits;
    let mut head = ResponseHead { status, ..ResponseHead::default() };
    head.fields.read_lines(fields);
    head.set_reason(proxy_http::message::reason(status));
    client.channel.write_response(&mut head, Framing::Length(body.len() as u64), |lines| {
        worker.write_date(lines);
        lines.extend_from_slice(b"X-Request-Id: ");
        LoggedId::of(id, request.fields.get(Known::XRequestId)).write_value(lines);
        lines.extend_from_slice(b"\r\n");
        lines.extend_from_slice(b"Connection: close\r\n");
    });
    client.channel.write_body(body);
    let flushed = relay::flush(client, limits.client_body, limits.rate).await;
    let bytes = client.channel.body_sent().saturating_sub(before);
    let grpc = call.map_or(GrpcOutcome::default(), |_| GrpcRefusal::Status(reason).told());
    log_refused(worker, client_info, work, id, RefusedOutcome { status, grpc, reason: cause.into(), bytes });
    match flushed {
        Ok(()) => Verdict::Linger,
        Err(error) => Verdict::after(&error),
    }
}

/// Logs, at level debug, the defect of a request that could not be read or was not sent whole.
#[cold]
pub(crate) fn note_refused(
    worker: &Tools,
    client_info: &ClientInfo,
    work: &Workspace,
    id: RequestId,
    what: std::fmt::Arguments<'_>,
) {
    if worker.log.enabled(Level::Debug) {
        let request = &work.request;
        let id = LoggedId::of(id, request.fields.get(Known::XRequestId));
        let (method, path) = (String::from_utf8_lossy(request.method_text()), String::from_utf8_lossy(request.path()));
        let addr = if client_info.addr.is_empty() { "a client" } else { &client_info.addr };
        worker.log.write(Level::Debug, Some(id), format_args!("{method} {path} from {addr}: {what}"));
    }
}

/// Writes an access log line for a request that could not be read or was not sent whole, with the parts that were
/// recognised.
#[cold]
pub(crate) fn log_refused(
    worker: &Worker,
    client_info: &ClientInfo,
    work: &mut Workspace,
    id: RequestId,
    outcome: RefusedOutcome,
) {
    let RefusedOutcome { status, grpc, reason, bytes } = outcome;
    let begun = work.begun.take().unwrap_or_else(Instant::now);
    let elapsed = begun.elapsed();
    let recorded = std::mem::take(&mut work.recorded);
    if recorded < RecordStage::Counted {
        let counted = if grpc.reason == 0 { status } else { grpc.reason };
        count_refused(worker, work, counted, bytes, elapsed);
    }
    let snapshot = worker.snapshot();
    let globals = &snapshot.globals;
    let watched = globals.tap.is_open();
    if globals.access_log.is_none() && globals.tracing.is_none() && !watched {
        return;
    }
    let request = &mut work.request;
    let trusted_hop = Some(client_info).filter(|peer| globals.trusted.trusts(peer));
    let spoken_for = trusted_hop.and_then(|peer| globals.trusted.client(&request.fields, peer));
    let mut ids = None;
    let start = SystemTime::now().checked_sub(elapsed).unwrap_or(SystemTime::UNIX_EPOCH);
    let client = spoken_for.as_ref().unwrap_or(client_info);
    if let Some(tracer) = &globals.tracing {
        let redaction = &globals.redaction;
        let asking = TraceClient { client, peer: client_info, trusted: trusted_hop.is_some(), redaction };
        // A request that had begun has a trace already.
        let begins = || (recorded == RecordStage::Nothing).then(|| tracer.begin(request, asking, begun));
        if let Some(trace) = work.trace.take().or_else(begins) {
            ids = Some(trace.ids());
            worker.end_trace(tracer, *trace, TraceEnding { route: "", status, reason: Some(reason) });
        }
    }
    if recorded == RecordStage::Logged {
        return;
    }
    let request = &*request;
    let scope = RequestValues {
        trace: ids,
        sent_id: LoggedId::of(id, request.fields.get(Known::XRequestId)).sent(),
        redaction: &globals.redaction,
        response: Some(ResponseInfo { status, grpc, elapsed, bytes, reason: Some(reason), ..ResponseInfo::default() }),
        ..RequestValues::new(request, client, id, start)
    };
    if let Some(log) = &globals.access_log {
        worker.log_access(log, &scope);
    }
    if watched {
        globals.tap.offer(&scope);
    }
}
