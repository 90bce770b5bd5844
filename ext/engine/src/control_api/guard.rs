//! Who may use the control API.
//!
//! Over a unix socket: root, and the user that the server runs as. Over TCP: who knows the token. A page of another
//! site cannot use it through a browser: it sends an `Origin`, or, after DNS rebinding, another `Host`.

use std::net::{IpAddr, SocketAddr};

use base64::prelude::{Engine as _, BASE64_STANDARD};
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{Request, StatusCode};

use super::Refusal;
use crate::control::place::Token;

/// The rules of one place.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// Where it listens; `None` for a unix socket.
    address: Option<SocketAddr>,
    token: Option<Token>,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum ControlPeer {
    Tcp,
    /// With the user of the process; `None` if the system does not say.
    Unix(Option<u32>),
}

impl Guard {
    pub(super) fn new(address: Option<SocketAddr>, token: Option<Token>) -> Self {
        Self { address, token }
    }

    /// The same with another token.
    pub(super) fn with_token(&self, token: Option<Token>) -> Self {
        Self { token, ..self.clone() }
    }

    /// Lets a request pass, or refuses it: 401, 403.
    pub(super) fn check<B>(&self, peer: ControlPeer, request: &Request<B>) -> Result<(), Refusal> {
        let forbidden = |error: String| Err(Refusal::new(StatusCode::FORBIDDEN, error));
        if let ControlPeer::Unix(uid) = peer {
            let own = nix::unistd::geteuid().as_raw();
            if !uid.is_some_and(|uid| uid == 0 || uid == own) {
                return forbidden(format!("only root and the user with the id {own} may use this: be one of them"));
            }
        }
        if request.headers().contains_key(ORIGIN) {
            return forbidden("requests of a web page are refused: use a program, or open the page itself".into());
        }
        let Some(address) = self.address else { return Ok(()) };
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
        let target = request.uri().authority().map_or(host, |authority| authority.as_str());
        if hosts.next().is_some() || !is_own(address, host) || !is_own(address, target) {
            return forbidden(format!("the Host is not the one of this address: ask http://{}", shown(address)));
        }
        let given = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        match &self.token {
            Some(token) if secret(given).is_some_and(|secret| token.is(&secret)) => Ok(()),
            _ => Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "the token is missing or wrong: send Authorization: Bearer and the token, or the token as a password",
            )),
        }
    }
}

/// An address that can be written into a URL.
fn shown(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        return format!("localhost:{}", address.port());
    }
    address.to_string()
}

/// Whether a `Host` is the one of a bind: its address and port, or `localhost` for a loopback address. Any address is
/// one of `0.0.0.0`; no other name is, which DNS could give to any address.
fn is_own(bind: SocketAddr, host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
        _ => (host, Some(80)),
    };
    if port != Some(bind.port()) {
        return false;
    }
    let ip = bind.ip().to_canonical();
    if name.eq_ignore_ascii_case("localhost") {
        return ip.is_loopback() || ip.is_unspecified();
    }
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match bare.unwrap_or(name).parse::<IpAddr>() {
        Ok(named) if named.is_ipv6() == bare.is_some() => ip.is_unspecified() || named.to_canonical() == ip,
        _ => false,
    }
}

/// The secret in an `Authorization`: `Bearer SECRET`, or the password of `Basic`.
fn secret(authorization: &[u8]) -> Option<Vec<u8>> {
    let space = authorization.iter().position(|byte| *byte == b' ')?;
    let (scheme, value) = (&authorization[..space], authorization[space..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return Some(value.to_vec());
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let pair = BASE64_STANDARD.decode(value).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_of_the_bind_is_its_own() {
        for (bind, own, foreign) in [
            (
                "127.0.0.1:9090",
                &["127.0.0.1:9090", "localhost:9090", "LOCALHOST:9090"][..],
                &[
                    "127.0.0.1",
                    "127.0.0.1:90",
                    "example.com:9090",
                    "127.0.0.2:9090",
                    "",
                    "[::1]:9090",
                    "a@127.0.0.1:9090",
                ][..],
            ),
            ("[::1]:9090", &["[::1]:9090", "localhost:9090"], &["::1:9090", "[::2]:9090", "127.0.0.1:9090"]),
            ("10.0.0.1:80", &["10.0.0.1:80", "10.0.0.1"], &["localhost", "10.0.0.2"]),
            ("0.0.0.0:9090", &["10.0.0.1:9090", "localhost:9090"], &["rebound.example:9090", "10.0.0.1"]),
        ] {
            let bind: SocketAddr = bind.parse().expect("an address");
            for host in own {
                assert!(is_own(bind, host), "{host} at {bind}");
            }
            for host in foreign {
                assert!(!is_own(bind, host), "{host} at {bind}");
            }
        }
    }

    #[test]
    fn a_secret_is_a_bearer_token_or_a_password() {
        assert_eq!(secret(b"Bearer abc").as_deref(), Some(&b"abc"[..]));
        assert_eq!(secret(b"bearer  abc ").as_deref(), Some(&b"abc"[..]));
        // me:a:b
        assert_eq!(secret(b"Basic bWU6YTpi").as_deref(), Some(&b"a:b"[..]));
        for wrong in [&b"abc"[..], b"Digest abc", b"Basic !", b"Basic bWU=", b""] {
            assert_eq!(secret(wrong), None);
        }
    }
}
