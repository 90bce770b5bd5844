//! Answers of the proxy's own.

use std::time::{Duration, SystemTime};

use super::{Exchange, Verdict};
use crate::engine::Engine;
use crate::error::{Error, Kind, Side, Waited};
use crate::grpc::Form;
use crate::http1::Framing;
use crate::message::{Known, Method, RequestHead, ResponseHead, Version};
use crate::request_id::RequestId;
use crate::respond::{self, ErrorResponse, Refusal};
use crate::rewrite::{ClientInfo, ResponseInfo, Scope};
use crate::upstream::exchange::{self, Client};

/// Answers a request that could not be read, and closes. `form`: as far as it was read, it is a call of gRPC.
pub(crate) async fn refuse(
    engine: &Engine,
    link: &ClientInfo,
    client: &mut Client,
    status: u16,
    form: Option<Form>,
) -> Verdict {
    let call = form.map(|form| call_fields(form, Refusal::Status(status), client.peer.version()));
    let response = respond::built_in(status).choose(None);
    let (status, fields, body) = match &call {
        Some(fields) => (200, &fields[..], &[][..]),
        None => (response.status, &response.fields[..], &response.body[..]),
    };
    engine.counters.answered(status);
    let snapshot = engine.snapshot();
    if let Some(log) = &snapshot.access_log {
        let unread = RequestHead::default();
        let response =
            ResponseInfo { status, elapsed: Duration::ZERO, backend: "", attempts: 0, bytes: 0, fields: None };
        let scope = Scope::new(&unread, link, RequestId::random(), SystemTime::now());
        engine.log_access(log, &Scope { response: Some(response), ..scope });
    }
    let mut head = ResponseHead { status, ..ResponseHead::default() };
    head.fields.read_lines(fields);
    head.set_reason(respond::reason(status));
    client.peer.write_response(&mut head, Framing::Length(body.len() as u64), |lines| {
        engine.write_date(lines);
        lines.extend_from_slice(b"Connection: close\r\n");
    });
    client.peer.write_body(body);
    match exchange::flush(client, snapshot.limits.client_body, snapshot.limits.rate).await {
        Ok(()) => Verdict::Linger,
        Err(error) => Verdict::after(&error),
    }
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
        self.answer(answer.status, &answer.fields, &answer.body).await
    }

    /// Answers a call of gRPC, which takes no other answer. The fields that filters want on it stay.
    pub(crate) async fn answer_call(&mut self, refusal: Refusal) -> Verdict {
        let form = self.call.map_or(Form::Plain, |call| call.form);
        let fields = call_fields(form, refusal, self.work.request.version);
        self.answer(200, &fields, b"").await
    }

    /// Answers by ourselves. `fields` are whole lines, `Content-Length` included. What is there of the request's body is
    /// dropped; if there is more to come the connection is closed after the answer.
    pub(crate) async fn answer(&mut self, status: u16, fields: &[u8], body: &[u8]) -> Verdict {
        // What is here is no tunnel, which a success would promise.
        let status = if self.is_h2_tunnel() && (200..300).contains(&status) { 501 } else { status };
        self.answering(status);
        // A response that this one replaces is not the client's.
        let response = &mut self.work.response;
        response.fields.read_lines(fields);
        response.status = status;
        response.set_reason(respond::reason(status));
        if !self.is_final() {
            self.amend();
        }
        // Some clients never finish a request that was a success before all of it was sent; one that has failed they give up.
        if status < 400 && !self.is_h2_tunnel() && !self.expects_go_ahead() {
            let Client { peer, alarm } = &mut *self.client;
            if let Some(stream) = peer.still_sending() {
                Box::pin(exchange::take_the_rest(stream, alarm)).await;
            }
        }
        let drained = self.client.peer.drop_body();
        let keep_alive = self.keep_alive && drained && !self.engine.is_draining();
        let (engine, version) = (self.engine, self.work.request.version);
        let body = if self.work.request.method == Method::Head { &[][..] } else { body };
        let framing = if body.is_empty() { Framing::None } else { Framing::Length(body.len() as u64) };
        self.outcome.head = self.client.peer.write_response(&mut self.work.response, framing, |lines| {
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

    /// Notes and counts the status that the client is about to get.
    pub(crate) fn answering(&mut self, status: u16) {
        self.outcome.status = status;
        self.engine.counters.answered(status);
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
