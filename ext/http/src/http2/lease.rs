//! Right to one stream on a connection to a backend.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::sync::Notify;

use super::{Pieces, Tally};

/// The stream limit of a backend whose settings have not come. Settings cannot contain this number.
pub const UNSAID: usize = usize::MAX - 1;

/// The right to one stream on a connection; counted until it is dropped.
#[derive(Debug)]
pub struct Lease {
    requests: SendRequest<Bytes>,
    load: Option<Arc<Load>>,
}

/// Number of streams on a connection. Both ends of the count live on one thread; the count is atomic because a stream
/// that shares no connection may live on any thread.
#[derive(Debug, Default)]
pub struct Load {
    streams: AtomicUsize,
    /// Whether the connection takes no further streams.
    retired: AtomicBool,
    /// Tells the connection that its last stream has ended.
    pub emptied: Notify,
    /// Wakes tasks that wait for the backend's settings.
    pub settled: Notify,
    /// Wakes one task that waits for room on a connection to this backend.
    pub freed: Arc<Notify>,
    tally: Tally,
}

impl Load {
    /// The load of a new connection. `freed` is shared by all connections to the backend.
    pub fn new(freed: Arc<Notify>, tally: Tally) -> Arc<Self> {
        Arc::new(Self { freed, tally, ..Self::default() })
    }

    /// Streams that are open now.
    pub fn streams(&self) -> usize {
        self.streams.load(Relaxed)
    }

    /// Records that the connection has ended.
    pub fn end(&self) {
        self.retired.store(true, Relaxed);
        self.settled.notify_waiters();
    }

    /// Whether the connection takes no further streams.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Relaxed)
    }
}

impl Lease {
    /// A lease for a stream on a connection that does not count streams.
    pub fn alone(requests: SendRequest<Bytes>) -> Self {
        Self { requests, load: None }
    }

    /// A lease for one more stream on a connection.
    pub fn new(requests: SendRequest<Bytes>, load: &Arc<Load>) -> Self {
        load.streams.fetch_add(1, Relaxed);
        Self { requests, load: Some(load.clone()) }
    }

    /// The handle of `h2` that opens the stream.
    pub fn requests(&mut self) -> &mut SendRequest<Bytes> {
        &mut self.requests
    }

    /// Retires the connection: it takes no further streams. For a backend that has broken the protocol.
    pub fn retire(&self) {
        if let Some(load) = &self.load {
            load.retired.store(true, Relaxed);
        }
    }

    /// The tally of small pieces for a stream of this connection.
    pub fn pieces(&self, stream: u32) -> Option<Pieces> {
        self.load.as_ref().map(|load| Pieces::new(&load.tally, stream))
    }

    /// Whether the backend's settings have come, its stream limit among them.
    pub fn is_settled(&self) -> bool {
        self.requests.current_max_send_streams() != UNSAID
    }

    /// Waits until the backend's settings have come or the connection has ended.
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

    /// Whether the backend accepts extended CONNECT (RFC 8441).
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
