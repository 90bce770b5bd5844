//! A request that no client waits for: sent once, if a backend can take it at once.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{ready, Poll};
use std::time::Duration;

use proxy_http::headers::{framing, hop_by_hop};
use proxy_http::message::{Framing, Known, RequestHead, ResponseHead};
use proxy_http::proxy_protocol::Whose;
use rustls::pki_types::ServerName;
use tokio::time::{timeout_at, Instant};

use crate::channel::Channel;
use crate::config::{CONNECT_TIMEOUT, RETRY_BUDGET};
use crate::error::{Error, Kind, Retry, Waited};
use crate::relay::ResponseNeeds;
use crate::request_id::RequestId;
use crate::upstream::admission::Admission;
use crate::upstream::ask::write_head;
use crate::upstream::http2::ConnectRequest;
use crate::upstream::{Affinity, Attempt, Keep, Pool, Upstream};

/// Interim responses that are read.
const MOST_INTERIM: usize = 10;

/// The head of a request, as its backend gets it.
#[derive(Debug)]
pub(crate) struct SentHead {
    pub(crate) head: RequestHead,
    pub(crate) target: Vec<u8>,
    /// Whether the request goes to each backend under the backend's own name.
    pub(crate) own_host: bool,
}

impl SentHead {
    /// The head of a client's request. Fields about the connection, about trailers and interim responses are left out:
    /// nobody waits for them.
    pub(crate) fn of(request: &RequestHead, target: &[u8], own_host: bool) -> Self {
        let mut head = request.clone();
        for name in [Known::Connection, Known::Te, Known::Trailer, Known::Expect] {
            head.fields.remove(name);
        }
        Self { head, target: target.to_vec(), own_host }
    }
}

/// A request that no client waits for.
#[derive(Debug)]
pub(crate) struct Errand {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) head: Rc<SentHead>,
    pub(crate) body: Rc<[u8]>,
    /// Bytes of the largest response head.
    pub(crate) max_head: usize,
    /// The name for TLS, if it is not the backend's own.
    pub(crate) name: Option<ServerName<'static>>,
    /// The id, and the first bytes of a connection to an application in this process.
    pub(crate) application: Option<(RequestId, Vec<u8>)>,
}

/// The answer to an errand, of which the head was read.
#[derive(Debug)]
pub(crate) struct ErrandAnswer {
    pub(crate) head: ResponseHead,
    /// Framing of the body. `None`: it is a switch to another protocol.
    pub(crate) framing: Option<Framing>,
    pub(crate) connection: Channel,
    /// First bytes that the connection began with.
    pub(crate) introduction: Vec<u8>,
    /// How the connection is kept once the body was read. `None`: it is not.
    pub(crate) keep: Option<Keep>,
}

impl Errand {
    /// A backend that can take the request at once.
    pub(crate) fn admit(&self) -> Option<Attempt> {
        if self.upstream.group().traffic().is_stopped() {
            return None;
        }
        Admission::new(&self.upstream, Affinity::None, RETRY_BUDGET).admit_at_once()
    }

    /// Sends the request to a backend and reads the head of the answer, within `limit`.
    pub(crate) async fn run(&self, pool: &Pool, attempt: &mut Attempt, limit: Duration) -> Result<ErrandAnswer, Error> {
        let deadline = Instant::now() + limit;
        let over = || Err(Error::backend(Kind::Timeout(Waited::Response), Retry::Never));
        timeout_at(deadline, self.exchange(pool, attempt, deadline)).await.unwrap_or_else(|_| over())
    }

