//! A proxy between raw sockets: scripted backends on one side, hand-written clients on the other.

mod client;
mod gate;
mod http2;
mod http2_origin;
mod message;
mod origin;
mod peer;
mod proxy;
mod reply;
mod silent;
mod tls;

pub(crate) use gate::{Gate, Key};
pub(crate) use http2::{block, http2, read, request, write_length, Frame, RawHttp2};
pub(crate) use http2_origin::{Exchange, Http2Origin, Seen};
pub(crate) use message::Message;
pub(crate) use origin::Origin;
pub(crate) use peer::{End, Peer};
pub(crate) use proxy::{Proxy, Settings};
pub(crate) use reply::Reply;
pub(crate) use silent::Silent;
pub(crate) use tls::TlsClient;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long anything may take that is expected to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `done` holds; for what happens in a thread of its own and tells nobody.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An address that nobody listens on. Its port stays taken, so that no other test is given it meanwhile; a listener
/// that names it may still have it.
pub(crate) fn nobody() -> String {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    let address = socket.local_addr().expect("an address").as_socket().expect("an address").to_string();
    std::mem::forget(socket);
    address
}

/// A body that shows where bytes are missing or swapped.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 251 + i) as u8).collect()
}

/// Whether this is a process of the test's own, where nothing else takes memory. If not, it is run in one, and there is
/// nothing left to do.
pub(crate) fn has_own_process() -> bool {
    const MARK: &str = "PROXY_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let name = std::thread::current().name().expect("a test has a name").to_owned();
    let own = std::env::current_exe().expect("a path");
    let output = std::process::Command::new(own).args(["--exact", &name]).env(MARK, "1").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}
