//! The proxy's own answers.

use proxy_http::message::Framing;
use proxy_http::message::{Known, Method, Version};

use super::{Exchange, Verdict};
use crate::error::{Cause, EndReason, Error, Side};
use crate::grpc::Form;
use crate::relay::{self, ClientChannel};
use crate::respond::{self, ErrorResponse, GrpcRefusal, Rendered};

/// How the connection goes on after an answer of the proxy's own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerEnding {
    keep_alive: bool,
    /// Whether nothing of the request's body is left.
    drained: bool,
}

/// The fields of an answer to a gRPC call, as lines.
pub(crate) fn call_fields(form: Form, refusal: GrpcRefusal, version: Version) -> Vec<u8> {
    let mut fields = format!("Content-Type: {}\r\n", form.content_type()).into_bytes();
    if version != Version::Http2 {
        fields.extend_from_slice(b"Content-Length: 0\r\n");
    }
    refusal.write(&mut fields);
    fields
}

impl Exchange<'_> {
    /// Whether no filter changes the response.
    fn is_final(&self) -> bool {
        self.passed == 0 && self.work.response_additions.is_empty()
    }

    /// Answers with the built-in response for `cause`.
    pub(crate) async fn fail(&mut self, cause: Cause) -> Verdict {
        self.ends_for(cause.into());
        self.answer_error(respond::built_in(cause.status())).await
    }

    /// Answers a request that no backend answered. The status of a timeout is 504 unless the configuration has its own
    /// response.
    pub(crate) async fn answer_failure(&mut self, error: &Error, response: &ErrorResponse) -> Verdict {
        let cause = Cause::from(error);
        self.ends_for(error.into());
        if error.side == Side::Client {
            match (cause, self.body_limit.clone()) {
                (Cause::BodyTooLong, Some(limit)) => {
                    self.keep_alive = false;
                    return self.answer_error(limit.error_response()).await;
                }
                (Cause::GatewayTimeout, _) => return self.answer_call(GrpcRefusal::Deadline).await,
                (Cause::ClientTimeout, _) => self.note_slowness(error),
                (Cause::ClientGone, _) => {
                    self.debug(format_args!("the client went away: {error}"));
                    self.answering(cause.status());
                    return Verdict::CutShort;
                }
                _ => {}
            }
            self.keep_alive = false;
            return self.fail(cause).await;
        }
        if cause == Cause::GatewayTimeout && !response.is_custom() {
            return self.fail(cause).await;
        }
        self.answer_error_later(response, error.is_about_queue()).await
    }

    /// Refuses the request for `reason` with an error response.
    pub(crate) async fn refuse(&mut self, reason: EndReason, response: &ErrorResponse) -> Verdict {
        self.ends_for(reason);
        self.answer_error(response).await
    }

    /// Answers that content of `length` bytes has no part like the one that is asked for: an error response has nothing
    /// of the fields of that content but its length (RFC 9110, section 15.5.17).
    pub(crate) async fn answer_no_range(&mut self, length: u64) -> Verdict {
        let range = format!("bytes */{length}");
        self.work.response_additions.set("Content-Range", range.as_bytes());
        self.answer_error(respond::built_in(416)).await
    }

    /// Answers with an error response, in the form that the client prefers, or as gRPC if the request is a call.
    pub(crate) async fn answer_error(&mut self, response: &ErrorResponse) -> Verdict {
        self.answer_error_later(response, false).await
    }

    /// Answers with an error response. `later`: the client may soon try again, and is told so, unless the response says
    /// itself when.
    async fn answer_error_later(&mut self, response: &ErrorResponse, later: bool) -> Verdict {
        let accept = self.work.request.fields.all(Known::Accept);
        let answer = response.choose(accept);
        if self.call.is_some() {
            return self.answer_call(GrpcRefusal::Status(answer.status)).await;
        }
        self.work.response.fields.read_lines(&answer.fields);
        let fields = &mut self.work.response.fields;
        if later && !fields.has(Known::RetryAfter) {
            fields.append(Known::RetryAfter, b"1");
        }
        let with_id = self.append_id(Some(answer));
        self.send_answer(answer.status, with_id.as_deref().unwrap_or(&answer.body)).await
    }

    /// Adds the request id to an error response, unless the configuration sets that field. Returns a body with the id,
    /// if `answer` has a place for it.
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

    /// Answers a gRPC call, whose client understands no other answer. Fields that filters add stay.
    pub(crate) async fn answer_call(&mut self, refusal: GrpcRefusal) -> Verdict {
        let form = self.call.map_or(Form::Plain, |call| call.form);
        self.outcome.grpc = refusal.told();
        let fields = call_fields(form, refusal, self.work.request.version);
        self.work.response.fields.read_lines(&fields);
        self.append_id(None);
        self.send_answer(200, b"").await
    }

    /// Sends an answer of the proxy's own. `fields` are whole lines, with `Content-Length`. The bytes of the request's
    /// body that are there are dropped; if there is more to come, the connection is closed after the answer.
    pub(crate) async fn answer(&mut self, status: u16, fields: &[u8], body: &[u8]) -> Verdict {
        // The fields of a response that this one replaces must not reach the client.
        self.work.response.fields.read_lines(fields);
        self.send_answer(status, body).await
    }

    /// Sends an answer of the proxy's own, with the fields in `work.response`.
    async fn send_answer(&mut self, status: u16, body: &[u8]) -> Verdict {
        let framing = Framing::Length(body.len() as u64);
        let is_known = self.taggable(status, framing).is_some() && self.tag(body);
        let (status, body) = if is_known { (304, &[][..]) } else { (status, body) };
        let ending = self.prepare_answer(status).await;
        let body = if self.work.request.method == Method::Head { &[][..] } else { body };
        self.write_answer(if body.is_empty() { Framing::None } else { Framing::Length(body.len() as u64) }, ending);
        self.client.channel.write_body(body);
        self.finish_answer(ending).await
    }

    /// Completes the head of an answer of the proxy's own, with the fields in `work.response`.
    pub(crate) async fn prepare_answer(&mut self, status: u16) -> AnswerEnding {
        // This answer is no tunnel, but a 2xx would promise one.
        let mut status = status;
        if self.is_h2_tunnel() && (200..300).contains(&status) {
            status = Cause::NoTunnel.status();
            self.ends_for(Cause::NoTunnel.into());
        }
        self.answering(status);
        let response = &mut self.work.response;
        response.status = status;
        response.set_reason(proxy_http::message::reason(status));
        if !self.is_final() {
            self.amend();
        }
        // Some clients never finish a request that succeeded before all of it was sent. They do give up one that
        // failed.
        if status < 400 && !self.is_h2_tunnel() && !self.expects_go_ahead() {
            let ClientChannel { channel: peer, alarm, .. } = &mut *self.client;
            if let Some(stream) = peer.still_sending() {
                Box::pin(relay::take_the_rest(stream, alarm)).await;
            }
        }
        let drained = self.client.channel.drop_body();
        AnswerEnding { drained, keep_alive: self.keep_alive && drained && !self.tools.is_draining() }
    }

    /// Writes the head of an answer of the proxy's own. Its content may be another's, with a date.
    pub(crate) fn write_answer(&mut self, framing: Framing, ending: AnswerEnding) {
        let (tools, version) = (self.tools, self.work.request.version);
        let has_date = self.work.response.fields.has(Known::Date);
        self.client.channel.write_response(&mut self.work.response, framing, |lines| {
            if !has_date {
                tools.write_date(lines);
            }
            write_connection(lines, ending.keep_alive, version);
        });
    }

    /// Sends what is left of an answer of the proxy's own.
    pub(crate) async fn finish_answer(&mut self, ending: AnswerEnding) -> Verdict {
        match relay::flush(self.client, self.globals.limits.client_body, self.globals.limits.rate).await {
            Err(error) => {
                self.ends_for(EndReason::from(&error));
                Verdict::after(&error)
            }
            Ok(()) if ending.keep_alive => Verdict::KeepAlive,
            Ok(()) if ending.drained => Verdict::Close,
            Ok(()) => Verdict::Linger,
        }
    }

    /// Records the status that the client is about to get, and counts it; for a gRPC call, the HTTP status behind the
    /// refusal.
    pub(crate) fn answering(&mut self, status: u16) {
        self.outcome.status = status;
        let reason = self.outcome.grpc.reason;
        self.tools.counters.answered(if reason == 0 { status } else { reason });
        // The clock was read when the head of a backend's response was there.
        match self.outcome.figures.first_byte {
            Some(took) => self.tools.counters.responded(took),
            None => self.tools.counters.responded(self.begun.elapsed()),
        }
    }
}

/// Writes the `Connection` field if the client needs one.
pub(crate) fn write_connection(output: &mut Vec<u8>, keep_alive: bool, version: Version) {
    match (keep_alive, version) {
        (false, _) => output.extend_from_slice(b"Connection: close\r\n"),
        (true, Version::Http10) => output.extend_from_slice(b"Connection: keep-alive\r\n"),
        (true, Version::Http11 | Version::Http2) => {}
    }
}