    async fn exchange(&self, pool: &Pool, attempt: &mut Attempt, deadline: Instant) -> Result<ErrandAnswer, Error> {
        let mut introduction = Vec::new();
        if let (Some((_, first)), true) = (&self.application, attempt.is_application()) {
            introduction.clone_from(first);
        } else if let Some(form) = attempt.settings().proxy_protocol {
            // The client of the request has no connection of its own here.
            form.write(&Whose::Own, &mut introduction);
        }
        let idle = pool.reuse(attempt, self.name.as_ref(), &introduction, false);
        let was_idle = idle.is_some();
        let connection = match idle {
            Some(connection) => Ok(connection),
            None => {
                let call = ConnectRequest {
                    backend: attempt.backend(),
                    name: self.name.as_ref(),
                    introduction: &introduction,
                    keep: self.upstream.keep(),
                    max_head: self.max_head,
                    limit: Duration::from_secs_f64(CONNECT_TIMEOUT),
                    deadline,
                };
                pool.connect(call, false).await.map(|(connection, _)| connection)
            }
        };
        let asked = match connection {
            Ok(mut connection) => {
                attempt.connected();
                if let Some((id, _)) = self.application {
                    attempt.hand_over_to(id, &mut connection);
                }
                self.ask(connection, attempt).await
            }
            Err(error) => Err(error),
        };
        match asked {
            Ok((head, connection)) => {
                attempt.succeeded();
                self.answer(head, connection, introduction)
            }
            Err(error) => {
                // An idle connection may have been closed meanwhile.
                if !was_idle {
                    attempt.failed_for(&error);
                }
                Err(error)
            }
        }
    }

    /// Sends the request and reads the head of the response.
    async fn ask(&self, mut connection: Channel, attempt: &Attempt) -> Result<(ResponseHead, Channel), Error> {
        let mut head = self.head.head.clone();
        if self.head.own_host {
            head.fields.set(Known::Host, attempt.authority().as_bytes());
        }
        let framing = match (self.body.is_empty(), head.fields.has(Known::ContentLength)) {
            (true, false) => Framing::None,
            (_, has_length) => {
                if !has_length {
                    head.fields.set(Known::ContentLength, self.body.len().to_string().as_bytes());
                }
                Framing::Length(self.body.len() as u64)
            }
        };
        let needs = ResponseNeeds { interim: false, go_ahead: false, upgrade: false };
        write_head(&mut connection, &head, &self.head.target, attempt, &needs, framing)?;
        let broken = |error| Error::backend(Kind::Io(error), Retry::Never);
        let mut sent = 0;
        poll_fn(|cx| {
            while sent < self.body.len() {
                match ready!(connection.poll_send(cx, &self.body[sent..])) {
                    Ok(n) => sent += n,
                    Err(error) => return Poll::Ready(Err(broken(error))),
                }
            }
            Poll::Ready(Ok(()))
        })
        .await?;
        if framing != Framing::None {
            connection.end_body(None);
        }
        poll_fn(|cx| connection.poll_flush(cx)).await.map_err(broken)?;
        connection.end_request();
        let mut response = ResponseHead::default();
        for _ in 0..MOST_INTERIM {
            let read = poll_fn(|cx| connection.poll_response_head(cx, &mut response, self.max_head)).await;
            read.map_err(|error| Error::backend(error.into(), Retry::Never))?;
            if !(100..200).contains(&response.status) || response.status == 101 {
                break;
            }
        }
        Ok((response, connection))
    }

    fn answer(
        &self,
        mut head: ResponseHead,
        mut connection: Channel,
        introduction: Vec<u8>,
    ) -> Result<ErrandAnswer, Error> {
        if head.status < 200 {
            return Ok(ErrandAnswer { head, framing: None, connection, introduction, keep: None });
        }
        let malformed = |why| Error::backend(Kind::Malformed(why), Retry::Never);
        let framing = connection.framing_of_response(&mut head, self.head.head.method).map_err(malformed)?;
        let reusable = framing != Framing::UntilClose
            && !hop_by_hop::promises_a_body_in_vain(&head)
            && framing::keeps_alive(&head.fields, head.version);
        connection.begin_reading(framing);
        let keep = reusable.then(|| self.upstream.keep().believing(&head.fields));
        Ok(ErrandAnswer { head, framing: Some(framing), connection, introduction, keep })
    }
}

/// Gives a connection back whose answer was read to its end, if it can be used again: `keep` says how. Bytes after the
/// answer are not passed on: the connection is closed with them. Returns the time, if it is kept.
#[inline(always)]
pub(crate) fn give_back(
    pool: &Pool,
    attempt: &Attempt,
    connection: &mut Option<Channel>,
    introduction: &[u8],
    keep: Option<Keep>,
) -> Option<Instant> {
    let is_clean =
        |connection: &mut Channel| connection.is_read() && connection.received().is_empty() && !connection.peer_ended();
    match connection.take_if(is_clean) {
        Some(Channel::Http1(connection)) => {
            pool.give_back(attempt.backend(), connection.into_stream(), introduction, keep?)
        }
        _ => None,
    }
}
