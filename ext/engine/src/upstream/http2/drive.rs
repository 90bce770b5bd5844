//! The task of one HTTP/2 connection to a backend.

use std::future::{poll_fn, Future};
use std::pin::pin;
use std::rc;
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

use h2::{Ping, PingPong};
use proxy_http::http2::{Load, UNSAID};
use tokio::time::{sleep_until, Instant};

use super::pool::Http2Pool;
use super::watched::Activity;
use super::Opened;
use crate::log::Level;
use crate::upstream::backend::Backend;

/// How liveness is checked with PING.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    /// How often a connection with open streams is looked at. If nothing came since the last time, the backend is sent
    /// a PING.
    pub(super) silence: Duration,
    /// How long it has to send anything then.
    pub(super) patience: Duration,
    /// Time until a silent connection that has answered a PING is checked again.
    pub(super) again: Duration,
}

impl Default for Rhythm {
    /// Patience is long enough for a server whose only thread is at work on a request. gRPC servers close a connection
    /// that sends them more than two PINGs in five minutes without a reason.
    fn default() -> Self {
        let [silence, patience, again] = [10, 15, 310].map(Duration::from_secs);
        Self { silence, patience, again }
    }
}

/// Length of the answer to a PING.
const PONG: u64 = 17;

/// Drives a connection until it ends.
pub(super) async fn drive(pool: rc::Weak<Http2Pool>, backend: Weak<Backend>, id: u64, load: Arc<Load>, opened: Opened) {
    let rhythm = pool.upgrade().map(|pool| pool.rhythm()).unwrap_or_default();
    let Opened { requests, mut connection, activity, .. } = opened;
    // The pool holds a clone: the connection ends with the last clone.
    drop(requests);
    let mut settled = false;
    let mut pulse = Pulse::new(connection.ping_pong(), activity, rhythm);
    {
        let mut look = pin!(sleep_until(Instant::now() + rhythm.silence));
        loop {
            tokio::select! {
                biased;
                () = poll_fn(|cx| {
                    let ended = Pin::new(&mut connection).poll(cx).map(|_| ());
                    if !settled && connection.max_concurrent_send_streams() != UNSAID {
                        settled = true;
                        load.settled.notify_waiters();
                        load.freed.notify_waiters();
                    }
                    ended
                }) => break,
                () = load.emptied.notified() => {
                    if let Some(pool) = pool.upgrade() {
                        pool.emptied(id, &load);
                    }
                }
                () = look.as_mut() => match pulse.feel(load.streams()) {
                    Some(pause) => look.as_mut().reset(Instant::now() + pause),
                    None => {
                        if let Some(backend) = backend.upgrade() {
                            backend.group().note(
                                Level::Warn,
                                &backend,
                                format_args!(
                                    "answered no PING within {:?}: the connection is given up",
                                    rhythm.patience
                                ),
                            );
                        }
                        break;
                    }
                },
            }
        }
    }
    load.end();
    if let Some(pool) = pool.upgrade() {
        pool.ended(id, &load);
    }
}

/// Whether the backend is alive.
struct Pulse {
    rhythm: Rhythm,
    pings: Option<PingPong>,
    activity: Activity,
    mark: u64,
    /// When a PING was last sent in this silence.
    asked: Option<Instant>,
    waiting: bool,
}

impl Pulse {
    fn new(pings: Option<PingPong>, activity: Activity, rhythm: Rhythm) -> Self {
        let mark = activity.mark();
        Self { rhythm, pings, activity, mark, asked: None, waiting: false }
    }

    /// Looks whether anything has come: when to look again, `None` if the backend is dead.
    fn feel(&mut self, streams: usize) -> Option<Duration> {
        let Rhythm { silence, patience, again } = self.rhythm;
        let came = self.activity.mark() - self.mark;
        self.mark += came;
        let waited = std::mem::take(&mut self.waiting);
        if streams == 0 {
            self.asked = None;
            return Some(silence);
        }
        if came == 0 && waited {
            return None;
        }
        if came > 0 {
            if !(waited && came == PONG) {
                self.asked = None;
            }
            return Some(silence);
        }
        if self.asked.is_some_and(|asked| asked.elapsed() < again) {
            return Some(silence);
        }
        let Some(pings) = &mut self.pings else { return Some(silence) };
        // Makes room for the answer to this one.
        let _ = pings.poll_pong(&mut Context::from_waker(Waker::noop()));
        if pings.send_ping(Ping::opaque()).is_err() {
            return Some(silence);
        }
        self.asked = Some(Instant::now());
        self.waiting = true;
        Some(patience)
    }
}
