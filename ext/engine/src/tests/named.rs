//! BIND, a name server that takes updates, in a process of its own.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

/// The key that may write TXT records, in base64.
pub(crate) const SECRET: &str = "c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMsIHJlYWxseSE=";

/// The records of a zone that the server at 127.0.0.1 has, and of one that the server at 127.0.0.2 has.
pub(crate) const AT_ONE: &str = "@ 60 IN NS ns1\nns1 60 IN A 127.0.0.1\n";
pub(crate) const AT_TWO: &str = "@ 60 IN NS ns2\nns2 60 IN A 127.0.0.2\n";

/// A running name server. It ends when it is dropped.
pub(crate) struct Bind {
    child: Child,
    folder: TempDir,
    pub(crate) address: SocketAddr,
    /// Where datagrams come in that are passed on to it.
    relay: Option<UdpSocket>,
}

impl Bind {
    /// Starts a server at this address with these zones, each a name and the lines of its records below SOA.
    /// The keys `acme` and `wide` may write TXT records, `other`
    /// none. At an address other than 127.0.0.1 it speaks UDP only.
    pub(crate) fn start(address: SocketAddr, zones: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a folder");
        // BIND listens only where an interface has the very address.
        let own = match address.ip() == Ipv4Addr::LOCALHOST {
            true => address,
            false => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), super::pebble::free_port()),
        };
        let (port, path) = (own.port(), folder.path().display());
        let mut config = format!(
            "options {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
             pid-file none; session-keyfile none; recursion no; dnssec-validation no; notify no; }};\ncontrols {{ }};\n\
             key acme {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
             key wide {{ algorithm hmac-sha512; secret \"{SECRET}\"; }};\n\
             key other {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n"
        );
        for (number, (zone, records)) in zones.iter().enumerate() {
            let file = folder.path().join(format!("zone{number}"));
            let soa = "@ 60 IN SOA ns1.example. admin.example. 1 3600 600 86400 60\n";
            std::fs::write(file, format!("$ORIGIN {zone}.\n{soa}{records}\n")).expect("written");
            config += &format!(
                "zone \"{zone}\" {{ type primary; file \"zone{number}\"; \
                 update-policy {{ grant acme zonesub TXT; grant wide zonesub TXT; }}; }};\n"
            );
        }
        std::fs::write(folder.path().join("named.conf"), config).expect("written");
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        let child = Command::new("/usr/sbin/named")
            .args(["-g", "-4", "-n", "1", "-c"])
            .arg(folder.path().join("named.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("named is missing: run bin/setup --test");
        let relay = (own != address).then(|| relay(address, own));
        let mut server = Self { child, folder, address, relay };
        server.wait_until_it_answers();
        server
    }

    /// Two addresses of this machine with the same free port.
    pub(crate) fn two_addresses() -> [SocketAddr; 2] {
        let port = super::pebble::free_port();
        [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)].map(|ip| SocketAddr::new(ip.into(), port))
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("a file")
    }

    fn wait_until_it_answers(&mut self) {
        let begun = Instant::now();
        while !self.log().contains(" running\n") {
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none() && begun.elapsed() < Duration::from_secs(30), "named fails: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!self.log().contains("not loaded due to errors"), "{}", self.log());
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(relay) = &self.relay {
            let _ = relay.send_to(&[], self.address);
        }
    }
}

/// Passes datagrams on, until an empty one comes.
fn relay(address: SocketAddr, own: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(address).expect("a free port");
    let front = socket.try_clone().expect("a descriptor");
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length @ 1.., client)) = front.recv_from(&mut buffer) {
            let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            back.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
            back.send_to(&buffer[..length], own).expect("sent");
            if let Ok(length) = back.recv(&mut buffer) {
                front.send_to(&buffer[..length], client).expect("sent");
            }
        }
    });
    socket
}
