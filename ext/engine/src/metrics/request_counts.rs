//! Requests of one route on one thread, by status, method and host: a table that only grows, and only up to a bound.

use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::OnceLock;

use proxy_http::message::Method;

use super::code::{CodeLabel, CLASSES};
use super::sharded::add;

/// Number of a written host; 0 for any other.
pub(crate) type HostNumber = u16;

/// Sizes of the further tables, each made when those before it have no place left.
const FURTHER: [usize; 3] = [64, 512, 4_096];
/// Entries of the first table.
const FIRST: usize = 8;
/// Places of a table that are looked at.
const PROBES: usize = 8;

/// Labels of methods, by [`Method`].
pub(crate) const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "OTHER"];

/// What requests are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestLabels {
    pub(crate) code: CodeLabel,
    /// Place in [`METHODS`].
    pub(crate) method: u8,
    pub(crate) host: HostNumber,
}

impl RequestLabels {
    pub(crate) fn new(code: CodeLabel, method: Method, host: HostNumber) -> Self {
        Self { code, method: method_index(method), host }
    }

    /// A number other than 0.
    fn key(self) -> u64 {
        1 << 63 | u64::from(self.host) << 32 | u64::from(self.method) << 16 | u64::from(self.code.bits())
    }

    fn of_key(key: u64) -> Self {
        Self { code: CodeLabel::from_bits(key as u16), method: (key >> 16) as u8, host: (key >> 32) as HostNumber }
    }
}

fn method_index(method: Method) -> u8 {
    match method {
        Method::Get => 0,
        Method::Head => 1,
        Method::Post => 2,
        Method::Put => 3,
        Method::Delete => 4,
        Method::Options => 5,
        Method::Trace => 6,
        Method::Patch => 7,
        Method::Connect => 8,
        Method::Other => 9,
    }
}

/// The counts of one thread.
#[derive(Debug, Default)]
pub(crate) struct RequestCounts {
    first: [RequestCount; FIRST],
    further: [OnceLock<Box<[RequestCount]>>; FURTHER.len()],
    /// Requests for which no table had a place, by class.
    rest: [AtomicU64; CLASSES.len()],
}

#[derive(Debug, Default)]
struct RequestCount {
    /// 0: free.
    key: AtomicU64,
    count: AtomicU64,
}

impl RequestCounts {
    /// Counts a request. Only one thread may call this.
    #[inline]
    pub(crate) fn count(&self, labels: RequestLabels, class: usize) {
        let key = labels.key();
        if !count_in(&self.first, key) {
            self.count_further(key, class);
        }
    }

    #[cold]
    fn count_further(&self, key: u64, class: usize) {
        for (table, size) in self.further.iter().zip(FURTHER) {
            let table = table.get_or_init(|| (0..size).map(|_| RequestCount::default()).collect());
            if count_in(table, key) {
                return;
            }
        }
        if let Some(rest) = self.rest.get(class) {
            add(rest, 1);
        }
    }

    /// Calls `visit` with every count.
    pub(crate) fn each(&self, visit: &mut dyn FnMut(RequestLabels, u64)) {
        let further = self.further.iter().filter_map(OnceLock::get).flat_map(|table| table.iter());
        for entry in self.first.iter().chain(further) {
            let key = entry.key.load(Acquire);
            if key != 0 {
                visit(RequestLabels::of_key(key), entry.count.load(Relaxed));
            }
        }
        for (class, count) in self.rest.iter().enumerate() {
            let count = count.load(Relaxed);
            if count > 0 {
                visit(RequestLabels::new(CodeLabel::of_class(class), Method::Other, 0), count);
            }
        }
    }
}

/// Counts in a table, whose length is a power of two. `false` if it has no place for the key.
#[inline]
fn count_in(table: &[RequestCount], key: u64) -> bool {
    let mask = table.len() - 1;
    let hash = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize;
    for probe in 0..PROBES {
        let entry = &table[(hash + probe) & mask];
        let known = entry.key.load(Relaxed);
        if known == key {
            add(&entry.count, 1);
            return true;
        }
        if known == 0 {
            entry.count.store(1, Relaxed);
            entry.key.store(key, Release);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests;
