//! Work that is done once for all who wait for it.

use std::sync::Arc;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::watch;

/// The result, once it is there.
type Result<T> = Option<T>;

/// Work in progress, by name, with where its result is to be heard.
#[derive(Debug)]
pub(super) struct SingleFlight<T>(Mutex<FxHashMap<Box<str>, watch::Receiver<Result<T>>>>);

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// The wait for a result.
#[derive(Debug)]
pub(super) struct Landing<T>(watch::Receiver<Result<T>>);

/// The duty to do the work. If it is dropped without a result, all who wait hear that there is none.
#[derive(Debug)]
pub(super) struct Flight<T> {
    all: Arc<SingleFlight<T>>,
    name: Box<str>,
    sender: Option<watch::Sender<Result<T>>>,
}

impl<T> SingleFlight<T> {
    /// Waits for the work of that name. Whoever comes first gets the duty to do it.
    pub(super) fn join(self: &Arc<Self>, name: &str) -> (Landing<T>, Option<Flight<T>>) {
        let mut flights = self.0.lock();
        if let Some(result) = flights.get(name) {
            return (Landing(result.clone()), None);
        }
        let (sender, receiver) = watch::channel(None);
        flights.insert(name.into(), receiver.clone());
        (Landing(receiver), Some(Flight { all: Arc::clone(self), name: name.into(), sender: Some(sender) }))
    }
}

impl<T: Clone> Landing<T> {
    /// The result. `None` if the work was given up.
    pub(super) async fn result(mut self) -> Option<T> {
        self.0.wait_for(Option::is_some).await.ok().and_then(|result| result.clone())
    }
}

impl<T> Flight<T> {
    /// Tells the result to all who wait.
    pub(super) fn land(mut self, result: T) {
        if let Some(sender) = self.sender.take() {
            self.all.0.lock().remove(&self.name);
            sender.send_replace(Some(result));
        }
    }
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        if self.sender.is_some() {
            self.all.0.lock().remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_works_and_all_hear_the_result() {
        let flights = Arc::new(SingleFlight::default());
        let (first, duty) = flights.join("a");
        let (second, none) = flights.join("a");
        assert!(none.is_none(), "the work is being done");
        assert!(flights.join("b").1.is_some(), "work of another name");
        duty.expect("the duty").land(7);
        assert_eq!((first.result().await, second.result().await), (Some(7), Some(7)));
        assert!(flights.join("a").1.is_some(), "it is done anew for those who come later");
    }

    #[tokio::test]
    async fn work_that_is_given_up_leaves_nobody_waiting() {
        let flights = Arc::new(SingleFlight::<u8>::default());
        let (waiting, duty) = flights.join("a");
        drop(duty);
        assert_eq!(waiting.result().await, None);
        assert!(flights.join("a").1.is_some(), "the next one may try");
    }
}
