//! `proxy`: forwards a request to a backend, and retries on another one where that is safe.

mod affinity;
mod application;
mod attempts;
mod buffers;
mod cached;
mod compile;
mod config;
mod failures;
mod gathering;
mod holding;
mod named_file;
mod preview;
mod race;
mod request;
mod response;
mod stopped;
mod tagging;

pub use config::{BodyFileConfig, BufferingConfig, ForwardedHeaders, ProxyConfig};
pub(crate) use preview::Preview;

use std::sync::Arc;
use std::time::Duration;

use proxy_http::message::{host_of, FieldName, Version};
use rustls::pki_types::ServerName;

use self::named_file::NamedFiles;
use super::Handling;
use crate::cache::body::LagRules;
use crate::channel::Channel;
use crate::client::forwarded::{Forwarding, KnownNames};
use crate::compile::Word;
use crate::compiler::Compiler;
use crate::error::{Cause, Error, Kind, Retry, Side};
use crate::relay::{DiskRules, HoldRules, Limits, Rate, RequestBody};
use crate::request::{BodyLimit, Exchange, Verdict};
use crate::respond::ErrorResponse;
use crate::rewrite::{Edit, TargetTemplate};
use crate::upstream::{Backends, ByHost, Keep, Upstream};
use crate::{grpc, routing};

/// A `proxy` directive, compiled.
#[derive(Debug)]
pub(crate) struct Proxy {
    path_prefix: Option<Box<[u8]>>,
    strip_prefix: bool,
    target: Option<TargetTemplate>,
    backends: Backends,
    headers: Vec<Edit>,
    response_headers: Vec<Edit>,
    /// Names that `headers` sets or removes. The engine does not set these itself.
    own_headers: KnownNames,
    sets_host: bool,
    /// Whether `headers` set or remove the field that tells backends of a trace.
    sets_trace: bool,
    /// Whether the client's `Host` is passed on.
    preserve_host: bool,
    allow_underscores: Vec<FieldName>,
    /// Whether backends of HTTP/1.1 get the trailers of requests.
    request_trailers: bool,
    /// Whether a small body is taken in before the request may have a place at a backend.
    gather_body: bool,
    /// Folders whose files a backend may name in place of a body.
    named_files: Option<NamedFiles>,
    forwarding: Forwarding,
    limits: Limits,
    /// `read_timeout`, if it was written.
    read_timeout: Option<Duration>,
    connect_timeout: Duration,
    tunnel_timeout: Duration,
    keep: Keep,
    retries: Option<u32>,
    retry_on: RetryOn,
    /// Retry budget, in per cent of the requests in flight.
    retry_budget: f64,
    retry_buffer: usize,
    /// Whether a body of any length is taken in before the request may have a place at a backend, and what of it goes
    /// to the disk.
    request_buffering: Option<DiskRules>,
    /// Whether a response is taken in although its client is slow.
    buffering: bool,
    /// How much of a response may wait for its client.
    hold: HoldRules,
    /// Where what slow clients have missed of a response waits that others read along with them.
    behind: LagRules,
    error_response: Arc<ErrorResponse>,
    max_body: Option<Arc<BodyLimit>>,
    /// Response when no backend can be asked.
    unavailable: Arc<ErrorResponse>,
}

/// Reasons to retry an idempotent request, beside a failed connection.
#[derive(Debug, Default)]
struct RetryOn {
    timeout: bool,
    statuses: Vec<u16>,
}

impl Handling for Proxy {
    type Config = ProxyConfig;

    const FORWARDS: bool = true;

    fn compile(config: &ProxyConfig, compiler: &mut Compiler) -> Option<Self> {
        compile::compile(Self::WORD, config, compiler)
    }

    fn prefix(config: &ProxyConfig) -> Option<&str> {
        config.path_prefix.as_deref()
    }

    fn accepts(&self, path: &[u8]) -> bool {
        routing::accepts(self.path_prefix.as_deref(), path)
    }

    fn body_limit(&self) -> Option<&Arc<BodyLimit>> {
        self.max_body.as_ref()
    }

