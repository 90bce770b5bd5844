//! `forward_auth`: another server says whether a request may pass.
//!
//! The server is sent the head of the request alone. A 2xx response lets the request pass; the client gets any other
//! response.

mod answer;
mod compile;
mod question;

use std::fmt::Arguments;
use std::sync::Arc;
use std::time::Duration;

use proxy_http::message::{FieldName, Framing, Method, RequestHead};
use tokio::time::Instant;

use super::Filtering;
use crate::channel::Channel;
use crate::compiler::Compiler;
use crate::error::{Blame, Error, Kind, Retry, Side};
use crate::log::Log;
use crate::metrics::{FailureReason, ThreadNumber};
use crate::relay::{Limits, RequestBody, ResponseNeeds};
use crate::request::{Exchange, Verdict};
use crate::respond::ErrorResponse;
use crate::rewrite::TargetTemplate;
use crate::trace_context::TRACEPARENT;
use crate::upstream::admission::Admission;
use crate::upstream::ask::{self, BackendRequest, Parts};
use crate::upstream::http2::ConnectRequest;
use crate::upstream::{Affinity, Attempt, Backend, Dns, Upstream};

pub use compile::ForwardAuthConfig;

/// A `forward_auth` directive, compiled.
#[derive(Debug)]
pub(crate) struct ForwardAuth {
    target: TargetTemplate,
    upstream: Arc<Upstream>,
    /// Fields of the response that become fields of the request.
    copied: Box<[FieldName]>,
    limits: Limits,
    connect_timeout: Duration,
    /// Retry budget, in per cent of the requests in flight.
    retry_budget: f64,
    error_response: Arc<ErrorResponse>,
}

/// A server that has responded; the head of its response is in the workspace.
struct Answered {
    server: Channel,
    attempt: Attempt,
    framing: Framing,
    deadline: Instant,
}

impl Filtering for ForwardAuth {
    type Config = ForwardAuthConfig;

    const KNOWS_THE_CLIENT: bool = true;

    fn compile(config: &ForwardAuthConfig, compiler: &mut Compiler) -> Option<Self> {
        compile::compile(config, compiler)
    }

    /// Starts resolving the server's name.
    fn start(&self, dns: &Arc<Dns>, handle: &tokio::runtime::Handle, log: &Arc<Log>) {
        self.upstream.start(dns, handle, log);
    }

    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        // Boxed: the state that is kept while waiting for the server is large.
        Box::pin(self.judge(exchange)).await
    }
}

impl ForwardAuth {
    /// Lets the request pass if the server says so.
    async fn judge(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let error = match self.ask(exchange).await {
            Ok(answered) if (200..300).contains(&exchange.work.response.status) => {
                self.take_over(exchange, answered).await;
                exchange.end_traced();
                return None;
            }
            Ok(answered) => match self.pass_on(exchange, answered).await {
                Ok(verdict) => return Some(verdict),
                Err(error) => error,
            },
            Err(error) => error,
        };
        if error.side != Side::Client {
            exchange.warn(format_args!("forward_auth: {error}"));
        }
        Some(exchange.answer_failure(&error, &self.error_response).await)
    }

    /// Tries the server's addresses one after the other until one responds.
    async fn ask(&self, exchange: &mut Exchange<'_>) -> Result<Answered, Error> {
        let deadline = Instant::now() + self.limits.timeout;
        let head = self.question(exchange)?;
        if !self.upstream.is_ready() {
            let mut ready = Box::pin(tokio::time::timeout_at(deadline, self.upstream.ready()));
            let _ = exchange.client.awaiting(self.limits.half_close, ready.as_mut()).await?;
        }
        let mut admission = Admission::new(&self.upstream, Affinity::None, self.retry_budget);
        // The question has no body, and interim responses to it are not meant for the client.
        let body = RequestBody::new(Framing::None, true, 0);
        let needs = ResponseNeeds { interim: false, go_ahead: false, upgrade: false };
        let mut question = Inquiry { filter: self, exchange, head, body, needs };
        let mut left = self.upstream.len();
        let mut asked = 0;
        loop {
            let attempt = admission.admit(question.exchange.client, self.limits.half_close, deadline).await?;
            left = left.saturating_sub(1);
            asked += 1;
            match question.attempt(attempt, deadline, asked - 1).await {
                Ok(answered) => return Ok(answered),
                Err(error) if left == 0 || error.retry == Retry::Never || Instant::now() >= deadline => {
                    return Err(error)
                }
                Err(error) => question.debug(format_args!("{error}, and another address is tried")),
            }
        }
    }
}

