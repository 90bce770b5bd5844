//! Answers of the proxy's own.

use std::time::{Duration, SystemTime};

use proxy_http::message::Framing;
use proxy_http::message::{Known, Method, ResponseHead, Version};

use super::{Exchange, Verdict};
use crate::engine::{Engine, Workspace};
use crate::error::{Error, Kind, Side, Waited};
use crate::grpc::{Form, Told};
use crate::log::Level;
use crate::request_id::{LoggedId, RequestId};
use crate::respond::{self, ErrorResponse, Refusal, Rendered};
use crate::rewrite::{ClientInfo, ResponseInfo, Scope};
use crate::upstream::exchange::{self, Client};

/// What is wrong with a request that could not be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unread {
    pub(crate) id: RequestId,
    pub(crate) status: u16,
    /// `None`: the log has it already.
    pub(crate) why: Option<&'static str>,
    /// As far as it was read, it is a call of gRPC.
    pub(crate) form: Option<Form>,
}

impl Unread {
    /// A request that is refused for this reason.
    pub(crate) fn new(status: u16, why: &'static str, form: Option<Form>) -> Self {
        Self { id: RequestId::random(), status, why: Some(why), form }
    }
}

/// Answers a request that could not be read, and closes. What of it could be made out stands in `work.request`.
pub(crate) async fn refuse(
    engine: &Engine,
    link: &ClientInfo,
    client: &mut Client,
    work: &mut Workspace,
    unread: Unread,
) -> Verdict {
    let Unread { id, status, why, form } = unread;
    let before = client.peer.body_sent();
    if let Some(why) = why {
        note_refused(engine, link, work, id, format_args!("refused with {status}: {why}"));
    }
    let request = &work.request;
    let call = form.map(|form| call_fields(form, Refusal::Status(status), client.peer.version()));
    let response = respond::built_in(status).choose(None);
    let (status, fields, body) = match &call {
        Some(fields) => (200, &fields[..], &[][..]),
        None => (response.status, &response.fields[..], &response.body[..]),
    };
    let reason = response.status;
    engine.counters.answered(reason);
    let body = if request.method == Method::Head { &[][..] } else { body };
    let limits = engine.snapshot().limits;
    let mut head = ResponseHead { status, ..ResponseHead::default() };
    head.fields.read_lines(fields);
    head.set_reason(proxy_http::message::reason(status));
    client.peer.write_response(&mut head, Framing::Length(body.len() as u64), |lines| {
        engine.write_date(lines);
        lines.extend_from_slice(b"X-Request-Id: ");
        LoggedId::of(id, request.fields.get(Known::XRequestId)).write_value(lines);
        lines.extend_from_slice(b"\r\n");
        lines.extend_from_slice(b"Connection: close\r\n");
    });
    client.peer.write_body(body);
    let flushed = exchange::flush(client, limits.client_body, limits.rate).await;
    let bytes = client.peer.body_sent().saturating_sub(before);
    let grpc = call.map_or(Told::default(), |_| Refusal::Status(reason).told());
    log_refused(engine, link, work, id, (status, grpc), bytes);
    match flushed {
        Ok(()) => Verdict::Linger,
        Err(error) => Verdict::after(&error),
    }
}

/// Says in the log, to whom it may help, what is wrong with a request that could not be read or was never sent whole.
#[cold]
pub(crate) fn note_refused(
    engine: &Engine,
    link: &ClientInfo,
    work: &Workspace,
    id: RequestId,
    what: std::fmt::Arguments<'_>,
) {
    if engine.log.enabled(Level::Debug) {
        let request = &work.request;
        let id = LoggedId::of(id, request.fields.get(Known::XRequestId));
        let (method, path) = (String::from_utf8_lossy(request.method_text()), String::from_utf8_lossy(request.path()));
        let addr = if link.addr.is_empty() { "a client" } else { &link.addr };
        engine.log.write(Level::Debug, Some(id), format_args!("{method} {path} from {addr}: {what}"));
    }
}

