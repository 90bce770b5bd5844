//! Which socket is for which bind, of those that were open when the process began.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::SockRef;

use super::BindAddress;
use crate::listening_socket::{ListeningSocket, LocalAddress};

/// A socket and its name, which may be empty.
pub type NamedSocket = (ListeningSocket, String);

/// How well a socket fits a bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It listens there.
    Same,
    /// It listens at every address, of IPv6 and of IPv4.
    Wider,
    /// The bind takes any port.
    AnyPort,
}

/// For each bind, by its URL, the number of its socket. Each socket is for one bind at most. Where several do, the one
/// with the bind's name is taken: its URL, with `%3A` for each colon.
pub fn assign(urls: &[String], sockets: &[NamedSocket]) -> Vec<Option<usize>> {
    let addresses: Vec<_> = urls.iter().map(|url| BindAddress::parse(url).ok()).collect();
    let mut assigned = vec![None; urls.len()];
    for wanted in [Fit::Same, Fit::Wider, Fit::AnyPort] {
        for (bind, (url, address)) in urls.iter().zip(&addresses).enumerate() {
            let Some(address) = address.as_ref().filter(|_| assigned[bind].is_none()) else { continue };
            let name = url.replace('%', "%25").replace(':', "%3A");
            let free = sockets.iter().enumerate().filter(|(number, _)| !assigned.contains(&Some(*number)));
            let fitting = free.filter(|(_, (socket, _))| fit(address, socket) == Some(wanted));
            assigned[bind] = fitting.min_by_key(|(_, (_, other))| *other != name).map(|(number, _)| number);
        }
    }
    assigned
}

/// Whether a socket listens at an address, or at any port of it if that is what is wanted.
pub(crate) fn serves(address: &BindAddress, socket: &ListeningSocket) -> bool {
    fit(address, socket).is_some()
}

fn fit(address: &BindAddress, socket: &ListeningSocket) -> Option<Fit> {
    match (address, socket.address()) {
        (BindAddress::Unix(wanted), LocalAddress::Unix(path)) => (wanted == path).then_some(Fit::Same),
        (BindAddress::Tcp(wanted), LocalAddress::Tcp(has)) if wanted.port() == 0 => {
            (plain(*wanted).ip() == plain(*has).ip()).then_some(Fit::AnyPort)
        }
        (BindAddress::Tcp(wanted), LocalAddress::Tcp(has)) if plain(*wanted) == plain(*has) => Some(Fit::Same),
        (BindAddress::Tcp(wanted), LocalAddress::Tcp(has)) => {
            let is_wider = wanted.port() == has.port()
                && wanted.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED)
                && has.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
                && !SockRef::from(socket).only_v6().unwrap_or(true);
            is_wider.then_some(Fit::Wider)
        }
        _ => None,
    }
}

/// An address of IPv4 as such, also where a socket of IPv6 listens at it.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsFd;

    use super::*;

    fn socket(address: &str) -> (ListeningSocket, u16) {
        let listener = TcpListener::bind(address).expect("a socket");
        let port = listener.local_addr().expect("an address").port();
        (ListeningSocket::duplicate(listener.as_fd()).expect("a listening one"), port)
    }

    fn assigned(urls: &[&str], sockets: &[(&ListeningSocket, &str)]) -> Vec<Option<usize>> {
        let urls: Vec<_> = urls.iter().map(ToString::to_string).collect();
        let sockets: Vec<_> = sockets.iter().map(|(socket, name)| ((*socket).clone(), name.to_string())).collect();
        assign(&urls, &sockets)
    }

    #[test]
    fn the_address_decides_whatever_the_names_say() {
        let ((one, first), (other, second)) = (socket("127.0.0.1:0"), socket("127.0.0.1:0"));
        let (a, b) = (format!("http://127.0.0.1:{first}"), format!("https://localhost:{second}"));
        let misleading = [(&other, "http%3A//127.0.0.1%3A1"), (&one, "")];
        assert_eq!(assigned(&[&a, &b, "http://127.0.0.2:1", "nonsense"], &misleading), [Some(1), Some(0), None, None]);
    }

    #[test]
    fn a_port_of_the_systems_choice_takes_what_no_other_bind_wants_and_names_break_ties() {
        let ((one, first), (two, _), (three, _)) =
            (socket("127.0.0.1:0"), socket("127.0.0.1:0"), socket("127.0.0.1:0"));
        let fixed = format!("http://127.0.0.1:{first}");
        let binds = ["https://127.0.0.1:0", "http://127.0.0.1:0", &fixed];
        let sockets =
            [(&one, "https%3A//127.0.0.1%3A0"), (&two, "http%3A//127.0.0.1%3A0"), (&three, "https%3A//127.0.0.1%3A0")];
        assert_eq!(assigned(&binds, &sockets), [Some(2), Some(1), Some(0)]);
        assert_eq!(assigned(&["http://127.0.0.2:0"], &sockets), [None]);
    }

    #[test]
    fn a_socket_for_every_address_serves_every_address_of_ipv4() {
        let Ok(listener) = TcpListener::bind("[::]:0") else { return };
        let port = listener.local_addr().expect("an address").port();
        let both = ListeningSocket::duplicate(listener.as_fd()).expect("a listening one");
        let (v4, v6) = (format!("http://0.0.0.0:{port}"), format!("http://[::]:{port}"));
        assert_eq!(assigned(&[&v4], &[(&both, "")]), [Some(0)]);
        assert_eq!(assigned(&[&v4, &v6], &[(&both, "")]), [None, Some(0)]);
        assert_eq!(assigned(&[&format!("http://127.0.0.1:{port}")], &[(&both, "")]), [None]);
    }
}
