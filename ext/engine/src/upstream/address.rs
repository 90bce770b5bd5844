//! Addresses of backends as a person writes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use rustls::pki_types::ServerName;

/// Longest path of a unix socket: `sun_path` less its terminating NUL.
const LONGEST_SOCKET_PATH: usize = 107;

/// Address of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A TCP port of a host.
    Tcp {
        host: Host,
        /// Port, if one was written.
        port: Option<u16>,
        /// Whether the scheme asks for TLS. `None` if no scheme was written.
        tls: Option<bool>,
        /// Whether the scheme is `h2`.
        http2: bool,
    },
    /// A unix socket.
    Unix(PathBuf),
    /// An application in this process: the id of its inbox, and its name.
    Application(u64, String),
}

/// Host of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// A name that DNS resolves, in lower case.
    Name(String),
    /// An IP address.
    Ip(IpAddr),
}

impl Address {
    /// Reads every form of a backend: `10.0.0.1:3001`, `host:3001`, `host`, `http://…` (plain), `https://…` (TLS),
    /// `h2://…` (plain, HTTP/2), `unix:/run/app.sock`, `[::1]:3001`, `[::1]`. The path of a URL is ignored.
    ///
    /// # Errors
    /// A sentence that names the text, what is wrong with it and what to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err(r#"an address is empty: write a host and a port, as in "127.0.0.1:3001""#.into());
        }
        if let Some(path) = strip_prefix_ignoring_case(text, "unix:") {
            return socket(text, path.strip_prefix("//").unwrap_or(path));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::authority(text, text, None);
        };
        let scheme = scheme.to_ascii_lowercase();
        let tls = match scheme.as_str() {
            "http" | "h2" => false,
            "https" => true,
            "file" if rest.starts_with('/') => {
                return Err(format!("{text:?} is not a valid address: for a unix socket write \"unix:{rest}\""))
            }
            _ => {
                return Err(format!(
                "{text:?} is not a valid address: the scheme {scheme:?} is unknown; write http://, https://, h2:// or \
                 unix:, or leave it out"
            ))
            }
        };
        if strip_prefix_ignoring_case(rest, "unix:").is_some() {
            return Err(format!("{text:?} is not a valid address: write a unix socket without a scheme, as {rest:?}"));
        }
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        let mut address = Self::authority(text, authority, Some(tls))?;
        if let Self::Tcp { http2, .. } = &mut address {
            *http2 = scheme == "h2";
        }
        Ok(address)
    }

    /// Reads only `HOST` or `HOST:PORT`, so that text from a client can name no unix socket and no scheme.
    ///
    /// # Errors
    /// As for [`Address::parse`].
    pub(crate) fn parse_authority(text: &str) -> Result<Self, String> {
        Self::authority(text, text, None)
    }

    fn authority(text: &str, authority: &str, tls: Option<bool>) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("{text:?} is not a valid address: {why}"));
        if authority.contains('@') {
            return wrong("a user or password has no meaning here; set the Authorization header with `headers`");
        }
        if authority.contains('/') {
            return match text {
                path if path.starts_with('/') => wrong(&format!("for a unix socket write \"unix:{path}\"")),
                path if path.ends_with(".sock") => {
                    wrong(&format!("for a unix socket write \"unix:{path}\"; a path after a host belongs in `to`"))
                }
                _ => wrong("a path does not belong here; put it into `to`"),
            };
        }
        let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
            let Some((host, behind)) = bracketed.split_once(']') else {
                return wrong("the bracket of the IPv6 address is never closed");
            };
            let Ok(ip) = host.parse::<Ipv6Addr>() else {
                return wrong(&format!("{host:?} is not a valid IPv6 address"));
            };
            let port = match behind.strip_prefix(':') {
                Some(port) => Some(port),
                None if behind.is_empty() => None,
                None => return wrong(r#"only a port can follow the IPv6 address, as in "[::1]:3001""#),
            };
            (Host::Ip(ip.into()), port)
        } else {
            // `::1:3001` is an IPv6 address too, and surely not the intended one: so IPv6 addresses need brackets.
            if authority.matches(':').count() > 1 {
                return wrong(r#"an IPv6 address is written in brackets, as in "[::1]:3001""#);
            }
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            match Host::parse(host) {
                Ok(host) => (host, port),
                Err(why) => return wrong(&why),
            }
        };
        let port = match port {
            None => None,
            Some(port) => match port.parse::<u16>() {
                // `parse` would accept a sign.
                Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => Some(number),
                _ => return wrong("the port must be a number from 1 to 65535"),
            },
        };
        Ok(Self::Tcp { host, port, tls, http2: false })
    }

    /// Whether to use TLS. `otherwise` applies to an address without a scheme, and comes from `to`.
    pub(crate) fn tls(&self, otherwise: bool) -> bool {
        match self {
            Self::Tcp { tls, .. } => tls.unwrap_or(otherwise),
            Self::Unix(_) => otherwise,
            Self::Application(..) => false,
        }
    }

    /// Whether the address was written with the scheme for HTTP/2 (`h2://`).
    pub(crate) fn says_http2(&self) -> bool {
        matches!(self, Self::Tcp { http2: true, .. })
    }

    /// Default for the `Host` field: `host`, or `host:port` unless the port is the scheme's default; `localhost` for a
    /// unix socket.
    pub(crate) fn host_field(&self, tls: bool) -> String {
        match self {
            Self::Tcp { host, port, .. } => match port {
                Some(port) if *port != default_port(tls) => format!("{}:{port}", host.in_url()),
                _ => host.in_url(),
            },
            Self::Unix(_) | Self::Application(..) => "localhost".into(),
        }
    }
}

