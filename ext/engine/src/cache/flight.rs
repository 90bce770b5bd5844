//! Requests for one key that are on their way to a backend: others wait for their answer instead of asking too.

use std::collections::hash_map;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::entry::CacheEntry;

/// What those who wait are told.
#[derive(Debug, Clone)]
pub(crate) enum FlightNews {
    /// Nothing yet.
    Waiting,
    /// The head of the answer is there, and it is stored.
    Here(Arc<CacheEntry>),
    /// The answer is not for others: each asks by itself.
    Alone,
    /// Who asked is gone: somebody else has to ask.
    Again,
}

/// A request on its way.
#[derive(Debug)]
struct CacheFlight {
    news: watch::Sender<FlightNews>,
    /// Whether the answer is outdated before it has come.
    void: AtomicBool,
}

/// The requests on their way, by their keys.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<Box<[u8]>, Arc<CacheFlight>>>);

/// A request's part in a flight.
#[derive(Debug)]
pub(crate) enum Joined {
    /// It asks the backend.
    Leading(Lead),
    /// It waits.
    Waiting(watch::Receiver<FlightNews>),
}

impl Flights {
    /// Takes part in the flight for a key.
    pub(crate) fn join(flights: &Arc<Self>, key: &[u8]) -> Joined {
        match flights.0.lock().entry(key.into()) {
            hash_map::Entry::Occupied(flight) => Joined::Waiting(flight.get().news.subscribe()),
            hash_map::Entry::Vacant(free) => {
                let flight = Arc::new(CacheFlight {
                    news: watch::Sender::new(FlightNews::Waiting),
                    void: AtomicBool::new(false),
                });
                free.insert(Arc::clone(&flight));
                Joined::Leading(Lead { flights: Arc::clone(flights), key: key.into(), flight })
            }
        }
    }

    /// Makes the answers for keys that `wanted` names outdated.
    pub(crate) fn void(&self, wanted: impl Fn(&[u8]) -> bool) {
        let flights = self.0.lock();
        flights.iter().filter(|(key, _)| wanted(key)).for_each(|(_, flight)| flight.void.store(true, Relaxed));
    }

    /// Makes the answer for one key outdated.
    pub(crate) fn void_one(&self, key: &[u8]) {
        if let Some(flight) = self.0.lock().get(key) {
            flight.void.store(true, Relaxed);
        }
    }
}

/// The duty to ask a backend for all who wait, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lead {
    flights: Arc<Flights>,
    key: Box<[u8]>,
    flight: Arc<CacheFlight>,
}

impl Lead {
    /// Tells those who wait.
    pub(crate) fn tell(&self, news: FlightNews) {
        self.flight.news.send_replace(news);
    }

    /// Whether the answer is outdated before it has come.
    pub(crate) fn is_void(&self) -> bool {
        self.flight.void.load(Relaxed)
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.flights.0.lock().remove(&self.key);
        self.flight.news.send_if_modified(|news| {
            let left = matches!(news, FlightNews::Waiting);
            if left {
                *news = FlightNews::Again;
            }
            left
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_asks_and_the_others_hear_of_it() {
        let flights = Arc::new(Flights::default());
        let Joined::Leading(lead) = Flights::join(&flights, b"a") else { panic!("the first leads") };
        let Joined::Waiting(mut waiting) = Flights::join(&flights, b"a") else { panic!("the second waits") };
        assert!(matches!(Flights::join(&flights, b"b"), Joined::Leading(_)), "another key");
        lead.tell(FlightNews::Alone);
        waiting.changed().await.expect("news");
        assert!(matches!(*waiting.borrow_and_update(), FlightNews::Alone));
        drop(lead);
        let Joined::Leading(lead) = Flights::join(&flights, b"a") else { panic!("the flight is over") };
        let Joined::Waiting(mut waiting) = Flights::join(&flights, b"a") else { panic!("it waits") };
        flights.void(|key| key == b"a");
        assert!(lead.is_void());
        drop(lead);
        waiting.changed().await.expect("news");
        assert!(matches!(*waiting.borrow(), FlightNews::Again), "whoever led is gone");
    }
}
