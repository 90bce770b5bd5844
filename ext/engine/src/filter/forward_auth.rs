//! `forward_auth`: another server says whether a request may pass.
//!
//! It is asked with the head of the request alone. What it says with a 2xx lets the request pass; any other answer is the
//! client's.

mod answer;
mod compile;
mod question;

use std::sync::Arc;
use std::time::Duration;

use proxy_http::http1::write_request_head;
use proxy_http::message::{FieldName, Framing, Method, RequestHead};
use tokio::time::Instant;

use super::Filtering;
use crate::compiler::Compiler;
use crate::error::{Blame, Error, Kind, Retry, Side};
use crate::exchange::{self, Asked, Limits, Upload};
use crate::handler::proxy::Line;
use crate::log::Log;
use crate::peer::Peer;
use crate::request::{Exchange, Verdict};
use crate::respond::ErrorResponse;
use crate::rewrite::TargetTemplate;
use crate::upstream::http2::{self, Call, MOST_DEAD};
use crate::upstream::{Asking, Attempt, Dns, Endpoint, Upstream};

pub use compile::ForwardAuthConfig;

/// A `forward_auth` directive, compiled.
#[derive(Debug)]
pub(crate) struct ForwardAuth {
    target: TargetTemplate,
    upstream: Arc<Upstream>,
    /// Fields of the answer that become fields of the request.
    copied: Box<[FieldName]>,
    limits: Limits,
    connect_timeout: Duration,
    /// In per cent of the requests in flight.
    retry_budget: f64,
    error_response: Arc<ErrorResponse>,
}

/// A server that has answered; the head of its answer stands in the workspace.
struct Answered {
    server: Peer,
    attempt: Attempt,
    framing: Framing,
    deadline: Instant,
}

impl Filtering for ForwardAuth {
    type Config = ForwardAuthConfig;

    fn compile(config: &ForwardAuthConfig, compiler: &mut Compiler) -> Option<Self> {
        compile::compile(config, compiler)
    }

    /// Begins to resolve the server's name.
    fn start(&self, dns: &Arc<Dns>, handle: &tokio::runtime::Handle, log: &Arc<Log>) {
        self.upstream.start(dns, handle, log);
    }

    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        // Boxed: what is kept while the server is waited for is large.
        Box::pin(self.judge(exchange)).await
    }
}

impl ForwardAuth {
    /// Lets the request pass if the server says so.
    async fn judge(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        let error = match self.ask(exchange).await {
            Ok(answered) if (200..300).contains(&exchange.work.response.status) => {
                self.take_over(exchange, answered).await;
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

    /// Asks until one of the server's addresses answers.
    async fn ask(&self, exchange: &mut Exchange<'_>) -> Result<Answered, Error> {
        let deadline = Instant::now() + self.limits.timeout;
        let question = self.question(exchange)?;
        if !self.upstream.is_ready() {
            let mut ready = Box::pin(tokio::time::timeout_at(deadline, self.upstream.ready()));
            let _ = exchange.client.awaiting(self.limits.half_close, ready.as_mut()).await?;
        }
        let mut line = Line::new(&self.upstream, Asking::Nothing, self.retry_budget);
        let mut left = self.upstream.len();
        loop {
            let attempt = line.admit(exchange, deadline).await?;
            left = left.saturating_sub(1);
            match self.attempt(exchange, &question, attempt, deadline).await {
                Ok(answered) => return Ok(answered),
                Err(error) if left == 0 || error.retry == Retry::Never || Instant::now() >= deadline => {
                    return Err(error)
                }
                Err(error) => exchange.debug(format_args!("forward_auth: {error}, and another address is tried")),
            }
        }
    }

    /// Asks one of the server's addresses: over an idle connection if there is one, and over a new one if that was dead.
    async fn attempt(
        &self,
        exchange: &mut Exchange<'_>,
        question: &RequestHead,
        attempt: Attempt,
        mut deadline: Instant,
    ) -> Result<Answered, Error> {
        exchange.introduce(&attempt);
        let mut at_hand = exchange.engine.pool.at_hand(&attempt, None, &exchange.work.introduction, false);
        let mut dead = 0;
        loop {
            let reached = match at_hand.take() {
                Some(server) => Ok((server, true)),
                None => {
                    let call = Call {
                        endpoint: attempt.endpoint(),
                        name: None,
                        introduction: &exchange.work.introduction,
                        keep: self.upstream.keep(),
                        max_head: self.limits.max_head,
                        limit: self.connect_timeout,
                        deadline,
                    };
                    let mut connecting = Box::pin(exchange.engine.pool.reach(call, false));
                    exchange.client.awaiting(self.limits.half_close, connecting.as_mut()).await?
                }
            };
            let reused = matches!(reached, Ok((_, true))) && dead < MOST_DEAD;
            let result = match reached {
                Ok((server, _)) => self.exchange_with(server, exchange, question, &attempt, &mut deadline).await,
                Err(error) => Err(error),
            };
            match result {
                Ok(server) => {
                    // A yes that is framed so that it could be read as something else is none.
                    let framing = server.framing_of_response(&mut exchange.work.response, Method::Get);
                    return match framing {
                        Ok(framing) => {
                            attempt.succeeded();
                            Ok(Answered { server, attempt, framing, deadline })
                        }
                        Err(why) => {
                            attempt.failed(Blame::Backend);
                            Err(Error::backend(Kind::Malformed(why), Retry::Never))
                        }
                    };
                }
                Err(error) if error.side == Side::Client => return Err(error),
                // A question may be asked twice: it is a GET.
                Err(error) if reused && error.retry != Retry::Never && !error.is_timeout() => dead += 1,
                Err(error) => {
                    attempt.failed_for(&error);
                    return Err(error);
                }
            }
        }
    }

    async fn exchange_with(
        &self,
        mut server: Peer,
        exchange: &mut Exchange<'_>,
        question: &RequestHead,
        endpoint: &Endpoint,
        deadline: &mut Instant,
    ) -> Result<Peer, Error> {
        // What the server says before its answer is nothing to the client.
        let mut asked = Asked { interim: false, go_ahead: false, upgrade: false };
        let target = &exchange.work.target.path_and_query;
        match &mut server {
            Peer::Http1(connection) => {
                let output = connection.output();
                write_request_head(output, question, target);
                output.extend_from_slice(b"\r\n");
                connection.begin_body(Framing::None);
            }
            Peer::Http2(stream) => http2::write_request(stream, question, target, endpoint, &asked, Framing::None)?,
        }
        let mut upload = Upload::new(Framing::None, true, 0);
        let (fields, response) = (&question.fields, &mut exchange.work.response);
        let client = &mut *exchange.client;
        exchange::send(client, &mut server, &mut upload, fields, response, &mut asked, &self.limits, deadline).await?;
        Ok(server)
    }
}
