//! Requests for one key that are on their way to a backend: others wait for their answer instead of asking too.

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

/// The flights of one key, each with the kind of its requests.
type FlightsOfKey = Vec<(Box<[u8]>, Arc<CacheFlight>)>;

/// The requests on their way, by their keys. Of one key there are several flights if their answers are not for the same
/// requests.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<Box<[u8]>, FlightsOfKey>>);

/// A request's part in a flight.
#[derive(Debug)]
pub(crate) enum Joined {
    /// It asks the backend.
    Leading(Lead),
    /// It waits.
    Waiting(watch::Receiver<FlightNews>),
}

impl Flights {
    /// Takes part in the flight for a key. `kind` tells apart requests that do not take each other's answers.
    pub(crate) fn join(flights: &Arc<Self>, key: &[u8], kind: &[u8]) -> Joined {
        let mut all = flights.0.lock();
        let of_key = match all.get_mut(key) {
            Some(of_key) => of_key,
            None => all.entry(key.into()).or_default(),
        };
        if let Some((_, flight)) = of_key.iter().find(|(other, _)| **other == *kind) {
            return Joined::Waiting(flight.news.subscribe());
        }
        let flight =
            Arc::new(CacheFlight { news: watch::Sender::new(FlightNews::Waiting), void: AtomicBool::new(false) });
        of_key.push((kind.into(), Arc::clone(&flight)));
        drop(all);
        Joined::Leading(Lead { flights: Arc::clone(flights), key: key.into(), flight })
    }

    /// Makes the answers for keys that `wanted` names outdated. Whoever asks from now on does not wait for them.
    pub(crate) fn void(&self, wanted: impl Fn(&[u8]) -> bool) {
        self.0.lock().retain(|key, flights| {
            let gone = wanted(key);
            flights.iter().filter(|_| gone).for_each(|(_, flight)| flight.void.store(true, Relaxed));
            !gone
        });
    }

    /// Makes the answers for one key outdated, like [`Flights::void`].
    pub(crate) fn void_one(&self, key: &[u8]) {
        let flights = self.0.lock().remove(key).unwrap_or_default();
        flights.iter().for_each(|(_, flight)| flight.void.store(true, Relaxed));
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
        let mut all = self.flights.0.lock();
        if let Some(of_key) = all.get_mut(&self.key) {
            of_key.retain(|(_, flight)| !Arc::ptr_eq(flight, &self.flight));
            if of_key.is_empty() {
                all.remove(&self.key);
            }
        }
        drop(all);
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
        let Joined::Leading(lead) = Flights::join(&flights, b"a", b"") else { panic!("the first leads") };
        let Joined::Waiting(mut waiting) = Flights::join(&flights, b"a", b"") else { panic!("the second waits") };
        assert!(matches!(Flights::join(&flights, b"b", b""), Joined::Leading(_)), "another key");
        assert!(matches!(Flights::join(&flights, b"a", b"x"), Joined::Leading(_)), "another kind");
        lead.tell(FlightNews::Alone);
        waiting.changed().await.expect("news");
        assert!(matches!(*waiting.borrow_and_update(), FlightNews::Alone));
        drop(lead);
        assert!(flights.0.lock().is_empty());
    }

    #[tokio::test]
    async fn nobody_waits_for_an_answer_that_is_outdated_before_it_comes() {
        let flights = Arc::new(Flights::default());
        let Joined::Leading(lead) = Flights::join(&flights, b"a", b"") else { panic!("the first leads") };
        let Joined::Waiting(mut waiting) = Flights::join(&flights, b"a", b"") else { panic!("it waits") };
        flights.void(|key| key == b"a");
        assert!(lead.is_void());
        let Joined::Leading(next) = Flights::join(&flights, b"a", b"") else { panic!("another flight begins") };
        drop(lead);
        waiting.changed().await.expect("news");
        assert!(matches!(*waiting.borrow(), FlightNews::Again), "whoever led is gone");
        assert!(matches!(Flights::join(&flights, b"a", b""), Joined::Waiting(_)), "the other flight goes on");
        flights.void_one(b"a");
        assert!(next.is_void());
        drop(next);
        assert!(flights.0.lock().is_empty());
    }
}
