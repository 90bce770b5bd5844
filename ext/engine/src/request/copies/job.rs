//! The copies of an engine thread on their way.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{ready, Poll};
use std::time::Duration;

use proxy_http::headers::{framing, hop_by_hop};
use proxy_http::message::{Framing, Known, Piece, ResponseHead};
use proxy_http::proxy_protocol::Whose;
use tokio::sync::Notify;
use tokio::time::{timeout_at, Instant};

use super::{CopiedHead, CopyPlace};
use crate::channel::Channel;
use crate::config::{CONNECT_TIMEOUT, RETRY_BUDGET};
use crate::error::{Error, Kind, Retry, Waited};
use crate::log::{Level, Log};
use crate::relay::ResponseNeeds;
use crate::upstream::admission::Admission;
use crate::upstream::ask::write_head;
use crate::upstream::http2::ConnectRequest;
use crate::upstream::{Affinity, Attempt, Pool};

/// Time for a copy and its answer.
const LIMIT: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read, so that its connection can be used again.
const MOST_READ: usize = 1024 * 1024;
/// Interim responses that are read.
const MOST_INTERIM: usize = 10;

/// Copies that wait to be sent. Their places bound them.
#[derive(Debug, Default)]
pub(crate) struct CopyQueue {
    jobs: RefCell<VecDeque<CopyJob>>,
    added: Notify,
}

impl CopyQueue {
    pub(super) fn push(&self, job: CopyJob) {
        self.jobs.borrow_mut().push_back(job);
        self.added.notify_one();
    }

    /// The next copy, as soon as there is one.
    pub(crate) async fn next(&self) -> CopyJob {
        loop {
            let job = self.jobs.borrow_mut().pop_front();
            match job {
                Some(job) => return job,
                None => self.added.notified().await,
            }
        }
    }
}

/// One copy for one upstream.
#[derive(Debug)]
pub(crate) struct CopyJob {
    place: CopyPlace,
    head: Rc<CopiedHead>,
    body: Rc<[u8]>,
}

impl CopyJob {
    pub(super) fn new(place: CopyPlace, head: Rc<CopiedHead>, body: Rc<[u8]>) -> Self {
        Self { place, head, body }
    }

    /// Sends the copy once, if a backend can take it at once, and drops the answer.
    pub(crate) async fn send(self, pool: &Pool, log: &Log) {
        let upstream = &self.place.shadow().upstream;
        let stopped = upstream.group().traffic().is_stopped();
        let attempt = (!stopped).then(|| Admission::new(upstream, Affinity::None, RETRY_BUDGET).admit_at_once());
        let Some(mut attempt) = attempt.flatten() else {
            let name = upstream.name();
            return log.write(Level::Debug, None, format_args!("mirror {name}: no backend is free: it gets no copy"));
        };
        let deadline = Instant::now() + LIMIT;
        let over = || Err(Error::backend(Kind::Timeout(Waited::Response), Retry::Never));
        let sent = timeout_at(deadline, self.exchange(pool, &mut attempt, deadline)).await.unwrap_or_else(|_| over());
        if let Err(error) = sent {
            let label = attempt.label();
            log.write(Level::Debug, None, format_args!("mirror {}: {label}: {error}", upstream.name()));
        }
    }

    async fn exchange(&self, pool: &Pool, attempt: &mut Attempt, deadline: Instant) -> Result<(), Error> {
        let shadow = self.place.shadow();
        let mut introduction = Vec::new();
        if let Some(form) = attempt.settings().proxy_protocol {
            // The client of the request has no connection of its own here.
            form.write(&Whose::Own, &mut introduction);
        }
        let idle = pool.reuse(attempt, None, &introduction, false);
        let was_idle = idle.is_some();
        let connection = match idle {
            Some(connection) => Ok(connection),
            None => {
                let call = ConnectRequest {
                    backend: attempt.backend(),
                    name: None,
                    introduction: &introduction,
                    keep: shadow.upstream.keep(),
                    max_head: shadow.max_head,
                    limit: Duration::from_secs_f64(CONNECT_TIMEOUT),
                    deadline,
                };
                pool.connect(call, false).await.map(|(connection, _)| connection)
            }
        };
        let asked = match connection {
            Ok(connection) => {
                attempt.connected();
                self.ask(connection, attempt).await
            }
            Err(error) => Err(error),
        };
        match asked {
            Ok((head, connection)) => {
                attempt.succeeded();
                self.drop_answer(pool, attempt, head, connection, &introduction).await
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
        let mut response = ResponseHead::default();
        for _ in 0..MOST_INTERIM {
            let max_head = self.place.shadow().max_head;
            let read = poll_fn(|cx| connection.poll_response_head(cx, &mut response, max_head)).await;
            read.map_err(|error| Error::backend(error.into(), Retry::Never))?;
            if !(100..200).contains(&response.status) || response.status == 101 {
                break;
            }
        }
        Ok((response, connection))
    }

    /// Reads the rest of the response, if it is short, and keeps the connection if it can be used again.
    async fn drop_answer(
        &self,
        pool: &Pool,
        attempt: &Attempt,
        mut head: ResponseHead,
        mut connection: Channel,
        introduction: &[u8],
    ) -> Result<(), Error> {
        let malformed = |why| Error::backend(Kind::Malformed(why), Retry::Never);
        if head.status < 200 {
            return Ok(());
        }
        let framing = connection.framing_of_response(&mut head, self.head.head.method).map_err(malformed)?;
        let reusable = framing != Framing::UntilClose
            && !hop_by_hop::promises_a_body_in_vain(&head)
            && framing::keeps_alive(&head.fields, head.version);
        connection.begin_reading(framing);
        let mut read = 0;
        loop {
            match poll_fn(|cx| connection.poll_body(cx)).await {
                Ok(Piece::End) => break,
                Ok(Piece::More) => {}
                Ok(Piece::Data(n)) => {
                    connection.consume_body(n);
                    read += n;
                    if read > MOST_READ {
                        return Ok(());
                    }
                }
                Err(error) => return Err(Error::backend(error.into(), Retry::Never)),
            }
        }
        let clean = reusable && connection.received().is_empty() && !connection.peer_ended();
        if let (Channel::Http1(connection), true) = (connection, clean) {
            let keep = self.place.shadow().upstream.keep().believing(&head.fields);
            pool.give_back(attempt.backend(), connection.into_stream(), introduction, keep);
        }
        Ok(())
    }
}