/// Logs a request that could not be read, or was never sent whole, with what of it could be made out.
#[cold]
pub(crate) fn log_refused(
    engine: &Engine,
    link: &ClientInfo,
    work: &mut Workspace,
    id: RequestId,
    (status, grpc): (u16, Told),
    bytes: u64,
) {
    let elapsed = work.begun.take().map_or(Duration::ZERO, |begun| begun.elapsed());
    let snapshot = engine.snapshot();
    let Some(log) = &snapshot.access_log else { return };
    let request = &work.request;
    let via = Some(link).filter(|peer| snapshot.trusted.trusts(peer));
    let spoken_for = via.and_then(|peer| snapshot.trusted.client(&request.fields, peer));
    let start = SystemTime::now().checked_sub(elapsed).unwrap_or(SystemTime::UNIX_EPOCH);
    let scope = Scope {
        sent_id: LoggedId::of(id, request.fields.get(Known::XRequestId)).sent(),
        response: Some(ResponseInfo { status, grpc, elapsed, backend: "", attempts: 0, bytes, fields: None }),
        ..Scope::new(request, spoken_for.as_ref().unwrap_or(link), id, start)
    };
    engine.log_access(log, &scope);
}

/// The fields of an answer to a call of gRPC, as lines.
fn call_fields(form: Form, refusal: Refusal, version: Version) -> Vec<u8> {
    let mut fields = format!("Content-Type: {}\r\n", form.content_type()).into_bytes();
    if version != Version::Http2 {
        fields.extend_from_slice(b"Content-Length: 0\r\n");
    }
    refusal.write(&mut fields);
    fields
}

