//! What goes on for a cache without a client: bodies that are taken in, and responses that are validated.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proxy_http::message::{Framing, Piece};
use tokio::time::{timeout, Instant};

use super::caching::{CacheRules, StoringRequest, TakenAnswer};
use super::errand::{give_back, Errand, ErrandAnswer};
use crate::cache::body::{Appetite, Body, LagRules};
use crate::cache::entry::CacheEntry;
use crate::cache::tier::Spool;
use crate::channel::Channel;
use crate::error::{Error, Kind, Retry, Waited};
use crate::log::{Level, Log};
use crate::upstream::{Attempt, Keep, Pool};

/// Bytes that are still taken in although nobody reads them, so that they can be stored.
const WORTH_FINISHING: u64 = 1024 * 1024;
/// Time for which a body of unknown length is taken in although nobody reads it.
const DESERTED: Duration = Duration::from_secs(10);

/// Something to do for a cache. Clients that wait, and one validation for each key, bound the number of these.
#[derive(Debug)]
pub(crate) enum CacheJob {
    Fill(Box<Fill>),
    Refresh(Box<Refresh>),
}

impl CacheJob {
    /// Does it.
    pub(crate) async fn run(self, pool: &Pool, log: &Log) {
        match self {
            Self::Fill(fill) => fill.run(pool, log).await,
            Self::Refresh(refresh) => refresh.run(pool, log).await,
        }
    }
}

/// The body of a response that is to be stored.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) backend: Channel,
    pub(crate) framing: Framing,
    pub(crate) attempt: Attempt,
    pub(crate) entry: Arc<CacheEntry>,
    pub(crate) rules: Arc<CacheRules>,
    pub(crate) key: Box<[u8]>,
    /// The request: its lead ends when the body is stored.
    pub(crate) storing: Box<StoringRequest>,
    /// Longest pause between two pieces.
    pub(crate) read_timeout: Duration,
    /// First bytes that the connection began with.
    pub(crate) introduction: Vec<u8>,
    /// How the connection is kept. `None`: it is not.
    pub(crate) keep: Option<Keep>,
    /// Where slow readers find what they have missed, if the body is too long to be stored.
    pub(crate) behind: LagRules,
}

/// A body that is being taken in: cut if that ends early. The bytes that are reserved for it are then free.
struct Growth<'a> {
    body: &'a Body,
    rules: &'a CacheRules,
    reserved: u64,
}

impl Drop for Growth<'_> {
    fn drop(&mut self) {
        self.body.cut();
        self.rules.zone.release(self.reserved);
    }
}

impl Fill {
    async fn run(mut self, pool: &Pool, log: &Log) {
        self.backend.begin_reading(self.framing);
        let entry = Arc::clone(&self.entry);
        let rules = Arc::clone(&self.rules);
        let reserved = if entry.body.is_large() { 0 } else { entry.body.length().unwrap_or(0) };
        let mut growth = Growth { body: &entry.body, rules: &rules, reserved };
        match self.read(&mut growth, log).await {
            Ok(Appetite::More) => {
                entry.body.finish();
                let outdated = || self.storing.is_void(&rules.zone);
                if entry.body.whole().is_some() {
                    rules.zone.store(&self.key, &entry, outdated);
                }
                give_back(pool, &self.attempt, &mut Some(self.backend), &self.introduction, self.keep);
                if let Some(spool) = entry.body.spool() {
                    if let Some(named) = rules.zone.store_file(spool, &self.key, &entry, outdated) {
                        let _ = named.await;
                    }
                    entry.body.shed();
                }
                // From here on the zone has it.
                drop(self.storing);
            }
            Ok(Appetite::Nobody) => {}
            Err(error) => {
                self.attempt.cut_for(&error);
                let label = self.attempt.label();
                log.write(Level::Warn, None, format_args!("{label}: a response for a cache was cut short: {error}"));
            }
        }
    }

