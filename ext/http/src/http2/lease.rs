//! One stream's place on a connection.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::sync::Notify;

use super::{Pieces, Tally};

/// The stream limit of a backend whose settings have not come. They can say no such number.
pub const UNSAID: usize = usize::MAX - 1;

/// The right to one stream on a connection, counted until it is dropped.
#[derive(Debug)]
pub struct Lease {
    requests: SendRequest<Bytes>,
    load: Option<Arc<Load>>,
}

/// How many streams a connection carries. Both ends of the count live on one thread; it is made of atomics because a
/// stream that shares no connection may live on any.
#[derive(Debug, Default)]
pub struct Load {
    streams: AtomicUsize,
    /// Whether it is to carry no further one.
    retired: AtomicBool,
    /// Tells the connection that its last stream has ended.
    pub emptied: Notify,
    /// Tells those who have to know what the backend's settings say.
    pub settled: Notify,
    /// Tells one of those who wait for room on a connection to this backend.
    pub freed: Arc<Notify>,
    tally: Tally,
}

impl Load {
    /// Of a connection that is one of those which `freed` is about.
    pub fn new(freed: Arc<Notify>, tally: Tally) -> Arc<Self> {
        Arc::new(Self { freed, tally, ..Self::default() })
    }

    /// Streams that are held now.
    pub fn streams(&self) -> usize {
        self.streams.load(Relaxed)
    }

    /// Notes that the connection has ended.
    pub fn end(&self) {
        self.retired.store(true, Relaxed);
        self.settled.notify_waiters();
    }

    /// Whether the connection is to carry no further stream.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Relaxed)
    }
}

impl Lease {
    /// A stream on a connection that counts none.
    pub fn alone(requests: SendRequest<Bytes>) -> Self {
        Self { requests, load: None }
    }

    /// One stream more on a connection.
    pub fn new(requests: SendRequest<Bytes>, load: &Arc<Load>) -> Self {
        load.streams.fetch_add(1, Relaxed);
        Self { requests, load: Some(load.clone()) }
    }

    /// What opens the stream.
    pub fn requests(&mut self) -> &mut SendRequest<Bytes> {
        &mut self.requests
    }

    /// Lets the connection carry no further stream: its backend has broken the rules.
    pub fn retire(&self) {
        if let Some(load) = &self.load {
            load.retired.store(true, Relaxed);
        }
    }

    /// The small pieces of a stream on it.
    pub fn pieces(&self, stream: u32) -> Option<Pieces> {
        self.load.as_ref().map(|load| Pieces::new(&load.tally, stream))
    }

    /// Whether the backend has said how many streams it takes, and all that its settings say.
    pub fn is_settled(&self) -> bool {
        self.requests.current_max_send_streams() != UNSAID
    }

    /// Waits until it has, or its connection has ended.
    pub async fn settled(&self) {
        let Some(load) = &self.load else { return };
        loop {
            let settled = load.settled.notified();
            if self.is_settled() || load.is_retired() {
                return;
            }
            settled.await;
        }
    }

    /// Whether the backend takes requests for other protocols (RFC 8441).
    pub fn takes_upgrades(&self) -> bool {
        self.requests.is_extended_connect_protocol_enabled()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(load) = &self.load else { return };
        if load.streams.fetch_sub(1, Relaxed) == 1 {
            load.emptied.notify_one();
        }
        load.freed.notify_one();
    }
}