impl Exchange<'_> {
    /// Whether no filter has anything to say about the response.
    fn is_final(&self) -> bool {
        self.passed.is_empty() && self.work.extra.is_empty()
    }

    /// Answers with the built-in response of a status.
    pub(crate) async fn fail(&mut self, status: u16) -> Verdict {
        self.answer_error(respond::built_in(status)).await
    }

    /// Answers a request that no backend answered. A timeout is a 504 unless the configuration has a response of its own.
    pub(crate) async fn answer_failure(&mut self, error: &Error, response: &ErrorResponse) -> Verdict {
        if error.side == Side::Client {
            if let (Kind::BodyTooLarge, Some(limit)) = (&error.kind, self.body_limit.clone()) {
                self.keep_alive = false;
                return self.answer_error(limit.error_response()).await;
            }
            let status = match error.kind {
                Kind::BodyTooLarge => 413,
                Kind::Malformed(_) | Kind::TooLarge => 400,
                Kind::Timeout(Waited::Call) => return self.answer_call(Refusal::Deadline).await,
                Kind::Timeout(_) => {
                    self.note_slowness(error);
                    408
                }
                _ => {
                    self.debug(format_args!("the client went away: {error}"));
                    self.answering(499);
                    return Verdict::CutShort;
                }
            };
            self.keep_alive = false;
            return self.fail(status).await;
        }
        if error.is_timeout() && !response.is_custom() {
            return self.fail(504).await;
        }
        self.answer_error(response).await
    }

    /// Answers with an error response, in the form that the client prefers, or in gRPC's terms.
    pub(crate) async fn answer_error(&mut self, response: &ErrorResponse) -> Verdict {
        let accept = self.work.request.fields.all(Known::Accept);
        let answer = response.choose_among(accept);
        if self.call.is_some() {
            return self.answer_call(Refusal::Status(answer.status)).await;
        }
        self.work.response.fields.read_lines(&answer.fields);
        let with_id = self.append_id(Some(answer));
        self.send_answer(answer.status, with_id.as_deref().unwrap_or(&answer.body)).await
    }

    /// Says which request an error response is about, unless the configuration says something else there. Returns the body that says it
    /// too, if `answer` has a place for that.
    fn append_id(&mut self, answer: Option<&Rendered>) -> Option<Vec<u8>> {
        let mut value = std::mem::take(&mut self.work.scratch);
        value.clear();
        self.logged_id().write_value(&mut value);
        let fields = &mut self.work.response.fields;
        if !fields.has(Known::XRequestId) {
            fields.append(Known::XRequestId, &value);
        }
        let body = answer.and_then(|answer| answer.with_id(&value));
        if let Some(body) = &body {
            fields.set(Known::ContentLength, body.len().to_string().as_bytes());
        }
        self.work.scratch = value;
        body
    }

    /// Answers a call of gRPC, which takes no other answer. The fields that filters want on it stay.
    pub(crate) async fn answer_call(&mut self, refusal: Refusal) -> Verdict {
        let form = self.call.map_or(Form::Plain, |call| call.form);
        self.outcome.grpc = refusal.told();
        let fields = call_fields(form, refusal, self.work.request.version);
        self.work.response.fields.read_lines(&fields);
        self.append_id(None);
        self.send_answer(200, b"").await
    }

    /// Answers by ourselves. `fields` are whole lines, `Content-Length` included. What is there of the request's body is
    /// dropped; if there is more to come the connection is closed after the answer.
    pub(crate) async fn answer(&mut self, status: u16, fields: &[u8], body: &[u8]) -> Verdict {
        // A response that this one replaces is not the client's.
        self.work.response.fields.read_lines(fields);
        self.send_answer(status, body).await
    }

    /// The same with the fields that stand in `work.response`.
    async fn send_answer(&mut self, status: u16, body: &[u8]) -> Verdict {
        // What is here is no tunnel, which a success would promise.
        let status = if self.is_h2_tunnel() && (200..300).contains(&status) { 501 } else { status };
        self.answering(status);
        let response = &mut self.work.response;
        response.status = status;
        response.set_reason(proxy_http::message::reason(status));
        if !self.is_final() {
            self.amend();
        }
        // Some clients never finish a request that was a success before all of it was sent; one that has failed they give up.
        if status < 400 && !self.is_h2_tunnel() && !self.expects_go_ahead() {
            let Client { peer, alarm, .. } = &mut *self.client;
            if let Some(stream) = peer.still_sending() {
                Box::pin(exchange::take_the_rest(stream, alarm)).await;
            }
        }
        let drained = self.client.peer.drop_body();
        let keep_alive = self.keep_alive && drained && !self.engine.is_draining();
        let (engine, version) = (self.engine, self.work.request.version);
        let body = if self.work.request.method == Method::Head { &[][..] } else { body };
        let framing = if body.is_empty() { Framing::None } else { Framing::Length(body.len() as u64) };
        self.client.peer.write_response(&mut self.work.response, framing, |lines| {
            engine.write_date(lines);
            write_connection(lines, keep_alive, version);
        });
        self.client.peer.write_body(body);
        match exchange::flush(self.client, self.snapshot.limits.client_body, self.snapshot.limits.rate).await {
            Err(error) => Verdict::after(&error),
            Ok(()) if keep_alive => Verdict::KeepAlive,
            Ok(()) if drained => Verdict::Close,
            Ok(()) => Verdict::Linger,
        }
    }

    /// Notes the status that the client is about to get, and counts it, or what it stands for to a call of gRPC.
    pub(crate) fn answering(&mut self, status: u16) {
        self.outcome.status = status;
        let reason = self.outcome.grpc.reason;
        self.engine.counters.answered(if reason == 0 { status } else { reason });
    }
}

/// Writes the `Connection` field that a client needs to be told, if any.
pub(crate) fn write_connection(output: &mut Vec<u8>, keep_alive: bool, version: Version) {
    match (keep_alive, version) {
        (false, _) => output.extend_from_slice(b"Connection: close\r\n"),
        (true, Version::Http10) => output.extend_from_slice(b"Connection: keep-alive\r\n"),
        (true, Version::Http11 | Version::Http2) => {}
    }
}