    /// Takes the body in, as long as it is wanted.
    async fn read(&mut self, growth: &mut Growth<'_>, log: &Log) -> Result<Appetite, Error> {
        let (body, rules) = (growth.body, growth.rules);
        let zone = &rules.zone;
        let announced = body.length();
        let (mut length, mut passing) = (0, false);
        let mut deserted: Option<Instant> = None;
        let mut spool = None;
        if body.is_large() {
            spool = self.record();
            passing = spool.is_none();
            if passing {
                self.pass();
            }
        }
        loop {
            if passing && self.room(log).await == Appetite::Nobody {
                return Ok(Appetite::Nobody);
            }
            let piece = timeout(self.read_timeout, poll_fn(|cx| self.backend.poll_body(cx))).await;
            let piece = piece.map_err(|_| Error::backend(Kind::Timeout(Waited::Read), Retry::Never))?;
            match piece.map_err(|error| Error::backend(error.into(), Retry::Never))? {
                Piece::End => return Ok(Appetite::More),
                Piece::More => {}
                Piece::Data(n) => {
                    let data = Bytes::copy_from_slice(&self.backend.received()[..n]);
                    self.backend.consume_body(n);
                    length = body.push(data.clone());
                    if let Some(file) = &spool {
                        if length > zone.largest() || !file.push(data) {
                            (spool, passing) = (None, true);
                            self.pass();
                        }
                    } else if announced.is_none() && !passing {
                        if length <= zone.max_object() && zone.reserve(n as u64) {
                            growth.reserved += n as u64;
                        } else {
                            spool = self.record();
                            passing = spool.is_none();
                            if passing {
                                self.pass();
                            }
                        }
                    }
                }
            }
            let left = announced.map(|announced| announced.saturating_sub(length));
            if left.is_some_and(|left| left <= WORTH_FINISHING.max(length)) {
                continue;
            }
            // Without a length it might go on for ever.
            let left_alone = body.readers() == 0;
            let since = left_alone.then(|| deserted.unwrap_or_else(Instant::now));
            if left_alone && left.is_some() || since.is_some_and(|since| since.elapsed() > DESERTED) {
                return Ok(Appetite::Nobody);
            }
            deserted = since;
        }
    }

    /// Waits until those who read a body that is not stored want more of it.
    async fn room(&self, log: &Log) -> Appetite {
        let body = &self.entry.body;
        let appetite = body.room().await;
        if let Some(error) = body.take_trouble() {
            let label = self.attempt.label();
            let what = "clients that are slower than others may not get all of a response that they share";
            log.write(Level::Warn, None, format_args!("{label}: the disk takes no more, so {what}: {error}"));
        }
        appetite
    }

    /// Lets the body grow into a file. `None` if it cannot be stored on a disk.
    fn record(&self) -> Option<Arc<Spool>> {
        let zone = &self.rules.zone;
        let spool = zone.disk()?.record(&self.key, &self.entry)?;
        let pieces = self.entry.body.write_to(&spool);
        pieces.into_iter().all(|piece| spool.push(piece)).then_some(spool)
    }

    /// Gives up storing the body.
    fn pass(&mut self) {
        self.entry.body.pass(self.behind.clone());
        self.storing.give_up(&self.rules.zone, &self.key);
    }
}

/// The validation of a stale response that has answered a request.
#[derive(Debug)]
pub(crate) struct Refresh {
    pub(crate) errand: Errand,
    pub(crate) rules: Arc<CacheRules>,
    pub(crate) key: Box<[u8]>,
    pub(crate) storing: Box<StoringRequest>,
    /// Time until the head of the answer.
    pub(crate) timeout: Duration,
    pub(crate) read_timeout: Duration,
    pub(crate) behind: LagRules,
}

impl Refresh {
    async fn run(self, pool: &Pool, log: &Log) {
        let Self { errand, rules, key, mut storing, timeout, read_timeout, behind } = self;
        let sent = Rc::clone(&errand.head);
        let name = errand.upstream.name();
        let Some(mut attempt) = errand.admit() else {
            return log.write(Level::Debug, None, format_args!("cache: {name}: no backend is free for a validation"));
        };
        let answer = match errand.run(pool, &mut attempt, timeout).await {
            Ok(answer) => answer,
            Err(error) => {
                let label = attempt.label();
                return log.write(Level::Debug, None, format_args!("cache: {label}: no validation: {error}"));
            }
        };
        let ErrandAnswer { mut head, framing, connection, introduction, keep } = answer;
        let Some(framing) = framing else { return };
        match storing.take(&rules, &key, &mut head, &sent.head.fields, framing) {
            TakenAnswer::Stored(entry) => {
                let backend = connection;
                let fill = Fill {
                    backend,
                    framing,
                    attempt,
                    entry,
                    rules,
                    key,
                    storing,
                    read_timeout,
                    introduction,
                    keep,
                    behind,
                };
                fill.run(pool, log).await;
            }
            TakenAnswer::Validated(_) => {
                give_back(pool, &attempt, &mut Some(connection), &introduction, keep);
            }
            _ => {}
        }
    }
}