/// Default port of `http` or `https`.
pub(crate) fn default_port(tls: bool) -> u16 {
    if tls {
        443
    } else {
        80
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Ip(ip.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return Err("the host is missing".into());
        }
        if !name.is_ascii() {
            return Err("a host name is written in ASCII; write its \"xn--\" form".into());
        }
        if let Some(odd) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
            return Err(format!("{odd:?} is not allowed in a host name"));
        }
        if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
            return Err("each part of a host name has 1 to 63 characters, and the whole at most 253".into());
        }
        // No top-level domain is a number; a C library would take this for an IP address in another notation.
        if name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(format!("{text:?} is not a valid IPv4 address"));
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }

    /// The host as it is written in a URL: an IPv6 address in brackets.
    pub(crate) fn in_url(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Ip(IpAddr::V4(ip)) => ip.to_string(),
            Self::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
        }
    }

    /// Whether this is `localhost` or a name below it, which means this machine whatever a resolver says (RFC 6761).
    pub(crate) fn is_localhost(&self) -> bool {
        let Self::Name(name) = self else { return false };
        let name = name.strip_suffix('.').unwrap_or(name);
        name == "localhost" || name.ends_with(".localhost")
    }
}

fn socket(text: &str, path: &str) -> Result<Address, String> {
    let wrong = |why: &str| Err(format!("{text:?} is not a valid address: {why}"));
    if path.is_empty() {
        return wrong(r#"the path of the socket is missing, as in "unix:/run/app.sock""#);
    }
    if path.contains('\0') {
        return wrong("a path contains no NUL");
    }
    if path.len() > LONGEST_SOCKET_PATH {
        return wrong("the path of a unix socket has at most 107 bytes");
    }
    Ok(Address::Unix(Path::new(path).to_path_buf()))
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// The name that a certificate for `host` has to carry. `None` if no certificate can carry it.
pub(crate) fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Ip(ip) => Some(ServerName::from(*ip)),
        // Certificates and SNI are without the dot at the end (RFC 6066, section 3).
        Host::Name(name) => ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned()).ok(),
    }
}

#[cfg(test)]
mod tests;
