//! The addresses of a simulated network, in place of the system's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{Manners, Pipe};

thread_local! {
    static INSTALLED: RefCell<Option<Arc<Network>>> = const { RefCell::new(None) };
}

/// How an address takes connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Accepts,
    Refuses,
    /// It does not answer at all.
    Silent,
}

/// Who listens where. One network stands for the system's on the thread where it is installed.
#[derive(Debug)]
pub(crate) struct Network {
    places: Mutex<HashMap<SocketAddr, (Mood, mpsc::UnboundedSender<Pipe>)>>,
    dice: Mutex<fastrand::Rng>,
    open: Arc<AtomicUsize>,
}

/// The network is the thread's until this is dropped.
#[derive(Debug)]
pub(crate) struct Installed;

impl Drop for Installed {
    fn drop(&mut self) {
        INSTALLED.with_borrow_mut(|installed| *installed = None);
    }
}

impl Network {
    /// An empty network whose connections behave as `seed` decides.
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        let dice = Mutex::new(fastrand::Rng::with_seed(seed));
        Arc::new(Self { places: Mutex::default(), dice, open: Arc::default() })
    }

    /// Has this thread connect over this network.
    pub(crate) fn install(self: &Arc<Self>) -> Installed {
        INSTALLED.with_borrow_mut(|installed| *installed = Some(Arc::clone(self)));
        Installed
    }

    /// The network of this thread.
    pub(crate) fn of_thread() -> Option<Arc<Self>> {
        INSTALLED.with_borrow(Option::clone)
    }

    /// An address where nobody listens.
    pub(crate) fn free_address(&self) -> SocketAddr {
        let number = self.places.lock().len() + 1;
        SocketAddr::from(([10, 0, 0, 1], number as u16))
    }

    /// Listens at an address.
    pub(crate) fn listen(&self, address: SocketAddr) -> mpsc::UnboundedReceiver<Pipe> {
        let (sender, accepted) = mpsc::unbounded_channel();
        self.places.lock().insert(address, (Mood::Accepts, sender));
        accepted
    }

    /// How the address takes connections from now on.
    pub(crate) fn set_mood(&self, address: SocketAddr, mood: Mood) {
        if let Some(place) = self.places.lock().get_mut(&address) {
            place.0 = mood;
        }
    }

    /// Both ends of a new connection.
    pub(crate) fn pair(&self) -> (Pipe, Pipe) {
        let mut dice = self.dice.lock();
        let least = Duration::from_micros(dice.u64(0..2_000));
        let manners = Manners {
            delay: (least, least + Duration::from_micros(dice.u64(0..5_000))),
            capacity: [1_000, 4_000, 20_000, 200_000][dice.usize(0..4)],
            piece: [30, 300, 5_000, 100_000][dice.usize(0..4)],
            keeps_unread: dice.bool(),
        };
        Pipe::pair(manners, dice.u64(..), &self.open)
    }

    /// Connects to an address, which takes a moment.
    ///
    /// # Errors
    /// If nobody listens there.
    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<Pipe> {
        let delay = Duration::from_micros(self.dice.lock().u64(100..5_000));
        tokio::time::sleep(delay).await;
        let mood = self.places.lock().get(&address).map(|place| place.0);
        match mood {
            Some(Mood::Accepts) => {}
            Some(Mood::Silent) => std::future::pending().await,
            Some(Mood::Refuses) | None => return Err(io::ErrorKind::ConnectionRefused.into()),
        }
        let (near, far) = self.pair();
        match self.places.lock().get(&address).map(|place| place.1.send(far)) {
            Some(Ok(())) => Ok(near),
            _ => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    /// Ends of connections that somebody holds.
    pub(crate) fn open_ends(&self) -> usize {
        self.open.load(Relaxed)
    }
}
