//! `proxy`: asks a backend, and another one if that is safe.

mod compile;
pub(crate) use request::RenderedValues;
mod request;
mod response;

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::time::Instant;

use crate::error::{Error, Kind, Retry, Side};
use crate::filter::BodyLimit;
use crate::forward::{Exchange, Verdict};
use crate::headers::forwarded::{Forwarding, Names};
use crate::http1::Connection;
use crate::message::{host_of, FieldName, Version};
use crate::respond::ErrorResponse;
use crate::rewrite::{TargetTemplate, Template};
use crate::upstream::exchange::{self, Asked, Limits, Upload};
use crate::upstream::{connect, Attempt, Backends, ByHost, Endpoint, Keep, Tried, Upstream};

/// A `proxy` directive, compiled.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) path_prefix: Option<Box<[u8]>>,
    strip_prefix: bool,
    target: Option<TargetTemplate>,
    backends: Backends,
    headers: Vec<Edit>,
    response_headers: Vec<Edit>,
    /// Names in `headers`: what the engine would set itself is left to them.
    own_headers: Names,
    sets_host: bool,
    allow_underscores: Vec<FieldName>,
    forwarding: Forwarding,
    limits: Limits,
    connect_timeout: Duration,
    tunnel_timeout: Duration,
    keep: Keep,
    retries: Option<u32>,
    retry_buffer: usize,
    error_response: Arc<ErrorResponse>,
    pub(crate) max_body: Option<Arc<BodyLimit>>,
}

/// A field to set, with several lines perhaps, or to remove.
#[derive(Debug)]
struct Edit {
    name: FieldName,
    values: Vec<Template>,
}

/// A response whose head is here.
struct Answered {
    backend: Connection,
    attempt: Attempt,
}

impl Proxy {
    pub(crate) async fn serve(&self, exchange: &mut Exchange<'_>) -> Verdict {
        let idempotent = exchange.work.request.method.is_idempotent();
        let mut upload = Upload::new(exchange.framing, idempotent, self.retry_buffer);
        match self.ask(exchange, &mut upload).await {
            Ok(answered) => self.respond(exchange, answered, &mut upload).await,
            Err(error) => {
                if error.side == Side::Us {
                    exchange.warn(format_args!("{error}"));
                }
                exchange.answer_failure(&error, &self.error_response).await
            }
        }
    }

    /// Sends the request to one backend after the other until one answers, or no further attempt is left or safe.
    async fn ask(&self, exchange: &mut Exchange<'_>, upload: &mut Upload) -> Result<Answered, Error> {
        // The client's body is waited for by its own limit; this one starts anew whenever a piece of it has come.
        let mut deadline = Instant::now() + self.limits.timeout;
        self.prepare_request(exchange)?;
        let by_host;
        let upstream = match &self.backends {
            Backends::Fixed(upstream) => upstream,
            Backends::ByHost(hosts) => {
                by_host = self.upstream_of_host(hosts, exchange)?;
                &by_host
            }
        };
        let name = self.server_name(exchange)?;
        if !upstream.is_ready() {
            let _ = tokio::time::timeout_at(deadline, upstream.ready()).await;
        }
        let mut asked = Asked {
            interim: exchange.work.request.version == Version::Http11,
            go_ahead: exchange.expects_go_ahead(),
            upgrade: exchange.wishes.upgrade,
        };
        let mut tried = Tried::default();
        let mut left = self.retries.unwrap_or_else(|| upstream.len() as u32);
        loop {
            let endpoint = upstream.pick(&mut tried).ok_or_else(no_address)?;
            let error = match self.attempt(exchange, upload, endpoint, name.as_ref(), &mut asked, &mut deadline).await {
                Ok(answered) => return Ok(answered),
                Err(error) => error,
            };
            if left == 0 || Instant::now() >= deadline || !may_retry(exchange, &error, upload) {
                return Err(error);
            }
            left -= 1;
        }
    }

    /// One attempt at one backend: over an idle connection if there is one, over a new one otherwise. An idle connection that
    /// turns out to be dead costs no attempt.
    async fn attempt(
        &self,
        exchange: &mut Exchange<'_>,
        upload: &mut Upload,
        endpoint: Arc<Endpoint>,
        name: Option<&ServerName<'static>>,
        asked: &mut Asked,
        deadline: &mut Instant,
    ) -> Result<Answered, Error> {
        let attempt = Attempt::begin(endpoint);
        exchange.outcome.attempts += 1;
        let mut idle = exchange.engine.pool.checkout(&attempt, name);
        loop {
            let reused = idle.is_some();
            let stream = match idle.take() {
                Some(stream) => Ok(stream),
                None => self.connect(&attempt, name, *deadline).await,
            };
            let result = match stream {
                Ok(stream) => {
                    let mut backend = Connection::new(stream);
                    self.write_request(exchange, &mut backend, &attempt, asked);
                    upload.rewind();
                    let response = &mut exchange.work.response;
                    exchange::send(exchange.client, &mut backend, upload, response, asked, &self.limits, deadline)
                        .await
                        .map(|()| backend)
                }
                Err(error) => Err(error),
            };
            match result {
                Ok(backend) => return Ok(Answered { backend, attempt }),
                Err(error) if error.side == Side::Client => return Err(error),
                Err(error) if reused && may_retry(exchange, &error, upload) => {
                    exchange.debug(format_args!("an idle connection to {} was dead: {error}", attempt.label()));
                }
                Err(error) => {
                    attempt.failed();
                    match error.kind {
                        // It names the address itself.
                        Kind::Connect(_) => exchange.warn(format_args!("{error}")),
                        _ => exchange.warn(format_args!("{}: {error}", attempt.label())),
                    }
                    return Err(error);
                }
            }
        }
    }

    async fn connect(
        &self,
        endpoint: &Endpoint,
        name: Option<&ServerName<'static>>,
        deadline: Instant,
    ) -> Result<crate::stream::Stream, Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        // Boxed: a handshake's state is large, and rarely needed.
        Box::pin(connect(endpoint, name, self.connect_timeout.min(left)))
            .await
            .map_err(|error| Error::backend(Kind::Connect(error), Retry::Unwritten))
    }

    /// The TLS name, where it is not the endpoint's own: a target whose host comes from the request.
    fn server_name(&self, exchange: &Exchange<'_>) -> Result<Option<ServerName<'static>>, Error> {
        match (&self.target, &self.backends) {
            (Some(target), Backends::Fixed(_)) if target.authority_literal().is_none() => {
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

/// Whether another attempt is safe.
fn may_retry(exchange: &Exchange<'_>, error: &Error, upload: &Upload) -> bool {
    let safe = match error.retry {
        Retry::Never => false,
        Retry::IfIdempotent => exchange.work.request.method.is_idempotent(),
        Retry::Unwritten => true,
    };
    safe && upload.can_replay()
}

fn target_error() -> Error {
    Error { kind: Kind::Target, side: Side::Us, retry: Retry::Never }
}

fn no_address() -> Error {
    Error { kind: Kind::NoAddress, side: Side::Us, retry: Retry::Never }
}
