//! An address where a connect never ends.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

/// A listener whose accept queue is full: the system drops every further SYN, so that a connect hangs.
pub(crate) struct Silent {
    address: String,
    _sockets: [Socket; 5],
}

impl Silent {
    pub(crate) fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().expect("an address").into()).expect("a port");
        listener.listen(0).expect("it listens");
        let bound = listener.local_addr().expect("an address");
        let filler = || {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            filler.set_nonblocking(true).expect("it does not wait");
            let _ = filler.connect(&bound);
            filler
        };
        let address = bound.as_socket().expect("an address").to_string();
        Self { address, _sockets: [filler(), filler(), filler(), filler(), listener] }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}