    async fn serve(&self, exchange: &mut Exchange<'_>) -> Verdict {
        if exchange.cache.is_some() {
            // Maintenance comes first: it answers all requests.
            if exchange.globals.stops.are_any() {
                if let Some(verdict) = Box::pin(self.pass_maintenance(exchange)).await {
                    return verdict;
                }
            }
            if let Some(verdict) = Box::pin(self.look_up(exchange)).await {
                return verdict;
            }
        }
        let mut released = None;
        if exchange.globals.stops.are_any() {
            match Box::pin(self.pass_stops(exchange)).await {
                Ok(passed) => released = passed,
                Err(verdict) => return verdict,
            }
        }
        let mut body = self.request_body(exchange);
        exchange.copy_body(&mut body);
        if self.gather_body || self.request_buffering.is_some() {
            if let Some(released) = &mut released {
                // Nobody waits for the body of another one.
                released.place = None;
            }
            if let Err(error) = Box::pin(self.gather(exchange, &mut body)).await {
                return exchange.answer_failure(&error, self.answer_to(&error)).await;
            }
        }
        exchange.work.failures.clear();
        // The connection to the backend stays in this place in memory: it is large.
        let mut backend = None;
        let answered = match exchange.call {
            None => self.ask(exchange, &mut body, &mut backend, released).await,
            call => Box::pin(grpc::within(call, self.ask(exchange, &mut body, &mut backend, released))).await,
        };
        match answered {
            Ok(attempt) => {
                exchange.tell_failures("answered by", attempt.label());
                match exchange.minds_answer() {
                    false => self.respond(exchange, &mut backend, attempt, &mut body).await,
                    true => Box::pin(self.take_answer(exchange, &mut backend, attempt, &mut body)).await,
                }
            }
            Err(error) => {
                if error.side == Side::Us {
                    exchange.add_failure(format_args!("{error}"));
                }
                exchange.tell_failures("", "");
                if exchange.minds_answer() && error.side != Side::Client {
                    if let Some(verdict) = Box::pin(self.serve_after_failure(exchange)).await {
                        return verdict;
                    }
                }
                exchange.answer_failure(&error, self.answer_to(&error)).await
            }
        }
    }
}

impl Proxy {
    /// The response to a request that failed for `error`.
    fn answer_to(&self, error: &Error) -> &ErrorResponse {
        match Cause::from(error) {
            Cause::Unavailable => &self.unavailable,
            _ => &self.error_response,
        }
    }

    /// The body of a request, of which nothing was read.
    fn request_body(&self, exchange: &Exchange<'_>) -> RequestBody {
        let idempotent = exchange.work.request.method.is_idempotent();
        RequestBody::new(exchange.framing, idempotent, self.retry_buffer).with_trailers(self.request_trailers)
    }

    /// Checks a directive that is a `proxy` under another name.
    pub(super) fn compile_as(word: &str, config: &ProxyConfig, compiler: &mut Compiler) -> Option<Self> {
        compile::compile(word, config, compiler)
    }

    /// Backends that the requests go to.
    pub(crate) fn backends(&self) -> &Backends {
        &self.backends
    }

    /// Time limits of an exchange with `backend`. Over HTTP/2 both sides of a gRPC call may be silent for longer,
    /// unless the configuration sets a limit.
    fn limits(&self, exchange: &Exchange<'_>, backend: &Channel) -> Limits {
        let mut limits = self.limits;
        // Only there: whatever a client writes as the type of its body, a backend that speaks HTTP/1.1 has no calls.
        if let (Some(call), Version::Http2) = (exchange.call, backend.version()) {
            limits.rate = Rate::ANY;
            let silence = grpc::SILENCE.max(limits.read).min(self.tunnel_timeout);
            limits.read = self.read_timeout.unwrap_or(silence);
            if call.streams {
                limits.client_read = silence.max(limits.client_read);
            }
        }
        limits
    }

    /// What is kept of idle connections to the upstream of a request.
    fn keep(&self, exchange: &Exchange<'_>) -> Keep {
        match &exchange.split {
            None => self.keep,
            Some(upstream) => upstream.keep(),
        }
    }

    /// The name for TLS, if it is not the backend's own: the host of the target comes from the request.
    #[inline(always)]
    fn server_name(&self, exchange: &Exchange<'_>) -> Result<Option<ServerName<'static>>, Error> {
        match (&self.target, &self.backends) {
            (Some(target), Backends::Fixed(_)) if exchange.split.is_none() && target.authority_literal().is_none() => {
                let host = std::str::from_utf8(host_of(&exchange.work.target.authority)).map_err(|_| target_error())?;
                let name = host.trim_matches(['[', ']']).to_owned();
                ServerName::try_from(name).map(Some).map_err(|_| target_error())
            }
            _ => Ok(None),
        }
    }

    fn upstream_of_host(&self, hosts: &ByHost, exchange: &Exchange<'_>) -> Result<Arc<Upstream>, Error> {
        let tls = self.target.as_ref().is_some_and(TargetTemplate::scheme_tls);
        hosts.get(&exchange.work.target.authority, tls).map_err(|_| target_error())
    }
}

fn target_error() -> Error {
    Error { kind: Kind::Target, side: Side::Us, retry: Retry::Never }
}
