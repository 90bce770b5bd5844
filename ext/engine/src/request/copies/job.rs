//! The copies of an engine thread on their way.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proxy_http::message::Piece;
use tokio::time::{timeout_at, Instant};

use super::super::errand::{give_back, Errand, ErrandAnswer, SentHead};
use super::CopyPlace;
use crate::error::{Error, Kind, Retry, Waited};
use crate::log::{Level, Log};
use crate::upstream::{Attempt, Pool};

/// Time for a copy and its answer.
const LIMIT: Duration = Duration::from_secs(30);
/// Bytes of an answer that are read, so that its connection can be used again.
const MOST_READ: usize = 1024 * 1024;

/// One copy for one upstream. Its place bounds the number of these.
#[derive(Debug)]
pub(crate) struct CopyJob {
    place: CopyPlace,
    head: Rc<SentHead>,
    body: Rc<[u8]>,
}

impl CopyJob {
    pub(super) fn new(place: CopyPlace, head: Rc<SentHead>, body: Rc<[u8]>) -> Self {
        Self { place, head, body }
    }

    /// Sends the copy once, if a backend can take it at once, and drops the answer.
    pub(crate) async fn send(self, pool: &Pool, log: &Log) {
        let shadow = self.place.shadow();
        let (upstream, head, body) = (Arc::clone(&shadow.upstream), Rc::clone(&self.head), Rc::clone(&self.body));
        let errand = Errand { upstream, head, body, max_head: shadow.max_head, name: None, application: None };
        let name = shadow.upstream.name();
        let Some(mut attempt) = errand.admit() else {
            return log.write(Level::Debug, None, format_args!("mirror {name}: no backend is free: it gets no copy"));
        };
        let deadline = Instant::now() + LIMIT;
        let sent = match errand.run(pool, &mut attempt, LIMIT).await {
            Ok(answer) => {
                let over = || Err(Error::backend(Kind::Timeout(Waited::Read), Retry::Never));
                timeout_at(deadline, drop_answer(pool, &attempt, answer)).await.unwrap_or_else(|_| over())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            let label = attempt.label();
            log.write(Level::Debug, None, format_args!("mirror {name}: {label}: {error}"));
        }
    }
}

/// Reads the rest of the response, if it is short, and keeps the connection if it can be used again.
async fn drop_answer(pool: &Pool, attempt: &Attempt, answer: ErrandAnswer) -> Result<(), Error> {
    let ErrandAnswer { framing, mut connection, introduction, keep, .. } = answer;
    if framing.is_none() {
        return Ok(());
    }
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
    give_back(pool, attempt, &mut Some(connection), &introduction, keep);
    Ok(())
}
