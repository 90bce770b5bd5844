//! A backend that does what its script says.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::{Message, Peer, Reply};

/// A listening backend. Dropping it waits for its connections; what failed in their scripts fails the test. The proxy
/// in front has to be gone by then: declare it after the backends.
pub(crate) struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<Vec<JoinHandle<()>>>>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    connections: AtomicUsize,
    requests: Mutex<Vec<Message>>,
    failures: Mutex<Vec<String>>,
}

impl Origin {
    /// Runs `script` for every connection, with its number, counted from 0.
    pub(crate) fn start(script: impl Fn(usize, &mut Peer) + Send + Sync + 'static) -> Self {
        Self::scripted(Arc::default(), script)
    }

    /// Answers every request with what `answer` makes of it, and remembers the request.
    pub(crate) fn answering<R: AsRef<[u8]>>(answer: impl Fn(&Message) -> R + Send + Sync + 'static) -> Self {
        let shared: Arc<Shared> = Arc::default();
        let log = shared.clone();
        Self::scripted(shared, move |_, peer| {
            while let Some(request) = peer.try_request() {
                let response = answer(&request);
                log.requests.lock().expect("the requests").push(request);
                if peer.try_send(response).is_err() {
                    return;
                }
            }
        })
    }

    /// Answers every request with its own target.
    pub(crate) fn echoing_targets() -> Self {
        Self::answering(|request| Reply::ok(request.target()))
    }

    /// Answers every request with its name.
    pub(crate) fn named(name: &'static str) -> Self {
        Self::answering(move |_| Reply::ok(name))
    }

    /// Takes requests and never answers.
    pub(crate) fn silent() -> Self {
        Self::start(|_, peer| {
            peer.rest();
        })
    }

    /// Answers `back` once on each connection, at an address where nobody listened before. Unlike others, it may come
    /// after the proxy.
    pub(crate) fn back_at(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("the same port");
        Self::listening(listener, Arc::default(), |_, peer| {
            if peer.try_request().is_some() {
                peer.send(Reply::ok("back").with("Connection: close"));
            }
        })
    }

    /// Answers every request with its own target, at an address where nobody listened before. Unlike others, it may
    /// come after the proxy.
    pub(crate) fn echoing_at(address: &str) -> Self {
        Self::at(address, |_, peer| {
            while let Some(request) = peer.try_request() {
                if peer.try_send(Reply::ok(request.target())).is_err() {
                    return;
                }
            }
        })
    }

    /// Runs `script` for every connection to that address.
    pub(crate) fn at(address: &str, script: impl Fn(usize, &mut Peer) + Send + Sync + 'static) -> Self {
        Self::listening(TcpListener::bind(address).expect("the same port"), Arc::default(), script)
    }

    fn scripted(shared: Arc<Shared>, script: impl Fn(usize, &mut Peer) + Send + Sync + 'static) -> Self {
        Self::listening(TcpListener::bind("127.0.0.1:0").expect("a free port"), shared, script)
    }

    fn listening(
        listener: TcpListener,
        shared: Arc<Shared>,
        script: impl Fn(usize, &mut Peer) + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("an address");
        let of_acceptor = shared.clone();
        let script = Arc::new(script);
        let acceptor = std::thread::spawn(move || {
            let mut connections = Vec::new();
            for stream in listener.incoming() {
                if of_acceptor.stopping.load(Ordering::SeqCst) {
                    break;
                }
                // A test may leave no file for the origin either; the connection waits until there is one.
                let Ok(stream) = stream else {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                    continue;
                };
                let number = of_acceptor.connections.fetch_add(1, Ordering::SeqCst);
                let (script, shared) = (script.clone(), of_acceptor.clone());
                let mut peer = Peer::new(stream);
                connections.push(std::thread::spawn(move || {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| script(number, &mut peer))) {
                        let why = panic.downcast_ref::<String>().cloned();
                        let why = why.or_else(|| panic.downcast_ref::<&str>().map(|why| (*why).to_owned()));
                        shared.failures.lock().expect("the failures").push(why.unwrap_or_default());
                    }
                }));
            }
            connections
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Requests seen so far, for [`Origin::answering`].
    pub(crate) fn requests(&self) -> Vec<Message> {
        self.shared.requests.lock().expect("the requests").clone()
    }

    /// The targets of those requests.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.target().to_owned()).collect()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        let connections = self.acceptor.take().and_then(|acceptor| acceptor.join().ok()).unwrap_or_default();
        for connection in connections {
            let _ = connection.join();
        }
        let failures = std::mem::take(&mut *self.shared.failures.lock().expect("the failures"));
        match (failures.is_empty(), std::thread::panicking()) {
            (true, _) => {}
            (false, true) => eprintln!("and in the backend: {failures:#?}"),
            (false, false) => panic!("in the backend: {failures:#?}"),
        }
    }
}