/// A question to the server about one request.
struct Inquiry<'a, 'e> {
    filter: &'a ForwardAuth,
    exchange: &'a mut Exchange<'e>,
    head: RequestHead,
    body: RequestBody,
    needs: ResponseNeeds,
}

impl Inquiry<'_, '_> {
    /// Asks one of the server's addresses.
    async fn attempt(
        &mut self,
        mut attempt: Attempt,
        mut deadline: Instant,
        asked_before: u32,
    ) -> Result<Answered, Error> {
        self.exchange.introduce(&attempt);
        if let Some(parent) = self.exchange.trace_question(asked_before) {
            self.head.fields.set(TRACEPARENT, &parent);
        }
        let mut server = None;
        let result = ask::attempt(self, &mut server, &mut attempt, &mut deadline).await;
        self.exchange.note_traced(&attempt, server.as_ref(), result.as_ref());
        result?;
        let server = server.ok_or_else(|| Error::backend(Kind::Ended, Retry::Never))?;
        if let Some(thread) = self.exchange.counted_by() {
            attempt.count_answer(thread, self.exchange.work.response.status);
        }
        // A 2xx whose framing is ambiguous does not let the request pass.
        match server.framing_of_response(&mut self.exchange.work.response, Method::Get) {
            Ok(framing) => {
                attempt.succeeded();
                Ok(Answered { server, attempt, framing, deadline })
            }
            Err(why) => {
                attempt.failed(Blame::Backend, FailureReason::Error);
                Err(Error::backend(Kind::Malformed(why), Retry::Never))
            }
        }
    }
}

impl BackendRequest for Inquiry<'_, '_> {
    // The question is a GET without a body, so it may be repeated.
    const REPEATS_REFUSED: bool = true;

    fn counted_by(&self) -> Option<ThreadNumber> {
        self.exchange.counted_by()
    }

    fn parts(&mut self) -> Parts<'_> {
        let (client, response) = (&mut *self.exchange.client, &mut self.exchange.work.response);
        Parts { client, body: &mut self.body, fields: &self.head.fields, response, needs: &mut self.needs }
    }

    fn limits(&self, _: &Channel) -> Limits {
        self.filter.limits
    }

    fn reuse(&self, attempt: &Attempt) -> Option<Channel> {
        self.exchange.tools.pool.reuse(attempt, None, &self.exchange.work.introduction, false)
    }

    async fn connect(&mut self, attempt: &mut Attempt, deadline: Instant) -> Result<(Channel, bool), Error> {
        let filter = self.filter;
        let call = ConnectRequest {
            backend: attempt.backend(),
            name: None,
            introduction: &self.exchange.work.introduction,
            keep: filter.upstream.keep(),
            max_head: filter.limits.max_head,
            limit: filter.connect_timeout,
            deadline,
        };
        ask::connect(&self.exchange.tools.pool, self.exchange.client, call, false, filter.limits.half_close).await
    }

    fn write_head(&mut self, connection: &mut Channel, backend: &Backend) -> Result<(), Error> {
        let target = &self.exchange.work.target.path_and_query;
        ask::write_head(connection, &self.head, target, backend, &self.needs, Framing::None)
    }

    fn debug(&self, what: Arguments<'_>) {
        self.exchange.debug(format_args!("forward_auth: {what}"));
    }

    fn warn(&mut self, what: Arguments<'_>) {
        self.exchange.warn(format_args!("forward_auth: {what}"));
    }

    /// Does nothing: the failure is reported once, when no other address is left.
    fn note_failure(&mut self, _: &Attempt, _: &Error) {}
}
