//! Client connections of one listening address.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;

/// Labels of what is spoken over a connection.
pub(crate) const PROTOCOLS: [&str; 3] = ["unknown", "http1", "http2"];

/// What is spoken over a client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpokenProtocol {
    /// It is not known yet: a handshake, or a header of the PROXY protocol, is awaited.
    Unknown,
    Http1,
    Http2,
}

/// Open connections of one listening address.
#[derive(Debug)]
pub(crate) struct ListenerSeries {
    url: Arc<str>,
    open: [AtomicU64; PROTOCOLS.len()],
}

impl ListenerSeries {
    pub(super) fn new(url: Arc<str>) -> Self {
        Self { url, open: Default::default() }
    }

    /// The label: the URL as written.
    pub(crate) fn url(&self) -> &Arc<str> {
        &self.url
    }

    /// Open connections by protocol.
    pub(crate) fn open(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        PROTOCOLS.into_iter().zip(self.open.iter().map(|count| count.load(Relaxed)))
    }
}

/// A connection that counts as open until this is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    series: Arc<ListenerSeries>,
    protocol: SpokenProtocol,
}

impl OpenConnection {
    /// Counts a connection of which nothing is known yet.
    pub(crate) fn new(series: &Arc<ListenerSeries>) -> Self {
        let series = Arc::clone(series);
        series.open[SpokenProtocol::Unknown as usize].fetch_add(1, Relaxed);
        Self { series, protocol: SpokenProtocol::Unknown }
    }

    /// Notes what is spoken.
    pub(crate) fn speaks(&mut self, protocol: SpokenProtocol) {
        self.series.open[self.protocol as usize].fetch_sub(1, Relaxed);
        self.protocol = protocol;
        self.series.open[protocol as usize].fetch_add(1, Relaxed);
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.series.open[self.protocol as usize].fetch_sub(1, Relaxed);
    }
}
