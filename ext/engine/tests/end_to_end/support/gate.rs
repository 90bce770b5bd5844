//! Where the script of a backend waits for the test.

use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Mutex;

use super::PATIENCE;

/// What a script waits at. Each [`Key::open`] lets one wait pass, whichever of the two comes first.
pub(crate) struct Gate(Mutex<Receiver<()>>);

/// What the test opens it with.
pub(crate) struct Key(Sender<()>);

impl Gate {
    pub(crate) fn new() -> (Key, Self) {
        let (sender, receiver) = channel();
        (Key(sender), Self(Mutex::new(receiver)))
    }

    /// Waits until it is opened, which says that `what` is the case; fails if it is not in time.
    pub(crate) fn wait_until(&self, what: &str) {
        assert!(self.opens(), "it never came to pass: {what}");
    }

    /// Waits until it is opened: whether it was, in time and before the key was dropped.
    pub(crate) fn opens(&self) -> bool {
        self.0.lock().expect("the gate").recv_timeout(PATIENCE).is_ok()
    }
}

impl Key {
    pub(crate) fn open(&self) {
        self.0.send(()).expect("a script that waits");
    }
}
