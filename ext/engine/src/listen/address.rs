//! Addresses of `bind`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BindAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Address of a bind, and its index among the binds of that address: port 0 may be bound more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BindKey {
    pub(crate) address: BindAddress,
    nth: usize,
}

impl BindKey {
    /// The key of the bind number `nth`, from 0, at `address`.
    pub(super) fn new(address: BindAddress, nth: usize) -> Self {
        Self { address, nth }
    }
}

/// Whether clients speak TLS at this URL.
pub(crate) fn is_https(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("https+unix:")
}

impl BindAddress {
    /// The port; `None` for a unix socket and for port 0.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()).filter(|port| *port > 0),
            Self::Unix(_) => None,
        }
    }

    /// Parses `http://ADDRESS:PORT`, `https://ADDRESS:PORT`, `unix:///PATH` or `https+unix:///PATH`. The error says
    /// what to write instead.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let path = url.strip_prefix("unix:").map(|path| ("unix", path));
        if let Some((scheme, path)) = path.or_else(|| url.strip_prefix("https+unix:").map(|path| ("https+unix", path)))
        {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.starts_with('/') {
                return Err(format!("{url:?} names no absolute path: write \"{scheme}:///run/proxy.sock\""));
            }
            // The limit of `sockaddr_un`, including its closing NUL.
            if path.len() > 107 {
                return Err(format!("{url:?} is too long for a socket: a path has at most 107 bytes"));
            }
            return Ok(BindAddress::Unix(path.into()));
        }
        let (rest, port) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (rest, 80),
            (_, Some(rest)) => (rest, 443),
            _ => {
                let hint = "write \"http://127.0.0.1:8080\", \"https://localhost:8443\" or \"unix:///run/proxy.sock\"";
                return Err(format!("{url:?} is not a valid URL: {hint}"));
            }
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        Self::tcp(authority, port).ok_or_else(|| {
            format!(
                "{url:?} names no address and port: write an IP address and a port from 0 to 65535, as in \
                 \"http://0.0.0.0:8080\" or \"http://[::1]:8080\" (port 0 takes a free one)"
            )
        })
    }

    fn tcp(authority: &str, default: u16) -> Option<Self> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => port.parse().ok()?,
            Some(_) => return None,
            None => default,
        };
        let ip = match host {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            "*" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            _ if authority.starts_with('[') => host.parse::<Ipv6Addr>().ok()?.into(),
            _ => host.parse::<Ipv4Addr>().ok()?.into(),
        };
        Some(BindAddress::Tcp(SocketAddr::new(ip, port)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (url, address) in [
            ("http://0.0.0.0:8080", "0.0.0.0:8080"),
            ("http://127.0.0.1:0", "127.0.0.1:0"),
            ("http://127.0.0.1/", "127.0.0.1:80"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("http://[::]", "[::]:80"),
            ("http://localhost:3000", "127.0.0.1:3000"),
            ("http://*:80", "0.0.0.0:80"),
            ("https://*", "0.0.0.0:443"),
            ("https://localhost:8443", "127.0.0.1:8443"),
        ] {
            let expected = BindAddress::Tcp(address.parse().expect("an address"));
            assert_eq!(BindAddress::parse(url), Ok(expected), "{url}");
        }
        assert_eq!(BindAddress::parse("unix:///run/a.sock"), Ok(BindAddress::Unix("/run/a.sock".into())));
        assert_eq!(BindAddress::parse("unix:/run/a.sock"), Ok(BindAddress::Unix("/run/a.sock".into())));
        assert_eq!(BindAddress::parse("https+unix:///run/a.sock"), Ok(BindAddress::Unix("/run/a.sock".into())));
        assert!(is_https("https+unix:///run/a.sock") && !is_https("unix:///run/a.sock"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "0.0.0.0:8080",
            "ftp://0.0.0.0:1",
            "http://",
            "http://example.com:80",
            "http://1.2.3.4:99999",
            "http://1.2.3.4:+1",
            "http://1.2.3.4:",
            "http://::1:80",
            "http://[1.2.3.4]:80",
            "http://[::1]x",
            "http://1.2.3.4:80/path",
            "unix://run/a.sock",
            "unix:",
            "https+unix://run/a.sock",
            "https+unix:@abstract",
            "http+unix:///run/a.sock",
        ] {
            assert!(BindAddress::parse(url).is_err(), "{url}");
        }
    }
}
